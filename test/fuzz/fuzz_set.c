/*
 * fuzz_set.c
 *		Blocks that are no sets, or sets with damage: fo_keyword_set_state.
 *
 * Input: a byte; when it is odd, the rest is a block, else the rest is damage
 * to a good set: pairs of a place (two bytes) and a byte to put there.  The
 * answer may be anything; nothing outside the block may be read.
 */
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FoKeywordSet *
good_set(void)
{
	static const char *const words[] = {"one", "two three", "*four*", "ve", "s*", "six"};
	RefBytes	keywords[6];
	RefSpec		spec = {FO_FOLD_EVASION, true, false, keywords, 5, keywords + 5, 1};

	for (int i = 0; i < 6; i++)
		keywords[i] = (RefBytes) {(const uint8_t *) words[i], strlen(words[i])};
	return fx_build(&spec);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t    *block;
	size_t		len = size - 1;

	if (size < 1)
		return 0;
	fx_init();
	if (data[0] & 1)
	{
		block = fx_exact(data + 1, len);
		/* Let the checks behind the magic number be reached. */
		if (len >= sizeof(FoKeywordSet))
		{
			FoKeywordSet *set = (FoKeywordSet *) block;

			set->magic = FO_KEYWORD_MAGIC;
			set->unicode = fo_keyword_unicode();
			set->size = (uint32_t) len;
		}
	}
	else
	{
		FoKeywordSet *set = good_set();

		block = (uint8_t *) set;
		len = set->size;
		for (size_t i = 1; i + 3 <= size; i += 3)
			block[(data[i] | data[i + 1] << 8) % len] = data[i + 2];
	}
	fo_keyword_set_state((FoKeywordSet *) block, len);
	free(block);
	return 0;
}
