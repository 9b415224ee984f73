-- cold.sql: one look at each of 2 000 owners from a backend that has looked at
-- one other owner only; prints ns per call of the value and the attached way.
\set ON_ERROR_STOP 1
SET search_path = bench;
SELECT filteropt.keyword_match('bench.attached', 2000::bigint, 'text') <> '{}' AS warm,
	filteropt.keyword_list('text', keywords) FROM owner_text WHERE owner = 2000 \g /dev/null
SELECT count(*) FROM owner_text WHERE bench.noop(body, owner) AND bench.cpu_ns() > 0 \g /dev/null
SELECT bench.plan('SELECT count(*) FROM bench.owner_text WHERE owner < 2000 AND filteropt.keyword_list(body, keywords) <> ''{}''') AS value,
	bench.plan('SELECT count(*) FROM bench.owner_text WHERE owner < 2000 AND filteropt.keyword_match(''bench.attached'', owner, body) <> ''{}''') AS attached \gset
INSERT INTO way (grp, name, query, n_ops, plan, repeats) VALUES
	('attached/cold', 'value', 'cold.sql', 1, :value, 1), ('attached/cold', 'attached', 'cold.sql', 1, :attached, 1)
	ON CONFLICT (grp, name) DO NOTHING;
INSERT INTO sample SELECT (SELECT id FROM way WHERE (grp, name) = ('attached/cold', 'value')), 0, ns / 1999
	FROM bench.run(:value, 1);
INSERT INTO sample SELECT (SELECT id FROM way WHERE (grp, name) = ('attached/cold', 'attached')), 0, ns / 1999
	FROM bench.run(:attached, 1);
