// SPDX-License-Identifier: BSD-3-Clause
/*
 * This host's own log: a line for each change, and the same in the journal, with fields, where there is one. Writing to either may
 * block; that is why it is a target like the others.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "alert/kinds.h"
#include "lib/log.h"

#define MESSAGE_ID     "9999113a5cf04f4497523853e2713603"
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define ENTRY_FIELDS   64
#define FIELD_NAME_MAX 64 /* as the journal has it */
#define NS_PER_SEC     1000000000LL

static const int priorities[RULE_SEVERITIES] = {
	[RULE_PAGE] = LOG_CRIT,
	[RULE_WARNING] = LOG_WARNING,
	[RULE_INFO] = LOG_INFO,
};

static void line_write(struct buf *line, const struct parcel *p)
{
	const struct notice *n = p->notice;

	buf_printf(line, "alert %s %s", n->name, p->firing ? "fires" : "is resolved");
	if (!p->firing)
		buf_printf(line, " after %lld s",
			   (long long)((n->ends_at_ns - n->starts_at_ns) / NS_PER_SEC));
	buf_printf(line, " (%s%s%s): %s", rule_severities[n->severity], n->mute ? ", " : "",
		   notice_mutes[n->mute], n->summary);
}

/* --- the journal: SEISMO_DEVICE=sdb, and so on */

struct fields {
	struct iovec field[ENTRY_FIELDS];
	int cnt;
};

static void field_add(struct fields *f, const char *key, const char *value)
{
	struct buf field = { 0 };

	if (f->cnt == ENTRY_FIELDS)
		return;
	buf_printf(&field, "%s=%s", key, value);
	if (!field.failed)
		f->field[f->cnt++] = (struct iovec){ field.data, field.len };
	else
		buf_release(&field);
}

/* Names are of A to Z, digits and underscores. */
static void own_field_add(struct fields *f, const char *key, const char *value)
{
	char name[FIELD_NAME_MAX + 1];
	size_t len;

	len = (size_t)snprintf(name, sizeof(name), "SEISMO_%s", key);
	if (len >= sizeof(name))
		return;
	for (char *c = name; *c; c++)
		*c = isascii(*c) && isalnum(*c) ? (char)toupper(*c) : '_';
	field_add(f, name, value);
}

static void pairs_add(struct fields *f, const char *text)
{
	json_t *pairs = json_loads(text, 0, NULL), *value;
	const char *key;

	json_object_foreach(pairs, key, value) own_field_add(f, key, json_string_value(value));
	json_decref(pairs);
}

static void journal_write(const struct parcel *p, const char *line)
{
	const struct notice *n = p->notice;
	struct fields f = { .cnt = 0 };
	char number[8];

	snprintf(number, sizeof(number), "%d", p->firing ? priorities[n->severity] : LOG_NOTICE);
	field_add(&f, "MESSAGE", line);
	field_add(&f, "MESSAGE_ID", MESSAGE_ID);
	field_add(&f, "PRIORITY", number);
	field_add(&f, "SYSLOG_IDENTIFIER", "seismo");
	field_add(&f, "SEISMO_ALERT", n->name);
	field_add(&f, "SEISMO_STATE", p->firing ? "firing" : "resolved");
	pairs_add(&f, n->labels);
	pairs_add(&f, n->annotations);
	sd_journal_sendv(f.field, f.cnt);
	for (int i = 0; i < f.cnt; i++)
		free(f.field[i].iov_base);
}

static enum send_result tell(void *self, const struct parcel *parcels, unsigned cnt,
			     struct sending *s)
{
	bool journal = !access(JOURNAL_SOCKET, W_OK);
	struct buf line = { 0 };

	(void)self, (void)s;
	for (const struct parcel *p = parcels; p < parcels + cnt; p++) {
		buf_reset(&line);
		line_write(&line, p);
		if (journal)
			journal_write(p, buf_cstr(&line));
		if (!journal || !log_is_journal())
			log_info("%s", buf_cstr(&line));
	}
	buf_release(&line);
	return SEND_OK;
}

static void *open_journal(const void *conf)
{
	(void)conf;
	return (void *)&target_journal; /* it has no state */
}

static void close_journal(void *self)
{
	(void)self;
}

const struct target_kind target_journal = {
	.name = "journal",
	.batch = PARCELS_MAX,
	.open = open_journal,
	.send = tell,
	.close = close_journal,
};
