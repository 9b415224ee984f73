-- A stopwatch that lets ways take turns.  A way with calls > 1 makes that many calls in one
-- execution; one without SQL was measured elsewhere and brings its sample.
CREATE TABLE way (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, task text, way text, at text, sql text,
	slow boolean NOT NULL DEFAULT false, calls int NOT NULL DEFAULT 1);
CREATE TABLE sample (n int, microseconds float8);

CREATE PROCEDURE measure(rounds int) LANGUAGE plpgsql AS $$
DECLARE
	w way;
	started timestamptz;
BEGIN
	FOR w IN SELECT * FROM way WHERE sql IS NOT NULL ORDER BY n LOOP
		EXECUTE format('PREPARE way_%s AS %s', w.n, w.sql);
	END LOOP;
	FOR round IN 0..rounds LOOP
		FOR w IN SELECT * FROM way WHERE sql IS NOT NULL AND (NOT slow OR round <= 3) ORDER BY n LOOP
			started := clock_timestamp();
			EXECUTE format('EXECUTE way_%s', w.n);
			IF round > 0 THEN
				INSERT INTO sample VALUES (w.n, extract(epoch FROM clock_timestamp() - started) * 1e6 / w.calls);
			END IF;
		END LOOP;
		COMMIT;
	END LOOP;
	DEALLOCATE ALL;
END $$;

-- The medians, each beside the first way of its task.
CREATE VIEW report AS
SELECT task, way, round(us::numeric, CASE WHEN us < 10 THEN 2 WHEN us < 100 THEN 1 ELSE 0 END) AS microseconds,
	round((us / first_value(us) OVER (PARTITION BY task ORDER BY n))::numeric, 2) AS "times the first"
FROM (SELECT w.n, task, way, percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds) AS us
	FROM way w JOIN sample s ON s.n = w.n GROUP BY w.n) AS m
ORDER BY min(n) OVER (PARTITION BY task), n;
