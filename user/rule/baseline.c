// SPDX-License-Identifier: BSD-3-Clause
#include "rule/baseline.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>
#include <zlib.h>

#include "rule/load_class.h"

#define SECOND 1000000000ULL
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

#define CLASSES_MAX 24
#define HELD_MAX    8

/* `high` of few windows says little about what nearly none exceeds: this divided by their number is added, as a part of it. */
#define HIGH_FEW 4.0

/* So many times fewer windows than another class has make a load rare. */
#define RARE 8

/* A class is mature, and the growth of what is usual in it limited, after so many windows. */
#define MATURE 240

/* A window that is held back, until it is known that no alert comes of it. */
struct held {
	u64 taken_ns;
	float value;
	u8 rate, size;
	bool staged; /* the distribution in `staged` is its own */
};

struct baseline {
	UT_hash_handle hh;
	struct baseline *prev, *next; /* in the order of learning */
	u64 key;
	u64 touched_ns;	 /* 0: not yet in this run, like the next one */
	u64 taken_ns;	 /* end of the last window that was taken or rejected */
	u64 age_ns;	 /* for how long it has learned */
	u64 rejected_ns; /* for how long everything has been rejected */
	size_t bytes;
	struct load_class *classes;
	u16 class_cnt, class_room;
	u8 held_cnt;
	struct held held[HELD_MAX]; /* the oldest first */
	/* The distribution of one of the held windows: that of each would be five times as much memory. */
	struct cell *staged;
	float staged_seconds;
	u16 staged_cnt;
};

struct baselines {
	struct baseline *by_key, *oldest;
	size_t bytes, max_bytes;
};

struct baselines *baselines_new(size_t max_bytes)
{
	struct baselines *b = calloc(1, sizeof(*b));

	if (b)
		b->max_bytes = max_bytes;
	return b;
}

static void staged_drop(struct baseline *k)
{
	free(k->staged);
	k->staged = NULL;
	k->staged_cnt = 0;
}

static void baseline_remove(struct baselines *b, struct baseline *k)
{
	HASH_DEL(b->by_key, k);
	DL_DELETE(b->oldest, k);
	b->bytes -= k->bytes;
	for (unsigned i = 0; i < k->class_cnt; i++)
		load_class_release(&k->classes[i]);
	free(k->classes);
	staged_drop(k);
	free(k);
}

static void baselines_clear(struct baselines *b)
{
	while (b->oldest)
		baseline_remove(b, b->oldest);
}

void baselines_free(struct baselines *b)
{
	if (!b)
		return;
	baselines_clear(b);
	free(b);
}

size_t baselines_bytes(const struct baselines *b)
{
	return b->bytes;
}

static struct baseline *baseline_find(const struct baselines *b, u64 key)
{
	struct baseline *k;

	HASH_FIND(hh, b->by_key, &key, sizeof(key), k);
	return k;
}

static struct baseline *baseline_add(struct baselines *b, u64 key)
{
	struct baseline *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->key = key;
	HASH_ADD(hh, b->by_key, key, sizeof(key), k);
	DL_APPEND(b->oldest, k);
	return k;
}

/* Counts its memory anew; if all have too much together, those go that have not learned for longest. */
static void bytes_update(struct baselines *b, struct baseline *k)
{
	/* with its share of the hash table and of the allocator's own data */
	size_t bytes = sizeof(*k) + 32 + k->class_room * sizeof(*k->classes) +
		       k->staged_cnt * sizeof(*k->staged);

	for (unsigned i = 0; i < k->class_cnt; i++)
		bytes += load_class_bytes(&k->classes[i]);
	b->bytes += bytes - k->bytes;
	k->bytes = bytes;
	while (b->bytes > b->max_bytes && b->oldest != k)
		baseline_remove(b, b->oldest);
}

void baseline_forget(struct baselines *b, u64 key)
{
	struct baseline *k = baseline_find(b, key);

	if (k)
		baseline_remove(b, k);
}

static struct load_class *class_find(const struct baseline *k, u8 rate, u8 size)
{
	for (unsigned i = 0; i < k->class_cnt; i++) {
		if (k->classes[i].rate == rate && k->classes[i].size == size)
			return &k->classes[i];
	}
	return NULL;
}

/* The class that has not learned for longest gives way if there are too many. */
static struct load_class *class_add(struct baseline *k, u8 rate, u8 size)
{
	struct load_class *c;

