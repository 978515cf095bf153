// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "http/front.h"
#include "http/secure.h"
#include "lib/log.h"
#include "lib/worker.h"

#define LOOK_NS (1000 * NS_PER_MS)

/* By the helper thread: the files may be on a disk that hangs. */
struct web_check {
	struct job job;
	struct web_watch *watch;
	struct web_files files;
	uint64_t seen; /* the stamp at the look before, and at this one */
	uint64_t version;
	struct web *web; /* NULL: nothing has changed, or something is wrong */
	struct buf error;
};

static void check_free(struct web_check *c)
{
	web_files_release(&c->files);
	web_free(c->web);
	buf_release(&c->error);
	free(c);
}

/* Who is still writing is given until the next look. */
static void check_work(struct job *job)
{
	struct web_check *c = (struct web_check *)job;
	uint64_t before = c->seen;

	c->seen = web_files_stamp(&c->files);
	if (c->seen != c->files.stamp && c->seen == before)
		secure_load(&c->web, c->files.paths[0], &c->error);
}

/* Puts it into effect; NULL: none. */
static int web_set(struct web_watch *w, const struct web *web)
{
	struct web_files files = { 0 };
	int err = web && !web_files_copy(&files, &web->files) ? -ENOMEM : 0;

	if (!err && w->front)
		err = front_secure(w->front, web);
	if (err) {
		web_files_release(&files);
		return err;
	}
	web_files_release(&w->files);
	w->files = files;
	w->demands = web ? web_demands(web) : 0;
	w->version++;
	free(w->told);
	w->told = NULL;
	return 0;
}

/* While files are exchanged one after the other they do not fit each other; it is tried again at the next look. */
static void error_tell(struct web_watch *w, struct buf *error)
{
	const char *text = buf_cstr(error);

	if (w->told && !strcmp(w->told, text))
		return;
	free(w->told);
	w->told = strdup(text);
	log_printf(SEISMO_LOG_ERR, "%s; the web configuration stays as it was", text);
}

/* A file that is empty, or written to its half, opens the endpoint to nobody: who means it asks for a reload. */
static void demands_check(const struct web_watch *w, struct web_check *c)
{
	unsigned dropped = c->web ? w->demands & ~web_demands(c->web) : 0;

	if (!dropped)
		return;
	buf_printf(&c->error, "%s: without %s, which only a reload takes away", c->files.paths[0],
		   dropped & WEB_DEMANDS_TLS	? "tls_server_config"
		   : dropped & WEB_DEMANDS_USER ? "basic_auth_users"
						: "clients' certificates");
	web_free(c->web);
	c->web = NULL;
}

static void check_done(struct job *job)
{
	struct web_check *c = (struct web_check *)job;
	struct web_watch *w = c->watch;

	w->check = NULL;
	w->seen = c->seen;
	if (!job->dropped && c->version == w->version) {
		demands_check(w, c);
		if (c->web && web_set(w, c->web))
			buf_printf(&c->error, "%s: there is no memory for it", c->files.paths[0]);
		else if (c->web)
			log_info("%s or a file that it names has changed, and is in effect",
				 c->files.paths[0]);
		if (c->error.len)
			error_tell(w, &c->error);
	}
	check_free(c);
}

static void look(void *ctx, uint64_t now_ns)
{
	struct web_watch *w = ctx;
	struct web_check *c;

	(void)now_ns;
	if (w->check || !w->files.paths[0])
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	*c = (struct web_check){ .job = { .work = check_work, .done = check_done },
				 .watch = w,
				 .seen = w->seen,
				 .version = w->version };
	if (!web_files_copy(&c->files, &w->files) || worker_add(w->worker, &c->job)) {
		check_free(c);
		return;
	}
	w->check = c;
}

int web_begin(struct web_watch *w)
{
	w->timer = loop_timer(w->loop, look, w);
	if (!w->timer)
		return -ENOMEM;
	timer_set_every(w->timer, LOOK_NS);
	return 0;
}

int web_renew(struct web_watch *w, struct conf *c)
{
	int err = web_set(w, c->web);

	if (err)
		return err;
	web_free(c->web);
	c->web = NULL;
	return 0;
}

void web_close(struct web_watch *w)
{
	w->version++;
	timer_remove(w->timer);
	web_files_release(&w->files);
	free(w->told);
	w->told = NULL;
}
