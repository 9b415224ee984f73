/*
 * cursor_codec.c
 *		Values of cursors as bytes and as text, and what is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "core/cursor_codec.h"
#include "support/tap.h"

/* A known encoding, byte by byte. */
static void
test_known(void)
{
	static const uint8_t wanted[] = {1, 4, 'n', 'e', 'w', 0, 1};
	FoCursorValue values[] = {{(const uint8_t *) "new", 3}, {NULL, 0}, {(const uint8_t *) "", 0}};
	FoCursorValue got[3];
	uint8_t		bytes[16];
	char		text[32];
	bool		inclusive;
	size_t		len;

	is(fo_cursor_size(values, 3), sizeof(wanted), "size");
	is(fo_cursor_encode(values, 3, true, bytes), sizeof(wanted), "bytes written");
	ok(memcmp(bytes, wanted, sizeof(wanted)) == 0, "a value, a null and an empty value");
	ok(fo_cursor_decode(bytes, sizeof(wanted), got, 3, &inclusive), "decoded");
	ok(inclusive && got[0].len == 3 && memcmp(got[0].bytes, "new", 3) == 0, "the value");
	ok(got[1].bytes == NULL && got[2].bytes != NULL && got[2].len == 0, "null is not empty");
	is(fo_base64url_encode((const uint8_t *) "\xfb\xff\xfe", 3, text), 4, "characters");
	ok(memcmp(text, "-__-", 4) == 0, "the alphabet of URLs");
	is(fo_base64url_encode((const uint8_t *) "f", 1, text), 2, "RFC 4648: f");
	ok(memcmp(text, "Zg", 2) == 0 && fo_base64url_decode("Zg", 2, bytes, &len) && len == 1 &&
	   bytes[0] == 'f', "and back");
}

/* What encoding would not make. */
static void
test_refused(void)
{
	static const struct
	{
		const char *bytes;
		size_t		len;
		int			count;
		const char *why;
	}			bad[] = {
		{"", 0, 0, "nothing"},
		{"\2\0", 2, 1, "an unknown flag"},
		{"\0", 1, 1, "a value is missing"},
		{"\0\0\0", 3, 1, "a byte is left"},
		{"\0\3a", 3, 1, "a value is cut off"},
		{"\0\x82\x00" "a", 4, 1, "a padded length"},
		{"\0\x82", 2, 1, "a length is cut off"},
		{"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11, 1, "a huge length"},
		{"\0\xff\xff\xff\xff\x7f", 6, 1, "a length beyond the bytes"},
	};
	static const char *const texts[] = {"A", "Zh", "Zm9", "Zg==", "Z g", "Zg\n", "+A", "Z\xC3"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		FoCursorValue value;
		bool		inclusive;
		uint8_t    *copy = malloc(bad[i].len + 1);

		memcpy(copy, bad[i].bytes, bad[i].len);
		copy = realloc(copy, bad[i].len > 0 ? bad[i].len : 1);
		ok(!fo_cursor_decode(copy, bad[i].len, &value, bad[i].count, &inclusive), "%s",
		   bad[i].why);
		free(copy);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		uint8_t		out[16];
		size_t		len;

		ok(!fo_base64url_decode(texts[i], strlen(texts[i]), out, &len), "no base64url: %s",
		   texts[i]);
	}
}

/* Random values survive, of lengths around the steps of the length's own size. */
static void
test_round_trips(void)
{
	static const size_t lengths[] = {0, 1, 2, 126, 127, 128, 16382, 16383, 16384};
	bool		bytes_agree = true;
	bool		texts_agree = true;

	srand(1);
	for (int round = 0; round < 500; round++)
	{
		FoCursorValue values[4];
		FoCursorValue got[4];
		bool		inclusive;
		size_t		size;
		size_t		len;
		uint8_t    *bytes;
		uint8_t    *back;
		char	   *text;

		for (int i = 0; i < 4; i++)
		{
			size_t		n = lengths[rand() % 9];
			uint8_t    *p = malloc(n + 1);

			for (size_t j = 0; j < n; j++)
				p[j] = (uint8_t) rand();
			values[i] = (FoCursorValue) {p, n};
		}
		size = fo_cursor_size(values, 4);
		bytes = malloc(size);
		fo_cursor_encode(values, 4, round % 2, bytes);
		bytes_agree &= fo_cursor_decode(bytes, size, got, 4, &inclusive) &&
			inclusive == round % 2;
		for (int i = 0; i < 4; i++)
			bytes_agree &= got[i].len == values[i].len &&
				memcmp(got[i].bytes, values[i].bytes, got[i].len) == 0;
		text = malloc(FO_BASE64URL_SIZE(size));
		back = malloc(size);
		len = fo_base64url_encode(bytes, size, text);
		texts_agree &= len == FO_BASE64URL_SIZE(size) &&
			fo_base64url_decode(text, len, back, &len) && len == size &&
			memcmp(back, bytes, size) == 0;
		for (int i = 0; i < 4; i++)
			free((void *) values[i].bytes);
		free(bytes);
		free(back);
		free(text);
	}
	ok(bytes_agree, "500 random cursors decode to what was encoded");
	ok(texts_agree, "and so do their texts");
}

int
main(void)
{
	test_known();
	test_refused();
	test_round_trips();
	return tap_done();
}
