-- On the server that writes: a procedure that changes keys, some milliseconds apart.
CREATE PROCEDURE change(prefix text, rounds int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. rounds LOOP
		PERFORM pg_sleep(0.005 + random() * 0.01);
		COMMIT;
		PERFORM filteropt.cache_put('pair', prefix || i, '"new"');
		COMMIT;
	END LOOP;
END $$;
