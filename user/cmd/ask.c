// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/ask.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"
#include "http/control.h"
#include "lib/log.h"

/* An exit status; says on stderr what is wrong. What is refused is bad usage, and the daemon says why. */
static int answer_check(const char *socket, const char *path, int err, unsigned status,
			struct buf *body)
{
	int line = (int)strcspn(buf_cstr(body), "\n");

	if (err == -ENOENT || (!err && status == 200))
		return EXIT_OK;
	if (!err && (status == 400 || status == 404)) {
		log_printf(SEISMO_LOG_ERR, "%.*s", line, buf_cstr(body));
		return EXIT_USAGE;
	}
	if (err == -EACCES || err == -EPERM)
		log_printf(SEISMO_LOG_ERR, "only root may ask the daemon at %s: %s", socket,
			   strerror(-err));
	else if (err)
		log_err(err,
			"cannot ask the daemon at %s; see whether it runs (systemctl status seismo)",
			socket);
	else
		log_printf(SEISMO_LOG_ERR, "the daemon at %s answers %u to %s: %.*s", socket,
			   status, path, line, buf_cstr(body));
	return EXIT_UNSUPPORTED;
}

int ask_text(const char *socket, const char *path, struct buf *answer, bool *answered)
{
	unsigned status = 0;
	int err = control_get(socket, path, &status, answer);

	*answered = !err && status == 200;
	return answer_check(socket, path, err, status, answer);
}

static int answer_take(const char *socket, const char *path, int err, unsigned status,
		       struct buf *body, json_t **answer)
{
	bool answered = !err && status == 200;
	int ret = answer_check(socket, path, err, status, body);

	*answer = answered ? json_loadb(body->data ?: "", body->len, 0, NULL) : NULL;
	if (answered && !*answer) {
		log_printf(
			SEISMO_LOG_ERR,
			"the daemon at %s does not answer in JSON to %s: are it and this command of the same version?",
			socket, path);
		ret = EXIT_UNSUPPORTED;
	}
	return ret;
}

int ask_daemon(const char *socket, const char *path, json_t **answer)
{
	struct buf body = { 0 };
	unsigned status = 0;
	int err = control_get(socket, path, &status, &body);

	err = answer_take(socket, path, err, status, &body, answer);
	buf_release(&body);
	return err;
}

int tell_daemon(const char *socket, const char *path, json_t **answer)
{
	struct buf body = { 0 };
	unsigned status = 0;
	int err = control_post(socket, path, &status, &body);

	err = answer_take(socket, path, err, status, &body, answer);
	buf_release(&body);
	return err;
}

void query_add(struct buf *path, const char *key, const char *value)
{
	const char *text = buf_cstr(path);

	buf_printf(path, "%s%s=", path->len && text[path->len - 1] != '?' ? "&" : "", key);
	for (const char *c = value; *c; c++)
		if (isalnum((unsigned char)*c) || strchr("/._-", *c))
			buf_char(path, *c);
		else
			buf_printf(path, "%%%02X", (unsigned char)*c);
}
