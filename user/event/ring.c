// SPDX-License-Identifier: BSD-3-Clause
#include "event/ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "event/programs.h"
#include "event/slow.h"
#include "lib/loop.h"
#include "lib/utc.h"
#include "process.h"
#include "ring_event.h"
#include "service/interpreter.h"
#include "service/path.h"

/* How long events wait for the name of a container, which is mostly there after some milliseconds. */
#define NAME_WAIT_NS (2000 * NS_PER_MS)
#define WINDOW_NS    (60000 * NS_PER_MS)

union ring_any {
	struct ring_event head;
	struct ring_process process;
	struct ring_oom oom;
	struct ring_io io;
	struct ring_slow_call slow;
	struct ring_watched watched;
};

/* The program of an identity, as long as it is of this generation. */
struct known {
	u32 gen;
	char *executable; /* NULL: not looked at */
	char *script;	  /* base name of what an interpreter runs, NULL: nothing */
};

struct event_ring {
	struct tables *tables;
	struct event_log *log;
	struct event_ring_hooks hooks;
	struct ring_buffer *buffer;
	struct ring_state *state;
	struct slowest *slowest;
	struct known *known; /* by identity */
	struct programs *programs;
	u64 there_ns; /* when those are looked at that were there before; 0: they have been */
	struct slow *slow;
	u64 window_ns, window_end_ns;
	s64 wall_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	u64 now_ns;
	bool hurry;	     /* do not wait for names */
	union ring_any held; /* waits for a name */
	u64 held_since_ns;   /* 0: none does */
	u64 told[RING_KINDS_MAX];
};

static const enum event_kind kinds[RING_KINDS] = {
	[RING_FORK] = EVENT_PROCESS_START,
	[RING_EXEC] = EVENT_PROCESS_START,
	[RING_EXIT] = EVENT_PROCESS_EXIT,
	[RING_OOM] = EVENT_OOM,
	[RING_BLOCK_ERROR] = EVENT_BLOCK_ERROR,
	[RING_SLOW] = EVENT_SLOW,
	[RING_WATCHED] = EVENT_SLOW,
};

static const size_t sizes[RING_KINDS] = {
	[RING_FORK] = sizeof(struct ring_process),    [RING_EXEC] = sizeof(struct ring_process),
	[RING_EXIT] = sizeof(struct ring_process),    [RING_OOM] = sizeof(struct ring_oom),
	[RING_BLOCK_ERROR] = sizeof(struct ring_io),  [RING_SLOW] = sizeof(struct ring_slow),
	[RING_WATCHED] = sizeof(struct ring_watched),
};

/* --- names */

static void known_release(struct known *k)
{
	free(k->executable);
	free(k->script);
	*k = (struct known){ 0 };
}

static char *script_of(const struct identity *row, const char *executable)
{
	const char *slash = strrchr(executable, '/'), *base = slash ? slash + 1 : executable;
	char name[IDENTITY_NAME];

	snprintf(name, sizeof(name), "%.*s", (int)sizeof(row->name) - 1, row->name);
	return *name && strcmp(name, base) != 0 && interpreter_class(base) ? strdup(name) : NULL;
}

/* NULL: it is not known. */
static const struct known *known_get(struct event_ring *r, u32 identity, u32 gen)
{
	char path[REVERSED_PATH_SIZE];
	const struct identity *row;
	struct known *k;

	if (identity == IDENTITY_OTHER || identity >= r->tables->sizes.identities ||
	    r->tables->states[identity].gen != gen)
		return NULL;
	k = &r->known[identity];
	if (k->executable && k->gen == gen)
		return k;
	row = table_row(&r->tables->identities, identity);
	if (!row)
		return NULL;
	path_reverse(row->exe, row->exe_len < sizeof(row->exe) ? row->exe_len : sizeof(row->exe),
		     path, sizeof(path));
	known_release(k);
	k->executable = strdup(path);
	k->script = script_of(row, path);
	k->gen = gen;
	return k->executable ? k : NULL;
}

static const char *executable(struct event_ring *r, const struct ring_event *e)
{
	const struct known *k = known_get(r, e->identity, e->gen);

	return k ? k->executable : "";
}

static const char *service_of(void *ctx, u32 identity, u32 gen)
{
	const struct event_ring *r = ctx;

	return r->hooks.service(r->hooks.ctx, identity, gen);
}

/* A name of the kernel's, which need not end. */
struct comm {
	char text[RING_COMM + 1];
};

