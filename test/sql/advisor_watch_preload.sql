-- The watch over queries without preloading: what asks for it says what is missing, what
-- can do without does.
SELECT * FROM filteropt.n_plus_one;
SELECT * FROM filteropt.slow_query;
SELECT filteropt.n_plus_one_reset();
SELECT filteropt.slow_query_reset();
SELECT filteropt.slow_query_plan(1);
SELECT * FROM filteropt.advisor_workload();
SELECT * FROM filteropt.advisor_status();

-- the settings are there all the same, but for those of shared memory
SELECT name, setting, unit, context FROM pg_settings
WHERE name IN ('filteropt.advisor_watch', 'filteropt.advisor_n_plus_one_min',
	'filteropt.advisor_n_plus_one_window', 'filteropt.advisor_slow_ms',
	'filteropt.advisor_plan_wait', 'filteropt.advisor_sample_rate', 'filteropt.advisor_queries',
	'filteropt.advisor_text_size')
ORDER BY name COLLATE "C";
SET filteropt.advisor_n_plus_one_min = 65;
SET filteropt.advisor_sample_rate = 1.5;

-- the server's log: of the sessions to come
SELECT filteropt.slow_log_enable(250) = format('sessions of database %I that begin from now on log statements that take 250 ms or longer', current_database()) AS enabled;
SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
WHERE datname = current_database() AND 'log_min_duration_statement=250' = ANY (setconfig) \gset
SELECT :'setconfig' LIKE '%log_min_duration_statement=250%' AS set_for_the_database;
SELECT filteropt.slow_log_disable() LIKE 'sessions of database % log slow statements as the server is configured to' AS disabled;
SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
WHERE datname = current_database() AND setconfig::text LIKE '%log_min_duration%';

-- who may
CREATE ROLE advisor_watch_other;
SET ROLE advisor_watch_other;
SELECT filteropt.n_plus_one_reset();
SELECT filteropt.slow_query_reset();
SELECT filteropt.slow_log_enable(1);
SELECT filteropt.slow_log_disable();
RESET ROLE;
DROP ROLE advisor_watch_other;
