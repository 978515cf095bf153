/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations of a client and a server, as rows, and what their parser finds in them, however they are cut. */
#ifndef SEISMO_TEST_CONVERSATION_H
#define SEISMO_TEST_CONVERSATION_H

#include "../parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

/* --- conversations */

/* What one side says: bytes, and as many more that do not matter. */
struct say {
	u32 is_request;
	const char *bytes;
	size_t len;
	size_t more;
};

#define REQUEST(s)	    ((struct say){ true, s, sizeof(s) - 1, 0 })
#define RESPONSE(s)	    ((struct say){ false, s, sizeof(s) - 1, 0 })
#define REQUEST_MORE(s, n)  ((struct say){ true, s, sizeof(s) - 1, n })
#define RESPONSE_MORE(s, n) ((struct say){ false, s, sizeof(s) - 1, n })
#define SAYS		    12
#define LONG		    4096 /* longer conversations are not cut everywhere */

static size_t say_size(const struct say *say)
{
	return say->len + say->more;
}

static size_t says_size(const struct say *says)
{
	size_t size = 0;

	for (u32 i = 0; i < SAYS && says[i].bytes; i++)
		size += say_size(&says[i]);
	return size;
}

/* The bytes that do not matter are a message of their own in most protocols, would they be looked at. */
static u8 *say_bytes(const struct say *say)
{
	static const char more[] = "\nGET /grpc +OK\r\nEND\r\nHTTP/1.1 200 \r\n$1\r\n";
	u8 *bytes = malloc(say_size(say) + 1);

	assert_non_null(bytes);
	memcpy(bytes, say->bytes, say->len);
	for (size_t i = 0; i < say->more; i++)
		bytes[say->len + i] = (u8)more[i % (sizeof(more) - 1)];
	return bytes;
}

/* In pieces of `size` bytes, and with another end of a piece before byte `cut` of all. */
static void says_parse(struct parser *p, const struct say *says, u32 protocol, size_t size,
		       size_t cut)
{
	memset(p, 0, sizeof(*p));
	p->protocol = protocol;
	p->noise = (u8)(cut * 31 + size);
	for (u32 i = 0; i < SAYS && says[i].bytes; i++) {
		size_t len = say_size(&says[i]), n;
		u8 *bytes = say_bytes(&says[i]);

		for (size_t at = 0; at < len; at += n, cut -= n) {
			n = len - at < size ? len - at : size;
			if (cut && cut < n)
				n = cut;
			parser_piece(p, says[i].is_request, bytes + at, n);
			if (cut < n)
				cut = n; /* it is behind */
		}
		free(bytes);
	}
}

/* --- what was found, as text */

static const char *status_text(u32 status)
{
	static char text[16];

	if (status == STATUS_UNKNOWN)
		return "?";
	if (status < 100)
		return status == STATUS_OK ? "ok" : "error";
	snprintf(text, sizeof(text), "%u", status);
	return text;
}

static const char *protocol_text(u32 protocol)
{
	return protocol == PROTOCOL_TLS	    ? "tls"
	       : protocol == PROTOCOL_GRPC  ? "grpc"
	       : protocol == PROTOCOL_HTTP2 ? "http2"
	       : protocol == PROTOCOL_REDIS ? "redis"
					    : "opaque";
}

static void numbered_text(char *text, size_t size, const struct found *found)
{
	switch (found->kind) {
	case FOUND_NUMBERED_REQUEST:
		snprintf(text, size, "req:%u", found->number);
		break;
	case FOUND_NUMBERED_BLOCKING:
		snprintf(text, size, "block:%u", found->number);
		break;
	case FOUND_NUMBERED_DROPPED:
		snprintf(text, size, "dropped:%u", found->number);
		break;
	case FOUND_NUMBERED_BEGUN:
		snprintf(text, size, "begun:%u", found->number);
		break;
	case FOUND_NUMBERED_RESPONSE:
		snprintf(text, size, "%s:%u", status_text(found->status), found->number);
		break;
	case FOUND_NUMBERED_FAILURE:
		snprintf(text, size, "failed:%u", found->number);
		break;
	default:
		fail_msg("kind %u", found->kind);
	}
}

