/* SPDX-License-Identifier: BSD-3-Clause */
/* Facts about a scene: each is a test that says yes, no, or that it cannot be told. */
#ifndef RULE_FACTS_H
#define RULE_FACTS_H

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
	X(waits_unexplained, "")                                  \
	X(sleeps, "")                                             \
	X(exits_by_oom, "")                                       \
	X(connects_fail, "")                                      \
	X(callee_errs, "")                                        \
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
	X(outgrown, "")                                           \
	X(hogs, "")                                               \
	X(connects_slow, "")                                      \
	X(is_gone, "")                                            \
	X(queues, "")

#define FACT_NUMBER(name, missing) FACT_##name,
enum { FACTS(FACT_NUMBER) FACT_CNT };
_Static_assert(FACT_CNT <= 128, "bits of them");
/* A set of facts. */
typedef unsigned __int128 facts_t;
#define FACT(name) ((facts_t)1 << FACT_##name)

/* Which of the facts hold, and which cannot be told; bits of both. */
void facts_find(const struct scene *s, facts_t *yes, facts_t *unknown);
/* What is missing to tell the first of these; NULL: there is none. */
const char *facts_missing(facts_t unknown);

#endif
