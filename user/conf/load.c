// SPDX-License-Identifier: BSD-3-Clause
#include "conf/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/probes.h"
#include "conf/schema.h"
#include "lib/buf.h"
#include "lib/parse.h"

#define FILE_MAX   (1U << 20)
#define SOCKET_MAX 107 /* of a Unix socket's address */

static int listen_apply(struct conf *c, struct yaml_doc *d, const struct conf_file *f)
{
	const char *port = f->listen ? strrchr(f->listen, ':') : NULL;
	char *copy;
	u64 v;

	if (!f->listen)
		return 0;
	if (!port || port == f->listen || parse_u64(port + 1, 0, 65535, &v))
		return yaml_doc_error(
			d, yaml_doc_value(d, yaml_doc_root(d), "listen"),
			"'listen' is '%.64s', must be ADDR:PORT such as 127.0.0.1:9469", f->listen);
	copy = strdup(f->listen);
	if (!copy)
		return -ENOMEM;
	free(c->listen);
	c->listen = copy;
	return 0;
}

static int socket_apply(struct conf *c, struct yaml_doc *d, const struct conf_file *f)
{
	if (!f->socket)
		return 0;
	if (*f->socket != '/' || strlen(f->socket) > SOCKET_MAX)
		return yaml_doc_error(
			d, yaml_doc_value(d, yaml_doc_root(d), "socket"),
			"'socket' is '%.64s', must be an absolute path of at most %d bytes",
			f->socket, SOCKET_MAX);
	c->socket = strdup(f->socket);
	return c->socket ? 0 : -ENOMEM;
}

static int numbers_apply(struct conf *c, struct yaml_doc *d, const struct conf_file *f)
{
	for (const struct conf_number *n = conf_numbers; n->setting.name; n++) {
		const struct setting *s = &n->setting;
		const char *text = *(char *const *)((const char *)f + schema_number(n));
		yaml_node_t *section = yaml_doc_root(d);

		if (!text)
			continue;
		if (n->section)
			section = yaml_doc_value(d, section, n->section);
		if (!setting_parse(s, text, (u64 *)((char *)c + s->offset)))
			continue;
		yaml_doc_error(d, yaml_doc_value(d, section, s->name), "'%s' is '%.64s', must be ",
			       s->name, text);
		setting_accepts(s, d->error);
		return -EINVAL;
	}
	return 0;
}

/* The bounds of a list, in increasing order. */
static int bucket_list_apply(struct conf *c, struct yaml_doc *d, const yaml_node_t *list)
{
	static const struct setting bound = { "buckets", SETTING_DURATION, .min = 1000,
					      .max = 64000000000, .initial = 1000000 };
	const yaml_node_item_t *item = list->data.sequence.items.start;

	for (; item < list->data.sequence.items.top; item++) {
		const yaml_node_t *node = yaml_doc_node(d, *item);
		const char *text = yaml_doc_text(node);
		u64 ns;

		if (c->bucket_cnt == CONF_BUCKETS)
			return yaml_doc_error(d, node, "'buckets' has more than %d entries",
					      CONF_BUCKETS);
		if (!text || setting_parse(&bound, text, &ns)) {
			yaml_doc_error(d, node, "a bound of 'buckets' is '%.64s', must be ",
				       text ?: "");
			setting_accepts(&bound, d->error);
			return -EINVAL;
		}
		if (c->bucket_cnt && ns <= c->bucket_ns[c->bucket_cnt - 1])
			return yaml_doc_error(d, node, "'buckets' must increase, '%.64s' does not",
					      text);
		c->bucket_ns[c->bucket_cnt++] = ns;
	}
	c->buckets = BUCKETS_LIST;
	return 0;
}

static int buckets_apply(struct conf *c, struct yaml_doc *d)
{
	const yaml_node_t *node = yaml_doc_value(d, yaml_doc_root(d), "buckets");
	const char *text = node ? yaml_doc_text(node) : NULL;

	if (!node)
		return 0;
	if (node->type == YAML_SEQUENCE_NODE &&
	    node->data.sequence.items.start < node->data.sequence.items.top)
		return bucket_list_apply(c, d, node);
	if (text && !setting_parse(&conf_buckets, text, &c->buckets))
		return 0;
	yaml_doc_error(d, node, "'buckets' is '%.64s', must be ", text ?: "");
	setting_accepts(&conf_buckets, d->error);
	buf_str(d->error, ", or a list of durations such as [10ms, 100ms, 1s]");
	return -EINVAL;
}

