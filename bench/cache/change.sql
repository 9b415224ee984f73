-- On the server that writes: change each key, some milliseconds apart.
CREATE PROCEDURE change(rounds int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. rounds LOOP
		PERFORM pg_sleep(0.005 + random() * 0.01);
		COMMIT;
		PERFORM filteropt.cache_put('pair', 'round:' || i, '"new"');
		COMMIT;
	END LOOP;
END $$;
CALL change(:rounds);
