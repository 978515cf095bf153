// SPDX-License-Identifier: BSD-3-Clause
/* Each message is posted by a process of its own (post_main.c): this one hands it over, with the files that only we may read. */
#include "alert/post.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alert/post_message.h"
#include "lib/file.h"
#include "lib/loop.h"
#include "lib/part.h"

#define EXCERPT_BYTES 160
#define PASSWORD_MAX  1024
#define PEM_MAX	      ((u64)1 << 20)
#define ANSWER_NS     (15 * 1000 * NS_PER_MS) /* it gives up before */
#define POLL_MS	      100		      /* how soon an end that is asked for is seen */

struct post {
	struct http_target conf; /* its own copy */
	char *url;
};

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

struct post *post_new(const struct http_target *conf, const char *path)
{
	struct post *p = calloc(1, sizeof(*p));
	size_t len = strlen(conf->url);
	struct buf url = { 0 };

	if (!p)
		return NULL;
	while (*path && len && conf->url[len - 1] == '/')
		len--;
	buf_printf(&url, "%.*s%s", (int)len, conf->url, path);
	p->url = strdup(buf_cstr(&url));
	buf_release(&url);
	p->conf = *conf;
	p->conf.url = NULL;
	p->conf.basic_auth.username = copy(conf->basic_auth.username);
	p->conf.basic_auth.password_file = copy(conf->basic_auth.password_file);
	p->conf.tls.ca_file = copy(conf->tls.ca_file);
	p->conf.tls.cert_file = copy(conf->tls.cert_file);
	p->conf.tls.key_file = copy(conf->tls.key_file);
	if (p->url && *p->url)
		return p;
	post_free(p);
	return NULL;
}

void post_free(struct post *p)
{
	if (!p)
		return;
	free(p->conf.basic_auth.username);
	free(p->conf.basic_auth.password_file);
	free(p->conf.tls.ca_file);
	free(p->conf.tls.cert_file);
	free(p->conf.tls.key_file);
	free(p->url);
	free(p);
}

void post_excerpt(struct buf *out, const char *answer, size_t len)
{
	size_t n = 0;

	while (n < len && n < EXCERPT_BYTES && answer[n] != '\n' && answer[n] != '\r' && answer[n])
		n++;
	for (size_t i = 0; i < n; i++)
		buf_char(out, answer[i] >= ' ' && answer[i] < 127 ? answer[i] : '?');
}

/* Appends a file. 0 or negative errno. */
static int file_add(struct buf *to, const char *path, u64 max)
{
	int fd = regular_open(path, max);
	ssize_t n = -1;

	if (fd < 0)
		return fd;
	if (buf_reserve(to, max))
		n = read(fd, to->data + to->len, max);
	to->len += n > 0 ? (size_t)n : 0;
	close(fd);
	return to->failed ? -ENOMEM : n < 0 ? -errno : 0;
}

/* The password is the first line of its file. */
static void line_keep(struct buf *b, size_t from)
{
	size_t len = 0;

	while (from + len < b->len && b->data[from + len] != '\n' && b->data[from + len] != '\r')
		len++;
	b->len = from + len;
}

/* Files are read each time: they change without a reload. 0, or negative errno and *path: of which file. */
static int message_make(struct buf *m, const struct post *p, const struct buf *json,
			const char **path)
{
	const struct http_target *c = &p->conf;
	const struct {
		const char *text, *file;
		u64 max;
	} parts[POST_PARTS] = {
		[POST_URL] = { p->url },
		[POST_USER] = { c->basic_auth.username },
		[POST_PASSWORD] = { NULL, c->basic_auth.password_file, PASSWORD_MAX },
		[POST_CA] = { NULL, c->tls.ca_file, PEM_MAX },
		[POST_CERT] = { NULL, c->tls.cert_file, PEM_MAX },
		[POST_KEY] = { NULL, c->tls.key_file, PEM_MAX },
	};
	struct post_request head = { .insecure = c->tls.insecure_skip_verify };

	buf_add(m, &head, sizeof(head));
	for (int i = 0; i < POST_PARTS; i++) {
		size_t from = m->len;
		int err = 0;

		if (i == POST_BODY)
			buf_add(m, json->data, json->len);
		else if (parts[i].text)
			buf_str(m, parts[i].text);
		else if (parts[i].file)
			err = file_add(m, *path = parts[i].file, parts[i].max);
		if (err)
			return err;
		if (i == POST_PASSWORD)
			line_keep(m, from);
		head.len[i] = m->len - from;
		buf_char(m, '\0');
	}
	*path = NULL;
	if (m->failed)
		return -ENOMEM;
	memcpy(m->data, &head, sizeof(head));
	return 0;
}

