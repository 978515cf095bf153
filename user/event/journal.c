// SPDX-License-Identifier: BSD-3-Clause
#include "event/journal.h"

#include <ctype.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "lib/buf.h"

#define ENTRY_FIELDS 32

/* The text of a value, as people read it; false: it is an object or a list. */
static bool value_add(struct buf *b, const json_t *value)
{
	if (json_is_string(value))
		buf_str(b, json_string_value(value));
	else if (json_is_integer(value))
		buf_i64(b, json_integer_value(value));
	else if (json_is_real(value))
		buf_printf(b, "%.9g", json_real_value(value));
	else if (json_is_boolean(value))
		buf_str(b, json_is_true(value) ? "true" : "false");
	else
		return false;
	return true;
}

struct entry {
	struct buf field[ENTRY_FIELDS];
	unsigned cnt;
};

static struct buf *field_new(struct entry *e)
{
	return e->cnt < ENTRY_FIELDS ? &e->field[e->cnt++] : NULL;
}

static void field_add(struct entry *e, const char *key, const json_t *value)
{
	struct buf *b = field_new(e);

	if (!b)
		return;
	buf_str(b, "SEISMO_");
	for (; *key; key++)
		buf_char(b, (char)toupper((unsigned char)*key));
	buf_char(b, '=');
	if (!value_add(b, value))
		buf_release(&e->field[--e->cnt]);
}

/* "block_error nginx.service: device=sda operation=read ..." */
static void message_add(struct entry *e, json_t *event)
{
	const char *service = json_string_value(json_object_get(event, "service")), *key;
	struct buf *b = field_new(e);
	const json_t *value;

	buf_printf(b, "MESSAGE=%s%s%s:", json_string_value(json_object_get(event, "kind")) ?: "",
		   service ? " " : "", service ?: "");
	json_object_foreach(event, key, value)
	{
		if (!strcmp(key, "seq") || !strcmp(key, "time") || !strcmp(key, "kind") ||
		    !strcmp(key, "service"))
			continue;
		buf_printf(b, " %s=", key);
		if (!value_add(b, value))
			buf_str(b, "...");
	}
}

/* Has it room for an entry? The library would wait for that, and the file of the event log with it. */
static bool journal_accepts(void)
{
	const struct sockaddr_un addr = { AF_UNIX, "/run/systemd/journal/socket" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { fd, POLLOUT, 0 };
	bool room;

	if (fd < 0)
		return false;
	room = !connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) && poll(&p, 1, 0) > 0 &&
	       (p.revents & POLLOUT);
	close(fd);
	return room;
}

void journal_send(const char *line, size_t len)
{
	json_t *event = journal_accepts() ? json_loadb(line, len, 0, NULL) : NULL;
	struct iovec iov[ENTRY_FIELDS];
	struct entry e = { .cnt = 0 };
	const json_t *value;
	const char *key;

	if (!json_is_object(event)) {
		json_decref(event);
		return;
	}
	message_add(&e, event);
	buf_printf(field_new(&e), "PRIORITY=%d", LOG_NOTICE);
	buf_printf(field_new(&e), "SYSLOG_IDENTIFIER=seismo");
	buf_printf(field_new(&e), "SEISMO_EVENT=%.*s", (int)(len ? len - 1 : 0), line);
	json_object_foreach(event, key, value) field_add(&e, key, value);
	for (unsigned i = 0; i < e.cnt; i++)
		iov[i] = (struct iovec){ e.field[i].data, e.field[i].len };
	sd_journal_sendv(iov, (int)e.cnt);
	for (unsigned i = 0; i < e.cnt; i++)
		buf_release(&e.field[i]);
	json_decref(event);
}
