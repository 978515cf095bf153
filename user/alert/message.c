// SPDX-License-Identifier: BSD-3-Clause
#include "alert/message.h"

#include <stdlib.h>

#include "lib/utc.h"
#include "lib/utf8.h"

/* Who does not hear of an alert again for so many intervals takes it for resolved. */
#define RESEND_INTERVALS 5
#define TIME_NONE	 "0001-01-01T00:00:00Z"

struct times {
	s64 starts_ns, ends_ns; /* ends_ns: 0 while it fires */
};

/* Nothing is in the future, also when the clock was set back since, and nothing ends before it starts. */
static struct times times_of(const struct parcel *p, const struct sending *s)
{
	const struct notice *n = p->notice;
	struct times t = { .starts_ns = n->starts_at_ns };

	if (!p->firing)
		t.ends_ns = n->firing || n->ends_at_ns > s->wall_ns ? s->wall_ns : n->ends_at_ns;
	if (t.starts_ns > (t.ends_ns ?: s->wall_ns))
		t.starts_ns = t.ends_ns ?: s->wall_ns;
	return t;
}

static void time_add(struct buf *out, const char *key, s64 wall_ns)
{
	struct utc_cache cache = { 0 };

	buf_printf(out, ",\"%s\":\"", key);
	utc_add(out, &cache, wall_ns);
	buf_char(out, '"');
}

static void generator_add(struct buf *out, const struct sending *s)
{
	struct buf url = { 0 };

	if (!s->external_url)
		return;
	buf_printf(&url, "%s/api/v1/alerts", s->external_url);
	buf_str(out, ",\"generatorURL\":");
	utf8_json(out, buf_cstr(&url));
	buf_release(&url);
}

/* `ends_ns`: 0 for no end. */
static void alert_add(struct buf *out, const struct notice *n, s64 starts_ns, s64 ends_ns,
		      const struct sending *s)
{
	buf_printf(out, "\"labels\":%s,\"annotations\":%s", n->labels, n->annotations);
	time_add(out, "startsAt", starts_ns);
	if (ends_ns)
		time_add(out, "endsAt", ends_ns);
	else
		buf_str(out, ",\"endsAt\":\"" TIME_NONE "\"");
	generator_add(out, s);
}

void message_alertmanager(struct buf *out, const struct parcel *parcels, unsigned cnt,
			  const struct sending *s)
{
	const s64 lives_ns = (s64)(RESEND_INTERVALS * s->resend_ns);

	buf_char(out, '[');
	for (const struct parcel *p = parcels; p < parcels + cnt; p++) {
		const struct times t = times_of(p, s);

		buf_str(out, p == parcels ? "{" : ",{");
		alert_add(out, p->notice, t.starts_ns, t.ends_ns ?: s->wall_ns + lives_ns, s);
		buf_char(out, '}');
	}
	buf_char(out, ']');
}

/* --- webhooks */

/* Keeps the pairs that the other one has as well. */
static void intersect(json_t *common, const char *other)
{
	json_t *pairs = json_loads(other, 0, NULL), *value;
	const char *key;
	void *next;

	json_object_foreach_safe(common, next, key,
				 value) if (!json_equal(value, json_object_get(pairs, key)))
		json_object_del(common, key);
	json_decref(pairs);
}

static void common_add(struct buf *out, const struct parcel *parcels, unsigned cnt,
		       const char *(*pairs)(const struct notice *n))
{
	json_t *common = json_loads(pairs(parcels[0].notice), 0, NULL);
	char *text;

	for (unsigned i = 1; i < cnt; i++)
		intersect(common, pairs(parcels[i].notice));
	text = common ? json_dumps(common, JSON_COMPACT) : NULL;
	buf_str(out, text ?: "{}");
	free(text);
	json_decref(common);
}

static const char *labels_of(const struct notice *n)
{
	return n->labels;
}

static const char *annotations_of(const struct notice *n)
{
	return n->annotations;
}

static void group_add(struct buf *out, const struct notice *n, const struct target_kind *kind)
{
	struct buf key = { 0 };

	buf_str(&key, "{}:{");
	buf_str(out, ",\"groupLabels\":{");
	if (kind->by_name) {
		buf_str(out, "\"alertname\":");
		utf8_json(out, n->name);
		buf_printf(&key, "alertname=\"%s\"", n->name);
	}
	buf_char(&key, '}');
	buf_str(out, "},\"groupKey\":");
	utf8_json(out, buf_cstr(&key));
	buf_release(&key);
}

static void webhook_alert_add(struct buf *out, const struct parcel *p, const struct sending *s)
{
	const struct times t = times_of(p, s);

	buf_printf(out, "{\"status\":\"%s\",\"fingerprint\":\"%016llx\",",
		   p->firing ? "firing" : "resolved", (unsigned long long)p->notice->key);
	alert_add(out, p->notice, t.starts_ns, t.ends_ns, s);
	buf_char(out, '}');
}

void message_webhook(struct buf *out, const struct parcel *parcels, unsigned cnt,
		     const struct target_kind *kind, const struct sending *s)
{
	bool firing = false;

	for (unsigned i = 0; i < cnt; i++)
		firing |= parcels[i].firing;
	buf_printf(out,
		   "{\"version\":\"4\",\"receiver\":\"%s\",\"status\":\"%s\",\"truncatedAlerts\":0",
		   kind->name, firing ? "firing" : "resolved");
	group_add(out, parcels[0].notice, kind);
	buf_str(out, ",\"commonLabels\":");
	common_add(out, parcels, cnt, labels_of);
	buf_str(out, ",\"commonAnnotations\":");
	common_add(out, parcels, cnt, annotations_of);
	buf_str(out, ",\"externalURL\":");
	utf8_json(out, s->external_url ?: "");
	buf_str(out, ",\"alerts\":[");
	for (unsigned i = 0; i < cnt; i++) {
		buf_str(out, i ? "," : "");
		webhook_alert_add(out, &parcels[i], s);
	}
	buf_str(out, "]}");
}
