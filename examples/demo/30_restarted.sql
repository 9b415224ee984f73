-- The server has been killed and started again: shared memory is empty, the verdicts
-- are in the table.
SELECT filteropt.cache_stat_reset();
CALL feed_pass('third');
CREATE TABLE savings_after AS SELECT * FROM filteropt.classification_savings();
