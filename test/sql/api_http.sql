-- Compression, and the headers of HTTP caching.
SELECT filteropt.gunzip(filteropt.gzip(body, level)) = convert_to(body, 'UTF8') AS back,
	octet_length(filteropt.gzip(body, level)) < octet_length(body) AS smaller
FROM (VALUES ('', 1), ('a', 9), (repeat('größe ', 10000), 1), (repeat('größe ', 10000), 6), (repeat('größe ', 10000), 9)) AS v (body, level);
SELECT filteropt.gunzip(filteropt.gzip(decode(string_agg(md5(i::text), ''), 'hex'))) = decode(string_agg(md5(i::text), ''), 'hex') AS noise_back,
	octet_length(filteropt.gzip(decode(string_agg(md5(i::text), ''), 'hex'))) - 16 * count(*) BETWEEN 0 AND 100 AS noise_grows_little
FROM generate_series(1, 5000) AS i;
-- What another program has written; and two members, one after the other.
SELECT convert_from(filteropt.gunzip('\x1f8b08000000000002034bafca2c50c84f5348cccb2fc9482d52c84dcc4e05006bb90f2314000000'), 'UTF8') AS text;
SELECT convert_from(filteropt.gunzip(filteropt.gzip('one ') || filteropt.gzip('two')), 'UTF8') AS text;
-- 20 MB in 20 kB: not unpacked without being allowed to, and then no further than allowed.
SELECT filteropt.gzip(repeat('0', 20000000), 9) AS bomb \gset
SELECT octet_length(:'bomb'::bytea) < 30000 AS small;
SELECT filteropt.gunzip(:'bomb');
SELECT filteropt.gunzip(:'bomb', 19999999);
SELECT octet_length(filteropt.gunzip(:'bomb', 20000000)) AS bytes;
SELECT filteropt.gunzip(:'bomb', -1);
SELECT filteropt.gunzip(:'bomb', 2147483647);
SELECT filteropt.gunzip('not gzip');
SELECT filteropt.gunzip('');
SELECT filteropt.gunzip(substr(filteropt.gzip('cut off'), 1, 20));
SELECT filteropt.gunzip(filteropt.gzip('tail') || 'x');
SELECT filteropt.gzip('x'::text, 0);
SELECT filteropt.gzip('x'::text, 10);
SELECT octet_length(filteropt.gzip(repeat('x', 64 * 1024 * 1024 + 1)));

-- A body is compressed if the client takes that and it pays.
SELECT octet_length(body) AS bytes, content_encoding, convert_from(coalesce(CASE WHEN content_encoding = 'gzip' THEN filteropt.gunzip(body) END, body), 'UTF8') = content AS same
FROM (VALUES (repeat('abc', 1000), 'gzip, br'), (repeat('abc', 1000), 'br'), (repeat('abc', 1000), 'gzip;q=0'), (repeat('abc', 1000), NULL),
	('abc', 'gzip'), (repeat('abc', 333), '*')) AS v (content, accept), filteropt.gzip_body(content, accept);
SELECT content_encoding, octet_length(body) AS bytes
FROM filteropt.gzip_body((SELECT decode(string_agg(md5(i::text), ''), 'hex') FROM generate_series(1, 100) AS i), 'gzip');
SELECT content_encoding FROM filteropt.gzip_body('x'::text, 'gzip', 0);
SELECT content_encoding FROM filteropt.gzip_body(repeat('x', 100), 'gzip', 100, 1);
SELECT content_encoding FROM filteropt.gzip_body(repeat('x', 100), 'gzip', NULL);
SELECT body IS NULL AS "null" FROM filteropt.gzip_body(NULL::text, 'gzip');

-- Entity tags: 128 bits of SHA-256, weak unless asked otherwise.
SELECT filteropt.http_etag('x') AS weak, filteropt.http_etag('x'::text, false) AS strong,
	filteropt.http_etag('x') = 'W/"' || translate(rtrim(encode(substr(sha256('x'), 1, 16), 'base64'), '='), '+/', '-_') || '"' AS sha256,
	filteropt.http_etag('x'::bytea) = filteropt.http_etag('x'::text) AS same_bytes,
	filteropt.http_etag('{"b": 1,  "a": 2}'::jsonb) = filteropt.http_etag('{"a": 2, "b": 1}'::jsonb) AS same_document;
