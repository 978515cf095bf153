// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/settings.h"

#include <stdio.h>
#include <string.h>

#include "conf/describe.h"
#include "lib/buf.h"

#define BUILTIN_RULE_ON "built-in, on"

static void setting_add(void *ctx, const struct conf_item *item)
{
	const char *origin = item->option ? "command line" : item->file ? "file" : "built-in";
	json_t *line = item->file ? json_integer(item->line) : json_null();

	json_object_set_new(ctx, item->key,
			    json_pack("{s:s, s:b, s:s, s:s?, s:o, s:s?}", "value", item->value,
				      "live", item->live, "origin", origin, "file", item->file,
				      "line", line, "option", item->option));
}

json_t *settings_json(const struct conf *c)
{
	json_t *settings = json_object();

	if (settings)
		conf_describe(c, setting_add, settings);
	return settings;
}

bool setting_is_of(const char *key, const char *section)
{
	size_t len = strlen(section);

	return !strncmp(key, section, len) && (!key[len] || key[len] == '.');
}

static const char *text_of(const json_t *setting, const char *key)
{
	return json_string_value(json_object_get(setting, key)) ?: "";
}

static void origin_write(const json_t *setting, struct buf *out)
{
	const json_t *line = json_object_get(setting, "line");

	if (json_is_integer(line))
		buf_printf(out, "%s:%lld", text_of(setting, "file"),
			   (long long)json_integer_value(line));
	else if (*text_of(setting, "option"))
		buf_str(out, text_of(setting, "option"));
	else
		buf_str(out, text_of(setting, "origin"));
}

/* --- for people */

#define KEY_WIDTH   44
#define VALUE_WIDTH 32

void settings_text(const json_t *settings)
{
	int key_width = 0, value_width = 0;
	const json_t *setting;
	const char *key;

	json_object_foreach((json_t *)settings, key, setting)
	{
		int key_len = (int)strlen(key), value_len = (int)strlen(text_of(setting, "value"));

		if (key_len > key_width && key_len <= KEY_WIDTH)
			key_width = key_len;
		if (value_len > value_width && value_len <= VALUE_WIDTH)
			value_width = value_len;
	}
	json_object_foreach((json_t *)settings, key, setting)
	{
		const char *value = text_of(setting, "value");
		struct buf origin = { 0 };

		origin_write(setting, &origin);
		printf("%-*s  %-*s  %s\n", key_width, key, value_width, *value ? value : "-",
		       buf_cstr(&origin));
		buf_release(&origin);
	}
}

/* --- as a file */

/* Key and value, and what has set it. What has no value is a comment. */
static void line_print(int indent, const char *key, const json_t *setting)
{
	const char *value = text_of(setting, "value");
	/* what was included is below, with the other rules */
	bool comment = !*value || !strcmp(key, "include");
	struct buf origin = { 0 };

	origin_write(setting, &origin);
	printf("%*s%s%s:%s%s  # %s\n", indent, "", comment ? "# " : "", key, *value ? " " : "",
	       value, buf_cstr(&origin));
	buf_release(&origin);
}

static void probe_print(const char *key, const json_t *setting)
{
	const char *dot = strchr(key, '.');

	if (!dot)
		printf("  %s:\n", key);
	line_print(4, dot ? dot + 1 : "mode", setting);
}

static void rule_print(const char *key, const json_t *setting)
{
	const char *dot = strchr(key, '.'), *value = text_of(setting, "value");
	struct buf origin = { 0 };

	if (dot) {
		line_print(4, dot + 1, setting);
		return;
	}
	origin_write(setting, &origin);
	printf("  - alert: %s  # %s\n", key, buf_cstr(&origin));
	if (strcmp(value, "on") != 0)
		printf("    enabled: off\n");
	buf_release(&origin);
}

/* `key` is behind the name of the section. */
static void section_print(const char *section, const char *key, const json_t *setting)
{
	if (!strcmp(section, "probes"))
		probe_print(key, setting);
	else if (!strcmp(section, "rules"))
		rule_print(key, setting);
	else
		line_print(2, key, setting);
}

void settings_yaml(const json_t *settings)
{
	const json_t *setting;
	char section[64] = "";
	const char *key;

	json_object_foreach((json_t *)settings, key, setting)
	{
		const char *dot = strchr(key, '.');
		size_t len = dot ? (size_t)(dot - key) : 0;

		/* built-in rules are there without being named */
		if (!strcmp(text_of(setting, "value"), BUILTIN_RULE_ON))
			continue;
		if (!dot) {
			*section = '\0';
			line_print(0, key, setting);
			continue;
		}
		if (len >= sizeof(section))
			continue;
		if (strncmp(key, section, len) != 0 || section[len]) {
			snprintf(section, sizeof(section), "%.*s", (int)len, key);
			printf("%s:\n", section);
		}
		section_print(section, dot + 1, setting);
	}
}
