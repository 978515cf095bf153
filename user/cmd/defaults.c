// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/defaults.h"

#include <stdio.h>
#include <string.h>

#include "cmd/options.h"
#include "cmd/roff.h"
#include "conf/reference.h"

#define WIDTH 100

/* Keys that have no default stand there with an example, those of lists in it. */
static void file_key(void *ctx, const struct conf_key *key)
{
	const char *value = *key->initial || !key->example ? key->initial : key->example;
	int indent = 2 * (int)key->depth;
	struct buf *out = ctx;
	char prefix[16];

	if (key->in_list)
		return;
	if (indent)
		snprintf(prefix, sizeof(prefix), "#%*s# ", indent, "");
	else
		snprintf(prefix, sizeof(prefix), "# ");
	buf_str(out, indent ? "" : "\n");
	buf_wrap(out, key->help, prefix, WIDTH);
	buf_printf(out, "#%*s%s:%s%s\n", indent, "", key->key, *value ? " " : "", value);
}

void defaults_file_write(struct buf *out)
{
	buf_str(out,
		"# Configuration of Seismo, see seismo.yaml(5). Every key is here with its default, or an example.\n"
		"# `seismo check --config FILE` checks a file, `systemctl reload seismo` reads it again.\n");
	conf_reference(probe_families(), file_key, out);
}

static void manual_key(void *ctx, const struct conf_key *key)
{
	struct buf path = { 0 }, accepts = { 0 }, *out = ctx;

	buf_printf(&path, "%s%s%s", key->path, *key->path ? "." : "", key->key);
	if (*key->accepts)
		buf_printf(&accepts, ": %s", key->accepts);
	else if (key->is_list)
		buf_str(&accepts, ": a list, each of these keys");
	roff_entry(out, buf_cstr(&path), buf_cstr(&accepts));
	buf_reset(&accepts);
	buf_str(&accepts, key->help);
	if (*key->initial)
		buf_printf(&accepts, " Default: %s.", key->initial);
	if (key->required)
		buf_str(&accepts, " It has to be there.");
	if (!key->live && !key->in_list && *key->accepts)
		buf_str(&accepts, " A change takes a restart.");
	roff_text(out, buf_cstr(&accepts));
	if (key->example && !*key->initial && *key->example) {
		buf_reset(&accepts);
		buf_printf(&accepts, "%s: %s", key->key, key->example);
		buf_str(out, ".RS\n");
		roff_example(out, buf_cstr(&accepts));
		buf_str(out, ".RE\n");
	}
	buf_release(&path);
	buf_release(&accepts);
}

void defaults_manual_write(struct buf *out)
{
	roff_begin(out, "seismo.yaml", 5, "configuration of Seismo");
	roff_section(out, "DESCRIPTION");
	roff_text(
		out,
		"`seismo run` reads `" DEFAULT_CONFIG
		"` if it exists, or the file that `--config` names. It is YAML, without aliases. Each key has a default: with no file at all the daemon is of use. Keys that do not exist, wrong units and contradictions are errors, with the line and the nearest key.\n"
		"\n"
		"`systemctl reload seismo`, or SIGHUP, reads it again; a file that is wrong is refused as a whole, and the configuration stays as it was. `seismo check --config` FILE checks a file and says what a reload would change, `seismo config` prints what is in effect and where that is from, and `seismo config --defaults` a file to begin with.\n"
		"\n"
		"Durations are written as 500us, 10ms, 30s, 5m, 1h; sizes as 64KiB, 1MiB. Patterns are those of the shell.");
	roff_section(out, "KEYS");
	conf_reference(probe_families(), manual_key, out);
	roff_section(out, "FILES");
	roff_entry(out, DEFAULT_CONFIG, "");
	roff_section(out, "SEE ALSO");
	roff_text(out, "`seismo`(1), `seismo-metrics`(7), `seismo-rules`(7)");
}