static bool text_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool match_same(const struct service_match *a, const struct service_match *b)
{
	return a->port == b->port && text_same(a->cgroup, b->cgroup) && text_same(a->exe, b->exe) &&
	       text_same(a->command, b->command);
}

/* Refuses a rule that matches everything, or that an earlier rule makes useless. */
static int service_check(struct yaml_doc *d, const yaml_node_t *node,
			 const struct service_rule *rules, unsigned i)
{
	static const struct service_match none;
	const struct service_rule *r = &rules[i];

	if (match_same(&r->match, &none))
		return yaml_doc_error(
			d, node,
			"service '%.64s' has no condition: it needs cgroup, exe, command or port",
			r->name);
	for (unsigned before = 0; before < i; before++) {
		if (!match_same(&r->match, &rules[before].match))
			continue;
		if (!strcmp(r->name, rules[before].name))
			return yaml_doc_error(d, node, "duplicate service '%.64s'", r->name);
		return yaml_doc_error(
			d, node,
			"service '%.64s' can never match: '%.64s' before it has the same conditions",
			r->name, rules[before].name);
	}
	return 0;
}

/* Checks the rules and moves them from `f` to `c`. */
static int services_apply(struct conf *c, struct yaml_doc *d, struct conf_file *f)
{
	yaml_node_t *list = yaml_doc_value(d, yaml_doc_root(d), "services");

	for (unsigned i = 0; i < f->services_count; i++) {
		const yaml_node_t *node = yaml_doc_node(d, list->data.sequence.items.start[i]);
		int err = service_check(d, node, f->services, i);

		if (err)
			return err;
	}
	c->services = f->services;
	c->service_cnt = f->services_count;
	f->services = NULL;
	f->services_count = 0;
	return 0;
}

static int file_apply(struct conf *c, struct yaml_doc *d, struct conf_file *f)
{
	int err = listen_apply(c, d, f);

	if (!err)
		err = socket_apply(c, d, f);
	if (!err)
		err = numbers_apply(c, d, f);
	if (!err)
		err = buckets_apply(c, d);
	if (!err)
		err = services_apply(c, d, f);
	return err;
}

static int text_apply(struct conf *c, struct yaml_doc *d, const struct buf *text)
{
	struct conf_file *f = NULL;
	int err;

	if (!yaml_doc_root(d))
		return 0;
	err = schema_load(&f, d, text->data, text->len);
	if (!err && f)
		err = file_apply(c, d, f);
	schema_free(f);
	return err ? err : probes_load(c, d);
}

static int fd_read(int fd, struct buf *text)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	do {
		if (!buf_reserve(text, 4096))
			return -ENOMEM;
		n = read(fd, text->data + text->len, 4096);
		if (n < 0)
			return -errno;
		text->len += (size_t)n;
	} while (n && text->len <= FILE_MAX);
	return n ? -EFBIG : 0;
}

/* O_NONBLOCK: must not hang if the path is a pipe. */
static int file_read(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;

	if (fd < 0)
		return -errno;
	err = fd_read(fd, text);
	close(fd);
	return err;
}

static const char *file_problem(int err)
{
	switch (err) {
	case -EINVAL:
		return "not a regular file";
	case -EFBIG:
		return "larger than 1 MiB";
	default:
		return strerror(-err);
	}
}

int conf_load(struct conf **ret, const char *path, const struct conf_family *families,
	      struct buf *error)
{
	struct buf text = { 0 };
	struct conf *c = NULL;
	struct yaml_doc d;
	int err = file_read(path, &text);

	if (err) {
		buf_printf(error, "%s: %s", path, file_problem(err));
		goto out;
	}
	err = yaml_doc_load(&d, path, text.data, text.len, error);
	if (err)
		goto out;
	c = conf_default(families);
	err = c ? text_apply(c, &d, &text) : -ENOMEM;
	if (err == -ENOMEM)
		buf_printf(error, "%s: out of memory", path);
	yaml_doc_release(&d);
	if (!err) {
		*ret = c;
		c = NULL;
	}
out:
	conf_free(c);
	buf_release(&text);
	return err;
}
