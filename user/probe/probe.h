/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Probe families. A family is a row: its BPF object, its hooks, its metrics, its settings. What all families need is
 * done once: choosing and attaching hooks (hook.c), loading (loader.c).
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "metric/registry.h"
#include "probe/elf.h"
#include "probe/kernel.h"
#include "probe/tables.h"

struct bpf_link;

#define HOOK_ALTS 6

/* The two programs that TRACEPOINT() in bpf/core.bpf.h makes of one. */
#define TRACEPOINT(name) name "_btf", name "_raw"
/* Those of TABLE_SCAN() in bpf/table_scan.bpf.h, and of SOCK_SCAN() in bpf/sock_scan.bpf.h. */
#define TABLE_SCAN(name) name "_elem", name "_each"
#define SOCK_SCAN(name)	 name "_btf", name "_files", name "_raw", name "_each_raw"

/* One thing to observe, with the first of these BPF programs that this kernel can attach. */
struct hook {
	const char *alt[HOOK_ALTS + 1];
	/*
	 * So many of the first alternatives are for kernels that preempt tracepoint programs: the kernel drops no event of
	 * theirs.
	 */
	int lossless;
	bool optional;	/* the family is useful without it */
	bool on_demand; /* attached later, by the family itself */
	bool if_exists; /* a kernel without the target loses nothing */
	/* Used only together with this program of a hook above; its name without _btf, _raw and so on. */
	const char *requires;
	const char *purpose;  /* what users lose without it */
	const char *iterates; /* the table, of iterators over the entries of one */
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
	/*
	 * The program runs in tasks only. What the kernel does not tell it of is counted for the task's service: under
	 * this metric of the family's and this dimension, NULL: seismo_service_events_lost_total.
	 */
	bool in_tasks;
	const char *missed;
	u64 missed_dim;
	bool with_start; /* see struct missed_program */
};

struct probe_run;

struct probe {
	const char *name, *summary;
	const struct elf *elf;
	const struct hook *hooks;	/* ends with a row without program */
	const struct metric *metrics;	/* ends with a row without name */
	const struct setting *settings; /* ends with a row without name; NULL: it has none */
	enum probe_mode mode;		/* what `on` means; ON: it has no modes */
	bool required;			/* the other families need it: it cannot be switched off */
	/* Optional. Is there anything for it to do with these settings? If not it is off. */
	bool (*wanted)(const void *settings);
	/* Optional. Before the object is loaded: sets its constants and disables hooks that are not needed. */
	int (*setup)(struct probe_run *run);
	/* Optional. After the object is loaded, before anything is attached. */
	int (*loaded)(struct probe_run *run);
	/* Optional. After all hooks are attached. */
	int (*started)(struct probe_run *run);
	/* Optional. The set has another configuration: takes over what is live in it. */
	void (*configure)(struct probe_run *run);
	/* Optional. The family's part of a scan, after the core's: adds to the totals of tasks, fills its gauges. */
	int (*scan)(struct probe_run *run);
	/* Optional. Called about five times a second; now is CLOCK_MONOTONIC. */
	void (*tick)(struct probe_run *run, u64 now_ns);
};

enum probe_state { PROBE_OFF, PROBE_ON, PROBE_UNAVAILABLE };

struct hook_run {
	const struct hook *hook;
	bool disabled;
	int best;	    /* index into alt: the first that is meant for this kernel */
	int chosen;	    /* index into alt, -1: none */
	int why[HOOK_ALTS]; /* negative errno of each alternative that failed */
	struct bpf_program *program;
	struct bpf_link *link;
	bool tail_called; /* called by another family's program instead of attached */
	bool superseded;  /* another family's program does its work */
	int err;	  /* of the last attempt to attach it */
};

#define PROBE_HOOKS 20

struct probe_set;

struct probe_run {
	const struct probe *probe;
	struct probe_set *set;
	struct bpf_object *object;
	enum probe_state state;
	enum probe_mode mode;
	struct hook_run hooks[PROBE_HOOKS];
	unsigned hook_cnt;
	unsigned metric_base; /* number of its first metric */
	int err;	      /* why it is unavailable: negative errno ... */
	char error[256];      /* ... and for people */
	struct {
		void *mem; /* mapped; NULL when it has none */
		size_t len;
	} data, bss; /* its global variables */
	u64 next_ns; /* private to tick */
	bool phase;  /* private to tick */
};

/* Given with --hook: use this program and none of its alternatives. */
struct forced_hook {
	const char *family, *program;
};

#define METRIC_FIRST   1 /* 0 marks a free slot */
#define PROBE_MAX      16
#define TAIL_CALL_MAPS 4

/* The families of one process, and what they share. */
struct probe_set {
	const struct conf *conf;
	const char *btf_path; /* file with the kernel's BTF, NULL: /sys/kernel/btf/vmlinux */
	const struct forced_hook *forced; /* ends with a row without family; may be NULL */
	bool watches_ports,
		watches_commands; /* some rule for services had such a condition at the start */
	struct kernel kernel;
	struct tables tables;
	struct probe_run runs[PROBE_MAX]; /* in the order of probes[] */
	struct probe_run
		*list[PROBE_MAX +
		      1]; /* started so far, also those that failed or are off; ends with NULL */
	unsigned cnt;
	/* Program arrays through which attached programs make tail calls. */
	struct tail_calls {
		const char *map;
		bool classic; /* by a classic program, which can only call its like */
	} tail_calls[TAIL_CALL_MAPS];
	unsigned tail_calls_cnt;
	char error[512]; /* why Seismo cannot run, for people */
};

/* All families, in the order in which they start; ends with NULL. */
extern const struct probe *const probes[];

/* What the configuration needs to know of the families that can be switched off; ends with a row without name. */
const struct conf_family *probe_families(void);
/* Is a family on with this configuration, and has something to do? */
bool probe_wanted(const struct conf *conf, const char *name);
/* The family of this name if it runs, else NULL. `name` may be NULL. */
struct probe_run *probe_running(struct probe_set *set, const char *name);

/* For families: sets a constant of their object before it is loaded. -ENOENT if there is none of this name. */
int probe_const(struct probe_run *run, const char *name, const void *value, size_t size);
/* The metric of this name, of any family; NULL: there is none. */
const struct metric *probe_metric(const char *name);

/* A global variable of the loaded object; NULL if there is none of this name and size. */
void *probe_global(struct probe_run *run, const char *name, size_t size);
/* The hook with this program among its alternatives. */
struct hook_run *probe_hook(struct probe_run *run, const char *program);
/* Is it observed, by its own program or by another family's? */
static inline bool hook_works(const struct hook_run *hook)
{
	return hook->link || hook->tail_called || hook->superseded;
}
/* Is nothing lost without it on this kernel? */
bool hook_needless(const struct hook_run *hook);
/* Is it in place, or will it be as soon as it is needed? */
bool hook_ready(const struct hook_run *hook);
/* Does the kernel drop events of it, because something keeps a program that would lose none from working? */
bool hook_lossy(const struct hook_run *hook);
/* Is something lost because no alternative works? */
bool hook_missing(const struct hook_run *hook);
/*
 * Does the family give everything that it can give on this kernel? False if limits, permissions or settings of the
 * kernel keep a part from working; features that the kernel lacks do not count. True also when it is switched off.
 */
bool probe_up(const struct probe_run *run);

/* Label values that several families use. */
void label_errno(u64 value, char *buf, size_t size);
void label_direction(u64 value, char *buf, size_t size);
/* Writes names[value] or "other". */
void label_name(const char *const *names, size_t cnt, u64 value, char *buf, size_t size);

#endif
