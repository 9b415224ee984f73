/*
 * fold_vbmi.c
 *		Folding of texts in any script, 64 bytes at a time.
 *
 * ASCII is lower-cased by arithmetic.  Other characters are looked up a row at
 * a time: all characters of a block that share all but the last byte of their
 * UTF-8 form are replaced at once by byte permutations over the row's tables,
 * and a text has few such rows: Russian two, Thai two, kana three.  Ideographs
 * and Hangul syllables, which are spread over many rows, fold to themselves,
 * and are not looked up.  Whatever becomes shorter leaves holes, which are
 * closed at the end.  (Transcoding by in-register tables for the rows of a
 * block is in the spirit of Lemire and Mula, "Transcoding billions of Unicode
 * characters per second", 2022; folding them so is ours.)
 *
 * Example: of "naïve ÷ Ёлка" the rows C3 and D0 are looked up, D1 being no
 * lead byte here; "ï" becomes "i" and a hole.
 */
#include "core/kernel_variants.h"

#ifdef FO_KERNEL_X86

#include "core/fold.h"
#include "core/fold_rows.h"

/* Numbers of the bytes of a vector, continued as they wrap. */
static const uint8_t numbers[65] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
	32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
	48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 0
};

/* A stretch of up to 64 bytes being folded. */
typedef struct Block
{
	__m512i		v;				/* as it is */
	__m512i		second;			/* for each byte the one behind it */
	__m512i		third;			/* and the one behind that */
	__m512i		out;			/* folded; zeros over 127 in v are holes */
	const uint8_t *src;
	uint64_t	two;			/* where characters of two bytes begin */
	uint64_t	three;
	uint64_t	four;
	uint64_t	nonword;		/* where characters begin whose folded form is
								 * over 127 and no part of a word */
	uint32_t	len;			/* bytes that are whole characters */
} Block;

VBMI INLINE uint64_t
first_bits(uint32_t n)
{
	return _bzhi_u64(~UINT64_C(0), n);
}

VBMI INLINE uint64_t
equal_to(__m512i v, uint8_t byte)
{
	return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8((char) byte));
}

VBMI INLINE uint64_t
less_than(__m512i v, uint8_t byte)
{
	return _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8((char) byte));
}

/* Which bytes of v are in lo .. lo + count - 1? */
VBMI INLINE uint64_t
in_range(__m512i v, uint8_t lo, uint8_t count)
{
	return less_than(_mm512_sub_epi8(v, _mm512_set1_epi8((char) lo)), count);
}

/* The bytes one further on. */
VBMI INLINE __m512i
next_bytes(__m512i v)
{
	return _mm512_permutexvar_epi8(_mm512_loadu_si512(numbers + 1), v);
}

/*
 * Find the characters of several bytes among the first n bytes of the block,
 * high being those over 127.  What is cut off by its end is left out, and so is
 * all from the first byte on that is missing or one too many: the latter after
 * the character before it, which may be the one that is not continued.  Of
 * forms that are longer than need be, see fo_fold_recent_row.
 */
VBMI INLINE void
find_characters(Block *block, uint64_t high, uint32_t n)
{
	uint64_t	three_up = ~less_than(block->v, 0xE0) & high;
	uint64_t	four = ~less_than(block->v, 0xF0) & high;
	uint64_t	continued = less_than(block->v, 0xC0) & high;
	uint64_t	leads = high & ~continued;
	uint64_t	wrong = (leads << 1 | three_up << 2 | four << 3) ^ continued;
	uint32_t	len = n;

	if (n == 64)
	{
		len = (uint32_t) _tzcnt_u64((leads & UINT64_C(1) << 63) | (three_up & UINT64_C(3) << 62) |
									(four & UINT64_C(7) << 61));
		/* Where the last one begins the one before it must have ended. */
		wrong &= first_bits(len + 1);
	}
	if (wrong != 0)
	{
		uint32_t	at = (uint32_t) _tzcnt_u64(wrong);
		uint64_t	before = leads & first_bits(at);

		len = before == 0 ? at : 63 - (uint32_t) __builtin_clzll(before);
	}
	block->two = leads & ~three_up & first_bits(len);
	block->three = three_up & ~four & first_bits(len);
	block->four = four & first_bits(len);
	block->len = len;
	block->second = next_bytes(block->v);
}

