// SPDX-License-Identifier: BSD-3-Clause
/* The confusion table: the first messages of real clients against all detectors, of which one knows each. */
#include "../parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "first_messages.h"

static u32 message_avail(const struct first_message *m, u32 cut)
{
	u32 avail = m->total < PARSE_WINDOW ? m->total : PARSE_WINDOW;

	return avail < cut ? avail : cut;
}

/* The first `cut` bytes, with others behind them that must not matter; returns how many. */
static u32 message_cut(u8 head[PARSE_WINDOW], const struct first_message *m, u32 cut, int noise)
{
	u32 avail = message_avail(m, cut);

	memset(head, noise, PARSE_WINDOW);
	memcpy(head, m->bytes, avail);
	return avail;
}

static u32 begins(u32 protocol, const struct first_message *m, u32 cut, int noise, u32 flags)
{
	u8 head[PARSE_WINDOW];
	u32 avail = message_cut(head, m, cut, noise);

	return protocol_begins(protocol, head, avail, m->total, flags);
}

/* It is taken for this protocol, or if it is cut for none. */
static void detected(const struct first_message *m, u32 protocol, u32 cut, int noise, u32 flags)
{
	u8 head[PARSE_WINDOW];
	u32 avail = message_cut(head, m, cut, noise),
	    got = protocol_detect(head, avail, m->total, flags);

	if (got != protocol && (got || avail == message_avail(m, PARSE_WINDOW)))
		fail_msg("%s, %u bytes, flags %u: protocol %u", m->name, cut, flags, got);
}

#define MESSAGES (sizeof(first_messages) / sizeof(*first_messages))

static void confusion_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		const struct first_message *m = &first_messages[i];

		for (u32 protocol = 1; protocol < PROTOCOL_CNT; protocol++)
			for (int noise = 0; noise < 256; noise += 5) {
				if (begins(protocol, m, PARSE_WINDOW, noise, 0) !=
				    (protocol == m->protocol))
					fail_msg("%s: protocol %u", m->name, protocol);
				/* in the middle of a connection it is no other one, either */
				if (begins(protocol, m, PARSE_WINDOW, noise, DETECT_LATE) !=
				    (protocol == m->protocol))
					fail_msg("%s, late: protocol %u", m->name, protocol);
			}
	}
}

/* A server may read some bytes of it first: it is taken for another one by none of them. */
static void cut_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++)
		for (u32 cut = 0; cut < PARSE_WINDOW; cut++)
			for (u32 protocol = 1; protocol < PROTOCOL_CNT; protocol++)
				if (protocol != first_messages[i].protocol &&
				    begins(protocol, &first_messages[i], cut, 0xff, 0))
					fail_msg("%s, %u bytes: protocol %u",
						 first_messages[i].name, cut, protocol);
	for (size_t i = 0; i < MESSAGES; i++)
		for (u32 cut = 0; cut <= PARSE_WINDOW; cut++)
			detected(&first_messages[i], first_messages[i].protocol, cut, 0xff, 0);
}

