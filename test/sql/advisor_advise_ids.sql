-- Advice is named by a number afterwards, in the same session.
SET client_min_messages = warning;
CREATE TABLE advised (id int PRIMARY KEY, ref int, mail text);
INSERT INTO advised SELECT i, i * 7919 % 5000, 'M' || i FROM generate_series(1, 20000) i;
VACUUM ANALYZE advised;
SELECT advice_id AS ref FROM filteropt.index_advise(ARRAY['SELECT mail FROM advised WHERE ref = 7']) \gset
SELECT advice_id AS mail, ddl, reason FROM filteropt.index_advise(ARRAY['SELECT ref FROM advised WHERE lower(mail) = ''m7''']) \gset
SELECT :'ddl' AS ddl, :'reason' AS reason;
SELECT filteropt.index_advice(:ref), :ref > 0 AS positive, :ref <> :mail AS different;
SELECT advice_id = :ref AS same FROM filteropt.index_advise(ARRAY['SELECT mail FROM advised WHERE ref = 7']);
CALL filteropt.index_apply(:'ref', dry_run => true);
-- two statements that would have the same number
CREATE TABLE collided AS SELECT i AS c9258, 20000 - i AS c36403, repeat('x', 100) || i AS filler FROM generate_series(1, 20000) i;
VACUUM ANALYZE collided;
SELECT advice_id AS first, ddl FROM filteropt.index_advise(ARRAY['SELECT filler FROM collided WHERE c9258 = 7']) \gset
SELECT advice_id AS second, ddl AS second_ddl FROM filteropt.index_advise(ARRAY['SELECT filler FROM collided WHERE c36403 = 7']) \gset
SELECT hashtext(:'ddl') = hashtext(:'second_ddl') OR (hashtext(:'ddl') # hashtext(:'second_ddl')) = -2147483648 AS same_hash,
	:second - :first AS apart, filteropt.index_advice(:first), filteropt.index_advice(:second);
SELECT advice_id = :second AS same FROM filteropt.index_advise(ARRAY['SELECT filler FROM collided WHERE c36403 = 7']);
DROP TABLE collided;
-- errors
CALL filteropt.index_apply('0', dry_run => true);
SELECT filteropt.index_advice(-1);
\c
SET client_min_messages = warning;
SELECT count(*) FROM (SELECT filteropt.index_advice(:mail)) x;
DROP TABLE advised;
