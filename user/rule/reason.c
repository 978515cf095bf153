// SPDX-License-Identifier: BSD-3-Clause
#include "rule/reason.h"

#include <math.h>
#include <string.h>

#define UP	    2.0	 /* times the usual */
#define LOAD_UP	    1.5	 /* times the usual rate, or bytes a request */
#define HANGS	    5.0	 /* seconds without an answer */
#define DOMINATES   0.5	 /* of the service's time */
#define MUCH	    0.25 /* of it */
#define THROTTLED   0.1	 /* of the periods of a quota */
#define LOADS_MOST  0.5	 /* of the bytes or requests of a device */
#define PHASE_MIN   0.2	 /* of what a phase and the other take together, for it to matter */
#define MEMORY_FULL 0.9	 /* of the limit */

const char *const reason_kinds[REASON_KINDS] = { "unknown",   "hardware", "own load",
						 "neighbour", "quota",	  "callee",
						 "network",   "memory",	  "software" };

enum answer { NO, YES, UNKNOWN };

/* Comparisons with NAN are unknown. */
static enum answer at_least(double value, double bound)
{
	return isnan(value) ? UNKNOWN : value >= bound ? YES : NO;
}

static enum answer both(enum answer a, enum answer b)
{
	return a == NO || b == NO ? NO : a == UNKNOWN || b == UNKNOWN ? UNKNOWN : YES;
}

static enum answer either(enum answer a, enum answer b)
{
	return a == YES || b == YES ? YES : a == UNKNOWN || b == UNKNOWN ? UNKNOWN : NO;
}

/* --- the alert */

static bool metric_begins(const struct scene *s, const char *prefix)
{
	return !strncmp(s->alert->rule->term.metric, prefix, strlen(prefix));
}

/* Is it the device that the alert is about, and not a service that waits for it? */
static enum answer about_device(const struct scene *s)
{
	return metric_begins(s, "seismo_block_");
}

static enum answer about_block_errors(const struct scene *s)
{
	return metric_begins(s, "seismo_block_io_errors");
}

static enum answer about_connects(const struct scene *s)
{
	return metric_begins(s, "seismo_tcp_connect_");
}

static enum answer most_is(const struct scene *s, const char *value)
{
	const struct family *f = s->value.group.family;

	for (unsigned i = 0; s->most && i < f->label_cnt; i++)
		if (s->most->label[i] && !strcmp(s->most->label[i], value))
			return YES;
	return NO;
}

static enum answer about_oom(const struct scene *s)
{
	return metric_begins(s, "seismo_oom_");
}

/* Of a cgroup's limit, as the kernel said. */
static enum answer oom_of_cgroup(const struct scene *s)
{
	return both(about_oom(s), most_is(s, "cgroup"));
}

static enum answer about_exits(const struct scene *s)
{
	return metric_begins(s, "seismo_process_");
}

static enum answer about_overflows(const struct scene *s)
{
	return metric_begins(s, "seismo_tcp_listen_overflows");
}

static enum answer about_calls(const struct scene *s)
{
	return metric_begins(s, "seismo_syscall_errors");
}

static enum answer connect_refused(const struct scene *s)
{
	return both(about_connects(s), most_is(s, "ECONNREFUSED"));
}

static enum answer about_network(const struct scene *s)
{
	return metric_begins(s, "seismo_tcp_re") || metric_begins(s, "seismo_tcp_rtt");
}

/* --- the device */

static enum answer device_hangs(const struct scene *s)
{
	return s->device ? at_least(s->device_oldest, HANGS) : NO;
}

/* Its share of the time matters, too: a queue that was empty is soon many times as long. */
static enum answer phase_up(const struct scene *s, const struct measured *phase)
{
	double mean = measure_mean(&phase->now), device = measure_mean(&s->in_device.now),
	       queue = s->in_queue.now.unknown ? 0 : measure_mean(&s->in_queue.now);