/* What clients send in the middle of a connection: one detector knows it, and only where it may be the middle. */
static void late_test(void **state)
{
	static const struct first_message messages[] = {
		{ "amqp get", PROTOCOL_AMQP, 20, "\1\0\1\0\0\0\x0c\0\x3c\0\x46\0\0\4work\0\xce" },
		{ "amqp publish", PROTOCOL_AMQP, 60,
		  "\1\0\1\0\0\0\x0d\0\x3c\0\x28\0\0\0\4work\0\xce\2\0\1\0\0\0\x0e\0\x3c\0\0" },
		{ "amqp heartbeat", PROTOCOL_AMQP, 8, "\x08\0\0\0\0\0\0\xce" },
		{ "ldap search", PROTOCOL_LDAP, 46,
		  "\x30\x2c\2\2\4\xd2\x63\x26\4\x0f"
		  "dc=example,dc=com\x0a" },
		{ "ldap compare", PROTOCOL_LDAP, 40,
		  "\x30\x26\2\3\1\0\1\x6e\x1f\4\x0f"
		  "cn=a,dc=example,dc=c" },
		{ "zookeeper ping", PROTOCOL_ZOOKEEPER, 12,
		  "\0\0\0\x08\xff\xff\xff\xfe\0\0\0\x0b" },
		{ "zookeeper get", PROTOCOL_ZOOKEEPER, 29,
		  "\0\0\0\x19\0\0\1\7\0\0\0\4\0\0\0\x0c/some/thing1\0" },
		{ "mqtt publish", PROTOCOL_MQTT, 20, "\x32\x12\0\5topic\0\7hello 123" },
		{ "mqtt subscribe", PROTOCOL_MQTT, 14, "\x82\x0c\0\7\0\7topic/#\1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++)
		for (u32 protocol = 1; protocol < PROTOCOL_CNT; protocol++)
			for (int noise = 0; noise < 256; noise += 5) {
				const struct first_message *m = &messages[i];

				if (begins(protocol, m, PARSE_WINDOW, noise, DETECT_LATE) !=
				    (protocol == m->protocol))
					fail_msg("%s: protocol %u", m->name, protocol);
				if (begins(protocol, m, PARSE_WINDOW, noise, 0))
					fail_msg("%s, first: protocol %u", m->name, protocol);
			}
}

/* Where the server greets in no protocol that is known, no client's message but TLS is believed. */
static void greeted_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++)
		for (u32 protocol = 1; protocol < PROTOCOL_CNT; protocol++)
			if (begins(protocol, &first_messages[i], PARSE_WINDOW, 0, DETECT_GREETED) !=
			    (protocol == PROTOCOL_TLS &&
			     first_messages[i].protocol == PROTOCOL_TLS))
				fail_msg("%s: protocol %u", first_messages[i].name, protocol);
}

