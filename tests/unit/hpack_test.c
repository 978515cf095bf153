// SPDX-License-Identifier: BSD-3-Clause
/*
 * The statuses of HTTP/2 responses, as an encoder writes them that is not ours (libnghttp2's): by random lists of headers, tables of
 * all sizes, blocks cut into frames and frames into pieces anywhere.
 */
#include "../parser.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

/* --- libnghttp2 */

struct field {
	u8 *name, *value;
	size_t name_len, value_len;
	u8 flags; /* 1: not to be indexed */
};

static int (*deflate_new)(void **deflater, size_t table_max);
static void (*deflate_del)(void *deflater);
static ssize_t (*deflate)(void *deflater, u8 *buf, size_t size, const struct field *fields,
			  size_t cnt);
static int (*deflate_resize)(void *deflater, size_t table_max);

static bool library_open(void)
{
	void *library = dlopen("libnghttp2.so.14", RTLD_NOW);

	if (!library)
		return false;
	*(void **)&deflate_new = dlsym(library, "nghttp2_hd_deflate_new");
	*(void **)&deflate_del = dlsym(library, "nghttp2_hd_deflate_del");
	*(void **)&deflate = dlsym(library, "nghttp2_hd_deflate_hd");
	*(void **)&deflate_resize = dlsym(library, "nghttp2_hd_deflate_change_table_size");
	return deflate_new && deflate_del && deflate && deflate_resize;
}

/* --- what a server says */

#define BYTES_MAX 0x1000000
#define FIELDS	  64

struct said {
	u32 stream, status, grpc, ends;
};

struct server {
	void *deflater;
	u32 seed;
	u8 *bytes;
	size_t len;
	struct said said[PARSER_FOUND_MAX];
	size_t at[PARSER_FOUND_MAX]; /* where each begins */
	u32 cnt;
	struct field fields[FIELDS];
	u32 field_cnt;
	char text[FIELDS][8192];
};

static u32 random_below(struct server *s, u32 n)
{
	s->seed = s->seed * 1664525 + 1013904223;
	return (s->seed >> 8) % n;
}

static void field_add(struct server *s, const char *name, const char *value)
{
	struct field *f = &s->fields[s->field_cnt];
	char *text = s->text[s->field_cnt++];

	strcpy(text, name);
	strcpy(text + 100, value);
	*f = (struct field){ (u8 *)text, (u8 *)text + 100, strlen(name), strlen(value),
			     random_below(s, 4) == 0 };
}

static void number_add(struct server *s, const char *name, u32 value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	field_add(s, name, text);
}

/* Fields that do not matter, some of which look like those that do. */
static void fields_add(struct server *s, u32 cnt, u32 longest)
{
	static const char *const names[] = { "date",	    "server",	    "x-a",
					     "grpc-statuz", "grpc-message", "content-length",
					     "retry-after", "x-request-id", "set-cookie" };
	char value[8000];

	while (cnt--) {
		u32 len = random_below(s, random_below(s, 8) ? 6 : longest),
		    kinds = random_below(s, 4);

		for (u32 i = 0; i < len; i++)
			value[i] = (char)(kinds == 0   ? '0' + random_below(s, 10)
					  : kinds == 1 ? 'a' + random_below(s, 26)
						       : ' ' + random_below(s, 95));
		value[len] = '\0';
		field_add(s, names[random_below(s, sizeof(names) / sizeof(*names))], value);
	}
}

static void frame_put(struct server *s, u32 len, u32 type, u32 flags, u32 stream)
{
	const u8 head[9] = { (u8)(len >> 16),	(u8)(len >> 8), (u8)len, (u8)type, (u8)flags, 0, 0,
			     (u8)(stream >> 8), (u8)stream };

	memcpy(s->bytes + s->len, head, sizeof(head));
	s->len += sizeof(head);
}

static void bytes_put(struct server *s, const void *bytes, size_t len)
{
	memcpy(s->bytes + s->len, bytes, len);
	s->len += len;
}