	if (k->class_cnt == CLASSES_MAX) {
		c = k->classes;
		for (unsigned i = 1; i < k->class_cnt; i++) {
			if (k->classes[i].learned_ns < c->learned_ns)
				c = &k->classes[i];
		}
		load_class_release(c);
	} else {
		if (k->class_cnt == k->class_room) {
			c = realloc(k->classes, (k->class_room + 4) * sizeof(*c));
			if (!c)
				return NULL;
			k->classes = c;
			k->class_room += 4;
		}
		c = &k->classes[k->class_cnt++];
	}
	*c = (struct load_class){ .rate = rate, .size = size };
	return c;
}

/* By what the usual value of the class may grow; 0: by anything. */
static double class_growth(const struct baseline *k, const struct load_class *c, u64 now_ns)
{
	u64 since_ns = c->learned_ns ? now_ns - c->learned_ns : 0;

	if (k->age_ns < DAY || c->windows < MATURE)
		return 0;
	return pow(BASELINE_GROWTH, (double)(since_ns < DAY ? since_ns : DAY) / DAY);
}

static void held_learn(struct baseline *k, const struct held *h, u64 now_ns)
{
	struct load_class *c = class_find(k, h->rate, h->size);

	if (!c)
		c = class_add(k, h->rate, h->size);
	if (c && !load_class_learn(c, h->value, h->staged ? k->staged : NULL,
				   h->staged ? k->staged_cnt : 0, k->staged_seconds,
				   class_growth(k, c, now_ns)))
		c->learned_ns = now_ns;
	if (h->staged)
		staged_drop(k);
}

static void stage(struct baseline *k, struct held *h, const struct baseline_window *w)
{
	struct cell cells[EVENT_CELLS];
	unsigned shift, cnt = cells_of_hist(w->hist, cells, &shift);
	struct cell *copy = cnt ? malloc(cnt * sizeof(*cells)) : NULL;

	if (!copy)
		return;
	memcpy(copy, cells, cnt * sizeof(*cells));
	k->staged = copy;
	k->staged_cnt = (u16)cnt;
	k->staged_seconds = (float)ldexp((double)w->length_ns / SECOND, -(int)shift);
	h->staged = true;
}

static void hold(struct baseline *k, const struct baseline_window *w, u64 now_ns)
{
	struct held *h = &k->held[k->held_cnt++];

	*h = (struct held){ .taken_ns = now_ns,
			    .value = (float)w->value,
			    .rate = load_step(w->load.rate),
			    .size = load_step(w->load.size) };
	if (w->hist && !k->staged)
		stage(k, h, w);
	k->taken_ns = now_ns;
}

/* Time since the last call, as far as it can be taken for a time in which the daemon looked. */
static u64 touch(struct baselines *b, struct baseline *k, u64 now_ns)
{
	u64 since_ns = k->touched_ns ? now_ns - k->touched_ns : 0;

	k->touched_ns = now_ns;
	if (k->next) {
		DL_DELETE(b->oldest, k);
		DL_APPEND(b->oldest, k);
	}
	return since_ns < HOUR ? since_ns : HOUR;
}

/* For how long windows are held back: not at all before there can be an alert. */
static u64 hold_ns(const struct baseline *k, u64 length_ns)
{
	unsigned windows = 0;

	for (unsigned i = 0; i < k->class_cnt; i++)
		windows += k->classes[i].windows;
	return windows < BASELINE_WARM_UP ? 0 : BASELINE_HOLD * length_ns;
}

void baseline_learn(struct baselines *b, u64 key, const struct baseline_window *w, bool pending,
		    u64 now_ns)
{
	struct baseline *k = baseline_find(b, key);
	unsigned due = 0;

	if (!isfinite(w->value) || w->value < 0 || !isfinite(w->load.rate) ||
	    !isfinite(w->load.size) || !w->length_ns)
		return;
	if (!k)
		k = baseline_add(b, key);
	if (!k)
		return;
	k->age_ns += touch(b, k, now_ns);
	k->rejected_ns = 0;
	while (!pending && due < k->held_cnt &&
	       now_ns - k->held[due].taken_ns >= hold_ns(k, w->length_ns))
		held_learn(k, &k->held[due++], now_ns);
	if (due) {
		k->held_cnt -= due;
		memmove(k->held, k->held + due, k->held_cnt * sizeof(*k->held));
	}
	/* ticks are not quite regular */
	if (k->held_cnt < HELD_MAX &&
	    (!k->taken_ns || now_ns - k->taken_ns >= w->length_ns - w->length_ns / 16))
		hold(k, w, now_ns);
	bytes_update(b, k);
}

