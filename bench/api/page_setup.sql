CREATE TABLE posts (id bigint PRIMARY KEY, author int NOT NULL, title text NOT NULL, score int, created_at timestamptz NOT NULL, body text NOT NULL);
INSERT INTO posts
SELECT i, i % 1000, 'Title of post ' || i, CASE WHEN i % 10 > 0 THEN (i * 7919::bigint) % 100000 END,
	timestamptz '2024-01-01' + i / 3 * interval '1 millisecond', repeat('text ', 20)
FROM generate_series(1, :rows) AS i;
CREATE INDEX by_time ON posts (created_at, id);
CREATE INDEX by_score ON posts (score DESC NULLS LAST, id);
VACUUM ANALYZE posts;