/* What people type, and what looks like it: the first bytes of a connection tell, and none that come later. */
static void typed_test(void **state)
{
	static const struct first_message messages[] = {
		{ "ping", PROTOCOL_REDIS, 6, "ping\r\n" },
		{ "password", PROTOCOL_REDIS, 13, "AUTH secret\r\n" },
		{ "check", PROTOCOL_REDIS, 18, "info replication\r\n" },
		{ "role", PROTOCOL_REDIS, 6, "ROLE\r\n" },
		{ "sentinel", PROTOCOL_REDIS, 18, "SENTINEL masters\r\n" },
		{ "set", PROTOCOL_REDIS, 8, "Set a b\n" },
		{ "get", PROTOCOL_REDIS, 12, "GET user:1\r\n" },
		{ "get, as of a host", PROTOCOL_REDIS, 10, "GET hits\r\n" },
		{ "pattern", PROTOCOL_REDIS, 8, "KEYS *\r\n" },
		{ "hash", PROTOCOL_REDIS, 10, "hget a b\r\n" },
		{ "pipe", PROTOCOL_REDIS, 34, "SET Key0 Value0\r\nSET Key1 Value1" },
		{ "pipe, long", PROTOCOL_REDIS, 2000, "LPUSH list:1 xxxxxxxxxxxxxxxxxxx" },
		{ "memcached get", PROTOCOL_MEMCACHED, 7, "get a\r\n" },
		{ "memcached set", PROTOCOL_MEMCACHED, 20, "set a 0 0 5\r\nhello\r\n" },
		{ "memcached touch", PROTOCOL_MEMCACHED, 11, "touch a 0\r\n" },
		{ "http 0.9", PROTOCOL_HTTP, 7, "GET /\r\n" },
		{ "http", PROTOCOL_HTTP, 18, "GET / HTTP/1.0\r\n\r\n" },
		{ "http proxy", PROTOCOL_HTTP, 27, "GET http://a/ HTTP/1.0\r\n\r\n" },
		{ "set without an end", PROTOCOL_UNKNOWN, 7, "SET a b" },
		{ "other words", PROTOCOL_UNKNOWN, 9, "SETS a b\r\n" },
		{ "longer words", PROTOCOL_UNKNOWN, 13, "SENTINELS a\r\n" },
		{ "sip", PROTOCOL_UNKNOWN, 400, "INFO sip:bob@example.test SIP/2." },
		{ "irc", PROTOCOL_UNKNOWN, 13, "PING :token\r\n" },
		{ "nats server", PROTOCOL_UNKNOWN, 300, "INFO {\"server_id\":\"NDMNHUQXNUT3" },
		{ "smtp", PROTOCOL_UNKNOWN, 13, "EHLO client\r\n" },
		{ "ftp", PROTOCOL_UNKNOWN, 16, "USER anonymous\r\n" },
		{ "zookeeper word", PROTOCOL_UNKNOWN, 5, "ruok\n" },
		{ "beanstalk", PROTOCOL_UNKNOWN, 21, "put 0 0 60 5\r\nhello\r\n" },
		{ "graphite", PROTOCOL_UNKNOWN, 25, "get.count 42 1700000000\r\n" },
		{ "sql", PROTOCOL_UNKNOWN, 10, "select 1;\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++)
		for (int noise = 0; noise < 256; noise += 5) {
			const struct first_message *m = &messages[i];
			u32 late = m->protocol == PROTOCOL_REDIS ? PROTOCOL_UNKNOWN : m->protocol;

			for (u32 cut = 0; cut <= PARSE_WINDOW; cut++)
				detected(m, m->protocol, cut, noise, 0);
			detected(m, late, PARSE_WINDOW, noise, DETECT_LATE);
			detected(m, PROTOCOL_UNKNOWN, PARSE_WINDOW, noise, DETECT_GREETED);
		}
}

/* What it is taken for, its parser understands: the first step finds no desync. */
static void parsed_test(void **state)
{
	static struct parser p;

	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		if (!first_messages[i].protocol)
			continue;
		memset(&p, 0, sizeof(p));
		p.protocol = first_messages[i].protocol;
		parser_piece(&p, 1, (const u8 *)first_messages[i].bytes,
			     message_avail(&first_messages[i], PARSE_WINDOW));
		if (p.desync)
			fail_msg("%s makes no sense", first_messages[i].name);
	}
}

/* What a proxy sends first; the rows of bytes are as long as a detector sees. */
static void proxy_test(void **state)
{
	static const u8 line[PARSE_WINDOW] = "PROXY TCP4 127.0.0.1 127.0.0.1 5";
	static const u8 binary[PARSE_WINDOW] =
		"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1\xd4\x31\x1f\x90GET";

	(void)state;
	assert_true(proxy_is_line(line));
	assert_int_equal(proxy_len(line, sizeof(line)), 0);
	assert_false(proxy_is_line(binary));
	assert_int_equal(proxy_len(binary, sizeof(binary)), 28);
	assert_int_equal(proxy_len(binary, PROXY_HEADER - 1), 0);
	for (size_t i = 0; i < MESSAGES; i++) {
		u8 head[PARSE_WINDOW] = { 0 };

		memcpy(head, first_messages[i].bytes,
		       message_avail(&first_messages[i], PARSE_WINDOW));
		assert_false(proxy_is_line(head));
		assert_int_equal(proxy_len(head, message_avail(&first_messages[i], PARSE_WINDOW)),
				 0);
	}
	for (u32 protocol = 1; protocol < PROTOCOL_CNT; protocol++) {
		assert_false(protocol_begins(protocol, line, sizeof(line), 100, DETECT_LATE));
		assert_false(protocol_begins(protocol, binary, sizeof(binary), 100, DETECT_LATE));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(confusion_test), cmocka_unit_test(cut_test),
		cmocka_unit_test(greeted_test),	  cmocka_unit_test(late_test),
		cmocka_unit_test(parsed_test),	  cmocka_unit_test(proxy_test),
		cmocka_unit_test(typed_test),
	};

	return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
