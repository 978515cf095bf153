/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Probe families. A family is a row: its BPF object, the hooks to attach, the metrics that it counts.
 * What is true of every family (loading, choosing hooks, sharing tables) is done once, in probe.c.
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "metric/registry.h"

struct core;
struct bpf_object;
struct bpf_program;
struct bpf_link;

/* An object file built into the binary; PROBE_ELF(x) names that of bpf/x.bpf.c. */
struct elf {
	const u8 *start, *end;
};
#define PROBE_ELF(x)                                        \
	extern const u8 bpf_##x##_start[], bpf_##x##_end[]; \
	static const struct elf x##_elf = { bpf_##x##_start, bpf_##x##_end }

#define HOOK_ALTS 6

/* The two forms of a program on a tracepoint: TRACEPOINT() in bpf/core.bpf.h. */
#define TRACEPOINT(name) name "_btf", name "_raw"

/* One thing to observe, by the first of these BPF programs that this kernel can attach. */
struct hook {
	const char *alt[HOOK_ALTS + 1];
	bool optional;	/* the family is useful without it */
	bool on_demand; /* attached later, by the family itself */
	bool if_exists; /* a kernel without the target loses nothing */
	/* Used only together with this program of a hook above; its name without _btf, _raw and so on. */
	const char *requires;
	const char *purpose; /* what users lose without it */
	/*
	 * Two programs on one tracepoint would cost every event twice. Where another family's program is
	 * attached to the same one already, it tail-calls this one through the program array of this name,
	 * at these keys (ends with 0; NULL: key 0), and this one is not attached.
	 */
	const char *tail_call_map;
	const u32 *tail_call_keys;
	/*
	 * The name of a family started before this one, whose program of the same name is detached because
	 * this one does its work too. The constant named by `superseding` tells this program to do so.
	 */
	const char *supersedes, *superseding;
};

struct probe_run;

struct probe {
	const char *name, *summary;
	const struct elf *elf;
	const struct hook *hooks;     /* ends with a row without program */
	const struct metric *metrics; /* ends with a row without name */
	enum probe_mode mode;	      /* what `on` means */
	/* Optional. Before the object is loaded: settings in it, hooks that are not wanted. */
	int (*setup)(struct probe_run *run);
	/* Optional. The object is loaded, nothing is attached. */
	int (*loaded)(struct probe_run *run);
	/* Optional. All hooks are attached. */
	int (*started)(struct probe_run *run);
	/* Optional. The family's part of a task scan, after the core's: adds to the same rows. */
	int (*task_scan)(struct probe_run *run);
	/* Optional. Called about five times a second; now is CLOCK_MONOTONIC. */
	void (*tick)(struct probe_run *run, u64 now_ns);
};

enum probe_state { PROBE_OFF, PROBE_ON, PROBE_UNAVAILABLE };

struct hook_run {
	const struct hook *hook;
	bool disabled;
	int chosen;	    /* index into alt, -1: none */
	int why[HOOK_ALTS]; /* negative errno of each alternative that was not possible */
	struct bpf_program *program;
	struct bpf_link *link;
	bool tail_called; /* called by another family's program instead of attached */
	bool superseded;  /* another family's program does its work */
};

#define PROBE_HOOKS 16

struct probe_run {
	const struct probe *probe;
	struct core *core;
	struct bpf_object *object;
	enum probe_state state;
	enum probe_mode mode;
	struct hook_run hooks[PROBE_HOOKS];
	unsigned hook_cnt;
	unsigned metric_base; /* number of its first metric */
	int err;	      /* why it is unavailable, negative errno */
	char error[256];      /* ... and for people */
	void *data, *bss;     /* its global variables, mapped; NULL when it has none */
	u64 next_ns;	      /* private to tick */
	bool phase;	      /* private to tick */
};

/* Every family, in the order in which it is started; ends with NULL. */
extern const struct probe *const probes[];
#define PROBE_MAX 16

/* The families' names, for the configuration; ends with NULL. */
const char *const *probe_names(void);

/* To be called once: takes what libbpf has to say. */
void probe_init(void);
/*
 * Loads and attaches. 0 also when the family cannot run here: that is a state, told by run->state and
 * run->error. Negative errno only for what concerns all families (no memory).
 */
int probe_start(struct probe_run *run, const struct probe *probe, struct core *core,
		enum probe_mode mode, unsigned metric_base);
void probe_stop(struct probe_run *run);

/* For families: a constant of their object by name, before it is loaded. -ENOENT when it has none. */
int probe_const(struct probe_run *run, const char *name, const void *value, size_t size);
/* The number of arguments of a tracepoint of this kernel, 0: there is none of that name. */
unsigned probe_arity(const struct probe_run *run, const char *tracepoint);
/* A global variable of the loaded object; NULL when there is none of that name and size. */
void *probe_global(struct probe_run *run, const char *name, size_t size);
/* The hook that has this program among its alternatives. */
struct hook_run *probe_hook(struct probe_run *run, const char *program);
int hook_attach(struct probe_run *run, struct hook_run *hook);
void hook_detach(struct hook_run *hook);
/* Is its program called, or its work done, whenever there is something to observe? */
static inline bool hook_works(const struct hook_run *hook)
{
	return hook->link || hook->tail_called || hook->superseded;
}

/* Label values that several families have. */
void label_errno(u64 value, char *buf, size_t size);
void label_direction(u64 value, char *buf, size_t size);
/* Writes names[value] or "other". */
void label_name(const char *const *names, size_t cnt, u64 value, char *buf, size_t size);

#endif
