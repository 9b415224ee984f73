-- On the server that reads: when does each key of 1 .. :rounds stop to be 'old'?  That is
-- the start of the first call that does not give this out, without its way to Redis.
SET search_path = public, filteropt;
CREATE TABLE seen (i int, at timestamptz, value jsonb);
CREATE PROCEDURE spin(rounds int) LANGUAGE plpgsql AS $$
DECLARE
	v jsonb;
	start timestamptz;
	stop timestamptz := clock_timestamp() + '1 min';
BEGIN
	FOR i IN 1 .. rounds LOOP
		LOOP
			start := clock_timestamp();
			v := filteropt.cache_get('pair', 'round:' || i);
			EXIT WHEN v IS DISTINCT FROM '"old"' OR start > stop;
			COMMIT;
		END LOOP;
		INSERT INTO public.seen VALUES (i, start, v);
	END LOOP;
END $$;
SELECT count(cache_get('pair', 'round:' || i)) FROM generate_series(1, :rounds) i;
CALL spin(:rounds);
