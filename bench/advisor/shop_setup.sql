-- A shop with its help desk, several tenants in each table: primary keys and unique constraints
-- only.  No line of the advisor was written with it in sight: it judges what "web" was used to
-- improve.  :scale multiplies the rows; the data are the same at each run.
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
SELECT setseed(0.137);

CREATE TABLE tenant (
	id uuid PRIMARY KEY,
	slug text NOT NULL UNIQUE,
	settings jsonb NOT NULL);
INSERT INTO tenant SELECT md5('tenant' || i)::uuid, 'shop-' || i,
	jsonb_build_object('tier', (ARRAY['basic','plus','max'])[1 + i % 3], 'features', jsonb_build_array('f' || i % 9, 'f' || i % 7))
	FROM generate_series(1, 60) i;

CREATE TABLE customer (
	id uuid PRIMARY KEY,
	tenant_id uuid NOT NULL REFERENCES tenant,
	mail text NOT NULL,
	full_name text NOT NULL,
	phone text,
	labels text[] NOT NULL,
	joined_on date NOT NULL,
	archived_at timestamptz,
	UNIQUE (tenant_id, mail));
INSERT INTO customer SELECT md5('customer' || i)::uuid, md5('tenant' || 1 + (power(random(), 2) * 59)::int)::uuid,
	'c' || i || '@' || (ARRAY['mail','web','post'])[1 + i % 3] || '.test',
	(ARRAY['Anna','Boris','Chloe','David','Emma','Farid','Greta','Hugo','Ines','Jonas'])[1 + (random() * 9)::int] || ' '
		|| (ARRAY['Schmidt','Novak','Rossi','Garcia','Dubois','Jansen','Kowalski','Silva'])[1 + (random() * 7)::int] || ' ' || to_hex(i),
	CASE WHEN random() < 0.6 THEN '+49' || (random() * 1e9)::bigint END,
	CASE WHEN random() < 0.1 THEN ARRAY['vip', 'l' || (random() * 40)::int] ELSE ARRAY['l' || (random() * 40)::int] END,
	'2020-01-01'::date + (i * 1500 / (50000 * :scale))::int,
	CASE WHEN random() < 0.08 THEN '2024-03-01'::timestamptz + random() * interval '200 days' END
	FROM generate_series(1, 50000 * :scale) i;

CREATE TABLE article (
	id uuid PRIMARY KEY,
	tenant_id uuid NOT NULL REFERENCES tenant,
	sku varchar(20) NOT NULL,
	caption text NOT NULL,
	description text NOT NULL,
	price numeric(10, 2) NOT NULL,
	attributes jsonb NOT NULL,
	stock int NOT NULL,
	published boolean NOT NULL);
INSERT INTO article SELECT md5('article' || i)::uuid, md5('tenant' || 1 + (random() * 59)::int)::uuid, 'SKU-' || lpad(i::text, 8, '0'),
	(ARRAY['Oak','Steel','Linen','Glass','Cotton','Leather'])[1 + (random() * 5)::int] || ' '
		|| (ARRAY['table','lamp','chair','shelf','curtain','vase','basket','rug'])[1 + (random() * 7)::int] || ' '
		|| (ARRAY['large','small','classic','modern','blue','green','natural'])[1 + (random() * 6)::int] || ' ' || i,
	repeat((ARRAY['Made by hand in a small workshop. ','Easy to clean and to care for. ','Delivered in two days. '])[1 + i % 3], 8),
	round((random() * 500)::numeric, 2),
	jsonb_build_object('color', 'c' || (random() * 30)::int, 'size', (random() * 12)::int, 'ean', (random() * 1e9)::bigint),
	(random() * random() * 100)::int, random() < 0.85
	FROM generate_series(1, 40000 * :scale) i;

CREATE TABLE purchase (
	id uuid PRIMARY KEY,
	tenant_id uuid NOT NULL REFERENCES tenant,
	customer_id uuid NOT NULL REFERENCES customer,
	state text NOT NULL,
	total numeric(12, 2) NOT NULL,
	placed_at timestamptz NOT NULL,
	paid_at timestamptz,
	deleted_at timestamptz);
