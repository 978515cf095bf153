/* SPDX-License-Identifier: BSD-3-Clause */
/* Silences: alerts that fulfil their matchers are not told to those who page people, for some time. */
#ifndef ALERT_SILENCE_H
#define ALERT_SILENCE_H

#include <jansson.h>

#include "lib/buf.h"
#include "types.h"

#define SILENCE_ID_SIZE 9
#define SILENCE_MAX_NS	(365 * 24 * 3600 * 1000000000ULL)

struct silence {
	char id[SILENCE_ID_SIZE];
	struct matchers *matchers;
	char *text, *reason;	/* the matchers; what people say why */
	s64 starts_ns, ends_ns; /* CLOCK_REALTIME, for people */
	u64 until_ns; /* CLOCK_MONOTONIC: it lasts as long as was asked for, though the clock is set */
};

struct silences;
struct silences *silences_new(void);
void silences_free(struct silences *s);

/* 0, -ENOMEM, or -EINVAL or -ENOSPC with `error`. *ret is valid until the next call. */
int silences_add(struct silences *s, const char *matchers, u64 duration_ns, const char *reason,
		 u64 now_ns, s64 wall_ns, const struct silence **ret, struct buf *error);
/* False: there is none of this id. */
bool silences_end(struct silences *s, const char *id);
/* Ends those whose time has come; whether there were any. */
bool silences_expire(struct silences *s, u64 now_ns);
/* One that matches these labels, NULL: there is none. */
const struct silence *silences_find(const struct silences *s, const json_t *labels);
unsigned silences_cnt(const struct silences *s);
/* Changes whenever a silence comes or goes. */
u64 silences_version(const struct silences *s);

/* A list for people and programs. */
json_t *silences_json(const struct silences *s, u64 now_ns);
/* To and from a file; silences_load() leaves out what is none or has ended. */
json_t *silences_save(const struct silences *s);
void silences_load(struct silences *s, const json_t *saved, u64 now_ns, s64 wall_ns);

#endif