/* Replace the characters of two bytes that begin at these bits by those of a row. */
VBMI INLINE void
replace_two(Block *block, const FoFoldRow *row, uint64_t at)
{
	__m512i		nonword = _mm512_set1_epi64((long long) row->nonword);

	block->out = _mm512_mask_permutexvar_epi8(block->out, at, block->second,
											  _mm512_loadu_si512(row->bytes[0]));
	block->out = _mm512_mask_permutexvar_epi8(block->out, at << 1, block->v,
											  _mm512_loadu_si512(row->bytes[1]));
	block->nonword |= _mm512_mask_bitshuffle_epi64_mask(at, nonword, block->second);
}

/* The same of three bytes. */
VBMI INLINE void
replace_three(Block *block, const FoFoldRow *row, uint64_t at)
{
	__m512i		nonword = _mm512_set1_epi64((long long) row->nonword);

	block->out = _mm512_mask_permutexvar_epi8(block->out, at, block->third,
											  _mm512_loadu_si512(row->bytes[0]));
	block->out = _mm512_mask_permutexvar_epi8(block->out, at << 1, block->second,
											  _mm512_loadu_si512(row->bytes[1]));
	block->out = _mm512_mask_permutexvar_epi8(block->out, at << 2, block->v,
											  _mm512_loadu_si512(row->bytes[2]));
	block->nonword |= _mm512_mask_bitshuffle_epi64_mask(at, nonword, block->third);
}

/*
 * Fold the characters of two bytes.  The rows met before in the text are tried
 * without a look at whether they occur here: finding out takes longer.
 */
VBMI INLINE void
fold_two(Block *block, FoFoldRows *rows)
{
	uint64_t	rest = block->two;

	for (uint32_t i = 0; i < rows->ntwo; i++)
	{
		uint64_t	same = block->two & equal_to(block->v, rows->two[i].lead);

		if (same != 0)
			replace_two(block, rows->two[i].row, same);
		rest &= ~same;
	}
	while (rest != 0)
	{
		const uint8_t *p = block->src + _tzcnt_u64(rest);
		uint64_t	same = rest & equal_to(block->v, p[0]);

		replace_two(block, fo_fold_recent_row(rows, p), same);
		rest &= ~same;
	}
}

/*
 * Fold the characters of three bytes.  Of those with leads of E4 to ED most are
 * ideographs, which are no part of words, or Hangul syllables, which are; they
 * fold to themselves and would be spread over many rows.
 */
VBMI INLINE void
fold_three(Block *block, FoFoldRows *rows)
{
	__m512i		from_e4 = _mm512_sub_epi8(block->v, _mm512_set1_epi8((char) 0xE4));
	uint64_t	ideographs = block->three & less_than(from_e4, 6);
	uint64_t	three = block->three & ~ideographs;
	uint64_t	rest;

	block->third = next_bytes(block->second);
	block->nonword |= ideographs;
	if (three & less_than(from_e4, 10))
		three &= ~(in_range(block->v, 0xEB, 2) |
				   (equal_to(block->v, 0xEA) & ~less_than(block->second, 0xB0)) |
				   (equal_to(block->v, 0xED) & less_than(block->second, 0x9E)));
	rest = three;
	for (uint32_t i = 0; i < rows->nthree; i++)
	{
		uint64_t	same = three & equal_to(block->v, rows->three[i].lead) &
			equal_to(block->second, rows->three[i].second);

		if (same != 0)
			replace_three(block, rows->three[i].row, same);
		rest &= ~same;
	}
	while (rest != 0)
	{
		const uint8_t *p = block->src + _tzcnt_u64(rest);
		uint64_t	same = rest & equal_to(block->v, p[0]) & equal_to(block->second, p[1]);

		replace_three(block, fo_fold_recent_row(rows, p), same);
		rest &= ~same;
	}
}

/*
 * Of the characters of four bytes, emoji (U+1F300 to U+1FAFF) and ideographs
 * (U+20000 to U+2EFFF) are no part of words and fold to themselves.  The first
 * other one ends the block.
 */
VBMI INLINE void
fold_four(Block *block)
{
	__m512i		third = next_bytes(block->second);
	uint64_t	emoji = equal_to(block->second, 0x9F) & in_range(third, 0x8C, 0x20);
	uint64_t	known = block->four & equal_to(block->v, 0xF0) &
		(emoji | in_range(block->second, 0xA0, 0x0F));
	uint64_t	other = block->four & ~known;

	block->nonword |= known;
	if (other != 0)
		block->len = (uint32_t) _tzcnt_u64(other);
}

