/*
 * kernels.c
 *		Every kernel of this processor against loops that are plainly right.
 *
 * All lengths up to MAX_LENGTH, sources and buffers in blocks that end where
 * the kernel's promise ends, so that ASan notices a byte too many.
 */
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"
#include "support/tap.h"

#define MAX_LENGTH 300

/* Kinds of text, by how likely bytes are. */
enum
{
	LETTERS,					/* letters and single blanks */
	SPACES,						/* white space of all kinds in runs */
	BYTES,						/* any byte */
	RARE_HIGH,					/* ASCII with a byte over 127 now and then */
	KINDS
};

static uint8_t
random_byte(FxRandom *random, int kind)
{
	static const char spaces[] = " \t\n\v\f\r";

	switch (kind)
	{
		case LETTERS:
			return (uint8_t) (fx_random(random, 6) == 0 ? ' ' : 'A' + fx_random(random, 58));
		case SPACES:
			return fx_random(random, 3) == 0 ? 'x' : (uint8_t) spaces[fx_random(random, 6)];
		case BYTES:
			return (uint8_t) fx_random(random, 256);
		default:
			return (uint8_t) (fx_random(random, 200) == 0 ? 0x80 + fx_random(random, 128)
							  : fx_random(random, 128));
	}
}

/* A text of len bytes that ends with its block, or slack bytes before it. */
static uint8_t *
random_bytes(FxRandom *random, int kind, size_t len, size_t slack)
{
	uint8_t    *bytes = malloc(len + slack > 0 ? len + slack : 1);

	for (size_t i = 0; i < len + slack; i++)
		bytes[i] = random_byte(random, kind);
	return bytes;
}

