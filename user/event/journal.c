// SPDX-License-Identifier: BSD-3-Clause
#include "event/journal.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/utc.h"

#define QUEUE_MAX (256U << 10) /* bytes that wait for the journal */

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

/* A field as the journal's protocol has it: KEY=VALUE, or, where the value has a line break, with its length. */
static void field_add(struct buf *entry, const char *key, const char *value, size_t len)
{
	u64 size = htole64(len);

	buf_str(entry, key);
	if (!memchr(value, '\n', len)) {
		buf_char(entry, '=');
	} else {
		buf_char(entry, '\n');
		buf_add(entry, &size, sizeof(size));
	}
	buf_add(entry, value, len);
	buf_char(entry, '\n');
}

static void key_add(struct buf *entry, const char *key, const json_t *value)
{
	struct buf name = { 0 }, text = { 0 };

	buf_str(&name, "SEISMO_");
	for (; *key; key++)
		buf_char(&name, (char)toupper((unsigned char)*key));
	if (value_add(&text, value) && text.len)
		field_add(entry, buf_cstr(&name), text.data, text.len);
	buf_release(&name);
	buf_release(&text);
}

/* "block_error nginx.service: device=sda operation=read ..." */
static void message_add(struct buf *entry, json_t *event)
{
	const char *service = json_string_value(json_object_get(event, "service")), *key;
	struct buf text = { 0 };
	const json_t *value;

	buf_printf(&text, "%s%s%s:", json_string_value(json_object_get(event, "kind")) ?: "",
		   service ? " " : "", service ?: "");
	json_object_foreach(event, key, value)
	{
		if (!strcmp(key, "seq") || !strcmp(key, "time") || !strcmp(key, "kind") ||
		    !strcmp(key, "service"))
			continue;
		buf_printf(&text, " %s=", key);
		if (!value_add(&text, value))
			buf_str(&text, "...");
	}
	field_add(entry, "MESSAGE", text.data, text.len);
	buf_release(&text);
}

/* False: it is no object of JSON. */
static bool entry_make(struct buf *entry, const char *line, size_t len)
{
	json_t *event = json_loadb(line, len, 0, NULL);
	const json_t *value;
	const char *key;

	if (json_is_object(event)) {
		message_add(entry, event);
		buf_printf(entry, "PRIORITY=%d\nSYSLOG_IDENTIFIER=seismo\n", LOG_NOTICE);
		field_add(entry, "SEISMO_EVENT", line, len - (line[len - 1] == '\n'));
		json_object_foreach(event, key, value) key_add(entry, key, value);
	}
	json_decref(event);
	return entry->len && !entry->failed;
}

/*
 * 0 or negative errno. The library of systemd would wait where the journal has no room, and the file of the event log with it.
 */
static int entry_send(const struct buf *entry)
{
	const struct sockaddr_un addr = { AF_UNIX, "/run/systemd/journal/socket" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err = 0;

	if (fd < 0)
		return -errno;
	if (sendto(fd, entry->data, entry->len, MSG_NOSIGNAL, (const struct sockaddr *)&addr,
		   sizeof(addr)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void drop(struct journal *j)
{
	j->dropped++;
	if (!j->untold++)
		j->untold_wall_ns = utc_now_ns();
}

void journal_add(struct journal *j, const char *line, size_t len)
{
	const u32 size = (u32)len;

	if (j->pending.len + sizeof(size) + len > QUEUE_MAX ||
	    !buf_reserve(&j->pending, sizeof(size) + len)) {
		j->pending.failed = false;
		drop(j);
		return;
	}
	buf_add(&j->pending, &size, sizeof(size));
	buf_add(&j->pending, line, len);
}

int journal_flush(struct journal *j)
{
	struct buf entry = { 0 };
	size_t at = 0;
	int err = 0;
	u32 len;

	while (!err && at < j->pending.len) {
		const char *line = j->pending.data + at + sizeof(len);

		memcpy(&len, j->pending.data + at, sizeof(len));
		buf_reset(&entry);
		if (!entry_make(&entry, line, len))
			err = -EMSGSIZE;
		else
			err = entry_send(&entry);
		if (err == -EMSGSIZE) { /* it never will be */
			drop(j);
			err = 0;
		}
		if (!err)
			at += sizeof(len) + len;
	}
	buf_release(&entry);
	j->pending.len -= at;
	if (at && j->pending.len)
		memmove(j->pending.data, j->pending.data + at, j->pending.len);
	return err;
}

void journal_give_up(struct journal *j)
{
	u32 len;

	for (size_t at = 0; at < j->pending.len; at += sizeof(len) + len) {
		memcpy(&len, j->pending.data + at, sizeof(len));
		drop(j);
	}
	buf_reset(&j->pending);
}

void journal_release(struct journal *j)
{
	buf_release(&j->pending);
}
