-- advisor: an operator class for GIN indexes that search texts in little space

CREATE FUNCTION filteropt.gram_extract_value(text, internal) RETURNS internal
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_gram_extract_value';
COMMENT ON FUNCTION filteropt.gram_extract_value(text, internal) IS
	'The keys of a text in an index with gram_ops; for the server alone';

CREATE FUNCTION filteropt.gram_extract_query(text, internal, int2, internal, internal, internal, internal)
	RETURNS internal
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_gram_extract_query';
COMMENT ON FUNCTION filteropt.gram_extract_query(text, internal, int2, internal, internal, internal, internal) IS
	'The keys of a pattern of LIKE or ILIKE for an index with gram_ops; for the server alone';

CREATE FUNCTION filteropt.gram_consistent(internal, int2, text, int4, internal, internal, internal, internal)
	RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_gram_consistent';
COMMENT ON FUNCTION filteropt.gram_consistent(internal, int2, text, int4, internal, internal, internal, internal) IS
	'Whether a row may match; for the server alone';

CREATE FUNCTION filteropt.gram_triconsistent(internal, int2, text, int4, internal, internal, internal)
	RETURNS "char"
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_gram_triconsistent';
COMMENT ON FUNCTION filteropt.gram_triconsistent(internal, int2, text, int4, internal, internal, internal) IS
	'Whether a row of which part is known may match; for the server alone';

CREATE FUNCTION filteropt.gram_options(internal) RETURNS void
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_gram_options_of';
COMMENT ON FUNCTION filteropt.gram_options(internal) IS
	'The options of gram_ops; for the server alone';

CREATE OPERATOR CLASS filteropt.gram_ops FOR TYPE text USING gin AS
	OPERATOR 1 pg_catalog.~~ (text, text),
	OPERATOR 2 pg_catalog.~~* (text, text),
	FUNCTION 1 pg_catalog.btint4cmp(int4, int4),
	FUNCTION 2 filteropt.gram_extract_value(text, internal),
	FUNCTION 3 filteropt.gram_extract_query(text, internal, int2, internal, internal, internal, internal),
	FUNCTION 4 filteropt.gram_consistent(internal, int2, text, int4, internal, internal, internal, internal),
	FUNCTION 6 filteropt.gram_triconsistent(internal, int2, text, int4, internal, internal, internal),
	FUNCTION 7 (text, text) filteropt.gram_options(internal),
	STORAGE int4;
COMMENT ON OPERATOR CLASS filteropt.gram_ops USING gin IS
	'LIKE and ILIKE with wildcards in front, in less space than gin_trgm_ops: buckets (512) tells how many groups of three bytes are told apart, more than the texts have being good';
COMMENT ON OPERATOR FAMILY filteropt.gram_ops USING gin IS
	'LIKE and ILIKE with wildcards in front';
