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
