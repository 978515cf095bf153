// SPDX-License-Identifier: BSD-3-Clause
#include "conf/setting.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/parse.h"

struct unit {
	const char *name;
	u64 factor;
};

static int count_parse(const char *text, u64 *ret)
{
	return parse_u64(text, 0, UINT64_MAX, ret);
}

/* Quantities: how to parse them, and the units to write them in, largest first. */
static const struct quantity {
	const char *name;
	int (*parse)(const char *text, u64 *ret);
	struct unit units[6];
} quantities[] = {
	[SETTING_COUNT] = { "an integer", count_parse, { { "", 1 } } },
	[SETTING_DURATION] = { "a duration",
			       parse_duration,
			       { { "h", 3600000000000 },
				 { "m", 60000000000 },
				 { "s", 1000000000 },
				 { "ms", 1000000 },
				 { "us", 1000 } } },
	[SETTING_SIZE] = { "a size",
			   parse_size,
			   { { "GiB", 1ULL << 30 },
			     { "MiB", 1ULL << 20 },
			     { "KiB", 1ULL << 10 },
			     { "", 1 } } },
};

static const char *const switch_words[] = { "off", "on", NULL };

static int word_find(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], text))
			return i;
	return -1;
}

int switch_parse(const char *text)
{
	static const char *const yaml_words[] = { "false", "true", "no", "yes", NULL };
	int i = word_find(switch_words, text);

	i = i >= 0 ? i : word_find(yaml_words, text);
	return i < 0 ? i : i & 1;
}

/* --- patterns: a value is a number, so their texts are kept, each once */

struct kept {
	struct kept *next;
	char text[];
};

static int pattern_keep(const char *text, u64 *ret)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a reload reads in a thread */
	static struct kept *list;
	struct kept *k;

	pthread_mutex_lock(&lock);
	for (k = list; k && strcmp(k->text, text) != 0; k = k->next)
		;
	if (!k && (k = malloc(sizeof(*k) + strlen(text) + 1))) {
		memcpy(k->text, text, strlen(text) + 1);
		k->next = list;
		list = k;
	}
	pthread_mutex_unlock(&lock);
	*ret = k ? (u64)(uintptr_t)k->text : 0;
	return k ? 0 : -EINVAL;
}

const char *setting_pattern(u64 value)
{
	return (const char *)(uintptr_t)value;
}

static void patterns_write(const char *text, struct buf *out)
{
	buf_str(out, "[ ");
	for (size_t len; len = strcspn(text, "|"), len || *text; text += len + (text[len] == '|')) {
		buf_char(out, '"');
		for (size_t i = 0; i < len; i++)
			buf_printf(out, text[i] == '"' || text[i] == '\\' ? "\\%c" : "%c", text[i]);
		buf_str(out, text[len] ? "\", " : "\"");
	}
	buf_str(out, " ]");
}

const char *const *setting_words(const struct setting *s)
{
	if (s->kind == SETTING_BOOL)
		return switch_words;
	return s->kind == SETTING_ENUM ? s->words : NULL;
}

int setting_parse(const struct setting *s, const char *text, u64 *ret)
{
	int word = s->kind == SETTING_ENUM ? word_find(s->words, text) : switch_parse(text);
	u64 value;

	if (s->kind == SETTING_BOOL || s->kind == SETTING_ENUM) {
		if (word < 0)
			return -EINVAL;
		*ret = (u64)word;
		return 0;
	}
	if (s->can_be_off && !word) {
		*ret = 0;
		return 0;
	}
	if (s->kind == SETTING_PATTERNS)
		return *text ? pattern_keep(text, ret) : -EINVAL;
	if (quantities[s->kind].parse(text, &value) || value < s->min || value > s->max)
		return -EINVAL;
	*ret = value;
	return 0;
}

void setting_write(const struct setting *s, u64 value, struct buf *out)
{
	const struct unit *unit;

	if (setting_words(s)) {
		buf_str(out, setting_words(s)[value]);
		return;
	}
	if (s->can_be_off && !value) {
		buf_str(out, "off");
		return;
	}
	if (s->kind == SETTING_PATTERNS) {
		patterns_write(setting_pattern(value), out);
		return;
	}
	for (unit = quantities[s->kind].units; value % unit->factor; unit++)
		;
	buf_printf(out, "%llu%s", (unsigned long long)(value / unit->factor), unit->name);
}

void setting_accepts(const struct setting *s, struct buf *out)
{
	const char *const *words = setting_words(s);

	for (int i = 0; words && words[i]; i++)
		buf_printf(out, "%s%s", i ? " or " : "", words[i]);
	if (words)
		return;
	if (s->kind == SETTING_PATTERNS) {
		buf_str(out, "a pattern or a list of patterns");
	} else if (s->max == UINT64_MAX) {
		buf_printf(out, "%s such as ", quantities[s->kind].name);
		setting_write(s, s->initial, out);
		buf_str(out, s->min ? ", at least " : "");
		if (s->min)
			setting_write(s, s->min, out);
	} else {
		buf_printf(out, "%s from ", quantities[s->kind].name);
		setting_write(s, s->min, out);
		buf_str(out, " to ");
		setting_write(s, s->max, out);
	}
	if (s->can_be_off)
		buf_str(out, ", or off");
}
