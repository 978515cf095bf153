// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/diagnosing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "cmd/alarm.h"
#include "lib/aside.h"
#include "lib/log.h"

#define WAITING_MAX 16
#define LIMIT_NS    (30 * 1000 * NS_PER_MS) /* so long takes none that comes to an end */

/* Somebody who waits for a diagnosis. */
struct asker {
	struct diagnosing *to;
	struct http_later *later;
	u64 since_ns;
	char *service; /* NULL: all */
	struct asker *prev, *next;
};

struct diagnosing {
	struct agent *agent;
	struct loop *loop;
	struct asker *first; /* of those who wait; whose turn it is comes first */
	unsigned cnt;
	struct aside *aside; /* NULL: none is under way */
};

static void work(void *ctx, struct buf *out)
{
	const struct asker *a = ctx;
	json_t *doc = alarm_diagnosis(a->to->agent->alarm, a->since_ns, a->service);
	char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;

	if (text)
		buf_str(out, text);
	else
		out->failed = true;
	buf_char(out, '\n');
}

/* Sends it; `out` NULL: there is none. */
static void asker_done(struct asker *a, struct buf *out)
{
	struct http_reply reply;

	http_reply_init(&reply);
	reply.content_type = "application/json";
	if (out)
		reply.body = *out;
	else
		http_reply_fail(&reply, 503, "the diagnosis came to no end");
	http_later_send(a->later, &reply);
	DL_DELETE(a->to->first, a);
	a->to->cnt--;
	free(a->service);
	free(a);
}

static void next_start(struct diagnosing *d);

static void done(void *ctx, struct buf *out, u64 cpu_ns)
{
	struct asker *a = ctx;
	struct diagnosing *d = a->to;

	d->aside = NULL;
	agent_spend(d->agent, agent_cpu_ns() - cpu_ns);
	asker_done(a, out);
	next_start(d);
}

/* Where there is no room for another process, as there may not be when something is wrong, the loop waits for it. */
static void next_start(struct diagnosing *d)
{
	while (d->first && !d->aside) {
		const struct aside_work w = { work, done, d->first, LIMIT_NS };
		struct buf out = { 0 };

		d->aside = aside_start(d->loop, &w);
		if (d->aside)
			break;
		log_debug("no process for a diagnosis: %s", strerror(errno));
		work(d->first, &out);
		asker_done(d->first, out.failed ? NULL : &out);
	}
}

struct diagnosing *diagnosing_new(struct agent *a, struct loop *l)
{
	struct diagnosing *d = calloc(1, sizeof(*d));

	if (d)
		*d = (struct diagnosing){ .agent = a, .loop = l };
	return d;
}

void diagnosing_free(struct diagnosing *d)
{
	if (!d)
		return;
	aside_cancel(d->aside);
	while (d->first)
		asker_done(d->first, NULL);
	free(d);
}

void diagnosing_reply(struct diagnosing *d, u64 since_ns, const char *service,
		      const struct http_request *request, struct http_reply *reply)
{
	struct asker *a = d->cnt < WAITING_MAX ? calloc(1, sizeof(*a)) : NULL;

	if (a)
		*a = (struct asker){ d, NULL, since_ns, service ? strdup(service) : NULL };
	if (a && (a->service || !service))
		a->later = http_reply_later(request);
	if (!a || !a->later) {
		http_reply_fail(reply, 503, "too many diagnoses at once");
		free(a ? a->service : NULL);
		free(a);
		return;
	}
	DL_APPEND(d->first, a);
	d->cnt++;
	next_start(d);
}
