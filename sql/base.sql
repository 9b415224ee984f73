\echo Use "CREATE EXTENSION filteropt" to load this file. \quit

COMMENT ON SCHEMA filteropt IS 'keyword filters, caches, exact rollups and API helpers for feeds';

GRANT USAGE ON SCHEMA filteropt TO PUBLIC;