/* The fields so far, as a block in one frame or several. */
static void block_put(struct server *s, u32 type, u32 flags, u32 stream)
{
	static u8 block[0x100000];
	static const u8 zeros[256];
	u32 longest = 1 + random_below(s, random_below(s, 3) ? 0x4000 : 12);
	ssize_t len = deflate(s->deflater, block, sizeof(block), s->fields, s->field_cnt);

	assert_true(len > 0);
	s->field_cnt = 0;
	for (u32 at = 0, first = 1; first || at < len; first = 0) {
		u32 n = random_below(s, longest + 1), more = 0, pad = 0;

		n = at + n < len ? n : (u32)len - at;
		if (first && random_below(s, 4) == 0) {
			flags |= HTTP2_PADDED;
			pad = random_below(s, 256);
		}
		if (first && type == HTTP2_HEADERS && random_below(s, 4) == 0)
			flags |= HTTP2_PRIORITY;
		more = !!(flags & HTTP2_PADDED) + (flags & HTTP2_PRIORITY ? 5 : 0) +
		       (type == HTTP2_PUSH ? 4 : 0);
		flags |= at + n == len ? HTTP2_END_HEADERS : 0;
		frame_put(s, more + n + pad, first ? type : HTTP2_CONTINUATION, flags, stream);
		if (flags & HTTP2_PADDED)
			bytes_put(s, &(u8){ (u8)pad }, 1);
		bytes_put(s, "\0\0\0\2\0", flags & HTTP2_PRIORITY ? 5 : 0);
		bytes_put(s, "\0\0\0\2", type == HTTP2_PUSH ? 4 : 0);
		bytes_put(s, block + at, n);
		bytes_put(s, zeros, pad);
		at += n;
		flags = 0;
		type = HTTP2_CONTINUATION;
	}
	assert_true(s->len < BYTES_MAX - 0x10000);
}

static void said_add(struct server *s, u32 stream, u32 status, u32 grpc, u32 ends)
{
	s->at[s->cnt] = s->len;
	s->said[s->cnt++] = (struct said){ stream, status, grpc, ends };
}

static u32 random_status(struct server *s)
{
	static const u32 statuses[] = {
		200, 204, 206, 304, 400, 404, 500, 503, 503, 429, 418, 302
	};

	return random_below(s, 20) ? statuses[random_below(s, sizeof(statuses) / sizeof(*statuses))]
				   : 100 + random_below(s, 500);
}

/* A response, maybe with interim ones before it, a promise, and trailers. */
static void answer_put(struct server *s, u32 stream, u32 longest)
{
	u32 grpc = random_below(s, 3) ? 0 : STATUS_GRPC + random_below(s, GRPC_CODES);
	u32 only = grpc && random_below(s, 3) == 0, status = grpc ? 200 : random_status(s);
	u32 ends = only || (!grpc && random_below(s, 2));

	if (random_below(s, 10) == 0) {
		field_add(s, ":method", "GET");
		fields_add(s, random_below(s, 4), longest);
		block_put(s, HTTP2_PUSH, 0, stream);
	}
	if (random_below(s, 10) == 0) {
		said_add(s, stream, 103, 0, 0);
		field_add(s, ":status", "103");
		fields_add(s, random_below(s, 4), longest);
		block_put(s, HTTP2_HEADERS, 0, stream);
	}
	said_add(s, stream, status, only ? grpc : 0, ends);
	number_add(s, ":status", status);
	fields_add(s, random_below(s, 8), longest);
	if (only)
		number_add(s, "grpc-status", grpc - STATUS_GRPC);
	fields_add(s, random_below(s, 3), longest);
	block_put(s, HTTP2_HEADERS, ends, stream);
	if (ends)
		return;
	frame_put(s, 20, HTTP2_DATA, 0, stream);
	bytes_put(s, "\0\0\3\1\4\0\0\0\1\x82\x86\x84..............", 20);
	said_add(s, stream, 0, grpc, HTTP2_ENDS);
	fields_add(s, random_below(s, 3), longest);
	if (grpc)
		number_add(s, "grpc-status", grpc - STATUS_GRPC);
	fields_add(s, 1 + random_below(s, 2), longest);
	block_put(s, HTTP2_HEADERS, HTTP2_ENDS, stream);
}

static void server_init(struct server *s, u32 seed, u32 answers, u32 longest)
{
	static const size_t sizes[] = { 4096, 0, 200, 65536 };
	static u8 bytes[BYTES_MAX];

	*s = (struct server){ .seed = seed, .bytes = bytes };
	deflate_new(&s->deflater, sizes[seed % 4]);
	for (u32 i = 0; i < answers; i++) {
		answer_put(s, 2 * i + 1, longest);
		if (random_below(s, 20) == 0)
			deflate_resize(s->deflater, random_below(s, 5000));
	}
	deflate_del(s->deflater);
}

/* --- what the parser makes of it */

