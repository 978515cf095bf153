// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/configure.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/load.h"
#include "conf/probes.h"
#include "http/secure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/thread.h"
#include "rule/builtin.h"

#define PATIENCE_NS (1000 * NS_PER_MS)
#define HANGING_MAX 4 /* threads that wait for a disk */

static const char *config_path(const struct agent_options *o)
{
	return o->config ?: access(DEFAULT_CONFIG, F_OK) ? NULL : DEFAULT_CONFIG;
}

/* `by`, which this option has said, instead of what is at the top of the file; NULL: it has not. */
static int text_replace(struct conf *c, char **text, const char *key, const char *by,
			const char *option)
{
	char *copy;

	if (!by)
		return 0;
	copy = strdup(by);
	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	conf_origin_option(c, key, option);
	return 0;
}

/* What outlives a daemon with its own state directory is its own as well: two would overwrite each other's. */
static int data_dir_replace(struct conf *c, const struct agent_options *o)
{
	bool second = o->state_dir && strcmp(o->state_dir, DEFAULT_STATE_DIR) != 0;

	if (!o->data_dir && second && !strcmp(c->data_dir, CONF_DATA_DIR))
		return text_replace(c, &c->data_dir, "data_dir", o->state_dir, "--state-dir");
	return text_replace(c, &c->data_dir, "data_dir", o->data_dir, "--data-dir");
}

static int socket_replace(struct conf *c, const struct agent_options *o)
{
	if (o->socket)
		return text_replace(c, &c->socket, "socket", o->socket, "--socket");
	if (c->socket && !o->state_dir)
		return 0;
	free(c->socket);
	if (asprintf(&c->socket, "%s/api.sock", o->state_dir ?: DEFAULT_STATE_DIR) >= 0) {
		conf_origin_option(c, "socket", o->state_dir ? "--state-dir" : NULL);
		return 0;
	}
	c->socket = NULL;
	return -ENOMEM;
}

/* A list with commas. */
static int listen_replace(struct conf *c, const struct agent_options *o)
{
	const char *text = o->listen;
	size_t cnt = 0;

	if (!text)
		return 0;
	for (char **listen = c->listen; *listen; listen++)
		free(*listen);
	free(c->listen);
	c->listen = calloc(strlen(text) + 2, sizeof(*c->listen));
	if (!c->listen)
		return -ENOMEM;
	for (size_t len; len = strcspn(text, ","), cnt == 0 || len;
	     text += len + (text[len] == ','))
		if (!(c->listen[cnt++] = strndup(text, len)))
			return -ENOMEM;
	conf_origin_option(c, "listen", "--listen");
	return 0;
}

/* The command line comes before the file. */
static int options_apply(struct conf *c, const struct agent_options *o, struct buf *error)
{
	int err = listen_replace(c, o);

	err = err ?: data_dir_replace(c, o);
	err = err ?: socket_replace(c, o);
	err = err ?: text_replace(c, &c->web_file, "web", o->web_config, "--web-config");
	if (!err && o->probes) {
		buf_str(error, "--probes: ");
		err = conf_probes_parse(c, o->probes, error);
		if (!err)
			buf_reset(error);
	}
	if (!err && o->interval_ns) {
		c->interval_ns = o->interval_ns;
		conf_origin_option(c, "interval", "--interval");
	}
	if (!err && o->verbose) {
		c->log_level = SEISMO_LOG_DEBUG;
		conf_origin_option(c, "log.level", "--verbose");
	}
	return err;
}

int configure(struct conf **ret, const char *file, const struct agent_options *o, struct buf *error)
{
	const char *path = file ?: config_path(o);
	struct conf *c = NULL;
	int err = 0;

	if (path)
		err = conf_load(&c, path, probe_families(), error);
	else
		c = conf_default(probe_families());
	if (!err && !c)
		err = -ENOMEM;
	if (!err)
		err = rules_complete(c, error);
	if (!err)
		err = options_apply(c, o, error);
	if (!err && o->own)
		conf_withdraw(c);
	if (!err && o->web && c->web_file)
		err = web_load(&c->web, c->web_file, error);
	if (!err && c->web) {
		c->web_tls = web_has_tls(c->web);
		err = secure_check(c->web, error);
	}
	if (err && !error->len)
		buf_str(error, strerror(-err));
	if (err)
		conf_free(c);
	else
		*ret = c;
	return err;
}

/* --- by another thread */

static atomic_uint hanging;

/* Belongs to the thread and to who waits for it: the second of both to let go frees it. */
struct reading {
	atomic_bool let_go;
	char *file;
	const struct agent_options *options;
	struct conf *conf;
	struct buf error;
	int err;
};

static void reading_let_go(struct reading *r)
{
	if (!atomic_exchange(&r->let_go, true))
		return;
	conf_free(r->conf);
	buf_release(&r->error);
	free(r->file);
	free(r);
}

static void *reading_run(void *ctx)
{
	struct reading *r = ctx;

	r->err = r->options ? configure(&r->conf, r->file, r->options, &r->error)
			    : conf_load(&r->conf, r->file, probe_families(), &r->error);
	atomic_fetch_sub(&hanging, 1);
	reading_let_go(r);
	return NULL;
}

static struct reading *reading_new(const char *file, const struct agent_options *o)
{
	struct reading *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->options = o;
	r->file = file ? strdup(file) : NULL;
	if (file && !r->file) {
		free(r);
		return NULL;
	}
	return r;
}

/* Takes what came of it, if it came in time. */
static int reading_wait(struct reading *r, pthread_t thread, struct conf **ret, struct buf *error)
{
	int err = -ETIMEDOUT;

	if (thread_join(thread, clock_now_ns() + PATIENCE_NS)) {
		err = r->err;
		buf_add(error, r->error.data, r->error.len);
		if (!err) {
			*ret = r->conf;
			r->conf = NULL;
		}
	} else {
		pthread_detach(thread);
		buf_str(error, "the disk of the configuration does not answer");
	}
	reading_let_go(r);
	return err;
}

bool configure_unseen(int err)
{
	return err == -ENOENT || err == -EACCES;
}

int configure_in_time(struct conf **ret, const char *file, const struct agent_options *o,
		      struct buf *error)
{
	struct reading *r;
	pthread_t thread;
	int err;

	if (atomic_load(&hanging) >= HANGING_MAX) {
		buf_str(error, "the disk of the configuration still does not answer");
		return -ETIMEDOUT;
	}
	r = reading_new(file, o);
	if (!r) {
		buf_str(error, strerror(ENOMEM));
		return -ENOMEM;
	}
	atomic_fetch_add(&hanging, 1);
	err = thread_start(&thread, reading_run, r);
	if (!err)
		return reading_wait(r, thread, ret, error);
	atomic_fetch_sub(&hanging, 1);
	buf_str(error, strerror(-err));
	atomic_store(&r->let_go, true);
	reading_let_go(r);
	return err;
}