static bool
is_letter_or_digit(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_space(uint8_t c)
{
	return c != 0 && strchr(" \t\n\v\f\r", c) != NULL;
}

/* --- fold --- */

static size_t
naive_fold(const uint8_t *src, size_t n, uint8_t *dst, bool lower, bool collapse, bool before)
{
	size_t		i;

	for (i = 0; i < n && src[i] < 0x80; i++)
	{
		dst[i] = src[i];
		if (lower && src[i] >= 'A' && src[i] <= 'Z')
			dst[i] = (uint8_t) (src[i] + 32);
		if (collapse && is_space(src[i]))
		{
			if (i == 0 ? before : is_space(src[i - 1]))
				return i;
			dst[i] = ' ';
		}
	}
	return i;
}

static bool
fold_agrees(const FoKernel *kernel, FxRandom *random, int kind, size_t len)
{
	uint8_t    *src = random_bytes(random, kind, len, 0);
	uint8_t    *got = malloc(len + FO_KERNEL_SLACK);
	uint8_t    *wanted = malloc(len + 1);
	bool		same = true;

	for (int options = 0; same && options < 8; options++)
	{
		size_t		n = naive_fold(src, len, wanted, options & 1, options & 2, options & 4);

		same = kernel->fold(src, len, got, options & 1, options & 2, options & 4) == n &&
			memcmp(got, wanted, n) == 0;
	}
	free(src);
	free(got);
	free(wanted);
	return same;
}

/* --- classify --- */

static bool
bit(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static uint64_t *
random_bits(FxRandom *random, size_t words)
{
	uint64_t   *bits = malloc((words + 1) * sizeof(uint64_t));

	for (size_t i = 0; i < words; i++)
		bits[i] = (uint64_t) fx_random(random, 1u << 31) << 33 ^ fx_random(random, 1u << 31);
	return bits;
}

/* Bits of bytes over 127 only, as FoText has them. */
static uint64_t *
random_nonword(FxRandom *random, const uint8_t *buf, size_t len)
{
	uint64_t   *bits = random_bits(random, len / 64 + 1);

	for (size_t i = 0; i < (len / 64 + 1) * 64; i++)
	{
		if (i >= len || buf[i] < 0x80)
			bits[i / 64] &= ~(UINT64_C(1) << i % 64);
	}
	return bits;
}

static bool
naive_word(const uint8_t *buf, const uint64_t *nonword, size_t i)
{
	return is_letter_or_digit(buf[i]) ||
		(buf[i] >= 0x80 && (nonword == NULL || !bit(nonword, i)));
}

static bool
classify_agrees(const FoKernel *kernel, FxRandom *random, int kind, size_t len)
{
	uint8_t    *buf = random_bytes(random, kind, len, FO_KERNEL_SLACK);
	uint64_t   *nonword = random_nonword(random, buf, len);
	size_t		words = (len + 63) / 64;
	uint64_t   *got = malloc(words * sizeof(uint64_t) + 1);
	bool		same = true;

	for (int pass = 0; pass < 2; pass++)
	{
		const uint64_t *given = pass == 0 ? NULL : nonword;

		kernel->classify(buf, len, given, got);
		for (size_t i = 0; i < words * 64; i++)
			same &= bit(got, i) == (i < len && naive_word(buf, given, i));
	}
	free(buf);
	free(nonword);
	free(got);
	return same;
}

/* --- positions --- */

static bool
positions_agree(const FoKernel *kernel, FxRandom *random, size_t words, int density)
{
	uint64_t   *bits = random_bits(random, words);
	uint32_t   *got;
	size_t		wanted = 0;
	size_t		n;
	bool		same = true;

	for (size_t i = 0; i < words; i++)
	{
		uint64_t   *more = random_bits(random, 1);

		/* none, a quarter, a half and all of them */
		if (density == 0)
			bits[i] = 0;
		else if (density == 1)
			bits[i] &= more[0];
		else if (density == 3)
			bits[i] = ~UINT64_C(0);
		wanted += (size_t) __builtin_popcountll(bits[i]);
		free(more);
	}
	got = malloc((wanted + 16) * sizeof(uint32_t));
	n = kernel->positions(bits, words, got);
	same = n == wanted;
	for (size_t i = 0, k = 0; same && i < words * 64; i++)
		same = !bit(bits, i) || got[k++] == i;
	free(bits);
	free(got);
	return same;
}

/* --- sieves --- */

/* Half of the bits at random; in a sieve of few patterns the halves are alike. */
static void
random_sieve(FxRandom *random, FoSieve *sieve)
{
	static const uint32_t sizes[] = {1, 100, 1000};

	memset(sieve, 0, sizeof(*sieve));
	fo_sieve_begin(sieve, sizes[fx_random(random, 3)], fx_random(random, 2));
	for (int k = 0; k < 2; k++)
	{
		for (int row = 0; row < 256; row++)
			sieve->rows[k][row] = sieve->few && row >= 128 ? sieve->rows[k][row - 128]
				: (uint8_t) fx_random(random, 256);
	}
	for (size_t i = 0; i < sizeof(sieve->narrow); i++)
		sieve->narrow[i] = (uint8_t) fx_random(random, 256);
}

/* A text to be sieved, and room for what a kernel says of it. */
typedef struct Sieving
{
	uint8_t    *buf;
	size_t		len;
	uint64_t   *nonword;
	uint64_t   *words;
	uint64_t   *out;
	uint64_t   *leads;
	FoSieve		sieve;
	bool		narrow;			/* which of its tables the kernel looks at */
} Sieving;

/* Has a sieve all bits that these len bytes, continued with zeros, set in an empty one? */
static bool
naive_pass(const Sieving *s, const uint8_t *p, size_t len)
{
	FoSieve		one = {.few = s->sieve.few, .narrow_rows = s->sieve.narrow_rows};
	const uint8_t *bits = s->narrow ? one.narrow : one.rows[0];
	const uint8_t *wanted = s->narrow ? s->sieve.narrow : s->sieve.rows[0];
	bool		all = true;

	fo_sieve_add(&one, p, (uint32_t) len);
	for (int i = 0; i < 512; i++)
		all &= (bits[i] & ~wanted[i]) == 0;
	return all;
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static Sieving
begin_sieving(const FoKernel *kernel, FxRandom *random, int kind, size_t len)
{
	Sieving		s = {.buf = random_bytes(random, kind, len, 0), .len = len};

	s.nonword = random_nonword(random, s.buf, len);
	s.words = calloc(len / 64 + 1, sizeof(uint64_t));
	s.out = calloc(len / 64 + 1, sizeof(uint64_t));
	s.leads = calloc(len / 64 + 1, sizeof(uint64_t));
	random_sieve(random, &s.sieve);
	s.narrow = kernel->narrow;
	return s;
}

static void
end_sieving(Sieving *s)
{
	free(s->buf);
	free(s->nonword);
	free(s->words);
	free(s->out);
	free(s->leads);
}

/* Does the sieve let pass what begins at byte i, going by so many letters? */
static bool
gram_passes(const Sieving *s, int letters, size_t i)
{
	return naive_pass(s, s->buf + i, least((size_t) letters, s->len - i));
}

/* Does the sieve let a word pass that begins at byte i? */
static bool
word_passes(const Sieving *s, const uint64_t *nonword, size_t i)
{
	size_t		n = 0;

	if (!naive_word(s->buf, nonword, i) || (i > 0 && naive_word(s->buf, nonword, i - 1)))
		return false;
	while (n < FO_SIEVE_BYTES && i + n < s->len && naive_word(s->buf, nonword, i + n))
		n++;
	return naive_pass(s, s->buf + i, n);
}

/* May a kernel say that this is better folded: is much of it over 127? */
static bool
much_high(const Sieving *s)
{
	size_t		n = 0;

	for (size_t i = 0; i < s->len; i++)
		n += s->buf[i] >= 0xC0;
	return n > 3;
}

static bool
sieve_agrees(const FoKernel *kernel, FxRandom *random, int kind, size_t len)
{
	static const int letters[] = {3, 4, 6, FO_SIEVE_BYTES};
	Sieving		s = begin_sieving(kernel, random, kind, len);
	bool		same = true;

	for (int k = 0; k < 4; k++)
	{
		FoSifted	sifted = kernel->sieve(s.buf, len, letters[k], &s.sieve, s.out, s.leads);
		bool		any_candidate = false;
		bool		any_high = false;
		bool		folded = sifted.high == FO_MANY_HIGH;

		/* What is not gone through as it stands is as a folded text. */
		if (folded)
		{
			same &= much_high(&s);
			sifted = kernel->sieve(s.buf, len, letters[k], &s.sieve, s.out, NULL);
		}
		for (size_t i = 0; i < (len + 63) / 64 * 64; i++)
		{
			bool		passes = i < len && gram_passes(&s, letters[k], i);
			bool		high = i < len && s.buf[i] >= 0x80;

			same &= bit(s.out, i) == passes &&
				(folded || bit(s.leads, i) == (high && s.buf[i] >= 0xC0));
			any_candidate |= passes;
			any_high |= high;
		}
		same &= (sifted.candidates != 0) == any_candidate &&
			(folded || (sifted.high != 0) == any_high);
	}
	end_sieving(&s);
	return same;
}

static bool
sieve_words_agrees(const FoKernel *kernel, FxRandom *random, int kind, size_t len)
{
	Sieving		s = begin_sieving(kernel, random, kind, len);
	const uint64_t *nonword = fx_random(random, 2) ? s.nonword : NULL;
	bool		same = true;

	kernel->sieve_words(s.buf, len, nonword, &s.sieve, s.words, s.out);
	for (size_t i = 0; i < (len + 63) / 64 * 64; i++)
		same &= bit(s.words, i) == (i < len && naive_word(s.buf, nonword, i)) &&
			bit(s.out, i) == (i < len && word_passes(&s, nonword, i));
	end_sieving(&s);
	return same;
}

static bool
sift_words_agrees(const FoKernel *kernel, FxRandom *random, int kind, size_t len)
{
	Sieving		s = begin_sieving(kernel, random, kind, len);
	bool		any_candidate = false;
	bool		any_high = false;
	bool		same = true;
	FoSifted	sifted = kernel->sift_words(s.buf, len, &s.sieve, s.words, s.out, s.leads);

	if (sifted.high == FO_MANY_HIGH)
	{
		same = much_high(&s);
		end_sieving(&s);
		return same;
	}
	/* No byte over 127 belongs to a word here. */
	memset(s.nonword, 0xFF, (len / 64 + 1) * sizeof(uint64_t));
	for (size_t i = 0; i < (len + 63) / 64 * 64; i++)
	{
		bool		passes = i < len && word_passes(&s, s.nonword, i);
		bool		high = i < len && s.buf[i] >= 0x80;

		same &= bit(s.words, i) == (i < len && naive_word(s.buf, s.nonword, i)) &&
			bit(s.out, i) == passes && bit(s.leads, i) == (high && s.buf[i] >= 0xC0);
		any_candidate |= passes;
		any_high |= high;
	}
	same &= (sifted.candidates != 0) == any_candidate && (sifted.high != 0) == any_high;
	end_sieving(&s);
	return same;
}

/* --- regular --- */

static bool
regular_agrees(const FoKernel *kernel, FxRandom *random, int kind, size_t len)
{
	uint8_t    *buf = random_bytes(random, kind, len, 0);
	bool		wanted = true;
	bool		same;

	/* Make most texts regular up to one place. */
	for (size_t i = 0; i < len && kind != BYTES; i++)
	{
		if (buf[i] < ' ' || (buf[i] == ' ' && i > 0 && buf[i - 1] == ' '))
			buf[i] = 'x';
	}
	if (len > 0 && kind == SPACES)
		buf[fx_random(random, (uint32_t) len)] = random_byte(random, SPACES);
	for (size_t i = 0; i < len; i++)
		wanted &= buf[i] >= ' ' && !(buf[i] == ' ' && i > 0 && buf[i - 1] == ' ');
	same = kernel->regular(buf, len) == wanted;
	free(buf);
	return same;
}

typedef bool (*Agrees) (const FoKernel *kernel, FxRandom *random, int kind, size_t len);

/* All lengths and kinds of text. */
static void
test_all(const FoKernel *kernel, const char *what, Agrees agrees)
{
	FxRandom	random = {42};
	size_t		wrong = 0;

	for (size_t len = 0; len <= MAX_LENGTH; len++)
	{
		for (int round = 0; round < 4 * KINDS; round++)
			wrong += !agrees(kernel, &random, round % KINDS, len);
	}
	is(wrong, 0, "%s: %s of lengths 0 to %d", kernel->name, what, MAX_LENGTH);
}

static void
test_kernel(const FoKernel *kernel)
{
	FxRandom	random = {7};
	size_t		wrong = 0;

	test_all(kernel, "regular", regular_agrees);
	test_all(kernel, "fold", fold_agrees);
	test_all(kernel, "classify", classify_agrees);
	if (kernel->sieve != NULL)
		test_all(kernel, "sieve", sieve_agrees);
	if (kernel->sieve_words != NULL)
		test_all(kernel, "sieve_words", sieve_words_agrees);
	if (kernel->sift_words != NULL)
		test_all(kernel, "sift_words", sift_words_agrees);
	for (size_t words = 0; words < 20; words++)
	{
		for (int density = 0; density < 4; density++)
			wrong += !positions_agree(kernel, &random, words, density);
	}
	is(wrong, 0, "%s: positions", kernel->name);
	ok(fo_kernel_named(kernel->name) == kernel, "%s can be asked for by name", kernel->name);
}

int
main(void)
{
	size_t		n;
	const FoKernel *const *kernels = fx_kernels(&n);

	fx_init();
	for (size_t i = 0; i < n; i++)
		test_kernel(kernels[i]);
	ok(fo_kernel() == kernels[n - 1], "the fastest kernel is chosen: %s", fo_kernel()->name);
	ok(fo_kernel_named("no such") == NULL, "a kernel that does not exist is not found");
	return tap_done();
}
