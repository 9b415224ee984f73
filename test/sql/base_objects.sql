-- What holds for every object of the extension, whatever feature made it.
CREATE TEMP VIEW object AS
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
FROM pg_depend d
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass
	AND d.refobjid = e.oid
WHERE e.extname = 'filteropt' AND d.deptype = 'e';

-- 1. Each has a comment: \dx+ and \df+ are the first documentation that a DBA
-- meets.  Left out is what nobody names: row and array types, and sequences
-- owned by a column.
CREATE TEMP VIEW without_comment AS
SELECT o.name
FROM object o
WHERE obj_description(o.objid, o.classid::regclass::name) IS NULL
	AND NOT EXISTS (SELECT FROM pg_type t
		LEFT JOIN pg_class c ON c.oid = t.typrelid
		WHERE o.classid = 'pg_type'::regclass AND t.oid = o.objid
			AND (t.typcategory = 'A' OR c.relkind <> 'c'))
	AND NOT EXISTS (SELECT FROM pg_depend s
		WHERE o.classid = 'pg_class'::regclass AND s.classid = o.classid
			AND s.objid = o.objid AND s.deptype IN ('a', 'i')
			AND s.refobjsubid > 0);

-- 2. A function that runs with the rights of its owner, or whose body is text
-- that is parsed when it runs, means the same whatever the caller's
-- search_path is.
CREATE TEMP VIEW without_search_path AS
SELECT o.name
FROM object o
JOIN pg_proc p ON o.classid = 'pg_proc'::regclass AND p.oid = o.objid
JOIN pg_language l ON l.oid = p.prolang
WHERE (p.prosecdef OR (l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL))
	AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting
		WHERE setting LIKE 'search\_path=%');

-- 3. A function in C is an external of ours, and lies in our schema.
CREATE TEMP VIEW misnamed AS
SELECT o.name
FROM object o
JOIN pg_proc p ON o.classid = 'pg_proc'::regclass AND p.oid = o.objid
WHERE (p.probin IS NOT NULL AND p.prosrc NOT LIKE 'fo\_%')
	OR p.pronamespace <> 'filteropt'::regnamespace;

CREATE TEMP VIEW verdict AS
SELECT 'has no comment' AS what, name FROM without_comment
UNION ALL SELECT 'depends on search_path', name FROM without_search_path
UNION ALL SELECT 'is misnamed or misplaced', name FROM misnamed;

SELECT * FROM verdict ORDER BY what, name;

-- The same finds what breaks the rules.
BEGIN;
CREATE FUNCTION public.broken() RETURNS int LANGUAGE sql SECURITY DEFINER
	AS 'SELECT 1';
CREATE TABLE filteropt.broken_table (id serial PRIMARY KEY);
ALTER EXTENSION filteropt ADD FUNCTION public.broken();
ALTER EXTENSION filteropt ADD TABLE filteropt.broken_table;
SELECT * FROM verdict ORDER BY what, name;
ROLLBACK;
