// SPDX-License-Identifier: BSD-3-Clause
#include "alert/silence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "alert/matcher.h"
#include "lib/utc.h"

#define SILENCES_MAX   256
#define REASON_MAX_LEN 512

struct silences {
	struct silence all[SILENCES_MAX];
	unsigned cnt;
	u64 version;
};

struct silences *silences_new(void)
{
	return calloc(1, sizeof(struct silences));
}

static void silence_release(struct silence *one)
{
	matchers_free(one->matchers);
	free(one->text);
	free(one->reason);
}

void silences_free(struct silences *s)
{
	for (unsigned i = 0; s && i < s->cnt; i++)
		silence_release(&s->all[i]);
	free(s);
}

static void silence_remove(struct silences *s, unsigned i)
{
	silence_release(&s->all[i]);
	memmove(&s->all[i], &s->all[i + 1], (s->cnt - i - 1) * sizeof(*s->all));
	s->cnt--;
	s->version++;
}

static int silence_find_id(const struct silences *s, const char *id)
{
	for (unsigned i = 0; i < s->cnt; i++)
		if (!strcmp(s->all[i].id, id))
			return (int)i;
	return -1;
}

static void id_make(const struct silences *s, char id[SILENCE_ID_SIZE])
{
	u32 random = (u32)s->version;

	do {
		if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
			random++;
		snprintf(id, SILENCE_ID_SIZE, "%08x", random);
	} while (silence_find_id(s, id) >= 0);
}

static int silence_make(struct silence *one, const char *matchers, const char *reason,
			struct buf *error)
{
	struct buf text = { 0 };
	int err = matchers_parse(&one->matchers, matchers, error);

	if (err)
		return err;
	matchers_write(one->matchers, &text);
	one->text = text.failed ? NULL : strdup(buf_cstr(&text));
	one->reason = strdup(reason);
	buf_release(&text);
	if (one->text && one->reason)
		return 0;
	silence_release(one);
	return -ENOMEM;
}

/* It is written to logs, and sent as JSON. */
static bool is_line(const char *text)
{
	json_t *utf8 = json_string(text);
	bool line = utf8 && *text && strlen(text) <= REASON_MAX_LEN;

	json_decref(utf8);
	for (; line && *text; text++)
		line = (unsigned char)*text >= ' ' && *text != 127;
	return line;
}

int silences_add(struct silences *s, const char *matchers, u64 duration_ns, const char *reason,
		 u64 now_ns, s64 wall_ns, const struct silence **ret, struct buf *error)
{
	struct silence *one = &s->all[s->cnt];
	int err;

	if (s->cnt == SILENCES_MAX) {
		buf_printf(error, "there are %d silences already", SILENCES_MAX);
		return -ENOSPC;
	}
	if (!is_line(reason)) {
		buf_printf(error, "the reason must be a line of up to %d bytes", REASON_MAX_LEN);
		return -EINVAL;
	}
	if (!duration_ns || duration_ns > SILENCE_MAX_NS) {
		buf_str(error, "the duration must be more than 0 and at most 8760h");
		return -EINVAL;
	}
	*one = (struct silence){ .starts_ns = wall_ns,
				 .ends_ns = wall_ns + (s64)duration_ns,
				 .until_ns = now_ns + duration_ns };
	err = silence_make(one, matchers, reason, error);
	if (err)
		return err;
	id_make(s, one->id);
	s->cnt++;
	s->version++;
	*ret = one;
	return 0;
}

bool silences_end(struct silences *s, const char *id)
{
	int i = silence_find_id(s, id);

	if (i >= 0)
		silence_remove(s, (unsigned)i);
	return i >= 0;
}

bool silences_expire(struct silences *s, u64 now_ns)
{
	u64 version = s->version;

	for (unsigned i = s->cnt; i--;)
		if (now_ns >= s->all[i].until_ns)
			silence_remove(s, i);
	return s->version != version;
}

const struct silence *silences_find(const struct silences *s, const json_t *labels)
{
	for (unsigned i = 0; i < s->cnt; i++)
		if (matchers_match(s->all[i].matchers, labels))
			return &s->all[i];
	return NULL;
}

unsigned silences_cnt(const struct silences *s)
{
	return s->cnt;
}

u64 silences_version(const struct silences *s)
{
	return s->version;
}

static void time_set(json_t *to, const char *key, s64 wall_ns)
{
	struct utc_cache cache = { 0 };
	struct buf text = { 0 };

	utc_add(&text, &cache, wall_ns);
	json_object_set_new(to, key, json_string(buf_cstr(&text)));
	buf_release(&text);
}

json_t *silences_json(const struct silences *s, u64 now_ns)
{
	json_t *list = json_array(), *object;

	for (const struct silence *one = s->all; one < s->all + s->cnt; one++) {
		u64 left_ns = one->until_ns > now_ns ? one->until_ns - now_ns : 0;

		object = json_pack("{s:s, s:s, s:s, s:f}", "id", one->id, "matchers", one->text,
				   "reason", one->reason, "remaining_seconds",
				   (double)left_ns / 1e9);
		time_set(object, "starts_at", one->starts_ns);
		time_set(object, "ends_at", one->ends_ns);
		json_array_append_new(list, object);
	}
	return list;
}

json_t *silences_save(const struct silences *s)
{
	json_t *list = json_array();

	for (const struct silence *one = s->all; one < s->all + s->cnt; one++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:I}", "id", one->id,
						      "matchers", one->text, "reason", one->reason,
						      "starts_ns", (json_int_t)one->starts_ns,
						      "ends_ns", (json_int_t)one->ends_ns));
	return list;
}

/* Where the clock was set back meanwhile it lasts as long as was asked for, not longer. */
static void saved_add(struct silences *s, const json_t *saved, u64 now_ns, s64 wall_ns)
{
	const char *id, *matchers, *reason;
	struct silence *one = &s->all[s->cnt];
	struct buf error = { 0 };
	json_int_t starts_ns, ends_ns;
	u64 left_ns, asked_ns;

	if (s->cnt == SILENCES_MAX ||
	    json_unpack((json_t *)saved, "{s:s, s:s, s:s, s:I, s:I}", "id", &id, "matchers",
			&matchers, "reason", &reason, "starts_ns", &starts_ns, "ends_ns",
			&ends_ns) ||
	    strlen(id) != SILENCE_ID_SIZE - 1 || silence_find_id(s, id) >= 0 || starts_ns < 0 ||
	    ends_ns <= starts_ns || (u64)(ends_ns - starts_ns) > SILENCE_MAX_NS ||
	    wall_ns >= ends_ns)
		return;
	asked_ns = (u64)(ends_ns - starts_ns);
	left_ns = (u64)ends_ns - (u64)wall_ns;
	*one = (struct silence){ .starts_ns = starts_ns,
				 .ends_ns = ends_ns,
				 .until_ns = now_ns + (left_ns < asked_ns ? left_ns : asked_ns) };
	memcpy(one->id, id, SILENCE_ID_SIZE);
	if (!silence_make(one, matchers, reason, &error)) {
		s->cnt++;
		s->version++;
	}
	buf_release(&error);
}

void silences_load(struct silences *s, const json_t *saved, u64 now_ns, s64 wall_ns)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)saved, i, one) saved_add(s, one, now_ns, wall_ns);
}