/* A file in memory that has it, read from the start. Negative errno. */
static int message_file(const struct buf *m)
{
	int fd = memfd_create("post", MFD_CLOEXEC);
	size_t done = 0;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && done < m->len) {
		n = pwrite(fd, m->data + done, m->len - done, (off_t)done);
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0 && done < m->len) {
		close(fd);
		return -ENOMEM;
	}
	return fd >= 0 ? fd : -errno;
}

/* Until it has said all, or the target is to end. */
static bool result_read(int fd, struct post_result *r, const atomic_bool *ending)
{
	u64 until_ns = clock_now_ns() + ANSWER_NS;
	struct pollfd ready = { fd, POLLIN, 0 };
	size_t done = 0;
	ssize_t n = 1;

	while (n && done < sizeof(*r) && !*ending && clock_now_ns() < until_ns) {
		if (poll(&ready, 1, POLL_MS) <= 0)
			continue;
		n = read(fd, (char *)r + done, sizeof(*r) - done);
		if (n < 0)
			n = errno == EINTR;
		else
			done += (size_t)n;
	}
	return done == sizeof(*r);
}

/* The process that posts it, from start to end. 0 or negative errno. */
static int perform(const struct buf *message, struct post_result *r, const atomic_bool *ending)
{
	int input = message_file(message), ends[2], err;
	pid_t pid;

	if (input < 0)
		return input;
	if (pipe2(ends, O_CLOEXEC)) {
		err = -errno;
		close(input);
		return err;
	}
	err = part_start(&pid, POST_COMMAND, input, ends[1]);
	close(input);
	close(ends[1]);
	if (!err) {
		err = result_read(ends[0], r, ending) ? 0 : -EPIPE;
		kill(pid, SIGKILL); /* it has nothing left to do */
		waitpid(pid, NULL, 0);
	}
	close(ends[0]);
	return err;
}

static enum send_result answer_judge(const struct post_result *r, struct sending *s)
{
	uint32_t status = r->status, len = r->len < sizeof(r->answer) ? r->len : sizeof(r->answer);

	if (status >= 200 && status < 300)
		return SEND_OK;
	buf_printf(&s->error, "it answers with status %u%s", status,
		   status >= 300 && status < 400 ? ", and redirects are not followed" : "");
	if (len)
		buf_str(&s->error, ": ");
	post_excerpt(&s->error, r->answer, len);
	/* Others, such as 401 and 404, end when somebody has put it right. */
	return status == 400 || status == 413 || status == 422 ? SEND_REFUSED : SEND_RETRY;
}

enum send_result post_send(struct post *p, const struct buf *json, struct sending *s)
{
	struct buf message = { 0 };
	struct post_result r;
	const char *path = NULL;
	int err = json->failed ? -ENOMEM : message_make(&message, p, json, &path);

	if (!err)
		err = perform(&message, &r, s->ending);
	if (message.data)
		explicit_bzero(message.data, message.len);
	buf_release(&message);
	if (err && path)
		buf_printf(&s->error, "cannot read %s: %s", path, strerror(-err));
	else if (err)
		buf_printf(&s->error, "the process that posts it does not work: %s",
			   strerror(-err));
	else if (r.status)
		return answer_judge(&r, s);
	else
		post_excerpt(&s->error, r.error, strnlen(r.error, sizeof(r.error)));
	return SEND_RETRY;
}
