/* SPDX-License-Identifier: BSD-3-Clause */
/* One fact about a scene each; facts.h has all of them together. */
#ifndef RULE_FACT_H
#define RULE_FACT_H

#include <math.h>

#include "rule/scene.h"

/* X(fact, what is missing where it cannot be told): the function of this name in facts.c answers. */
#define FACTS(X)                                                  \
	X(about_device, "")                                       \
	X(about_block_errors, "")                                 \
	X(about_connects, "")                                     \
	X(connect_refused, "")                                    \
	X(about_oom, "")                                          \
	X(oom_of_cgroup, "")                                      \
	X(about_exits, "")                                        \
	X(about_overflows, "")                                    \
	X(about_calls, "")                                        \
	X(about_network, "")                                      \
	X(device_hangs, "what the device has under way")          \
	X(device_silent, "whether the device completes anything") \
	X(device_slow, "what is usual in the device")             \
	X(queue_slow, "what is usual in the queue")               \
	X(device_loaded, "what load is usual")                    \
	X(several_suffer, "")                                     \
	X(others_fine, "")                                        \
	X(one_loads, "who loads the device")                      \
	X(loader_up, "who usually loads the device")              \
	X(loads_itself, "")                                       \
	X(io_limited, "")                                         \
	X(disk_matters, "")                                       \
	X(cpu_throttled, "how often its quota was used up")       \
	X(cpu_waits, "")                                          \
	X(cpu_up, "")                                             \
	X(cpu_dominates, "")                                      \
	X(locks_dominate, "")                                     \
	X(callee_silent, "what it waits for")                     \
	X(callee_stopped, "")                                     \
	X(callee_gone, "")                                        \
	X(about_errors, "")                                       \
	X(asks_in_vain, "")                                       \
	X(callee_dies, "")                                        \
	X(callee_restarted, "")                                   \
	X(waits_unexplained, "")                                  \
	X(row_locks, "")                                          \
	X(sleeps, "")                                             \
	X(names_late, "")                                         \
	X(callee_slowed, "")                                      \
	X(exits_by_oom, "")                                       \
	X(connects_fail, "")                                      \
	X(callee_errs, "")                                        \
	X(handshakes_fail, "")                                    \
	X(callee_handshakes_fail, "")                             \
	X(has_died, "")                                           \
	X(callee_dominates, "")                                   \
	X(requests_up, "how many requests are usual")             \
	X(memory_stalls, "")                                      \
	X(memory_full, "")                                        \
	X(memory_limited, "")                                     \
	X(is_stopped, "")                                         \
	X(was_replaced, "")                                       \
	X(about_limits, "")                                       \
	X(files_limited, "")                                      \
	X(tasks_limited, "")                                      \
	X(space_limited, "")                                      \
	X(killed_at_limit, "")                                    \
	X(killed_by_host, "")                                     \
	X(crashes, "")                                            \
	X(refused, "")                                            \
	X(connects_hang, "")                                      \
	X(callee_is_dns, "")                                      \
	X(callee_unanswering, "")                                 \
	X(callee_flat, "how long the callee itself takes")        \
	X(callee_idle, "")                                        \
	X(callee_alive, "")                                       \
	X(callee_accepts_late, "")                                \
	X(accepts_late, "")                                       \
	X(resent, "")                                             \
	X(callee_resent, "")                                      \
	X(path_slow, "what round trips are usual")                \
	X(resets, "")                                             \
	X(swaps, "")                                              \
	X(rereads, "")                                            \
	X(reclaims, "")                                           \
	X(page_cache_shrunk, "")                                  \
	X(outgrown, "")                                           \
	X(hogs, "")                                               \
	X(connects_slow, "")                                      \
	X(is_gone, "")                                            \
	X(cpu_much, "")                                           \
	X(restarted, "")                                          \
	X(answers_errors, "")                                     \
	X(callee_accepts_slowly, "")                              \
	X(device_very_slow, "")                                   \
	X(disk_takes, "")                                         \
	X(callee_in_trouble, "")                                  \
	X(queues, "")

enum answer { NO, YES, UNKNOWN };

#define UP	    2.0	 /* times the usual */
#define LOAD_UP	    1.5	 /* times the usual rate, or bytes a request */
#define HANGS	    5.0	 /* seconds without an answer */
#define DOMINATES   0.5	 /* of the service's time */
#define MUCH	    0.25 /* of it */
#define MEMORY_FULL 0.9	 /* of a limit */
#define MANY	    3.0	 /* times as many as usual */

#define FACT_PROTOTYPE(name, missing) enum answer fact_##name(const struct scene *s);
FACTS(FACT_PROTOTYPE)

/* Comparisons with NAN are unknown. */
static inline enum answer at_least(double value, double bound)
{
	return isnan(value) ? UNKNOWN : value >= bound ? YES : NO;
}

static inline enum answer both(enum answer a, enum answer b)
{
	return a == NO || b == NO ? NO : a == UNKNOWN || b == UNKNOWN ? UNKNOWN : YES;
}

static inline enum answer either(enum answer a, enum answer b)
{
	return a == YES || b == YES ? YES : a == UNKNOWN || b == UNKNOWN ? UNKNOWN : NO;
}

/* Is it clearly more than usual, or is nothing known of that? */
static inline enum answer is_more(double factor)
{
	return isnan(factor) || factor >= LOAD_UP;
}

/* What tells of the subject is a metric that begins so. */
bool subject_begins(const struct scene *s, const char *prefix);
/* Does this take so much of the time or, where what is usual is known, of that by which the time has grown? */
enum answer part_takes(const struct scene *s, const char *name, double share);
/* Increase in the window, and in as long a time usually; NAN: not known. */
struct counted {
	double now, usual;
};
/* ... of a metric where the conditions hold and, if `label` is not NULL, that matches the pattern. */
struct counted counted_where(const struct scene *s, const char *metric,
			     const struct condition *where, const char *label, const char *values);
/* ... of a service; NULL: none. */
struct counted service_counted(const struct scene *s, const char *metric, const char *service,
			       const char *label, const char *values);
/* A gauge of the callee, where that is a service of this host; otherwise NAN. */
double callee_gauge(const struct scene *s, const char *metric);
/* At least `least` of them, and several times as many as usual. */
enum answer is_up(struct counted c, double least);

#endif
