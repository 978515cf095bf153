// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/ask.h"

#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"
#include "http/control.h"
#include "lib/log.h"

int ask_daemon(const char *socket, const char *path, json_t **answer)
{
	struct buf body = { 0 };
	unsigned status = 0;
	int err = control_get(socket, path, &status, &body);

	*answer = err || status != 200 ? NULL : json_loadb(body.data ?: "", body.len, 0, NULL);
	if (err == -EACCES || err == -EPERM)
		log_printf(SEISMO_LOG_ERR, "only root may ask the daemon at %s: %s", socket,
			   strerror(-err));
	else if (err && err != -ENOENT)
		log_err(err, "cannot ask the daemon at %s", socket);
	else if (!err && status != 200)
		log_printf(SEISMO_LOG_ERR, "the daemon at %s answers %u to %s: %.*s", socket,
			   status, path, (int)strcspn(buf_cstr(&body), "\n"), buf_cstr(&body));
	else if (!err && !*answer)
		log_printf(SEISMO_LOG_ERR, "the daemon at %s does not answer in JSON to %s", socket,
			   path);
	buf_release(&body);
	return *answer || err == -ENOENT ? EXIT_OK : EXIT_UNSUPPORTED;
}
