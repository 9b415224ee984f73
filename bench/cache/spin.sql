-- On the server that reads: when does each key of 1 .. :rounds stop to be 'old'?
SET search_path = public, filteropt;
CREATE TABLE seen (i int, at timestamptz, value jsonb);
CREATE PROCEDURE spin(rounds int) LANGUAGE plpgsql AS $$
DECLARE
	v jsonb;
	stop timestamptz := clock_timestamp() + '1 min';
BEGIN
	FOR i IN 1 .. rounds LOOP
		LOOP
			v := filteropt.cache_get('pair', 'round:' || i);
			EXIT WHEN v IS DISTINCT FROM '"old"' OR clock_timestamp() > stop;
			COMMIT;
		END LOOP;
		INSERT INTO public.seen VALUES (i, clock_timestamp(), v);
	END LOOP;
END $$;
SELECT count(cache_get('pair', 'round:' || i)) FROM generate_series(1, :rounds) i;
CALL spin(:rounds);