bool baseline_reject(struct baselines *b, u64 key, u64 now_ns)
{
	/* It may be gone, with its file or by a change of the rule: what fires has to be accepted some time all the same. */
	struct baseline *k = baseline_find(b, key) ?: baseline_add(b, key);

	if (!k)
		return false;
	k->rejected_ns += touch(b, k, now_ns);
	k->taken_ns = now_ns;
	k->held_cnt = 0;
	staged_drop(k);
	if (k->rejected_ns < BASELINE_ACCEPT_NS) {
		bytes_update(b, k);
		return false;
	}
	baseline_remove(b, k);
	return true;
}

/* A class that may say what is usual at a load. */
struct match {
	const struct load_class *class;
	int distance, over;
};

/*
 * How far the load is below that of the class, in steps; -1: it is not. A request that is larger than those of the class takes at
 * most longer in proportion (`*ret_over`), as long as the class had the same throughput.
 */
static int distance(const struct load_class *c, u8 rate, u8 size, int *ret_over)
{
	int larger = size - c->size, over = larger > 0 ? larger : 0;

	*ret_over = over;
	return c->rate < rate + over ? -1 : c->rate - rate + abs(larger);
}

/*
 * The nearest class of this load or a higher one, if these have enough windows together; of several the one with the largest usual
 * value. Classes with few windows are passed over if there are others: that may be a load which only something slow brings about.
 */
static bool class_match(const struct baseline *k, const struct load *load, struct match *ret)
{
	u8 rate = load_step(load->rate), size = load_step(load->size);
	unsigned cnt = 0, total = 0, most = 0, enough;
	struct match all[CLASSES_MAX];

	for (unsigned i = 0; i < k->class_cnt; i++) {
		struct match *m = &all[cnt];

		m->class = &k->classes[i];
		m->distance = distance(m->class, rate, size, &m->over);
		if (m->distance < 0)
			continue;
		total += m->class->windows;
		most = m->class->windows > most ? m->class->windows : most;
		cnt++;
	}
	enough = most < BASELINE_WARM_UP ? most : BASELINE_WARM_UP;
	ret->class = NULL;
	for (unsigned i = 0; i < cnt && total >= BASELINE_WARM_UP; i++) {
		const struct match *m = &all[i];

		if (m->class->windows >= enough && m->class->windows * RARE >= most &&
		    (!ret->class || m->distance < ret->distance ||
		     (m->distance == ret->distance && m->class->usual > ret->class->usual)))
			*ret = *m;
	}
	return ret->class;
}

bool baseline_usual(const struct baselines *b, u64 key, const struct load *load,
		    struct baseline_usual *ret)
{
	const struct baseline *k = baseline_find(b, key);
	struct match m;
	double scale;

	if (!k || !class_match(k, load, &m))
		return false;
	scale = exp2((double)m.over / LOAD_STEPS);
	ret->value = m.class->usual * scale;
	ret->high = m.class->high * scale * (1 + HIGH_FEW / m.class->windows);
	/*
	 * Whoever waits for a disk that is k times slower asks k times less of it: the load is log2(k) doublings lower. That this is
	 * noticed leaves room: from the first doubling on sqrt(2) more for each.
	 */
	ret->allowance =
		m.distance > LOAD_STEPS ? exp2((m.distance - LOAD_STEPS) / (2.0 * LOAD_STEPS)) : 1;
	return true;
}

/*
 * Of the classes that have been seen often enough, the one with the highest load; of several the one with the largest usual value.
 */
bool baseline_highest(const struct baselines *b, u64 key, const struct load *load,
		      struct baseline_usual *ret)
{
	const struct baseline *k = baseline_find(b, key);
	const struct load_class *highest = NULL;
	unsigned windows = 0;

	for (unsigned i = 0; k && i < k->class_cnt; i++) {
		const struct load_class *c = &k->classes[i];

		windows += c->windows;
		if (c->windows >= BASELINE_WARM_UP / 2 &&
		    (!highest || c->rate > highest->rate ||
		     (c->rate == highest->rate && c->usual > highest->usual)))
			highest = c;
	}
	if (!highest || windows < BASELINE_SEEN || load_step(load->rate) <= highest->rate)
		return false;
	*ret = (struct baseline_usual){ .value = highest->usual,
					.high = highest->high * (1 + HIGH_FEW / highest->windows),
					.allowance = 1 };
	return true;
}

double baseline_threshold(const struct baseline_usual *u, double factor)
{
	double value = u->value * factor;

	return (value > u->high ? value : u->high) * u->allowance;
}

bool baseline_hist(const struct baselines *b, u64 key, const struct load *load, struct hist *ret,
		   double *ret_seconds)
{
	const struct baseline *k = baseline_find(b, key);
	struct match m;

	if (!k || !class_match(k, load, &m) || !(m.class->seconds > 0))
		return false;
	load_class_hist(m.class, ret);
	*ret_seconds = m.class->seconds;
	return true;
}