/* In gRPC with its own status, and a point where the stream ends. */
static void response_text(char *text, size_t size, const struct found *found, bool grpc)
{
	char status[16] = "";

	if (found->status || !found->grpc)
		snprintf(status, sizeof(status), "%s", status_text(found->status));
	if (!grpc)
		snprintf(text, size, "%s:%u", status, found->stream);
	else if (found->grpc)
		snprintf(text, size, "%sg%u%s:%u", status, found->grpc - STATUS_GRPC,
			 found->ends ? "." : "", found->stream);
	else
		snprintf(text, size, "%s%s:%u", status, found->ends ? "." : "", found->stream);
}

static void found_text(char *text, size_t size, const struct found *found, bool grpc)
{
	static const char *const setups[] = { "setup", "done", "left", "failed" };

	switch (found->kind) {
	case FOUND_REQUEST:
		snprintf(text, size, "req");
		break;
	case FOUND_RESPONSE:
		snprintf(text, size, "%s", status_text(found->status));
		break;
	case FOUND_STREAM_REQUEST:
		snprintf(text, size, "req:%u", found->stream);
		break;
	case FOUND_STREAM_RESPONSE:
		response_text(text, size, found, grpc);
		break;
	case FOUND_STREAM_END:
		snprintf(text, size, "end:%u", found->stream);
		break;
	case FOUND_STREAM_RESET:
		snprintf(text, size, "reset%u:%u", found->status, found->stream);
		break;
	case FOUND_BLOCKING:
		snprintf(text, size, "block");
		break;
	case FOUND_PROTOCOL:
		snprintf(text, size, "%s", protocol_text(found->protocol));
		break;
	case FOUND_DESYNC:
		snprintf(text, size, "desync");
		break;
	case FOUND_SETUP:
	case FOUND_SETUP_DONE:
	case FOUND_SETUP_LEFT:
	case FOUND_SETUP_FAILURE:
		snprintf(text, size, "%s", setups[found->kind - FOUND_SETUP]);
		break;
	default:
		numbered_text(text, size, found);
	}
}

static const char *parser_text(const struct parser *p)
{
	static char text[16 * PARSER_FOUND_MAX];
	size_t len = 0;

	text[0] = '\0';
	assert_true(p->found_cnt <= PARSER_FOUND_MAX);
	for (u32 i = 0; i < p->found_cnt; i++) {
		if (i)
			text[len++] = ' ';
		found_text(text + len, sizeof(text) - len, &p->found[i],
			   p->protocol == PROTOCOL_GRPC);
		len += strlen(text + len);
	}
	return text;
}

static void says_check(const char *name, u32 protocol, const struct say *says, size_t size,
		       size_t cut, const char *expected)
{
	static struct parser p;

	says_parse(&p, says, protocol, size, cut);
	if (strcmp(parser_text(&p), expected))
		fail_msg("%s, in pieces of %zu, cut at %zu: '%s', not '%s'", name, size, cut,
			 parser_text(&p), expected);
}

/* The same is found in one piece for each that is said, in pieces of any size, and cut anywhere. */
static void says_check_cut(const char *name, u32 protocol, const struct say *says,
			   const char *expected)
{
	size_t total = says_size(says), factor = total > LONG ? 8 : 1;

	says_check(name, protocol, says, SIZE_MAX, 0, expected);
	for (size_t size = 1; size <= 64; size += factor * (1 + size / 8))
		says_check(name, protocol, says, size, 0, expected);
	for (size_t cut = 1; cut < total; cut += cut < LONG / 8 ? 1 : 1 + total / LONG * 331)
		says_check(name, protocol, says, SIZE_MAX, cut, expected);
}

struct row {
	const char *name;
	const char *expected;
	struct say says[SAYS];
};

static void rows_check(u32 protocol, const struct row *rows, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		says_check_cut(rows[i].name, protocol, rows[i].says, rows[i].expected);
}

#define ROWS_CHECK(protocol, rows) rows_check(protocol, rows, sizeof(rows) / sizeof(*(rows)))

#define ROWS_TEST(name, protocol)                  \
	static void name##_test(void **state)      \
	{                                          \
		(void)state;                       \
		ROWS_CHECK(protocol, name##_rows); \
	}

#endif