	if (!s->device)
		return NO;
	if (phase->now.unknown || isnan(mean))
		return UNKNOWN;
	if (mean < PHASE_MIN * (device + (isnan(queue) ? 0 : queue)))
		return NO;
	return at_least(measured_mean_factor(phase), UP);
}

/* Where nothing tells what is usual, the rule itself says that it is too slow. */
static enum answer device_slow(const struct scene *s)
{
	enum answer up = phase_up(s, &s->in_device);

	if (up == UNKNOWN && s->operation && metric_begins(s, "seismo_block_io_duration"))
		return YES;
	return up;
}

static enum answer queue_slow(const struct scene *s)
{
	return s->device && s->is_volume ? NO : phase_up(s, &s->in_queue);
}

static double bytes_by_request(double bytes, double ops)
{
	return bytes / ops;
}

static enum answer device_loaded(const struct scene *s)
{
	double now = bytes_by_request(s->bytes, measure_rate(&s->io.now)),
	       usual = s->io.usual.unknown
			       ? NAN
			       : bytes_by_request(s->usual_bytes, measure_rate(&s->io.usual));

	if (!s->device)
		return NO;
	return either(at_least(measured_rate_factor(&s->io), LOAD_UP),
		      at_least(usual > 0 ? now / usual : NAN, LOAD_UP));
}

static enum answer several_suffer(const struct scene *s)
{
	return s->device && s->slower_total >= 2;
}

/* Others use it, and for them it is as always. */
static enum answer others_fine(const struct scene *s)
{
	return s->device && s->slower_total == 1 && s->as_usual_total > 0;
}

static const struct user *loader(const struct scene *s)
{
	return s->user_cnt ? &s->users[0] : NULL;
}

static enum answer one_loads(const struct scene *s)
{
	const struct user *u = loader(s);
	double ops = s->io.now.unknown ? NAN : measure_rate(&s->io.now);

	if (!s->device || !u)
		return NO;
	return either(at_least(u->bytes / s->bytes, LOADS_MOST),
		      at_least(u->ops / ops, LOADS_MOST));
}

/* It does so more than usual, or had not done so before. */
static enum answer loader_up(const struct scene *s)
{
	const struct user *u = loader(s);

	if (!s->device || !u)
		return NO;
	return either(at_least(u->bytes / u->usual_bytes, LOAD_UP),
		      at_least(u->ops / u->usual_ops, LOAD_UP));
}

/* Who loads it is the one that suffers, or the only one that uses it. */
static enum answer loads_itself(const struct scene *s)
{
	const struct user *u = loader(s);

	return u && (s->service ? !strcmp(u->service, s->service) : s->waiting_total <= 1);
}

/* --- the service */

static enum answer part_takes(const struct scene *s, const char *name, double share)
{
	const struct part *p = scene_part(s, name);

	return p ? at_least(scene_share(s, p), share) : NO;
}

static enum answer io_limited(const struct scene *s)
{
	return part_takes(s, "io_limit", MUCH);
}

static enum answer disk_matters(const struct scene *s)
{
	return either(part_takes(s, "disk", MUCH),
		      metric_begins(s, "seismo_block_") || metric_begins(s, "seismo_service_"));
}

/* Periods of its quota in which it was throttled. */
static enum answer cpu_throttled(const struct scene *s)
{
	const char *const labels[SERIES_LABELS] = { s->service };
	const struct registry *r = s->src->registry;
	double periods, throttled;

	if (!s->service)
		return NO;
	periods = metric_increase(r, "seismo_cpu_periods_total", labels, &s->now_window);
	throttled =
		metric_increase(r, "seismo_cpu_throttled_periods_total", labels, &s->now_window);
	return periods > 0 ? at_least(throttled / periods, THROTTLED) : NO;
}

/* Is it clearly more than usual, or is nothing known of that? */
static enum answer is_more(double factor)
{
	return isnan(factor) || factor >= LOAD_UP;
}