static void server_parse(struct parser *p, struct server *s, size_t from)
{
	u32 largest = s->seed % 3 ? 4000 : 7;

	memset(p, 0, sizeof(*p));
	p->protocol = PROTOCOL_GRPC;
	p->noise = (u8)s->seed;
	for (size_t at = from, n; at < s->len; at += n) {
		n = 1 + random_below(s, largest);
		n = n < s->len - at ? n : s->len - at;
		parser_piece(p, false, s->bytes + at, n);
	}
	assert_false(p->desync);
}

static void said_check(const struct server *s, u32 seed, u32 i, const struct found *found,
		       bool late)
{
	const struct said *said = &s->said[i];

	if (found->kind != FOUND_STREAM_RESPONSE || found->stream != said->stream ||
	    !found->ends != !said->ends ||
	    (found->status != said->status && !(late && !found->status)) ||
	    (found->grpc != said->grpc && !(late && !found->grpc)))
		fail_msg(
			"seed %u, %u: stream %u status %u grpc %u, not stream %u status %u grpc %u",
			seed, i, found->stream, found->status, found->grpc, said->stream,
			said->status, said->grpc);
}

static struct server server;
static struct parser parser;

static void every_status_test(void **state)
{
	(void)state;
	for (u32 seed = 0; seed < 400; seed++) {
		server_init(&server, seed, 60, seed % 5 ? 60 : 6000);
		server_parse(&parser, &server, 0);
		assert_int_equal(parser.found_cnt, server.cnt);
		for (u32 i = 0; i < server.cnt; i++)
			said_check(&server, seed, i, &parser.found[i], false);
	}
}

/* Every code of gRPC, and some of HTTP, in a table that has room for them all, as that of a server which says little else. */
static void all_codes_test(void **state)
{
	(void)state;
	server_init(&server, 0, 0, 1);
	deflate_new(&server.deflater, 4096);
	for (u32 i = 0; i < 200; i++) {
		u32 code = (i * 7) % GRPC_CODES, status = i % 2 ? 200 : 500 + i % 14;

		said_add(&server, 2 * i + 1, status, STATUS_GRPC + code, HTTP2_ENDS);
		number_add(&server, ":status", status);
		number_add(&server, "grpc-status", code);
		for (u32 j = 0; j < server.field_cnt; j++)
			server.fields[j].flags = 0;
		block_put(&server, HTTP2_HEADERS, HTTP2_ENDS, 2 * i + 1);
	}
	deflate_del(server.deflater);
	server_parse(&parser, &server, 0);
	assert_int_equal(parser.found_cnt, server.cnt);
	for (u32 i = 0; i < server.cnt; i++)
		said_check(&server, 0, i, &parser.found[i], false);
}

/* Who comes late never says a wrong one, and knows those of entries that were inserted later. */
static void late_test(void **state)
{
	u32 unknown = 0, said = 0, first = 30;

	(void)state;
	for (u32 seed = 1000; seed < 1400; seed++) {
		server_init(&server, seed, 60, 60);
		server_parse(&parser, &server, server.at[first]);
		assert_int_equal(parser.found_cnt, server.cnt - first);
		for (u32 i = first; i < server.cnt; i++) {
			const struct found *found = &parser.found[i - first];

			said_check(&server, seed, i, found, true);
			unknown += found->status != server.said[i].status ||
				   found->grpc != server.said[i].grpc;
			said++;
		}
	}
	assert_in_range(unknown, 1, said / 5);
}

/* Several MiB of headers. */
static void long_test(void **state)
{
	(void)state;
	server_init(&server, 0, 0, 1);
	deflate_new(&server.deflater, 4096);
	for (u32 i = 0; i < 6; i++) {
		said_add(&server, 2 * i + 1, 503, STATUS_GRPC + 14, HTTP2_ENDS);
		field_add(&server, ":status", "503");
		for (u32 j = 0; j < 60; j++) {
			char value[7901];

			memset(value, '~', 7900); /* 14 bits each */
			value[7900] = '\0';
			field_add(&server, "x-long", value);
		}
		number_add(&server, "grpc-status", 14);
		block_put(&server, HTTP2_HEADERS, HTTP2_ENDS, 2 * i + 1);
	}
	deflate_del(server.deflater);
	assert_true(server.len > 2500000);
	server_parse(&parser, &server, 0);
	assert_int_equal(parser.found_cnt, 6);
	for (u32 i = 0; i < 6; i++)
		said_check(&server, 1, i, &parser.found[i], false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_status_test),
		cmocka_unit_test(all_codes_test),
		cmocka_unit_test(late_test),
		cmocka_unit_test(long_test),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (!library_open()) {
		puts("1..0 # SKIP no libnghttp2");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
