// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "stack/names.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "lib/log.h"
#include "lib/thread.h"
#include "stack/lookup.h"
#include "stack/text_symbols.h"

#define NAMES_MAX   65536
#define SPACES_MAX  512
#define AT_ONCE	    512
#define KEEP_NS	    (10 * 1000 * NS_PER_MS) /* a name that nobody asks for, when room is short */
#define REST_FACTOR 3 /* so many times the CPU time of the last job the next one waits */

struct entry_key {
	struct space_key space;
	u64 address;
};

enum entry_state { ENTRY_WANTED, ENTRY_ASKED, ENTRY_KNOWN };

struct entry {
	struct entry_key key;
	enum entry_state state;
	struct name name;
	u64 used_ns;
	UT_hash_handle hh;
};

struct space {
	struct space_key key;
	struct image image;	  /* when it was first asked for; 0: it had gone */
	struct mappings mappings; /* those of its last job */
	unsigned wanted;
	UT_hash_handle hh;
};

/* What the worker is asked of one space. It outlives its owner if the worker hangs in it. */
struct question {
	struct job job;
	struct names *owner; /* NULL: nobody waits for it any more; the loop's alone */
	struct space_key space;
	struct image image;
	struct mappings mappings;
	struct lookup *list;
	size_t cnt;
	u64 cost_ns;
};

struct names {
	struct worker *worker;
	struct entry *entries;
	struct space *spaces;
	struct question *asked; /* NULL: none is under way */
	unsigned pending;
	u64 rest_ns; /* until then nothing is asked */
	u64 now_ns;  /* of the present reading */
	bool full;   /* has been said */
	struct kernel_symbols kernel;
	int kernel_err;
};

static void question_free(struct question *q)
{
	mappings_release(&q->mappings);
	free(q->list);
	free(q);
}

/* --- in the worker */

