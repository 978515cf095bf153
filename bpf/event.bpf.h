/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events for the event log: a ring buffer that user space drains some times a second, so that nobody is woken for them. To wake
 * somebody costs ten times as much as the event.
 */
#ifndef EVENT_BPF_H
#define EVENT_BPF_H

#include "core.bpf.h"
#include "ring_event.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct ring_state, 1, BPF_F_MMAPABLE) event_state
	SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct slowest, 1, BPF_F_MMAPABLE) slowest SEC(".maps");

/* What takes less is not looked at; lower while somebody is attached who wants to know. Set by user space at any time. */
volatile u64 slow_min_ns = SLOW_MIN_NS;

static __always_inline bool slow_is_watched(void)
{
	return slow_min_ns < SLOW_MIN_NS;
}

static __always_inline bool events_wanted(void)
{
	u32 zero = 0;
	struct ring_state *state = bpf_map_lookup_elem(&event_state, &zero);

	return state && state->on;
}

/* User space is woken once when the buffer fills up. */
static __always_inline u64 event_flags(struct ring_state *state)
{
	if (state->woken || bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) <= state->wake_bytes)
		return BPF_RB_NO_WAKEUP;
	state->woken = 1;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void event_lost(struct ring_state *state, u32 kind)
{
	__sync_fetch_and_add(&state->lost[kind & (RING_KINDS_MAX - 1)], 1);
}

/* `e` begins with a struct ring_event. */
static __always_inline void event_send(u32 kind, void *e, u32 size)
{
	u32 zero = 0;
	struct ring_state *state = bpf_map_lookup_elem(&event_state, &zero);

	if (state && bpf_ringbuf_output(&events, e, size, event_flags(state)))
		event_lost(state, kind);
}

static __always_inline void comm_read(char to[RING_COMM], struct task_struct *task)
{
	bpf_probe_read_kernel(to, RING_COMM, task->comm);
}

static __always_inline void event_head(struct ring_event *e, u32 kind, u32 identity)
{
	e->kind = kind;
	e->identity = identity;
	e->gen = identity_gen(identity);
	e->time_ns = bpf_ktime_get_ns();
	e->uid = bpf_get_current_uid_gid();
}

/* Fills in the process of a task. */
static __always_inline void event_process(struct ring_event *e, char parent_comm[RING_COMM],
					  struct task_struct *task)
{
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);

	e->pid = READ(task, tgid);
	e->parent = BPF_CORE_READ(parent, tgid);
	comm_read(e->comm, task);
	comm_read(parent_comm, parent);
}

/* The running task's. */
static __always_inline void event_current(struct ring_event *e)
{
	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
}

/* Is it the longest of its kind that this identity has had in this window? If so it is remembered. */
static __always_inline bool slow_is_longest(u32 identity, enum slow_kind what, u64 ns)
{
	struct slowest *row = bpf_map_lookup_elem(&slowest, &identity);

	if (!row || ns < SLOW_MIN_NS || ns <= row->ns[what] || !events_wanted())
		return false;
	row->ns[what] = ns;
	return true;
}

/* --- what somebody is attached to */

static __always_inline u32 identity_watch(u32 identity)
{
	struct identity *row = bpf_map_lookup_elem(&identities, &identity);

	return row ? row->key.port >> IDENTITY_WATCH_SHIFT : 0;
}

/* The attachment that this is to be told to; 0: none. */
static __always_inline u32 watch_of_slow(struct ring_state *state, u32 identity, u64 ns)
{
	u32 watch = slow_is_watched() ? identity_watch(identity) : 0;

	for (u32 i = 0; watch && i < RING_WATCHES; i++)
		if (state->watched[i].watch == watch && ns >= state->watched[i].ns)
			return watch;
	return 0;
}

/* An event that is to be filled in, and then passed to watched_end(); NULL: nobody wants to know, or there is no room. */
static __always_inline struct ring_watched *watched_begin(u32 identity, enum slow_kind what, u64 ns)
{
	u32 zero = 0, watch;
	struct ring_state *state = bpf_map_lookup_elem(&event_state, &zero);
	struct ring_watched *e;

	watch = state ? watch_of_slow(state, identity, ns) : 0;
	if (!watch)
		return NULL;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		event_lost(state, RING_WATCHED);
		return NULL;
	}
	__builtin_memset(e, 0, sizeof(*e));
	event_head(&e->slow.io.head, RING_WATCHED, identity);
	e->slow.what = what;
	e->slow.io.total_ns = ns;
	e->watch = watch;
	return e;
}

static __always_inline void watched_end(struct ring_watched *e)
{
	u32 zero = 0;
	struct ring_state *state = bpf_map_lookup_elem(&event_state, &zero);

	bpf_ringbuf_submit(e, state ? event_flags(state) : 0);
}

#endif