/* By how much more of this the service has than usual: by the second, or by the request. */
static double part_factor(const struct scene *s, const char *metric, bool by_request)
{
	const char *const labels[SERIES_LABELS] = { s->service };
	const struct registry *r = s->src->registry;
	const struct measure *now = &s->inbound.now, *usual = &s->inbound.usual;

	if (!s->usual || now->unknown || usual->unknown)
		return NAN;
	return metric_increase(r, metric, labels, &s->now_window) /
	       (by_request ? now->cnt : now->seconds) /
	       (metric_increase(r, metric, labels, s->usual) /
		(by_request ? usual->cnt : usual->seconds));
}

static enum answer cpu_waits(const struct scene *s)
{
	return both(part_takes(s, "cpu_wait", MUCH),
		    is_more(part_factor(s, "seismo_run_queue_wait_seconds", false)));
}

static enum answer cpu_dominates(const struct scene *s)
{
	return part_takes(s, "cpu", DOMINATES);
}

static enum answer cpu_up(const struct scene *s)
{
	return is_more(part_factor(s, "seismo_cpu_seconds_total", true));
}

static enum answer locks_dominate(const struct scene *s)
{
	return s->by_requests ? part_takes(s, "locks_at_most", DOMINATES) : NO;
}

static enum answer callee_silent(const struct scene *s)
{
	return s->callee.service ? at_least(s->callee.oldest, HANGS) : NO;
}

static enum answer callee_dominates(const struct scene *s)
{
	return both(part_takes(s, "outbound", DOMINATES),
		    is_more(measured_mean_factor(&s->callee.duration)));
}

static enum answer requests_up(const struct scene *s)
{
	return s->service ? at_least(measured_rate_factor(&s->inbound), LOAD_UP) : NO;
}

static enum answer memory_stalls(const struct scene *s)
{
	return part_takes(s, "memory_reclaim", MUCH);
}

static enum answer memory_full(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	double limit = scene_gauge(s, "seismo_memory_limit_bytes", where),
	       resident = scene_gauge(s, "seismo_memory_resident_bytes", where);

	return s->service && limit > 0 ? at_least(resident / limit, MEMORY_FULL) : NO;
}

static enum answer memory_limited(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };

	return s->service && scene_gauge(s, "seismo_memory_limit_bytes", where) > 0;
}

static enum answer is_stopped(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };

	return s->service ? at_least(scene_gauge(s, "seismo_stopped_tasks", where), 1) : NO;
}

static enum answer was_replaced(const struct scene *s)
{
	for (size_t i = 0; s->service && i < s->changed_cnt; i++)
		if (s->changed[i].kind == CHANGE_REPLACED &&
		    !strcmp(s->changed[i].service, s->service))
			return YES;
	return NO;
}

/* --- rows */

/* X(fact, what is missing where it cannot be told): the function of this name answers. */
#define FACTS(X)                                            \
	X(about_device, "")                                 \
	X(about_block_errors, "")                           \
	X(about_connects, "")                               \
	X(connect_refused, "")                              \
	X(about_oom, "")                                    \
	X(oom_of_cgroup, "")                                \
	X(about_exits, "")                                  \
	X(about_overflows, "")                              \
	X(about_calls, "")                                  \
	X(about_network, "")                                \
	X(device_hangs, "what the device has under way")    \
	X(device_slow, "what is usual in the device")       \
	X(queue_slow, "what is usual in the queue")         \
	X(device_loaded, "what load is usual")              \
	X(several_suffer, "")                               \
	X(others_fine, "")                                  \
	X(one_loads, "who loads the device")                \
	X(loader_up, "who usually loads the device")        \
	X(loads_itself, "")                                 \
	X(io_limited, "")                                   \
	X(disk_matters, "")                                 \
	X(cpu_throttled, "how often its quota was used up") \
	X(cpu_waits, "")                                    \
	X(cpu_up, "")                                       \
	X(cpu_dominates, "")                                \
	X(locks_dominate, "")                               \
	X(callee_silent, "what it waits for")               \
	X(callee_dominates, "")                             \
	X(requests_up, "how many requests are usual")       \
	X(memory_stalls, "")                                \
	X(memory_full, "")                                  \
	X(memory_limited, "")                               \
	X(is_stopped, "")                                   \
	X(was_replaced, "")

