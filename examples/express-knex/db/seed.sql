-- User 1 has words that a person might hide and asks the model about the rest; the others have 50
-- words each, out of 236, and half of them ask the model.
INSERT INTO users (id, email) SELECT i, format('user%s@example.org', i) FROM generate_series(1, 100) AS i;
SELECT setval(pg_get_serial_sequence('users', 'id'), 100);

INSERT INTO filter_config (user_id, mode, strategy)
SELECT id, CASE WHEN id = 1 OR id > 50 THEN 'hybrid' ELSE 'keyword' END, 'strict' FROM users;

INSERT INTO keywords (user_id, keyword)
SELECT 1, unnest(ARRAY['crypto', 'giveaway', 'spoiler', 'war', 'ass', 'casino', 'miracle pill',
	'election', 'cafe', 'bitcoin']);

-- His last six days.
INSERT INTO analytics_events (user_id, event_type, post_id, created_at)
SELECT 1, CASE WHEN n % 7 < 2 THEN 'POST_FILTERED' ELSE 'POST_SHOWN' END, format('d%s-%s', day, n),
	date_trunc('day', now(), 'UTC') - day * interval '1 day' + n * interval '5 minutes'
FROM generate_series(1, 6) AS day, generate_series(1, 40 + day * 37 % 60) AS n;

WITH word AS (
	SELECT row_number() OVER () AS n, word FROM unnest(string_to_array(
		'abuse accident alcohol alien ambush anger anxiety arson assault astrology auction award bacon ' ||
		'bailout bankrupt baseball basketball battle beer betting bitcoin blackmail blockchain blood ' ||
		'bomb bonus boxing breakup bribe brexit bullying burglary cancer cannabis car casino celebrity ' ||
		'championship cheating chess cigarette clickbait clown cocaine collapse conspiracy corona ' ||
		'corruption coupon court covid crash cricket crime crisis crypto cult curse dating death debate ' ||
		'debt deepfake diet disaster discount divorce dolphin doping dragon drama drone drugs drunk ' ||
		'earthquake election emoji epidemic eviction execution exploit explosion extremist fascist fear ' ||
		'feud fight fire flood football forex fraud funeral gambling gang genocide ghost giveaway golf ' ||
		'gossip guns hack hangover hate haunted heist hockey horoscope horror hostage hunting hurricane ' ||
		'hype illness inflation influencer insect insult jail jealousy jinx kidnap kitsch knife lawsuit ' ||
		'layoff leak lies lockdown lottery lynch mafia marathon massacre meme metaverse missile mob ' ||
		'monkey mosquito mugging murder nazi needle nft noise nude nuclear obesity obituary olympics ' ||
		'outrage pandemic panic paparazzi pills piracy plague poison poker politics porn poverty prank ' ||
		'prison protest punishment pyramid quarrel racism raid ransom recession referendum refund ' ||
		'revenge riot robbery rugby rumor sale scam scandal selfie shark shooting slander slavery snake ' ||
		'soccer spam spider spoiler startup steroids stocks storm strike suicide superstition surgery ' ||
		'tabloid tariff tax tennis terror theft threat torture toxic trading tragedy traitor treason ' ||
		'troll trump tsunami twitch ufo unboxing vandal vegan venom violence virus voodoo war weapon ' ||
		'webinar weight witch wrestling zodiac zombie', ' ')) AS word)
INSERT INTO keywords (user_id, keyword)
SELECT u.id, word.word
FROM users u CROSS JOIN LATERAL (SELECT word FROM word
	ORDER BY hashint8(word.n * 1000 + u.id) LIMIT 50) AS word
WHERE u.id > 1;
