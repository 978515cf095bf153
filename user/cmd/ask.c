// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/ask.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"
#include "http/control.h"
#include "lib/buf.h"
#include "lib/log.h"

static int answer_take(const char *socket, const char *path, int err, unsigned status,
		       struct buf *body, json_t **answer)
{
	*answer = err || status != 200 ? NULL : json_loadb(body->data ?: "", body->len, 0, NULL);
	if (err == -EACCES || err == -EPERM)
		log_printf(SEISMO_LOG_ERR, "only root may ask the daemon at %s: %s", socket,
			   strerror(-err));
	else if (err && err != -ENOENT)
		log_err(err, "cannot ask the daemon at %s", socket);
	else if (!err && status != 200)
		log_printf(SEISMO_LOG_ERR, "the daemon at %s answers %u to %s: %.*s", socket,
			   status, path, (int)strcspn(buf_cstr(body), "\n"), buf_cstr(body));
	else if (!err && !*answer)
		log_printf(SEISMO_LOG_ERR, "the daemon at %s does not answer in JSON to %s", socket,
			   path);
	return *answer || err == -ENOENT ? EXIT_OK : EXIT_UNSUPPORTED;
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
	int err = control_post(socket, path, &status, &body), result = EXIT_USAGE;

	*answer = NULL;
	if (!err && (status == 400 || status == 404))
		log_printf(SEISMO_LOG_ERR, "%.*s", (int)strcspn(buf_cstr(&body), "\n"),
			   buf_cstr(&body));
	else
		result = answer_take(socket, path, err, status, &body, answer);
	buf_release(&body);
	return result;
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