#define FACT_NUMBER(name, missing) FACT_##name,
enum { FACTS(FACT_NUMBER) FACT_CNT };
_Static_assert(FACT_CNT <= 64, "bits of them");
#define FACT(name) (1ULL << FACT_##name)

#define FACT_ROW(name, missing) { name, missing },
static const struct {
	enum answer (*answer)(const struct scene *s);
	const char *missing;
} facts[] = { FACTS(FACT_ROW) };

static const struct reason reasons[] = {
	{ REASON_HARDWARE, "hang", FACT(device_hangs) | FACT(disk_matters), 0,
	  "{{device}} has not answered for {{device_oldest}}[, {{in_flight}} requests are under way]",
	  "fail over what needs {{device}}; look at its cable, controller or path[; queue \"replace disk {{device}}\" (serial {{serial}})]" },
	{ REASON_HARDWARE, "errors", FACT(about_block_errors), 0,
	  "{{device}} fails requests[: {{detail}}]",
	  "save what is on {{device}}; queue \"replace disk {{device}}\"[ (serial {{serial}})]" },
	{ REASON_SOFTWARE, "stopped", FACT(is_stopped), FACT(about_device),
	  "{{service}} is stopped or frozen",
	  "continue {{service}} (SIGCONT, or thaw its cgroup), and find out who stopped it" },
	{ REASON_QUOTA, "io_limit", FACT(io_limited), 0,
	  "{{service}} waits in its own I/O limit[ on {{limited_device}}]; the disk is not the reason",
	  "raise the I/O limit of {{service}} (io.max, IOReadBandwidthMax=), or let it do less I/O" },
	{ REASON_QUOTA, "oom_limit", FACT(oom_of_cgroup), 0,
	  "{{service}} reached the memory limit of its own cgroup[, {{memory_limit}}]; the host is not short of memory for it",
	  "raise the limit of {{service}} (memory.max, MemoryMax=), or look for what grew in it" },
	{ REASON_MEMORY, "oom", FACT(about_oom), 0,
	  "processes were killed for want of memory[; what ran out of it: {{detail}}]",
	  "find who uses the memory (seismo_memory_resident_bytes by service); move or limit it" },
	{ REASON_CALLEE, "refused", FACT(connect_refused), 0,
	  "connects are refused: nobody listens where {{service}} connects to",
	  "start what {{service}} connects to, or correct where it connects to" },
	{ REASON_NETWORK, "connects", FACT(about_connects), 0,
	  "connects of {{service}} get no good answer[: {{detail}}]",
	  "look at the path and at the other side: firewall, routes, whether the host is up" },
	{ REASON_SOFTWARE, "overflows", FACT(about_overflows), 0,
	  "{{service}} does not accept connections as fast as they come",
	  "see what {{service}} waits for (below: its time); more workers or a longer backlog help only if it is busy" },
	{ REASON_SOFTWARE, "exits_replaced", FACT(about_exits) | FACT(was_replaced), 0,
	  "{{service}} was replaced {{replaced}} and fails[ ({{detail}})]",
	  "roll {{service}} back" },
	{ REASON_SOFTWARE, "exits", FACT(about_exits), 0,
	  "{{service}} ends by itself[ ({{detail}})]",
	  "read the last messages of {{service}} (journalctl -u, or its log)" },
	{ REASON_SOFTWARE, "calls", FACT(about_calls), 0,
	  "{{service}} reached a limit[: {{detail}}]",
	  "raise that limit of {{service}}, or find what it does not give back" },
	{ REASON_CALLEE, "callee_silent", FACT(callee_silent), FACT(about_device),
	  "{{callee}} has not answered {{service}} for {{callee_oldest}}[ ({{callee_protocol}})]",
	  "look at {{callee}}: is it stopped, blocked or gone, or the path to it" },
	{ REASON_NETWORK, "network", FACT(about_network), 0,
	  "segments of {{service}} are lost or late on the path",
	  "look at the path: links, switches, the other hosts; this host's services are not the reason" },
	{ REASON_QUOTA, "cpu_quota", FACT(cpu_throttled), FACT(about_device),
	  "{{service}} is throttled by its CPU quota[ of {{cpu_quota}} CPUs], or that of a slice above it",
	  "raise the quota of {{service}} (cpu.max, CPUQuota=), or let it do less" },
	{ REASON_NEIGHBOUR, "disk_neighbour_queue",
	  FACT(disk_matters) | FACT(queue_slow) | FACT(loader_up) | FACT(one_loads),
	  FACT(loads_itself),
	  "{{user}} loads {{device}}: {{user_rate}}[ in {{user_ops}} requests/s][, usually {{user_usual}}]; requests wait {{queue_now}} in the queue[, usually {{queue_usual}}]",
	  "stop or limit {{user}} (io.max, ionice -c 3), or move it off {{device}}" },
	{ REASON_NEIGHBOUR, "disk_neighbour",
	  FACT(disk_matters) | FACT(device_slow) | FACT(loader_up) | FACT(one_loads),
	  FACT(loads_itself),
	  "{{user}} loads {{device}}: {{user_rate}}[ in {{user_ops}} requests/s][, usually {{user_usual}}]; requests take {{device_now}}[, usually {{device_usual}}]",
	  "stop or limit {{user}} (io.max, ionice -c 3), or move it off {{device}}" },
	{ REASON_OWN_LOAD, "disk_own_queue",
	  FACT(disk_matters) | FACT(queue_slow) | FACT(loader_up) | FACT(loads_itself), 0,
	  "{{user}} itself loads {{device}}: {{user_rate}}[ in {{user_ops}} requests/s][, usually {{user_usual}}]",
	  "find what {{user}} does more of: a query without an index, a backup, a vacuum; then spread it, or give it a faster disk" },
	{ REASON_OWN_LOAD, "disk_own",
	  FACT(disk_matters) | FACT(device_slow) | FACT(device_loaded) | FACT(loads_itself), 0,
	  "{{user}} itself loads {{device}}: {{user_rate}}[ in {{user_ops}} requests/s][, usually {{user_usual}}]",
	  "find what {{user}} does more of: a query without an index, a backup, a vacuum; then spread it, or give it a faster disk" },
	{ REASON_SOFTWARE, "disk_one", FACT(disk_matters) | FACT(device_slow) | FACT(others_fine),
	  FACT(device_loaded),
	  "{{device}} is as always for others; only what {{victim}} asks of it takes longer",
	  "see what {{victim}} does differently: larger or scattered requests, syncs" },
	{ REASON_HARDWARE, "disk_slow_several",
	  FACT(disk_matters) | FACT(device_slow) | FACT(several_suffer), FACT(device_loaded),
	  "{{operations}} take {{device_now}} in {{device}}[, usually {{device_usual}}][; {{queue_now}} in the queue]; {{slower}} services wait for it and none loads it more",
	  "move what {{victim}} can spare off {{device}} (temporary files, logs); queue \"replace disk {{device}}\"[ (serial {{serial}})]" },
	{ REASON_HARDWARE, "disk_slow", FACT(disk_matters) | FACT(device_slow), FACT(device_loaded),
	  "{{operations}} take {{device_now}} in {{device}}[, usually {{device_usual}}][; {{queue_now}} in the queue]; nobody loads it more than usual",
	  "[move what {{victim}} can spare off {{device}} (temporary files, logs); ]queue \"replace disk {{device}}\"[ (serial {{serial}})]" },
	{ REASON_QUOTA, "memory_limit",
	  FACT(memory_stalls) | FACT(memory_limited) | FACT(memory_full), FACT(about_device),
	  "{{service}} is at its memory limit[, {{memory_limit}},] and waits for memory to be reclaimed",
	  "raise the memory limit of {{service}} (memory.max, MemoryMax=)" },
	{ REASON_MEMORY, "memory", FACT(memory_stalls), FACT(about_device),
	  "{{service}} waits for memory to be reclaimed",
	  "find who uses the memory (seismo_memory_resident_bytes by service); move or limit it" },
	{ REASON_CALLEE, "callee", FACT(callee_dominates), FACT(about_device),
	  "{{callee}} takes {{callee_share}} of its time[, {{callee_now}} a request][, usually {{callee_usual}}]",
	  "look at {{callee}}; {{service}} waits for it" },
	{ REASON_OWN_LOAD, "cpu_own", FACT(cpu_waits) | FACT(requests_up), FACT(about_device),
	  "{{service}} gets {{requests_now}} requests/s, usually {{requests_usual}}, and waits for a CPU",
	  "give {{service}} more CPUs or instances[, or look at who asks so much: {{caller}}]" },
	{ REASON_NEIGHBOUR, "cpu_neighbour", FACT(cpu_waits), FACT(about_device),
	  "{{service}} waits for a CPU {{cpu_wait_share}} of its time; {{cpu_user}} uses {{cpu_used}} CPUs",
	  "stop or limit {{cpu_user}} (cpu.weight, cpu.max), or move it elsewhere" },
	{ REASON_SOFTWARE, "cpu_replaced", FACT(cpu_dominates) | FACT(cpu_up) | FACT(was_replaced),
	  FACT(about_device) | FACT(requests_up),
	  "{{service}} was replaced {{replaced}} and computes {{cpu_share}} of its time",
	  "roll {{service}} back" },
	{ REASON_OWN_LOAD, "busy", FACT(cpu_dominates) | FACT(requests_up), FACT(about_device),
	  "{{service}} gets {{requests_now}} requests/s, usually {{requests_usual}}: it is busy",
	  "give {{service}} more CPUs or instances[, or look at who asks so much: {{caller}}]" },
	{ REASON_SOFTWARE, "cpu", FACT(cpu_dominates) | FACT(cpu_up), FACT(about_device),
	  "{{service}} computes {{cpu_share}} of its time, and not because of more requests",
	  "profile {{service}} (perf top -p PID)" },
	{ REASON_SOFTWARE, "locks", FACT(locks_dominate), FACT(about_device),
	  "{{service}} waits for itself, at most {{locks_share}} of its time: locks, or a pool that is full",
	  "see what its threads wait for (gdb, jstack, pg_locks)" },
	{ REASON_SOFTWARE, "replaced", FACT(was_replaced), FACT(about_device),
	  "{{service}} was replaced {{replaced}}",
	  "roll {{service}} back, or compare with before" },
	{ REASON_OWN_LOAD, "requests", FACT(requests_up), FACT(about_device),
	  "{{service}} gets {{requests_now}} requests/s, usually {{requests_usual}}",
	  "look at who asks so much[: {{caller}}]" },
	{ REASON_UNKNOWN, "unknown", 0, 0,
	  "nothing that is measured stands out[; not known: {{missing}}]",
	  "start with where the time goes[ of {{service}}: {{most_part}}]" },
};

/* Which of the facts hold, and which cannot be told; bits. */
static void facts_find(const struct scene *s, u64 *yes, u64 *unknown)
{
	*yes = *unknown = 0;
	for (unsigned i = 0; i < FACT_CNT; i++) {
		enum answer a = facts[i].answer(s);

		*yes |= (u64)(a == YES) << i;
		*unknown |= (u64)(a == UNKNOWN) << i;
	}
}

void reason_find(struct scene *s)
{
	u64 yes, unknown;

	facts_find(s, &yes, &unknown);
	for (size_t i = 0; !s->reason; i++) {
		const struct reason *c = &reasons[i];
		u64 open = (c->yes | c->no) & unknown;

		if ((c->yes & ~unknown & ~yes) || (c->no & yes))
			continue;
		if (!open)
			s->reason = c;
		else if (!s->reason_unknown)
			s->reason_unknown = facts[__builtin_ctzll(open)].missing;
	}
}
