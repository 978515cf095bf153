// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "rule/baseline_keys.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "rule/baseline.h"
#include "rule/disk_identity.h"

#define KEEP_NS	 (60 * 1000000000ULL)
#define KEYS_MAX 4096

struct baseline_keys {
	UT_hash_handle hh;
	u64 fingerprint, key, read_ns;
};

static u64 hash_text(u64 hash, const char *text)
{
	return text ? hash_bytes(hash, text, strlen(text) + 1) : hash_bytes(hash, "\1", 1);
}

static u64 hash_term(u64 hash, const struct rule_term *t)
{
	hash = hash_text(hash, t->metric);
	for (unsigned i = 0; i < t->where_cnt; i++)
		hash = hash_text(hash_text(hash, t->where[i].key), t->where[i].value);
	return hash_bytes(hash, &t->where_cnt, sizeof(t->where_cnt));
}

u64 baseline_key(const struct rule_conf *r, const char *const label[])
{
	const u32 value = r->value;
	u64 hash = HASH_BEGIN;

	hash = hash_term(hash_term(hash_term(hash, &r->term), &r->of), &r->load);
	hash = hash_bytes(hash, &value, sizeof(value));
	hash = hash_bytes(hash, &r->quantile, sizeof(r->quantile));
	hash = hash_bytes(hash, &r->window_ns, sizeof(r->window_ns));
	for (unsigned i = 0; i < r->by_cnt; i++) {
		hash = hash_text(hash_text(hash, r->by[i]), label[i]);
		if (!strcmp(r->by[i], "device")) {
			u64 disk = disk_identity("/sys/block", label[i]);

			hash = hash_bytes(hash, &disk, sizeof(disk));
		}
	}
	return hash;
}

static bool has_device(const struct rule_conf *r)
{
	for (unsigned i = 0; i < r->by_cnt; i++)
		if (!strcmp(r->by[i], "device"))
			return true;
	return false;
}

static struct baseline_keys *entry_get(struct baseline_keys **keys, u64 fingerprint)
{
	struct baseline_keys *k;

	HASH_FIND(hh, *keys, &fingerprint, sizeof(fingerprint), k);
	if (k)
		return k;
	/* disks that have gone */
	if (HASH_COUNT(*keys) >= KEYS_MAX) {
		baseline_keys_free(*keys);
		*keys = NULL;
	}
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->fingerprint = fingerprint;
	HASH_ADD(hh, *keys, fingerprint, sizeof(fingerprint), k);
	if (k->hh.tbl)
		return k;
	free(k);
	return NULL;
}

u64 baseline_keys_get(struct baseline_keys **keys, const struct rule_conf *r,
		      const char *const label[], u64 fingerprint, u64 now_ns)
{
	struct baseline_keys *k = has_device(r) ? entry_get(keys, fingerprint) : NULL;

	if (!k)
		return baseline_key(r, label);
	if (!k->read_ns || now_ns - k->read_ns >= KEEP_NS) {
		k->key = baseline_key(r, label);
		k->read_ns = now_ns;
	}
	return k->key;
}

void baseline_keys_free(struct baseline_keys *keys)
{
	struct baseline_keys *k = keys, *next;

	HASH_CLEAR(hh, keys);
	for (; k; k = next) {
		next = k->hh.next;
		free(k);
	}
}