SELECT filteropt.http_not_modified('"a"', '"b", W/"a"') AS listed, filteropt.http_not_modified('W/"a"', '*') AS "any",
	filteropt.http_not_modified('"a"', '"b"') AS other, filteropt.http_not_modified('"a"', NULL) AS none,
	filteropt.http_not_modified(NULL, '*') AS no_tag, filteropt.http_not_modified('"a"', 'garbage, "a') AS garbage;
SELECT filteropt.http_not_modified('a', '*');

-- Headers.
SELECT jsonb_pretty(filteropt.http_cache(scope => 'public', ttl => '5 minutes', stale_for => '1 minute', etag => '"v7"', if_none_match => 'W/"v7"',
	tags => '{user:7,posts}', vary => '{Accept-Encoding}'));
SELECT jsonb_pretty(filteropt.http_cache(ttl => '1 month 1 day 1.9 seconds', etag => filteropt.http_etag('x'), if_none_match => '"y"', tags => '{user:7}'));
SELECT filteropt.http_cache(scope => 'none', etag => '"x"', if_none_match => '*', tags => '{a}');
-- The lifetime of a resource of the cache, unless another is given.
SELECT filteropt.http_cache('analytics', 'public') -> 'headers' ->> 'Cache-Control' AS by_resource,
	filteropt.http_cache('analytics', 'public', ttl => '2 seconds', stale_for => '3 seconds') -> 'headers' ->> 'Cache-Control' AS given,
	filteropt.http_cache('analytics') -> 'headers' ->> 'Cache-Control' AS for_user;
BEGIN;
UPDATE filteropt.cache_resource SET stale_for = '30 seconds', scope = 'role' WHERE name = 'analytics';
SELECT filteropt.http_cache('analytics', 'user') -> 'headers' AS headers;
SELECT filteropt.http_cache('analytics', 'public');
ROLLBACK;
BEGIN;
ALTER TABLE filteropt.cache_resource RENAME TO missing;
SELECT filteropt.http_cache('analytics', 'public');
ROLLBACK;

-- PostgREST is told for the transaction, beside what the application says.
BEGIN READ ONLY;
SELECT filteropt.http_cache(scope => 'public', ttl => '1 second', etag => '"a"', if_none_match => '"a"', apply => true) ->> 'status' AS status;
SHOW response.headers;
SHOW response.status;
COMMIT;
SELECT current_setting('response.headers', true) AS headers, current_setting('response.status', true) AS status;
BEGIN;
SET LOCAL response.headers = '[{"X-Mine": "1"}]';
SELECT filteropt.http_cache(scope => 'public', ttl => '1 second', etag => '"a"', if_none_match => '"b"', apply => true) ->> 'status' AS status;
SHOW response.headers;
SELECT current_setting('response.status', true) AS status;
ROLLBACK;

SELECT filteropt.http_cache();
SELECT filteropt.http_cache('nothing');
SELECT filteropt.http_cache(scope => 'everybody', ttl => '1 s');
SELECT filteropt.http_cache(scope => NULL, ttl => '1 s');
SELECT filteropt.http_cache(ttl => '-1 s');
SELECT filteropt.http_cache(ttl => '100 years');
SELECT filteropt.http_cache(ttl => '1 s', etag => 'v7');
SELECT filteropt.http_cache(ttl => '1 s', etag => E'"a"\r\nSet-Cookie: x=1');
SELECT filteropt.http_cache(scope => 'public', ttl => '1 s', tags => '{"a b"}');
SELECT filteropt.http_cache(scope => 'public', ttl => '1 s', tags => ARRAY[E'a\r\nSet-Cookie: x=1']);
SELECT filteropt.http_cache(scope => 'public', ttl => '1 s', tags => '{NULL}');
SELECT filteropt.http_cache(scope => 'public', ttl => '1 s', vary => '{""}');