static bool same_image(const struct image *a, const struct image *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Does its number mean another process by now, or does it execute another program? */
static bool has_changed(const struct question *q)
{
	struct image now;

	return !image_read(&now, q->space.pid) && !same_image(&now, &q->image);
}

/* Nothing was found. */
static void answers_clear(struct question *q)
{
	for (size_t i = 0; i < q->cnt; i++)
		q->list[i] = (struct lookup){ .address = q->list[i].address };
	mappings_release(&q->mappings);
}

static void work(struct job *job)
{
	struct question *q = (struct question *)job;
	u64 before = thread_cpu_ns();

	if (!has_changed(q))
		lookup_process(q->list, q->cnt, q->space.pid, &q->mappings);
	if (has_changed(q))
		answers_clear(q);
	q->cost_ns = thread_cpu_ns() - before;
}

/* --- in the loop */

static struct entry *entry_find(struct names *n, struct space_key space, u64 address)
{
	struct entry_key key = { .space = space, .address = address };
	struct entry *e;

	HASH_FIND(hh, n->entries, &key, sizeof(key), e);
	return e;
}

static struct space *space_find(struct names *n, struct space_key key)
{
	struct space *s;

	HASH_FIND(hh, n->spaces, &key, sizeof(key), s);
	return s;
}

static void name_clear(struct entry *e)
{
	free((char *)e->name.function);
	free((char *)e->name.file);
	e->name = (struct name){ .function = NULL };
}

static void entry_drop(struct names *n, struct entry *e)
{
	HASH_DEL(n->entries, e);
	name_clear(e);
	free(e);
}

static void space_drop(struct names *n, struct space *s)
{
	HASH_DEL(n->spaces, s);
	mappings_release(&s->mappings);
	free(s);
}

/* Makes room: what is known of processes that have ended stays, but nothing more will be. */
static void spaces_prune(struct names *n)
{
	struct space *s, *next;

	HASH_ITER(hh, n->spaces, s, next)
		if (!s->wanted && kill((pid_t)s->key.pid, 0) && errno == ESRCH)
			space_drop(n, s);
}

/* It had executed another program when it was first asked for: what was found there is of that. */
static void space_distrust(struct names *n, struct space *s)
{
	struct entry *e, *next;

	s->image = (struct image){ 0 };
	mappings_release(&s->mappings);
	HASH_ITER(hh, n->entries, e, next)
		if (!memcmp(&e->key.space, &s->key, sizeof(s->key)))
			name_clear(e);
}

/* Of two programs of a process that look the same at least the first one has gone. */
static void space_identify(struct names *n, struct space *new)
{
	struct space *s, *next;

	if (image_read(&new->image, new->key.pid))
		return;
	HASH_ITER(hh, n->spaces, s, next)
		if (s != new && s->key.pid == new->key.pid && same_image(&s->image, &new->image))
			space_distrust(n, (s32)(s->key.exec - new->key.exec) < 0 ? s : new);
}

static struct space *space_get(struct names *n, struct space_key key)
{
	struct space *s = space_find(n, key);

	if (s)
		return s;
	if (HASH_COUNT(n->spaces) >= SPACES_MAX)
		spaces_prune(n);
	if (HASH_COUNT(n->spaces) >= SPACES_MAX)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->key = key;
	HASH_ADD(hh, n->spaces, key, sizeof(key), s);
	if (!s->hh.tbl) {
		free(s);
		return NULL;
	}
	space_identify(n, s);
	return s;
}

static struct entry *entry_new(struct names *n, struct space_key space, u64 address)
{
	bool full = HASH_COUNT(n->entries) >= NAMES_MAX;
	struct entry *e = full ? NULL : calloc(1, sizeof(*e));

	if (full && !n->full)
		log_warn(
			"tasks wait in more than %d places of code: some have no names; attach to fewer processes at a time",
			NAMES_MAX);
	n->full |= full;
	if (!e)
		return NULL;
	e->key = (struct entry_key){ .space = space, .address = address };
	e->used_ns = n->now_ns;
	HASH_ADD(hh, n->entries, key, sizeof(e->key), e);
	if (e->hh.tbl)
		return e;
	free(e);
	return NULL;
}

static const struct name *kernel_name(struct names *n, u64 address)
{
	struct entry *e = entry_new(n, (struct space_key){ 0, 0 }, address);
	u64 start = address;
	const char *function = kernel_symbols_find(&n->kernel, address, &start);

	if (!e)
		return NULL;
	e->state = ENTRY_KNOWN;
	e->name = (struct name){ function ? strdup(function) : NULL, strdup("kernel"),
				 address - start };
	return &e->name;
}

const struct name *names_find(struct names *n, struct space_key space, u64 address)
{
	struct entry *e = entry_find(n, space, address);
	struct space *s;

	if (e) {
		e->used_ns = n->now_ns;
		return e->state == ENTRY_KNOWN ? &e->name : NULL;
	}
	if (!space.pid)
		return kernel_name(n, address);
	s = n->worker ? space_get(n, space) : NULL;
	if (s && entry_new(n, space, address)) {
		s->wanted++;
		n->pending++;
	}
	return NULL;
}

static char *text_copy(const char *s)
{
	return *s ? strdup(s) : NULL;
}

static void done(struct job *job)
{
	struct question *q = (struct question *)job;
	struct names *n = q->owner;
	struct space *s;

	if (!n) {
		question_free(q);
		return;
	}
	n->asked = NULL;
	n->pending -= (unsigned)q->cnt;
	n->rest_ns = clock_now_ns() + q->cost_ns * REST_FACTOR;
	s = space_find(n, q->space);
	if (s && !same_image(&s->image, &q->image))
		answers_clear(q);
	for (size_t i = 0; i < q->cnt; i++) {
		struct entry *e = entry_find(n, q->space, q->list[i].address);

		e->state = ENTRY_KNOWN;
		e->name = (struct name){ text_copy(q->list[i].function), text_copy(q->list[i].file),
					 q->list[i].offset };
	}
	if (s) {
		s->mappings = q->mappings;
		q->mappings = (struct mappings){ .list = NULL };
	}
	question_free(q);
}

/* The process of which most names are wanted. */
static struct space *space_next(struct names *n)
{
	struct space *s, *next, *most = NULL;

	HASH_ITER(hh, n->spaces, s, next)
		if (s->wanted && (!most || s->wanted > most->wanted))
			most = s;
	return most;
}

/* Marks what is asked for, and takes over the space's mappings; NULL: no memory. */
static struct question *question_new(struct names *n, struct space *s)
{
	struct question *q = calloc(1, sizeof(*q));
	struct entry *e, *next;

	if (q)
		q->list = calloc(AT_ONCE, sizeof(*q->list));
	if (!q || !q->list) {
		free(q);
		return NULL;
	}
	q->job = (struct job){ .work = work, .done = done };
	q->owner = n;
	q->space = s->key;
	q->image = s->image;
	q->mappings = s->mappings;
	s->mappings = (struct mappings){ .list = NULL };
	HASH_ITER(hh, n->entries, e, next) {
		if (q->cnt == AT_ONCE)
			break;
		if (e->state != ENTRY_WANTED || memcmp(&e->key.space, &s->key, sizeof(s->key)) != 0)
			continue;
		e->state = ENTRY_ASKED;
		q->list[q->cnt++].address = e->key.address;
	}
	s->wanted -= (unsigned)q->cnt;
	return q;
}

/* The worker has no room for it: another time. */
static void question_withdraw(struct names *n, struct space *s, struct question *q)
{
	for (size_t i = 0; i < q->cnt; i++)
		entry_find(n, q->space, q->list[i].address)->state = ENTRY_WANTED;
	s->wanted += (unsigned)q->cnt;
	s->mappings = q->mappings;
	q->mappings = (struct mappings){ .list = NULL };
	question_free(q);
}

void names_reading(struct names *n, u64 now_ns)
{
	struct entry *e, *next;
	u64 last_ns = n->now_ns;

	n->now_ns = now_ns;
	if (HASH_COUNT(n->entries) < NAMES_MAX / 4 * 3)
		return;
	HASH_ITER(hh, n->entries, e, next)
		if (e->state == ENTRY_KNOWN && e->used_ns < last_ns &&
		    now_ns - e->used_ns > KEEP_NS)
			entry_drop(n, e);
}

void names_tick(struct names *n, u64 now_ns)
{
	struct space *s;

	if (!n->worker || n->asked || now_ns < n->rest_ns)
		return;
	s = space_next(n);
	n->asked = s ? question_new(n, s) : NULL;
	if (!n->asked || !worker_add(n->worker, &n->asked->job))
		return;
	question_withdraw(n, s, n->asked);
	n->asked = NULL;
}

unsigned names_pending(const struct names *n)
{
	return n->pending;
}

const char *names_kernel_error(const struct names *n)
{
	if (n->kernel_err == -EACCES)
		return "the kernel hides its addresses: kernel.kptr_restrict must be 0 or 1, and Seismo needs CAP_SYSLOG";
	return n->kernel_err ? strerror(-n->kernel_err) : NULL;
}

struct names *names_new(struct worker *w)
{
	struct names *n = calloc(1, sizeof(*n));
	int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);

	if (n) {
		n->worker = w;
		n->kernel_err = fd < 0 ? -errno : kernel_symbols_read(&n->kernel, fd);
		if (n->kernel_err)
			kernel_symbols_release(&n->kernel);
	}
	if (fd >= 0)
		close(fd);
	return n;
}

void names_free(struct names *n)
{
	struct entry *e, *next;
	struct space *s, *next_space;

	if (!n)
		return;
	if (n->asked)
		n->asked->owner = NULL;
	HASH_ITER(hh, n->entries, e, next)
		entry_drop(n, e);
	HASH_ITER(hh, n->spaces, s, next_space)
		space_drop(n, s);
	kernel_symbols_release(&n->kernel);
	free(n);
}