static const char *comm(struct comm *c, const char text[RING_COMM])
{
	snprintf(c->text, sizeof(c->text), "%.*s", RING_COMM, text);
	return c->text;
}

/* --- lines */

static void process_begin(struct event_ring *r, const struct process_event *p)
{
	event_begin(r->log, p->kind, p->service, p->wall_ns);
}

static void process_add(struct event_ring *r, const struct process_event *p)
{
	event_integer(r->log, "pid", p->pid);
	event_integer(r->log, "parent_pid", p->parent);
	event_text(r->log, "command", p->command);
	event_text(r->log, "parent_command", p->parent_command);
	event_integer(r->log, "user_id", p->uid);
	event_text(r->log, "executable", *p->executable ? p->executable : NULL);
}

static void process_tell(struct event_ring *r, const struct process_event *p)
{
	event_end(r->log);
	if (r->hooks.seen)
		r->hooks.seen(r->hooks.ctx, p);
}

static void build_id_add(struct event_log *l, const char *key, const struct program_file *f)
{
	char text[2 * BUILD_ID_MAX + 1];

	for (unsigned i = 0; i < f->build_id_len; i++)
		snprintf(text + 2 * (size_t)i, 3, "%02x", f->build_id[i]);
	event_text(l, key, f->build_id_len ? text : NULL);
}

static void replaced_tell(void *ctx, const struct process_event *e)
{
	struct event_ring *r = ctx;
	struct process_event p = *e;

	p.kind = EVENT_REPLACED;
	process_begin(r, &p);
	event_integer(r->log, "pid", p.pid);
	event_text(r->log, "executable", p.executable);
	event_integer(r->log, "inode", (s64)p.file.inode);
	event_integer(r->log, "inode_before", (s64)p.before.inode);
	event_integer(r->log, "size_bytes", (s64)p.file.size);
	event_integer(r->log, "size_bytes_before", (s64)p.before.size);
	event_time(r->log, "modified", (s64)p.file.mtime_ns);
	event_time(r->log, "modified_before", (s64)p.before.mtime_ns);
	build_id_add(r->log, "build_id", &p.file);
	build_id_add(r->log, "build_id_before", &p.before);
	if (p.before.run_wall_ns)
		event_time(r->log, "last_run", p.before.run_wall_ns);
	process_tell(r, &p);
}

static void start_tell(struct event_ring *r, struct process_event *p, const struct ring_process *e)
{
	const struct known *k;

	p->exec = e->head.kind == RING_EXEC;
	process_begin(r, p);
	event_text(r->log, "by", p->exec ? "exec" : "fork");
	process_add(r, p);
	if (p->exec)
		p->file = (struct program_file){ .inode = e->inode,
						 .size = e->size,
						 .mtime_ns = e->mtime_ns,
						 .device = e->device,
						 .run_wall_ns = p->wall_ns };
	process_tell(r, p);
	k = p->exec ? known_get(r, e->head.identity, e->head.gen) : NULL;
	if (k && *k->executable)
		programs_run(r->programs, p, k->script ?: "");
}

static void exit_tell(struct event_ring *r, struct process_event *p, const struct ring_process *e)
{
	static const char *const reasons[] = { "ok", "error", "signal", "oom" };

	p->signal = (int)(e->code & 0x7f);
	p->core_dumped = e->code & 0x80;
	p->code = p->signal ? 0 : (int)(e->code >> 8 & 0xff);
	p->reason = e->reason;
	process_begin(r, p);
	process_add(r, p);
	event_text(r->log, "reason", e->reason < 4 ? reasons[e->reason] : NULL);
	if (p->signal) {
		event_integer(r->log, "signal", p->signal);
		event_bool(r->log, "core_dumped", p->core_dumped);
	} else {
		event_integer(r->log, "code", p->code);
	}
	event_seconds(r->log, "life_seconds", p->life_ns);
	process_tell(r, p);
}

static void oom_tell(struct event_ring *r, struct process_event *p, const struct ring_oom *e)
{
	static const char *const scopes[] = { "unknown", "host", "cgroup" };
	char cgroup[RING_CGROUP + 1];
	struct comm trigger = { .text = "" };

	p->oom_scope = e->scope;
	process_begin(r, p);
	event_text(r->log, "scope", e->scope < 3 ? scopes[e->scope] : NULL);
	if (e->scope == OOM_CGROUP) {
		snprintf(cgroup, sizeof(cgroup), "%.*s", RING_CGROUP, e->cgroup);
		event_text(r->log, "cgroup", cgroup);
		event_integer(r->log, "limit_bytes", (s64)e->limit_pages * sysconf(_SC_PAGESIZE));
	}
	if (e->scope) {
		event_integer(r->log, "trigger_pid", e->trigger);
		event_text(r->log, "trigger_command", comm(&trigger, e->trigger_comm));
	}
	process_add(r, p);
	process_tell(r, p);
}

