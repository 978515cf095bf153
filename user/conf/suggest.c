// SPDX-License-Identifier: BSD-3-Clause
/* Suggestions for mistyped words. */
#include "conf/suggest.h"

#include <stddef.h>
#include <string.h>

#include "lib/buf.h"

#define WORD_MAX 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein distance of two words of at most WORD_MAX bytes. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1], b_len = (unsigned)strlen(b);

	for (unsigned j = 0; j <= b_len; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			unsigned above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}

const char *suggestion(const char *word, const char *const *names)
{
	const char *best = NULL;
	size_t word_len = strlen(word);
	unsigned best_distance = 1 + (unsigned)word_len / 3;

	if (word_len > WORD_MAX)
		return NULL;
	for (; *names; names++) {
		unsigned d = strlen(*names) <= WORD_MAX ? distance(word, *names) : WORD_MAX;

		/* a word with no letter in common is not a typing mistake */
		if (d <= best_distance && d < strlen(*names) && (!best || d < best_distance)) {
			best = *names;
			best_distance = d;
		}
	}
	return best;
}

void suggest(struct buf *out, const char *word, const char *const *names)
{
	const char *best = suggestion(word, names);

	if (best) {
		buf_printf(out, ", did you mean '%s'?", best);
		return;
	}
	buf_str(out, " (known: ");
	for (const char *const *n = names; *n; n++)
		buf_printf(out, "%s%s", n == names ? "" : ", ", *n);
	buf_char(out, ')');
}