/* The folded text being written. */
typedef struct Output
{
	__m512i		all;			/* the bytes of the text, ored */
	uint8_t    *buf;
	uint64_t   *nonword;
	uint64_t	any_nonword;
	uint32_t	len;
	uint32_t	blank;			/* 1: it ends in a blank */
	bool		lower;
	bool		collapse;
} Output;

/* Append the bytes of v that keep selects. */
VBMI INLINE void
append_block(Output *output, __m512i v, uint64_t keep, uint64_t nonword)
{
	uint32_t	len = (uint32_t) __builtin_popcountll(keep);

	if (keep != first_bits(len))
	{
		v = _mm512_maskz_compress_epi8(keep, v);
		nonword = _pext_u64(nonword, keep);
	}
	if (output->collapse)
	{
		uint64_t	blank = equal_to(v, ' ') & first_bits(len);
		uint64_t	again = blank & (blank << 1 | output->blank);

		output->blank = len == 0 ? output->blank : blank >> (len - 1) & 1;
		if (again != 0)
		{
			keep = first_bits(len) & ~again;
			v = _mm512_maskz_compress_epi8(keep, v);
			nonword = _pext_u64(nonword, keep);
			len = (uint32_t) __builtin_popcountll(keep);
		}
	}
	_mm512_storeu_si512(output->buf + output->len, v);
	output->all = _mm512_or_si512(output->all, v);
	nonword &= first_bits(len);
	if (nonword != 0)
	{
		uint64_t   *bits = &output->nonword[output->len / 64];

		bits[0] |= nonword << output->len % 64;
		if (output->len % 64 != 0)
			bits[1] |= nonword >> (64 - output->len % 64);
		output->any_nonword |= nonword;
	}
	output->len += len;
}

/* Fold the n (at most 64) bytes at src; returns how many of them have been. */
VBMI INLINE uint32_t
fold_block(Output *output, FoFoldRows *rows, const uint8_t *src, uint32_t n)
{
	Block		block = {.src = src, .len = n};
	uint64_t	high;
	uint64_t	stop;
	uint64_t	holes;
	uint64_t	nonword;

	block.v = n == 64 ? _mm512_loadu_si512(src) : _mm512_maskz_loadu_epi8(first_bits(n), src);
	block.out = block.v;
	high = _mm512_movepi8_mask(block.v);
	if (output->lower)
		block.out = _mm512_mask_add_epi8(block.v, in_range(block.v, 'A', 26), block.v,
										 _mm512_set1_epi8(0x20));
	if (output->collapse)
		block.out = _mm512_mask_mov_epi8(block.out, in_range(block.v, '\t', 5),
										 _mm512_set1_epi8(' '));
	if (high == 0)
	{
		append_block(output, block.out, first_bits(n), 0);
		return n;
	}
	find_characters(&block, high, n);
	if (block.two != 0)
		fold_two(&block, rows);
	if (block.three != 0)
		fold_three(&block, rows);
	if (block.four != 0)
		fold_four(&block);
	stop = equal_to(block.out, FO_ROW_STOP) & first_bits(block.len);
	if (stop != 0)
		block.len = (uint32_t) _tzcnt_u64(stop);
	holes = high & _mm512_testn_epi8_mask(block.out, block.out);
	/* From the first bytes of characters to all their bytes. */
	nonword = block.nonword | block.nonword << 1;
	nonword |= (block.nonword & ~block.two) << 2 | (block.nonword & block.four) << 3;
	append_block(output, block.out, first_bits(block.len) & ~holes, nonword);
	return block.len;
}

/* FoKernel.fold_text. */
VBMI void
fo_fold_text_vbmi(FoFold *fold, FoText *text, uint32_t limit)
{
	FoFoldRows *rows = fo_fold_rows(fold->level);
	const uint8_t *src = fold->src;
	size_t		pos = fold->pos;
	uint32_t	n = 1;
	Output		output = {
		.buf = text->buf, .nonword = text->nonword, .len = text->len,
		.blank = text->len > 0 && text->buf[text->len - 1] == ' ',
		.lower = fold->level > FO_FOLD_NONE, .collapse = fold->collapse
	};

	while (n > 0 && pos < fold->len && output.len < limit)
	{
		size_t		rest = fold->len - pos;

		n = fold_block(&output, rows, src + pos, rest < 64 ? (uint32_t) rest : 64);
		pos += n;
	}
	fold->pos = pos;
	text->len = output.len;
	text->has_nonword |= output.any_nonword != 0;
	text->has_high |= _mm512_movepi8_mask(output.all) != 0;
}

#endif
