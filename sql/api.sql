-- api: pages, chosen fields, embedded children, compression and the headers of HTTP caching

CREATE TABLE filteropt.page_secret
(
	secret bytea NOT NULL CHECK (octet_length(secret) = 64),
	made_at timestamptz NOT NULL DEFAULT now()
);
REVOKE ALL ON filteropt.page_secret FROM PUBLIC;
COMMENT ON TABLE filteropt.page_secret IS
'what cursors are sealed with, one row; not part of dumps, so a restored database has its own';
COMMENT ON COLUMN filteropt.page_secret.secret IS '64 random bytes: two keys';
COMMENT ON COLUMN filteropt.page_secret.made_at IS 'older cursors are refused';

CREATE FUNCTION filteropt.page_secret_renew() RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'fo_api_secret_renew';
COMMENT ON FUNCTION filteropt.page_secret_renew() IS
'replaces the secret of cursors, so that all cursors given out before are refused; for the owner of the extension';
REVOKE ALL ON FUNCTION filteropt.page_secret_renew() FROM PUBLIC;

SELECT filteropt.page_secret_renew();

CREATE FUNCTION filteropt.page(source regclass, order_by text[], page_size integer,
							   cursor text DEFAULT NULL, filter jsonb DEFAULT NULL,
							   fields text[] DEFAULT NULL, backward boolean DEFAULT false)
	RETURNS jsonb
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 AS 'MODULE_PATHNAME', 'fo_api_page';
COMMENT ON FUNCTION filteropt.page(regclass, text[], integer, text, jsonb, text[], boolean) IS
'a page of a table or view as {"items", "next", "previous", "has_next", "has_previous"}: the page_size rows that come after the cursor (backward: before it), in the ordering, which the primary key makes unique; entries of order_by are column [ASC|DESC] [NULLS FIRST|LAST] [UNIQUE]; a filter is {"column": value, ...} with null, [a, b] or {"gte": a, "lt": b}. Cost: a few index descents and page_size + 1 rows at any depth, given an index on the ordering. Errors: 22023 page size, entry, filter or cursor; 42703 column';

CREATE FUNCTION filteropt.page_offset(source regclass, order_by text[], page_number integer,
									  page_size integer, filter jsonb DEFAULT NULL,
									  fields text[] DEFAULT NULL)
	RETURNS jsonb
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 AS 'MODULE_PATHNAME', 'fo_api_page_offset';
COMMENT ON FUNCTION filteropt.page_offset(regclass, text[], integer, integer, jsonb, text[]) IS
'page number 1, 2, ... for callers that cannot pass a cursor yet: what page() gives, and "rows_skipped", the rows that were read and thrown away, which is what it costs. Rows inserted meanwhile shift pages. Errors: 54000 beyond filteropt.api_offset_max rows';

CREATE FUNCTION filteropt.page_cursor(source regclass, order_by text[], row_of_source anyelement,
									  filter jsonb DEFAULT NULL)
	RETURNS text
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 AS 'MODULE_PATHNAME', 'fo_api_page_cursor';
COMMENT ON FUNCTION filteropt.page_cursor(regclass, text[], anyelement, jsonb) IS
'the cursor of a row, for paging in one''s own SQL: the row has the columns of the ordering; filter is what the cursor is bound to besides. Costs some 30 microseconds: ask for it on the last row only';

CREATE FUNCTION filteropt.page_condition(source regclass, order_by text[], cursor text,
										 filter jsonb DEFAULT NULL, backward boolean DEFAULT false,
										 alias text DEFAULT NULL)
	RETURNS text
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 AS 'MODULE_PATHNAME', 'fo_api_page_condition';
COMMENT ON FUNCTION filteropt.page_condition(regclass, text[], text, jsonb, boolean, text) IS
'the condition for WHERE that a row comes after the cursor, as SQL text with quoted literals; alias is what the query calls the source. One range of an index if all columns are NOT NULL and go in one direction, else a range by the first column only';

CREATE FUNCTION filteropt.page_explain(source regclass, order_by text[], page_size integer,
									   cursor text DEFAULT NULL, filter jsonb DEFAULT NULL,
									   fields text[] DEFAULT NULL, backward boolean DEFAULT false,
									   "analyze" boolean DEFAULT false,
									   OUT step integer, OUT line text)
	RETURNS SETOF record
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 AS 'MODULE_PATHNAME', 'fo_api_page_explain';
COMMENT ON FUNCTION filteropt.page_explain(regclass, text[], integer, text, jsonb, text[], boolean, boolean) IS
'the statements that page() would run, in turn until the page is full, with their plans; with analyze they are run and show their buffers';

CREATE FUNCTION filteropt.fields_of(names text[], VARIADIC "values" "any") RETURNS jsonb
	LANGUAGE C STABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_api_fields_of';
COMMENT ON FUNCTION filteropt.fields_of(text[], "any") IS
'an object of these names and values; what the planner makes of fields(row, wanted)';

CREATE FUNCTION filteropt.fields_support(internal) RETURNS internal
	LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'fo_api_fields_support';
COMMENT ON FUNCTION filteropt.fields_support(internal) IS
'planner support of fields(row, wanted): reads the wanted columns only';

CREATE FUNCTION filteropt.fields(row_of_table anyelement, wanted text[]) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL SAFE COST 10 SUPPORT filteropt.fields_support
	AS 'MODULE_PATHNAME', 'fo_api_fields';
