-- Parents with their children, in one statement.
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, team int);
CREATE TABLE keywords (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint, keyword text, hits int NOT NULL DEFAULT 0);
CREATE INDEX ON keywords (user_id, id);
CREATE TABLE team (id int PRIMARY KEY, title text);
INSERT INTO users VALUES (1, 'ann', 10), (2, 'bob', 10), (3, 'cid', NULL), (4, 'dee', 99);
INSERT INTO keywords (user_id, keyword, hits) VALUES (1, 'crypto*', 5), (2, 'war', 1), (1, 'giveaway', 7), (NULL, 'nobody', 0), (1, 'ai', 6);
INSERT INTO team VALUES (10, 'red'), (11, 'blue');

-- What the usual "optimisation" of N+1 gives: one row per user, and no keyword
-- in it, for there is none to select beside users.* without grouping by it.
SELECT u.*, count(k.id) AS keywords FROM users u LEFT JOIN keywords k ON k.user_id = u.id GROUP BY u.id ORDER BY u.id;
SELECT to_jsonb(u) ? 'keyword' AS has_keyword, count(*)
FROM (SELECT u.* FROM users u LEFT JOIN keywords k ON k.user_id = u.id GROUP BY u.id) AS u GROUP BY 1;

SELECT jsonb_pretty(filteropt.embed(filteropt.page('users', '{id}', 3, fields => '{id,name}'),
	'keywords', 'keywords', foreign_key => 'user_id', fields => '{keyword,hits}') -> 'items') AS items;
-- The page around its items stays.
SELECT filteropt.embed(page, 'keywords', 'keywords', 'user_id') - 'items' = page - 'items' AS same_page
FROM filteropt.page('users', '{id}', 2) AS page;
-- The same by subqueries, for random tables.
SELECT setseed(0.25);
CREATE TABLE child AS SELECT i AS id, (random() * 40)::int AS parent, (random() * 5)::int AS rank, 'c' || i AS body FROM generate_series(1, 500) AS i;
ALTER TABLE child ADD PRIMARY KEY (id);
UPDATE child SET parent = NULL WHERE id % 17 = 0;
CREATE TABLE parent AS SELECT i AS id, nullif(i % 6, 0) AS rank FROM generate_series(1, 50) AS i;
CREATE VIEW parents AS SELECT jsonb_agg(to_jsonb(p) ORDER BY id) AS doc FROM parent p;
SELECT filteropt.embed(doc, 'children', 'child', 'parent') = (SELECT jsonb_agg(to_jsonb(p) || jsonb_build_object('children', coalesce(
		(SELECT jsonb_agg(to_jsonb(c) ORDER BY c.id) FROM child c WHERE c.parent = p.id), '[]')) ORDER BY p.id) FROM parent p) AS all_of_them,
	filteropt.embed(doc, 'children', 'child', 'parent', order_by => '{rank DESC,body}', per_parent => 3, fields => '{body}',
		filter => '{"rank": {"gte": 2}}') = (SELECT jsonb_agg(to_jsonb(p) || jsonb_build_object('children', coalesce(
		(SELECT jsonb_agg(jsonb_build_object('body', body) ORDER BY c.rank DESC, c.body) FROM
			(SELECT * FROM child c WHERE c.parent = p.id AND rank >= 2 ORDER BY c.rank DESC, c.body LIMIT 3) AS c), '[]')) ORDER BY p.id)
		FROM parent p) AS first_three,
	filteropt.embed(doc, 'same_rank', 'child', 'rank', key => 'rank', fields => '{id}') = (SELECT jsonb_agg(to_jsonb(p) || jsonb_build_object('same_rank', coalesce(
		(SELECT jsonb_agg(jsonb_build_object('id', c.id) ORDER BY c.id) FROM child c WHERE c.rank = p.rank), '[]')) ORDER BY p.id) FROM parent p) AS shared_keys
FROM parents;
-- The other way round, one for each, and one in the other.
SELECT filteropt.embed(filteropt.embed(jsonb_agg(u ORDER BY id), 'team', 'team', 'id', key => 'team', single => true, fields => '{title}'),
	'first', 'keywords', 'user_id', per_parent => 1, order_by => '{hits DESC}', fields => '{keyword}') AS users
FROM users u;
-- One object; no parents; a view of children, which has no key.
SELECT filteropt.embed('{"id": 2}', 'keywords', 'keywords', 'user_id', fields => '{keyword}');
SELECT filteropt.embed('{"id": "2", "items": 7}', 'keywords', 'keywords', 'user_id', fields => '{keyword}');
SELECT filteropt.embed('[]', 'keywords', 'keywords', 'user_id');
SELECT filteropt.embed(NULL, 'keywords', 'keywords', 'user_id') IS NULL AS "null";
CREATE VIEW busy AS SELECT user_id, keyword FROM keywords WHERE hits > 5;
SELECT filteropt.embed('[{"id": 1}, {"id": null}]', 'busy', 'busy', 'user_id', order_by => '{keyword}');
-- One look at the children for all 50 parents, not one for each.
BEGIN;
SELECT seq_scan AS before FROM pg_stat_xact_user_tables WHERE relname = 'child' \gset
SELECT jsonb_array_length(filteropt.embed(doc, 'children', 'child', 'parent')) AS parents FROM parents;
SELECT seq_scan - :before AS scans, idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'child';
COMMIT;

SELECT filteropt.embed('[{"name": "x"}]', 'keywords', 'keywords', 'user_id');
SELECT filteropt.embed('[{"id": [1]}]', 'keywords', 'keywords', 'user_id');
SELECT filteropt.embed('[{"id": "x"}]', 'keywords', 'keywords', 'user_id');
SELECT filteropt.embed('[7]', 'keywords', 'keywords', 'user_id');
SELECT filteropt.embed('7', 'keywords', 'keywords', 'user_id');
SELECT filteropt.embed('[{"id": 1}]', 'keywords', 'keywords', 'nothing');
SELECT filteropt.embed('[{"id": 1}]', 'keywords', 'keywords', 'user_id = 1 OR true --');
SELECT filteropt.embed('[{"id": 1}]', 'keywords', 'keywords', NULL);
SELECT filteropt.embed('[{"id": 1}]', NULL, 'keywords', 'user_id');
SELECT filteropt.embed('[{"id": 1}]', 'keywords', 'keywords', 'user_id', per_parent => 0);
SELECT filteropt.embed('[{"id": 1}]', 'keyword', 'keywords', 'user_id', single => true);
CREATE ROLE regress_api_embed;
SET ROLE regress_api_embed;
SELECT filteropt.embed('[{"id": 1}]', 'keywords', 'keywords', 'user_id');
RESET ROLE;
GRANT SELECT (user_id, keyword) ON keywords TO regress_api_embed;
SET ROLE regress_api_embed;
SELECT filteropt.embed('[{"id": 2}]', 'keywords', 'keywords', 'user_id', order_by => '{keyword UNIQUE}', fields => '{keyword}', per_parent => 5);
RESET ROLE;
DROP OWNED BY regress_api_embed;
DROP ROLE regress_api_embed;
DROP VIEW busy, parents;
DROP TABLE users, keywords, team, child, parent;
