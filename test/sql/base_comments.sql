-- Every object of the extension tells what it is: \dx+ and \df+ are the first
-- documentation a DBA meets.  Left out are the parts that nobody names: row
-- and array types, casts' and operator classes' internals, sequences owned by
-- a column.
WITH object AS
(
	SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
	FROM pg_depend d
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass
		AND d.refobjid = e.oid
	WHERE e.extname = 'filteropt' AND d.deptype = 'e'
)
SELECT o.name AS object_without_comment
FROM object o
WHERE obj_description(o.objid, o.classid::regclass::name) IS NULL
	AND NOT EXISTS (SELECT FROM pg_type t
		LEFT JOIN pg_class c ON c.oid = t.typrelid
		WHERE o.classid = 'pg_type'::regclass AND t.oid = o.objid
			AND (t.typcategory = 'A' OR c.relkind <> 'c'))
	AND NOT EXISTS (SELECT FROM pg_depend s
		WHERE o.classid = 'pg_class'::regclass AND s.classid = o.classid
			AND s.objid = o.objid AND s.deptype IN ('a', 'i')
			AND s.refobjsubid > 0)
ORDER BY o.name;