/* --- from the ring buffer */

static s64 wall_ns(const struct event_ring *r, const struct ring_event *e)
{
	return (s64)e->time_ns + r->wall_offset_ns;
}

static void process_event(struct event_ring *r, const union ring_any *e, const char *service)
{
	u64 since_ns = e->head.kind == RING_OOM ? 0 : e->process.since_ns;
	struct comm command = { .text = "" }, parent = { .text = "" };
	struct process_event p = {
		.kind = kinds[e->head.kind],
		.time_ns = e->head.time_ns,
		.wall_ns = wall_ns(r, &e->head),
		.service = service,
		.executable = executable(r, &e->head),
		.command = comm(&command, e->head.comm),
		.parent_command = comm(&parent, e->process.parent_comm),
		.pid = e->head.pid,
		.parent = e->head.parent,
		.uid = e->head.uid,
		.life_ns = since_ns && e->head.time_ns > since_ns ? e->head.time_ns - since_ns : 0,
	};

	if (e->head.kind == RING_EXIT)
		exit_tell(r, &p, &e->process);
	else if (e->head.kind == RING_OOM)
		oom_tell(r, &p, &e->oom);
	else
		start_tell(r, &p, &e->process);
}

/* False: its service has no name yet. */
static bool event_take(struct event_ring *r, const union ring_any *e)
{
	const char *service;

	if (e->head.kind == RING_WATCHED) {
		if (r->hooks.watched)
			r->hooks.watched(r->hooks.ctx, &e->watched);
		return true;
	}
	service = service_of(r, e->head.identity, e->head.gen);
	if (!service && !r->hurry)
		return false;
	service = service ?: "unknown";
	if (e->head.kind == RING_BLOCK_ERROR)
		slow_block_error(r->log, &e->io, service, wall_ns(r, &e->head));
	else if (e->head.kind == RING_SLOW)
		slow_note(r->slow, &e->slow, service, wall_ns(r, &e->head));
	else
		process_event(r, e, service);
	return true;
}

/* One that waits stops those behind it. */
static int event_come(void *ctx, void *data, size_t size)
{
	struct event_ring *r = ctx;
	union ring_any e = { 0 };

	memcpy(&e, data, size < sizeof(e) ? size : sizeof(e));
	if (size < sizeof(e.head) || e.head.kind >= RING_KINDS || size < sizes[e.head.kind] ||
	    event_take(r, &e))
		return 0;
	r->held = e;
	r->held_since_ns = r->now_ns;
	return -EAGAIN;
}

/* False: it waits on. */
static bool held_take(struct event_ring *r)
{
	if (!r->held_since_ns)
		return true;
	r->hurry |= r->now_ns - r->held_since_ns >= NAME_WAIT_NS;
	if (!event_take(r, &r->held))
		return false;
	r->held_since_ns = 0;
	return true;
}

static void lost_tell(struct event_ring *r)
{
	for (unsigned kind = 0; kind < RING_KINDS; kind++) {
		u64 lost = __atomic_load_n(&r->state->lost[kind], __ATOMIC_RELAXED);

		if (lost == r->told[kind])
			continue;
		if (kind != RING_WATCHED)
			event_lost(r->log, "ring", event_rows[kinds[kind]].name,
				   lost - r->told[kind]);
		r->told[kind] = lost;
	}
}

/* The programs that were there before the daemon: else the first time that one is replaced would not be noticed. */
static void there_look(struct event_ring *r)
{
	const u32 max = r->tables->sizes.identities;
	struct program_there *list = calloc(max, sizeof(*list));
	size_t cnt = 0;

	r->there_ns = 0;
	for (u32 id = 1; list && id < max; id++) {
		const struct identity_state *state = &r->tables->states[id];
		const struct known *k = state->live ? known_get(r, id, state->gen) : NULL;
		const struct identity *row = k ? table_row(&r->tables->identities, id) : NULL;

		if (!row || !*k->executable || row->kernel)
			continue;
		list[cnt] = (struct program_there){ row->pid, id, state->gen };
		snprintf(list[cnt].executable, sizeof(list->executable), "%s", k->executable);
		snprintf(list[cnt++].script, sizeof(list->script), "%s", k->script ?: "");
	}
	if (list)
		programs_there(r->programs, list, cnt);
}

