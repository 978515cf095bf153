// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "collect/proportional.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uthash.h>

#include "lib/thread.h"

#define ROUND_INTERVALS \
	12 /* a round through all processes begins after so many intervals at least */
#define REST_FACTOR 100

/* What is known of a process. */
struct process {
	int pid;
	u32 identity, gen;
	u64 bytes;
	UT_hash_handle hh;
};

#define AT_ONCE	 16
#define COST_MAX 2000000 /* ns of CPU time after which a question ends early */

struct answer {
	int pid;
	bool known;
	u32 identity, gen;
	u64 bytes;
};

/* What the worker is asked, and its answers. */
struct question {
	struct job job;
	struct proportional *owner;
	int tasks, tasks_by_address; /* the tables of tasks' contexts */
	u64 cost_ns;
	bool list; /* which processes are there? */
	int *pids;
	size_t pid_cnt;
	struct answer answer[AT_ONCE];
	unsigned cnt, answered;
};

struct proportional {
	struct families *families;
	struct worker *worker;
	struct process *processes;
	struct question question;
	bool asked;
	int *pids; /* of this round */
	size_t pid_cnt, next;
	u64 round_ns, rest_ns; /* when the round began, until when nothing is asked */
};

/* --- in the worker */

static void processes_list(struct question *q)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int *pids;

		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		pids = reallocarray(q->pids, q->pid_cnt + 1, sizeof(*pids));
		if (!pids)
			break;
		q->pids = pids;
		q->pids[q->pid_cnt++] = atoi(entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* Kernel threads have no memory of their own, and none is told. */
static bool memory_read(int pid, u64 *ret)
{
	char path[64], line[256];
	unsigned long long kib;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "Pss: %llu", &kib) == 1;
	if (f)
		fclose(f);
	if (found)
		*ret = kib * 1024;
	return found;
}

static void identity_take(struct answer *a, const struct task_ctx *tc)
{
	a->known = true;
	a->identity = tc->identity;
	a->gen = tc->gen;
}

static void identity_take_own(void *ctx, const void *key, const void *value)
{
	const struct task_ctx *tc = value;
	struct answer *a = ctx;

	(void)key;
	if (tc->tid == (u32)a->pid)
		identity_take(a, tc);
}

/* Few tasks have no storage, mostly none. */
static void identity_read(const struct question *q, struct answer *a)
{
	int fd = (int)syscall(SYS_pidfd_open, a->pid, 0);
	struct task_ctx tc;

	if (fd >= 0 && !bpf_map_lookup_elem(q->tasks, &fd, &tc))
		identity_take(a, &tc);
	else if (fd >= 0)
		table_each(q->tasks_by_address, sizeof(u64), sizeof(tc), identity_take_own, a);
	if (fd >= 0)
		close(fd);
}

static void work(struct job *job)
{
	struct question *q = (struct question *)job;
	u64 before = thread_cpu_ns();

	if (q->list)
		processes_list(q);
	while (q->answered < q->cnt && thread_cpu_ns() - before < COST_MAX) {
		struct answer *a = &q->answer[q->answered++];

		if (memory_read(a->pid, &a->bytes))
			identity_read(q, a);
	}
	q->cost_ns = thread_cpu_ns() - before;
}

/* --- in the loop */

static void process_drop(struct proportional *p, struct process *process)
{
	HASH_DEL(p->processes, process);
	free(process);
}

static void process_note(struct proportional *p, const struct answer *a)
{
	struct process *process;

	HASH_FIND_INT(p->processes, &a->pid, process);
	if (!a->known) {
		if (process)
			process_drop(p, process);
		return;
	}
	if (!process) {
		process = calloc(1, sizeof(*process));
		if (!process)
			return;
		process->pid = a->pid;
		HASH_ADD_INT(p->processes, pid, process);
		if (!process->hh.tbl) {
			free(process);
			return;
		}
	}
	process->identity = a->identity;
	process->gen = a->gen;
	process->bytes = a->bytes;
}

static void done(struct job *job)
{
	struct question *q = (struct question *)job;
	struct proportional *p = q->owner;

	p->asked = false;
	for (unsigned i = 0; i < q->answered; i++)
		process_note(p, &q->answer[i]);
	p->next += q->answered;
	if (q->list) {
		free(p->pids);
		p->pids = q->pids;
		p->pid_cnt = q->pid_cnt;
		p->next = 0;
	}
	p->rest_ns += q->cost_ns * REST_FACTOR;
}

/* Asks for the next processes of the round, or, after the last, which there are. */
static void ask(struct proportional *p, u64 now_ns)
{
	struct question *q = &p->question;

	*q = (struct question){
		.job = { .work = work, .done = done },
		.owner = p,
		.tasks = tables_fd(p->families->identities->tables, "tasks"),
		.tasks_by_address = tables_fd(p->families->identities->tables, "tasks_by_address"),
		.list = p->next == p->pid_cnt,
	};
	while (q->cnt < AT_ONCE && p->next + q->cnt < p->pid_cnt) {
		q->answer[q->cnt].pid = p->pids[p->next + q->cnt];
		q->cnt++;
	}
	p->rest_ns = now_ns;
	p->asked = q->tasks >= 0 && !worker_add(p->worker, &q->job);
}

void proportional_tick(struct proportional *p, u64 now_ns)
{
	u64 round_ns = ROUND_INTERVALS * p->families->conf->interval_ns;

	if (!p->worker || p->asked || now_ns < p->rest_ns)
		return;
	if (p->next == p->pid_cnt) {
		if (p->round_ns && now_ns - p->round_ns < round_ns)
			return;
		p->round_ns = now_ns;
	}
	ask(p, now_ns);
}

static struct family *own_family(const struct families *t)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++)
		if (t->by_number[metric] && t->by_number[metric]->metric->proportional)
			return t->by_number[metric];
	return NULL;
}

static bool process_alive(const struct proportional *p, const struct process *process)
{
	return (!kill(process->pid, 0) || errno != ESRCH) &&
	       identities_valid(p->families->identities, process->identity, process->gen);
}

void proportional_each(struct proportional *p,
		       void (*each)(void *ctx, const char *service, int pid, u64 bytes), void *ctx)
{
	const struct process *process;

	for (process = p->processes; process; process = process->hh.next) {
		const struct service *s =
			process_alive(p, process)
				? identities_service(p->families->identities, process->identity)
				: NULL;

		if (s)
			each(ctx, s->name, process->pid, process->bytes);
	}
}

void proportional_read(struct proportional *p)
{
	struct family *f = own_family(p->families);
	struct process *process, *next;

	for (size_t i = 0; f && i < f->series_cnt; i++)
		*f->series[i]->value = 0;
	HASH_ITER(hh, p->processes, process, next) {
		struct service *s;
		struct series *series;
		bool refused;

		if (!process_alive(p, process)) {
			process_drop(p, process);
			continue;
		}
		s = f ? identities_service(p->families->identities, process->identity) : NULL;
		series = s ? families_series(p->families, f, s, 0, &refused) : NULL;
		if (series)
			*series->value += (s64)process->bytes;
	}
}

/* --- life */

struct proportional *proportional_new(struct families *families, struct worker *worker)
{
	struct proportional *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->families = families;
	p->worker = worker;
	return p;
}

void proportional_free(struct proportional *p)
{
	struct process *process, *next;

	if (!p)
		return;
	HASH_ITER(hh, p->processes, process, next)
		process_drop(p, process);
	free(p->pids);
	free(p);
}