COMMENT ON FUNCTION filteropt.fields(anyelement, text[]) IS
'the wanted columns of a row as an object, all if NULL; where the names are known when planning, the other columns are not even detoasted. Errors: 42703 for a column that the row does not have';

CREATE FUNCTION filteropt.fields(document jsonb, wanted text[]) RETURNS jsonb
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_api_fields_jsonb';
COMMENT ON FUNCTION filteropt.fields(jsonb, text[]) IS
'the wanted parts of a document: keys with dots between them, which go through arrays into each element; \. is a dot in a key. What is not there is left out';

CREATE FUNCTION filteropt.embed(parents jsonb, name text, child regclass, foreign_key text,
								key text DEFAULT 'id', order_by text[] DEFAULT NULL,
								per_parent integer DEFAULT NULL, fields text[] DEFAULT NULL,
								filter jsonb DEFAULT NULL, single boolean DEFAULT false)
	RETURNS jsonb
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 AS 'MODULE_PATHNAME', 'fo_api_embed';
COMMENT ON FUNCTION filteropt.embed(jsonb, text, regclass, text, text, text[], integer, text[], jsonb, boolean) IS
'parents (an array of objects, a page, or one object), each with a new member: the rows of child whose foreign_key is the parent''s key, as an array, or, if single, as one object or null. One statement for all parents. per_parent keeps the first of each in the order; order_by, fields and filter are those of page(). Errors: 22023 a parent lacks its key; 21000 several rows where one is wanted';

CREATE FUNCTION filteropt.gzip(body bytea, level integer DEFAULT 6) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'fo_api_gzip_bytea';
COMMENT ON FUNCTION filteropt.gzip(bytea, integer) IS
'the body in gzip format, by libdeflate; level 1 (fast) to 9 (small). Errors: 54000 beyond 64 MB, since compression cannot be cancelled';

CREATE FUNCTION filteropt.gzip(body text, level integer DEFAULT 6) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'fo_api_gzip_text';
COMMENT ON FUNCTION filteropt.gzip(text, integer) IS
'the same of a text, as UTF-8 whatever the encoding of the database';

CREATE FUNCTION filteropt.gunzip(packed bytea, max_bytes integer DEFAULT 16777216) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'fo_api_gunzip';
COMMENT ON FUNCTION filteropt.gunzip(bytea, integer) IS
'what was compressed, members one after the other included. No more than max_bytes (at most 256 MB) is ever allocated. Errors: 54000 if more would come out, 22P03 if it is not gzip or damaged';

CREATE FUNCTION filteropt.gzip_body(content bytea, accept_encoding text, min_bytes integer DEFAULT 1000,
									level integer DEFAULT 6, OUT body bytea, OUT content_encoding text)
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'fo_api_gzip_body_bytea';
COMMENT ON FUNCTION filteropt.gzip_body(bytea, text, integer, integer) IS
'the body of a response and its Content-Encoding: gzip if the request''s Accept-Encoding allows it, the content has at least min_bytes and gets smaller; else the content as it is and NULL';

CREATE FUNCTION filteropt.gzip_body(content text, accept_encoding text, min_bytes integer DEFAULT 1000,
									level integer DEFAULT 6, OUT body bytea, OUT content_encoding text)
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'fo_api_gzip_body_text';
COMMENT ON FUNCTION filteropt.gzip_body(text, text, integer, integer) IS
'the same of a text, as UTF-8';

CREATE FUNCTION filteropt.http_etag(content text, weak boolean DEFAULT true) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_api_http_etag';
COMMENT ON FUNCTION filteropt.http_etag(text, boolean) IS
'an entity tag: 128 bits of the SHA-256 of a content, or of whatever changes with it, such as versions. Weak by default: a strong one must differ between a body and its compressed form';

CREATE FUNCTION filteropt.http_etag(content bytea, weak boolean DEFAULT true) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_api_http_etag';
COMMENT ON FUNCTION filteropt.http_etag(bytea, boolean) IS 'an entity tag of bytes';

CREATE FUNCTION filteropt.http_etag(content jsonb, weak boolean DEFAULT true) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_api_http_etag_jsonb';
COMMENT ON FUNCTION filteropt.http_etag(jsonb, boolean) IS 'an entity tag of a document as PostgreSQL prints it';

CREATE FUNCTION filteropt.http_not_modified(etag text, if_none_match text) RETURNS boolean
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_api_http_not_modified';
COMMENT ON FUNCTION filteropt.http_not_modified(text, text) IS
'is the tag in the request''s If-None-Match, by weak comparison, or is that *? False if either is NULL. Errors: 22023 if the first is no entity tag; what the client sends is never an error';

CREATE FUNCTION filteropt.http_cache(resource text DEFAULT NULL, scope text DEFAULT 'user',
									 ttl interval DEFAULT NULL, stale_for interval DEFAULT NULL,
									 etag text DEFAULT NULL, if_none_match text DEFAULT NULL,
									 tags text[] DEFAULT NULL, vary text[] DEFAULT NULL,
									 apply boolean DEFAULT false)
	RETURNS jsonb
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000 AS 'MODULE_PATHNAME', 'fo_api_http_cache';
COMMENT ON FUNCTION filteropt.http_cache(text, text, interval, interval, text, text, text[], text[], boolean) IS
'{"status": 200 or 304, "headers": {...}} for caches: Cache-Control (public, private or no-store by scope public, user or none; ttl and stale_for as given, else those of the cache resource), ETag, Vary, and for public responses Surrogate-Key and Cache-Tag. With apply, PostgREST is told by response.headers and response.status. Errors: 42704 unknown resource, 22023 the rest';