void event_ring_read(struct event_ring *r, u64 now_ns)
{
	r->now_ns = now_ns;
	if (r->there_ns && now_ns >= r->there_ns)
		there_look(r);
	r->wall_offset_ns = utc_now_ns() - (s64)clock_now_ns();
	r->hurry =
		__atomic_exchange_n(&r->state->woken, 0, __ATOMIC_SEQ_CST); /* it is filling up */
	if (held_take(r))
		ring_buffer__consume(r->buffer);
	lost_tell(r);
	if (now_ns >= r->window_end_ns) {
		if (r->window_end_ns)
			slow_tell(r->slow, r->log, r->window_ns);
		memset(r->slowest, 0, r->tables->sizes.identities * sizeof(*r->slowest));
		r->window_end_ns = now_ns + r->window_ns;
	}
	event_log_flush(r->log);
}

int event_ring_fd(const struct event_ring *r)
{
	return ring_buffer__epoll_fd(r->buffer);
}

void event_ring_window(struct event_ring *r, u64 window_ns)
{
	if (r->window_end_ns)
		r->window_end_ns += window_ns - r->window_ns;
	r->window_ns = window_ns;
}

u64 event_ring_lost(const struct event_ring *r, enum event_kind kind)
{
	u64 sum = 0;

	for (unsigned i = 0; i < RING_KINDS; i++)
		if (kinds[i] == kind && i != RING_WATCHED)
			sum += r->told[i];
	return sum;
}

u64 event_ring_watched_lost(const struct event_ring *r)
{
	return r->told[RING_WATCHED];
}

/* The number comes last: the kernel side compares it first. */
void event_ring_watch(struct event_ring *r, u32 watch, u64 ns)
{
	unsigned i = 0;

	while (i < RING_WATCHES && r->state->watched[i].watch != (ns ? 0 : watch))
		i++;
	if (i == RING_WATCHES)
		return;
	r->state->watched[i].ns = ns;
	__atomic_store_n(&r->state->watched[i].watch, ns ? watch : 0, __ATOMIC_RELEASE);
}

/* --- life */

static void *table_map(const struct tables *t, const char *name, size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, tables_fd(t, name), 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static bool tables_open(struct event_ring *r)
{
	const struct table_sizes *s = &r->tables->sizes;

	r->state = table_map(r->tables, "event_state", sizeof(*r->state));
	r->slowest = table_map(r->tables, "slowest", s->identities * sizeof(*r->slowest));
	if (!r->state || !r->slowest)
		return false;
	r->buffer = ring_buffer__new(tables_fd(r->tables, "events"), event_come, r, NULL);
	return r->buffer;
}

struct event_ring *event_ring_new(struct tables *t, struct event_log *l,
				  const struct event_ring_hooks *hooks)
{
	struct event_ring *r;

	if (tables_fd(t, "events") < 0) {
		errno = ENOENT;
		return NULL;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->tables = t;
	r->log = l;
	r->hooks = *hooks;
	r->window_ns = WINDOW_NS;
	r->known = calloc(t->sizes.identities, sizeof(*r->known));
	r->programs = programs_new(hooks->worker,
				   &(struct programs_hooks){ service_of, replaced_tell, r });
	r->there_ns = clock_now_ns() + NAME_WAIT_NS;
	r->slow = slow_new(hooks->service, hooks->ctx);
	if (!r->known || !r->programs || !r->slow || !tables_open(r)) {
		int err = errno;

		event_ring_free(r);
		errno = err;
		return NULL;
	}
	r->state->wake_bytes = t->sizes.event_bytes / 4;
	__atomic_store_n(&r->state->on, 1, __ATOMIC_RELEASE);
	return r;
}

void event_ring_free(struct event_ring *r)
{
	if (!r)
		return;
	if (r->state) {
		r->state->on = 0;
		munmap(r->state, sizeof(*r->state));
	}
	if (r->slowest)
		munmap(r->slowest, r->tables->sizes.identities * sizeof(*r->slowest));
	ring_buffer__free(r->buffer);
	for (u32 id = 0; r->known && id < r->tables->sizes.identities; id++)
		known_release(&r->known[id]);
	free(r->known);
	programs_free(r->programs);
	slow_free(r->slow);
	free(r);
}
