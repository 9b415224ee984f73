-- A stopwatch that lets ways take turns.
CREATE TABLE way (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, task text, way text, at text, sql text, slow boolean);
CREATE TABLE sample (n int, microseconds float8);

CREATE PROCEDURE measure(rounds int) LANGUAGE plpgsql AS $$
DECLARE
	w way;
	started timestamptz;
BEGIN
	FOR w IN SELECT * FROM way ORDER BY n LOOP
		EXECUTE format('PREPARE way_%s AS %s', w.n, w.sql);
	END LOOP;
	FOR round IN 0..rounds LOOP
		FOR w IN SELECT * FROM way WHERE NOT slow OR round <= 3 ORDER BY n LOOP
			started := clock_timestamp();
			EXECUTE format('EXECUTE way_%s', w.n);
			IF round > 0 THEN
				INSERT INTO sample VALUES (w.n, extract(epoch FROM clock_timestamp() - started) * 1e6);
			END IF;
		END LOOP;
		COMMIT;
	END LOOP;
	DEALLOCATE ALL;
END $$;
