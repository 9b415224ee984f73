-- keyword: compiled keyword sets, and the operators and functions that match texts against them

CREATE TYPE filteropt.keyword_set;

CREATE FUNCTION filteropt.keyword_set_in(cstring) RETURNS filteropt.keyword_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_in';
COMMENT ON FUNCTION filteropt.keyword_set_in(cstring) IS 'input function of keyword_set: compiles its JSON form';

CREATE FUNCTION filteropt.keyword_set_out(filteropt.keyword_set) RETURNS cstring
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_out';
COMMENT ON FUNCTION filteropt.keyword_set_out(filteropt.keyword_set) IS 'output function of keyword_set: its keywords and options as JSON';

CREATE FUNCTION filteropt.keyword_set_recv(internal) RETURNS filteropt.keyword_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_recv';
COMMENT ON FUNCTION filteropt.keyword_set_recv(internal) IS 'binary input function of keyword_set';

CREATE FUNCTION filteropt.keyword_set_send(filteropt.keyword_set) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_send';
COMMENT ON FUNCTION filteropt.keyword_set_send(filteropt.keyword_set) IS 'binary output function of keyword_set: its keywords and options';

-- Tables are looked up in place, so values are stored uncompressed and aligned for 64-bit words.
CREATE TYPE filteropt.keyword_set (
	INPUT = filteropt.keyword_set_in,
	OUTPUT = filteropt.keyword_set_out,
	RECEIVE = filteropt.keyword_set_recv,
	SEND = filteropt.keyword_set_send,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE filteropt.keyword_set IS 'keywords compiled for matching, with their fold level, whole-word option and allowed phrases';

CREATE FUNCTION filteropt.keyword_set(keywords text[], whole_word boolean DEFAULT true,
									  fold text DEFAULT 'accent', allow text[] DEFAULT NULL)
	RETURNS filteropt.keyword_set
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 500 AS 'MODULE_PATHNAME', 'fo_keyword_set_make';
COMMENT ON FUNCTION filteropt.keyword_set(text[], boolean, text, text[]) IS
'compiles keywords; "*" at an end of one leaves that end open, whole_word => false opens all ends; fold is none, case, accent or evasion; a match inside an allowed phrase does not count. Cost: 0.3 to 0.6 microseconds per keyword. Errors: 22023 names a bad entry, 54000 beyond 10 million keywords or 1 GB, 0A000 for a fold level the encoding does not have';

CREATE FUNCTION filteropt.keyword_set_add(text[], text) RETURNS text[]
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'array_append';
COMMENT ON FUNCTION filteropt.keyword_set_add(text[], text) IS 'transition function of keyword_set_agg';

CREATE FUNCTION filteropt.keyword_set_final(text[]) RETURNS filteropt.keyword_set
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 500 AS 'MODULE_PATHNAME', 'fo_keyword_set_final';
COMMENT ON FUNCTION filteropt.keyword_set_final(text[]) IS 'final function of keyword_set_agg';

CREATE AGGREGATE filteropt.keyword_set_agg(text) (
	SFUNC = filteropt.keyword_set_add,
	STYPE = text[],
	INITCOND = '{}',
	COMBINEFUNC = array_cat,
	FINALFUNC = filteropt.keyword_set_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE filteropt.keyword_set_agg(text) IS
'compiles the keywords of a group with the defaults of keyword_set(); NULLs are ignored';

CREATE FUNCTION filteropt.keyword_set_eq(filteropt.keyword_set, filteropt.keyword_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_keyword_set_eq';
COMMENT ON FUNCTION filteropt.keyword_set_eq(filteropt.keyword_set, filteropt.keyword_set) IS
'same options, keywords and allowed phrases, in whatever order';

CREATE FUNCTION filteropt.keyword_set_ne(filteropt.keyword_set, filteropt.keyword_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_keyword_set_ne';
COMMENT ON FUNCTION filteropt.keyword_set_ne(filteropt.keyword_set, filteropt.keyword_set) IS
'differing options, keywords or allowed phrases';

CREATE FUNCTION filteropt.keyword_set_hash(filteropt.keyword_set) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_hash';
COMMENT ON FUNCTION filteropt.keyword_set_hash(filteropt.keyword_set) IS 'hash that goes with equality of keyword sets';

CREATE FUNCTION filteropt.keyword_set_hash_extended(filteropt.keyword_set, bigint) RETURNS bigint
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_hash_extended';
COMMENT ON FUNCTION filteropt.keyword_set_hash_extended(filteropt.keyword_set, bigint) IS
'seeded hash that goes with equality of keyword sets';

CREATE OPERATOR filteropt.= (
	LEFTARG = filteropt.keyword_set, RIGHTARG = filteropt.keyword_set,
	FUNCTION = filteropt.keyword_set_eq,
	COMMUTATOR = OPERATOR(filteropt.=), NEGATOR = OPERATOR(filteropt.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR filteropt.= (filteropt.keyword_set, filteropt.keyword_set) IS
'same options, keywords and allowed phrases, in whatever order';

CREATE OPERATOR filteropt.<> (
	LEFTARG = filteropt.keyword_set, RIGHTARG = filteropt.keyword_set,
	FUNCTION = filteropt.keyword_set_ne,
	COMMUTATOR = OPERATOR(filteropt.<>), NEGATOR = OPERATOR(filteropt.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR filteropt.<> (filteropt.keyword_set, filteropt.keyword_set) IS
'differing options, keywords or allowed phrases';

CREATE OPERATOR CLASS filteropt.keyword_set_ops DEFAULT FOR TYPE filteropt.keyword_set USING hash AS
	OPERATOR 1 filteropt.=,
	FUNCTION 1 filteropt.keyword_set_hash(filteropt.keyword_set),
	FUNCTION 2 filteropt.keyword_set_hash_extended(filteropt.keyword_set, bigint);
COMMENT ON OPERATOR CLASS filteropt.keyword_set_ops USING hash IS
'hashing of keyword sets, for DISTINCT, GROUP BY and joins';
COMMENT ON OPERATOR FAMILY filteropt.keyword_set_ops USING hash IS
'hashing of keyword sets, for DISTINCT, GROUP BY and joins';

CREATE FUNCTION filteropt.keyword_match(body text, set filteropt.keyword_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_keyword_match';
COMMENT ON FUNCTION filteropt.keyword_match(text, filteropt.keyword_set) IS
'does a keyword of the set occur in the text, outside its allowed phrases? The same as body @@ set. Cost: one probe per word of the text, whatever the number of keywords';

CREATE FUNCTION filteropt.keyword_sel(internal, oid, internal, integer) RETURNS double precision
	LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_sel';
COMMENT ON FUNCTION filteropt.keyword_sel(internal, oid, internal, integer) IS
'selectivity of @@, from the statistics of the column';

CREATE OPERATOR filteropt.@@ (
	LEFTARG = text, RIGHTARG = filteropt.keyword_set,
	FUNCTION = filteropt.keyword_match,
	RESTRICT = filteropt.keyword_sel
);
COMMENT ON OPERATOR filteropt.@@ (text, filteropt.keyword_set) IS
'does a keyword of the set occur in the text, outside its allowed phrases?';

CREATE FUNCTION filteropt.keyword_list(body text, set filteropt.keyword_set) RETURNS text[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'fo_keyword_list';
COMMENT ON FUNCTION filteropt.keyword_list(text, filteropt.keyword_set) IS
'the keywords that occur in the text, each once, as they were written, in the order of the set';

CREATE FUNCTION filteropt.keyword_find(body text, set filteropt.keyword_set,
									   OUT keyword text, OUT start integer, OUT length integer,
									   OUT matched text)
	RETURNS SETOF record
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 40 ROWS 3 AS 'MODULE_PATHNAME', 'fo_keyword_find';
COMMENT ON FUNCTION filteropt.keyword_find(text, filteropt.keyword_set) IS
'every occurrence of every keyword, leftmost first: the keyword as written, where it begins (characters from 1), its length in characters, and the text itself';

CREATE FUNCTION filteropt.keyword_highlight(body text, set filteropt.keyword_set,
											open text DEFAULT '<mark>', close text DEFAULT '</mark>')
	RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 40 AS 'MODULE_PATHNAME', 'fo_keyword_highlight';
COMMENT ON FUNCTION filteropt.keyword_highlight(text, filteropt.keyword_set, text, text) IS
'the text with open and close round its matches, overlapping ones taken together; nothing is escaped, so escape HTML first';

CREATE FUNCTION filteropt.keyword_redact(body text, set filteropt.keyword_set, mask text DEFAULT '*')
	RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 40 AS 'MODULE_PATHNAME', 'fo_keyword_redact';
COMMENT ON FUNCTION filteropt.keyword_redact(text, filteropt.keyword_set, text) IS
'the text with its matches masked: a mask of one character replaces each character of a match, any other mask the match as a whole';

CREATE FUNCTION filteropt.keyword_set_info(set filteropt.keyword_set,
										   OUT keywords integer, OUT allowed integer, OUT fold text,
										   OUT whole_word boolean, OUT bytes integer, OUT format integer,
										   OUT current boolean, OUT unicode_version text)
	LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_info';
COMMENT ON FUNCTION filteropt.keyword_set_info(filteropt.keyword_set) IS
'describes a set: numbers of keywords and allowed phrases, options, size in bytes, version of its format, whether it is used as it is (else it is compiled anew on each use: store it again), and the Unicode version in use';