/*
 * The state file, in the byte order of this machine: a header; for each baseline, the least recently used first, a row with its
 * classes behind it; for each class a row with its cells behind it.
 */
#define STATE_MAGIC 0x314c425349455351ULL
/* What the numbers in it mean depends on these. */
#define STATE_VERSION (1U << 24 | LOAD_STEPS << 16 | HIST_BUCKETS << 4 | HIST_SUB)

struct state_baseline {
	u64 key, age_ns, rejected_ns;
	u32 class_cnt, zero;
};

struct state_class {
	float usual, high, seconds;
	u8 rate, size;
	u16 cell_cnt;
};

static void class_save(const struct load_class *c, struct buf *out)
{
	const struct state_class row = { c->usual, c->high, c->seconds,
					 c->rate,  c->size, c->cell_cnt };

	buf_add(out, &row, sizeof(row));
	for (unsigned i = 0; i < c->cell_cnt; i++) {
		u32 cell = (u32)c->cells[i].cnt << 11 | c->cells[i].at;

		buf_add(out, &cell, sizeof(cell));
	}
}

void baselines_save(const struct baselines *b, struct buf *out)
{
	struct baselines_header header = { STATE_MAGIC, STATE_VERSION };
	size_t begin = out->len, rows = begin + sizeof(header);
	const struct baseline *k;

	buf_add(out, &header, sizeof(header));
	DL_FOREACH(b->oldest, k)
	{
		const struct state_baseline row = { k->key, k->age_ns, k->rejected_ns,
						    k->class_cnt };

		buf_add(out, &row, sizeof(row));
		for (unsigned i = 0; i < k->class_cnt; i++)
			class_save(&k->classes[i], out);
	}
	if (out->failed)
		return;
	header.len = out->len - rows;
	header.crc = (u32)crc32_z(0, (const Bytef *)out->data + rows, header.len);
	memcpy(out->data + begin, &header, sizeof(header));
}

struct reader {
	const char *at;
	size_t left;
};

static bool take(struct reader *r, void *ret, size_t len)
{
	if (r->left < len)
		return false;
	memcpy(ret, r->at, len);
	r->at += len;
	r->left -= len;
	return true;
}

static bool is_level(float v)
{
	return isfinite(v) && v >= 0;
}

static int class_load(struct baseline *k, struct reader *r)
{
	struct cell cells[CELLS];
	struct load_class *c;
	struct state_class row;

	if (!take(r, &row, sizeof(row)) || row.cell_cnt > CELLS || !is_level(row.usual) ||
	    !is_level(row.high) || !is_level(row.seconds) || class_find(k, row.rate, row.size))
		return -EINVAL;
	for (unsigned i = 0; i < row.cell_cnt; i++) {
		u32 cell;

		if (!take(r, &cell, sizeof(cell)))
			return -EINVAL;
		cells[i] = (struct cell){ cell & ((1U << 11) - 1), cell >> 11 };
	}
	c = class_add(k, row.rate, row.size);
	if (!c)
		return -ENOMEM;
	c->usual = row.usual;
	c->high = row.high;
	c->seconds = row.seconds;
	return load_class_restore(c, cells, row.cell_cnt);
}

static int baseline_load(struct baselines *b, struct reader *r)
{
	struct state_baseline row;
	struct baseline *k;
	int err = 0;

	if (!take(r, &row, sizeof(row)) || row.class_cnt > CLASSES_MAX || baseline_find(b, row.key))
		return -EINVAL;
	k = baseline_add(b, row.key);
	if (!k)
		return -ENOMEM;
	k->age_ns = row.age_ns;
	k->rejected_ns = row.rejected_ns;
	for (u32 i = 0; i < row.class_cnt && !err; i++)
		err = class_load(k, r);
	bytes_update(b, k);
	return err;
}

int baselines_load(struct baselines *b, const void *data, size_t len)
{
	struct baselines loaded = { .max_bytes = b->max_bytes };
	struct reader r = { data, len };
	struct baselines_header header;
	int err = 0;

	if (!take(&r, &header, sizeof(header)) || header.magic != STATE_MAGIC ||
	    header.version != STATE_VERSION || header.len != r.left ||
	    header.crc != (u32)crc32_z(0, (const Bytef *)r.at, r.left))
		return -EINVAL;
	while (r.left && !err)
		err = baseline_load(&loaded, &r);
	if (err) {
		baselines_clear(&loaded);
		return err;
	}
	baselines_clear(b);
	*b = loaded;
	return 0;
}
