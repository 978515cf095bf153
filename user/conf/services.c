// SPDX-License-Identifier: BSD-3-Clause
#include "conf/services.h"

#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/parse.h"

static int port_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value, void *structure)
{
	const char *text = value_text(d, f->key, value, CONF_NAME_MAX);
	u64 port;

	if (!text)
		return -EINVAL;
	/* YAML tools take a number with a leading zero for an octal one */
	if (*text == '0' || parse_u64(text, 1, UINT16_MAX, &port))
		return value_wrong(d, f->key, value, "an integer from 1 to 65535");
	*(u16 *)((char *)structure + f->offset) = (u16)port;
	return 0;
}

static void port_write(const struct field *f, const void *structure, struct buf *out)
{
	u16 port = *(const u16 *)((const char *)structure + f->offset);

	if (port)
		buf_u64(out, port);
}

static const struct field_type field_port = { port_load, port_write, NULL, NULL,
					      "an integer from 1 to 65535" };

static const struct field match_fields[] = {
	{ "cgroup", &field_text, offsetof(struct service_match, cgroup),
	  .help = "A pattern for the path of its cgroup; * matches / as well." },
	{ "exe", &field_text, offsetof(struct service_match, exe),
	  .help = "A pattern for the path of its program." },
	{ "command", &field_text, offsetof(struct service_match, command),
	  .help = "A pattern for its arguments, separated by spaces." },
	{ "port", &field_port, offsetof(struct service_match, port),
	  .help = "A TCP port on which it listens." },
	{ .key = NULL },
};

const struct field service_fields[] = {
	{ "name", &field_text, offsetof(struct service_rule, name), .required = true,
	  .max = CONF_NAME_MAX, .help = "The name that the service gets." },
	{ "match", &field_mapping, offsetof(struct service_rule, match), match_fields, true,
	  .help = "Conditions of which all must hold." },
	{ .key = NULL },
};

static bool text_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool match_same(const struct service_match *a, const struct service_match *b)
{
	return a->port == b->port && text_same(a->cgroup, b->cgroup) && text_same(a->exe, b->exe) &&
	       text_same(a->command, b->command);
}

int service_check(struct yaml_doc *d, yaml_node_t *node, const void *rules, unsigned i)
{
	static const struct service_match none;
	const struct service_rule *all = rules, *r = &all[i];

	if (match_same(&r->match, &none))
		return yaml_doc_error(
			d, node,
			"service '%.64s' has no condition: it needs cgroup, exe, command or port",
			r->name);
	for (unsigned before = 0; before < i; before++) {
		if (!match_same(&r->match, &all[before].match))
			continue;
		if (!strcmp(r->name, all[before].name))
			return yaml_doc_error(d, node, "duplicate service '%.64s'", r->name);
		return yaml_doc_error(
			d, node,
			"service '%.64s' can never match: '%.64s' before it has the same conditions",
			r->name, all[before].name);
	}
	return 0;
}
