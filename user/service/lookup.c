// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "service/lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#define WAIT_NS	    (5 * 1000000000ULL) /* for an answer, from when the worker took the question */
#define LOOKUPS_MAX 1024u
#define TRIES_MAX   4

struct lookup {
	struct job job; /* first: a job is a lookup */
	bool is_pod, running, answered;
	u8 tries;
	struct container_hint hint, next; /* that of the last who asked */
	struct lookups *table;
	u64 taken_ns;		 /* by the worker */
	struct container answer; /* of a pod only that part */
	UT_hash_handle hh;
	char key[CONTAINER_ID_LEN + 1];
};

static void lookup_do(struct lookup *l)
{
	if (l->is_pod)
		pod_lookup(l->table->root, l->key, &l->answer.pod);
	else
		container_lookup(l->table->root, l->key, &l->hint, &l->answer);
}

static void lookup_work(struct job *job)
{
	lookup_do((struct lookup *)job);
}

/* Hands it to the worker, unless that has too much to do: then again with the next question. */
static void lookup_run(struct lookups *t, struct lookup *l)
{
	l->running = !worker_add(t->worker, &l->job);
	if (l->running)
		l->taken_ns = t->taken_ns = t->now_ns;
}

/* Nothing was found, and another of its processes may tell more than one that had ended. */
static void lookup_again(struct lookup *l)
{
	bool known = *l->answer.name || *l->answer.pod.name;

	if (!l->answered || known || l->next.pid == l->hint.pid || l->tries == TRIES_MAX)
		return;
	l->tries++;
	l->hint = l->next;
	l->answered = false;
	lookup_run(l->table, l);
}

static void lookup_done(struct job *job)
{
	struct lookup *l = (struct lookup *)job;

	l->running = false;
	l->answered = !job->dropped;
	lookup_again(l);
}

static void lookup_drop(struct lookups *t, struct lookup *l)
{
	HASH_DEL(t->by_key, l);
	free(l);
}

/* Makes room for one more: the oldest that is not being worked on goes. */
static bool room_make(struct lookups *t)
{
	struct lookup *l, *next;

	if (HASH_COUNT(t->by_key) < LOOKUPS_MAX)
		return true;
	HASH_ITER(hh, t->by_key, l, next) {
		if (l->running)
			continue;
		lookup_drop(t, l);
		return true;
	}
	return false;
}

static struct lookup *lookup_new(struct lookups *t, const char *key, bool is_pod,
				 const struct container_hint *hint)
{
	struct lookup *l = room_make(t) ? calloc(1, sizeof(*l)) : NULL;

	if (!l)
		return NULL;
	l->job = (struct job){ .work = lookup_work, .done = lookup_done };
	l->is_pod = is_pod;
	l->hint = *hint;
	l->table = t;
	snprintf(l->key, sizeof(l->key), "%s", key);
	HASH_ADD_KEYPTR(hh, t->by_key, l->key, strlen(l->key), l);
	if (!l->hh.tbl) {
		free(l);
		return NULL;
	}
	return l;
}

/* Is an answer still to be expected? As long as the worker takes others, the turn of this one will come. */
static bool lookup_pending(const struct lookups *t, const struct lookup *l)
{
	u64 since_ns = l->running ? l->taken_ns : t->taken_ns;

	return !l->answered && t->now_ns - since_ns < WAIT_NS;
}

/* The answer is in *ret; false: it is under way. */
static bool lookup(struct lookups *t, const char *key, bool is_pod,
		   const struct container_hint *hint, struct container *ret)
{
	struct lookup *l, now = { .is_pod = is_pod, .hint = *hint, .table = t };

	if (!t->worker) {
		snprintf(now.key, sizeof(now.key), "%s", key);
		lookup_do(&now);
		*ret = now.answer;
		return true;
	}
	*ret = (struct container){ 0 };
	HASH_FIND_STR(t->by_key, key, l);
	if (!l)
		l = lookup_new(t, key, is_pod, hint);
	if (!l)
		return true;
	l->next = *hint;
	lookup_again(l);
	if (!l->answered && !l->running)
		lookup_run(t, l);
	if (l->answered)
		*ret = l->answer;
	return !lookup_pending(t, l);
}

bool lookups_container(struct lookups *l, const char *id, const struct container_hint *hint,
		       struct container *ret)
{
	return lookup(l, id, false, hint, ret);
}

bool lookups_pod(struct lookups *l, const char *uid, struct pod *ret)
{
	const struct container_hint none = { 0 };
	struct container answer;
	bool known = lookup(l, uid, true, &none, &answer);

	*ret = answer.pod;
	return known;
}

const char *lookups_host_root(void)
{
	struct stat own, first;

	if (stat("/proc/self/ns/mnt", &own) || stat("/proc/1/ns/mnt", &first) ||
	    own.st_ino == first.st_ino || access("/proc/1/root/", X_OK))
		return "";
	return "/proc/1/root";
}

void lookups_release(struct lookups *t)
{
	struct lookup *l, *next;

	HASH_ITER(hh, t->by_key, l, next)
		lookup_drop(t, l);
}