INSERT INTO purchase SELECT md5('purchase' || i)::uuid, md5('tenant' || 1 + (power(random(), 2) * 59)::int)::uuid,
	md5('customer' || 1 + (power(random(), 1.5) * (50000 * :scale - 1))::int)::uuid,
	CASE WHEN random() < 0.004 THEN 'disputed' WHEN random() < 0.02 THEN 'open' WHEN random() < 0.1 THEN 'cancelled' ELSE 'shipped' END,
	round((random() * 900)::numeric, 2), '2022-01-01'::timestamptz + i * interval '4 minutes',
	CASE WHEN random() < 0.95 THEN '2022-01-01'::timestamptz + i * interval '4 minutes' + random() * interval '3 days' END,
	CASE WHEN random() < 0.01 THEN '2024-05-01'::timestamptz END
	FROM generate_series(1, 200000 * :scale) i;

CREATE TABLE purchase_line (
	purchase_id uuid NOT NULL REFERENCES purchase,
	position int NOT NULL,
	article_id uuid NOT NULL REFERENCES article,
	quantity int NOT NULL,
	price numeric(10, 2) NOT NULL,
	PRIMARY KEY (purchase_id, position));
INSERT INTO purchase_line SELECT md5('purchase' || 1 + i / 2)::uuid, i % 2, md5('article' || 1 + (power(random(), 2) * (40000 * :scale - 1))::int)::uuid,
	1 + (random() * 4)::int, round((random() * 300)::numeric, 2)
	FROM generate_series(0, 400000 * :scale - 1) i;

CREATE TABLE ticket (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tenant_id uuid NOT NULL REFERENCES tenant,
	customer_id uuid REFERENCES customer,
	assignee text,
	subject text NOT NULL,
	severity smallint NOT NULL,
	state text NOT NULL,
	watchers int[] NOT NULL,
	opened_at timestamptz NOT NULL,
	closed_at timestamptz);
INSERT INTO ticket (tenant_id, customer_id, assignee, subject, severity, state, watchers, opened_at, closed_at)
	SELECT md5('tenant' || 1 + (random() * 59)::int)::uuid, md5('customer' || 1 + (random() * (50000 * :scale - 1))::int)::uuid,
	CASE WHEN random() < 0.9 THEN 'agent' || (random() * 80)::int END,
	(ARRAY['Parcel lost','Wrong colour','Refund wanted','Cannot log in','Invoice missing','Broken on arrival'])[1 + (random() * 5)::int]
		|| ' #' || to_hex((random() * 1e8)::int),
	(random() * 4)::int, CASE WHEN s < 0.03 THEN 'new' WHEN s < 0.08 THEN 'waiting' ELSE 'closed' END,
	ARRAY[(random() * 300)::int, (random() * 300)::int], '2023-01-01'::timestamptz + i * interval '5 minutes',
	CASE WHEN s >= 0.08 THEN '2023-01-01'::timestamptz + i * interval '5 minutes' + random() * interval '9 days' END
	FROM generate_series(1, 120000 * :scale) i, LATERAL (SELECT random() + i * 0 AS s) x;

CREATE TABLE audit (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tenant_id uuid NOT NULL,
	actor text NOT NULL,
	verb text NOT NULL,
	subject_id uuid NOT NULL,
	detail jsonb NOT NULL,
	logged_at timestamptz NOT NULL);
INSERT INTO audit (tenant_id, actor, verb, subject_id, detail, logged_at)
	SELECT md5('tenant' || 1 + (power(random(), 2) * 59)::int)::uuid, 'agent' || (random() * 80)::int,
	(ARRAY['view','view','view','edit','create','delete','export'])[1 + (random() * 6)::int],
	md5('purchase' || 1 + (random() * (200000 * :scale - 1))::int)::uuid, jsonb_build_object('ip', '10.0.' || (random() * 255)::int || '.' || (random() * 255)::int),
	'2023-06-01'::timestamptz + i * interval '1 minute'
	FROM generate_series(1, 500000 * :scale) i;

CREATE TABLE reservation (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	article_id uuid NOT NULL REFERENCES article,
	during tstzrange NOT NULL,
	quantity int NOT NULL);
INSERT INTO reservation (article_id, during, quantity)
	SELECT md5('article' || 1 + (random() * (40000 * :scale - 1))::int)::uuid, tstzrange(t, t + random() * interval '5 days'), 1 + (random() * 3)::int
	FROM generate_series(1, 60000 * :scale) i, LATERAL (SELECT '2024-01-01'::timestamptz + random() * interval '300 days' + i * interval '0' AS t) x;
VACUUM ANALYZE;
