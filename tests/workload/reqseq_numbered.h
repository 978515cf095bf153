/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conversations of reqseq in protocols whose requests have numbers: several at a time, answered in any order, among what the
 * server sends unasked and what nobody answers. A protocol is a row: how one asks, answers, and says what does not count.
 */
#ifndef SEISMO_TEST_REQSEQ_NUMBERED_H
#define SEISMO_TEST_REQSEQ_NUMBERED_H

struct numbered_form {
	void (*ask)(struct script *s, int id);
	void (*reply)(struct script *s, int id, bool fails);
	void (*push)(struct script *s);	  /* by the server */
	void (*oneway)(struct script *s); /* by the client, which waits for no answer */
	const char *ok, *error;
	bool one_at_a_time;
};

static void numbered_some(struct script *s, const struct numbered_form *form)
{
	int first = s->begun, n = form->one_at_a_time ? 1 : 1 + below(s, 6), order = below(s, n);

	for (int i = 0; i < n; i++) {
		begin(s);
		form->ask(s, (first + i) % 200);
		if (often(s, 20))
			nap(s, CLIENT, 2);
	}
	work(s, first, n);
	for (int i = 0; i < n; i++) {
		int number = first + (i + order) % n;
		bool fails = often(s, 25);

		if (often(s, 15))
			form->push(s);
		answer(s, number, fails ? form->error : form->ok);
		form->reply(s, number % 200, fails);
	}
}

static void numbered_step(struct script *s, const struct numbered_form *form)
{
	int kind = below(s, 6);

	if (!kind)
		form->push(s);
	else if (kind == 1)
		form->oneway(s);
	else
		numbered_some(s, form);
	idle(s);
}

/* A message of pieces: a head in which a length and a number are, and a body. */
#define PUT(bytes, at, value) \
	((bytes)[at] = (char)((value) >> 8), (bytes)[(at) + 1] = (char)(value))

/* --- Kafka: heartbeats; data that nobody acknowledges */

static void kafka_ask(struct script *s, int id)
{
	char bytes[] = "\0\0\0\x0c\0\x0c\0\2\0\0\0\0\0\2me";

	PUT(bytes, 10, id);
	say(s, CLIENT, bytes, sizeof(bytes) - 1);
}

static void kafka_reply(struct script *s, int id, bool fails)
{
	char bytes[] = "\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0";

	PUT(bytes, 6, id);
	bytes[13] = fails ? 25 : 0;
	say(s, SERVER, bytes, sizeof(bytes) - 1);
}

static void kafka_oneway(struct script *s)
{
	SAY(s, CLIENT, "\0\0\0\x16\0\0\0\7\0\0\7\7\0\2me\xff\xff\0\0\0\0\0\0\0\0");
}

static void kafka_push(
	struct script *s) /* there is none: an answer to what was asked before somebody looked */
{
	SAY(s, SERVER, "\0\0\0\x0a\0\1\1\1\0\0\0\0\0\0");
}

/* --- MongoDB: writes without acknowledgement; further answers to what has been answered */

static void mongodb_ask(struct script *s, int id)
{
	char bytes[] = "\x24\0\0\0\0\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0\x0f\0\0\0\x10ping\0\1\0\0\0";

	PUT(bytes, 5, id);
	say(s, CLIENT, bytes, sizeof(bytes));
}

static void mongodb_reply(struct script *s, int id, bool fails)
{
	char bytes[] = "\x2e\0\0\0\7\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0\x19\0\0\0"
		       "\x10nr\0\1\0\0\0\1ok\0\0\0\0\0\0\0\xf0\x3f";

	PUT(bytes, 9, id);
	if (fails)
		bytes[43] = bytes[44] = 0;
	say(s, SERVER, bytes, sizeof(bytes));
}

static void mongodb_oneway(struct script *s)
{
	SAY(s, CLIENT,
	    "\x24\0\0\0\7\7\7\0\0\0\0\0\xdd\7\0\0\2\0\0\0\0\x0f\0\0\0\x10ping\0\1\0\0\0\0");
}

static void mongodb_push(struct script *s)
{
	SAY(s, SERVER,
	    "\x26\0\0\0\x08\0\0\0\7\0\7\7\xdd\7\0\0\2\0\0\0\0\x11\0\0\0\1ok\0\0\0\0\0\0\0\xf0\x3f\0");
}

/* --- CQL: events */

static void cql_ask(struct script *s, int id)
{
	char bytes[] = "\4\0\0\0\7\0\0\0\5abcde";

	PUT(bytes, 2, id);
	say(s, CLIENT, bytes, sizeof(bytes) - 1);
}

static void cql_reply(struct script *s, int id, bool fails)
{
	char bytes[] = "\x84\0\0\0\x08\0\0\0\4\0\0\0\1";

	PUT(bytes, 2, id);
	bytes[4] = fails ? 0 : 8;
	say(s, SERVER, bytes, sizeof(bytes) - 1);
}

static void cql_push(struct script *s)
{
	SAY(s, SERVER, "\x84\0\xff\xff\x0c\0\0\0\3abc");
}

static void cql_open(struct script *s)
{
	ASK(s, "\4\0\0\0\5\0\0\0\0", "ok", "\x84\0\0\0\6\0\0\0\2\0\0");
}

/* --- AMQP: what is published and delivered; each request on a channel of its own, which an error closes */

static void amqp_method(struct script *s, enum side side, int channel, const char *method)
{
	char bytes[] = "\1\0\0\0\0\0\6\0\0\0\0\1\x94\xce";

	PUT(bytes, 1, channel + 1);
	bytes[8] = method[0];
	bytes[10] = method[1];
	say(s, side, bytes, sizeof(bytes) - 1);
}

static void amqp_ask(struct script *s, int id)
{
	amqp_method(s, CLIENT, id, "\x32\x0a");
}

static void amqp_reply(struct script *s, int id, bool fails)
{
	amqp_method(s, SERVER, id, fails ? "\x14\x28" : "\x32\x0b");
	if (fails)
		amqp_method(s, CLIENT, id, "\x14\x29");
}

static void amqp_push(struct script *s)
{
	amqp_method(s, SERVER, 0, "\x3c\x3c");
	SAY(s, SERVER, "\2\0\1\0\0\0\3abc\xce\3\0\1\0\0\0\5hello\xce");
}

static void amqp_oneway(struct script *s)
{
	amqp_method(s, CLIENT, 0, "\x3c\x28");
	SAY(s, CLIENT, "\2\0\1\0\0\0\3abc\xce\3\0\1\0\0\0\5hello\xce");
}

static void amqp_open(struct script *s)
{
	SAY(s, CLIENT, "AMQP\0\0\x09\1");
	SAY(s, SERVER, "\1\0\0\0\0\0\4\0\x0a\0\x0a\xce");
	SAY(s, CLIENT, "\1\0\0\0\0\0\4\0\x0a\0\x0b\xce");
	SAY(s, SERVER, "\1\0\0\0\0\0\4\0\x0a\0\x1e\xce");
	SAY(s, CLIENT, "\1\0\0\0\0\0\4\0\x0a\0\x1f\xce");
	ASK(s, "\1\0\0\0\0\0\6\0\x0a\0\x28\1/\xce", "ok", "\1\0\0\0\0\0\5\0\x0a\0\x29\0\xce");
}

/* --- NATS: messages, and replies of a subject of its own; no subscribers are an error */

#define INBOX "_INBOX.JPHcm1H0TjFc7VXgRnJkVs.JPHcm1H0TjFc7VXg%d"

static void nats_ask(struct script *s, int id)
{
	sayf(s, CLIENT, "PUB some.thing " INBOX " 5\r\nhello\r\n", id);
}

static void nats_reply(struct script *s, int id, bool fails)
{
	if (fails)
		sayf(s, SERVER, "HMSG " INBOX " 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", id);
	else
		sayf(s, SERVER, "MSG " INBOX " 1 3\r\nyes\r\n", id);
}

static void nats_push(struct script *s)
{
	if (often(s, 50))
		SAY(s, SERVER, "PING\r\n");
	else
		SAY(s, SERVER, "MSG news 2 5\r\nPONG!\r\n");
}

static void nats_oneway(struct script *s)
{
	SAY(s, CLIENT, "PONG\r\nPUB news 5\r\nhello\r\n");
}

static void nats_open(struct script *s)
{
	SAY(s, SERVER, "INFO {\"server_id\":\"a\"} \r\n");
	ASK(s, "CONNECT {\"verbose\":false}\r\nPING\r\n", "ok", "PONG\r\n");
}

/* --- LDAP: searches of which the entries come before the result; abandoned ones are told of by nobody */

static void ldap_ask(struct script *s, int id)
{
	char bytes[] = "\x30\x0c\2\2\0\0\x63\6\4\0\x0a\1\2\1";

	PUT(bytes, 4, id + 1);
	say(s, CLIENT, bytes, sizeof(bytes) - 1);
}

static void ldap_reply(struct script *s, int id, bool fails)
{
	char entry[] = "\x30\x0a\2\2\0\0\x64\4\4\0\x30\0",
	     bytes[] = "\x30\x0d\2\2\0\0\x65\7\x0a\1\0\4\0\4\0";

	PUT(entry, 4, id + 1);
	PUT(bytes, 4, id + 1);
	bytes[10] = fails ? 50 : 0;
	if (often(s, 30)) {
		say(s, SERVER, entry, sizeof(entry) - 1);
		nap(s, SERVER, 3);
	}
	say(s, SERVER, bytes, sizeof(bytes) - 1);
}

static void ldap_push(struct script *s)
{
	SAY(s, SERVER, "\x30\x0c\2\1\0\x78\7\x0a\1\x34\4\0\4\0");
}

static void ldap_open(struct script *s)
{
	ASK(s, "\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0", "ok",
	    "\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0");
}

/* --- ZooKeeper: events */

static void zookeeper_ask(struct script *s, int id)
{
	char bytes[] = "\0\0\0\x0f\0\0\0\0\0\0\0\4\0\0\0\2/a\0";

	PUT(bytes, 6, id + 1);
	say(s, CLIENT, bytes, sizeof(bytes) - 1);
}

static void zookeeper_reply(struct script *s, int id, bool fails)
{
	char bytes[] = "\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\7\0\0\0\0";

	PUT(bytes, 6, id + 1);
	if (fails)
		memcpy(bytes + 16, "\xff\xff\xff\x9b", 4);
	say(s, SERVER, bytes, sizeof(bytes) - 1);
}

static void zookeeper_push(struct script *s)
{
	SAY(s, SERVER,
	    "\0\0\0\x18\xff\xff\xff\xff\0\0\0\0\0\0\0\7\0\0\0\0"
	    "01234567");
}

static void zookeeper_open(struct script *s)
{
	ASK(s,
	    "\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10"
	    "0123456789abcdef\0",
	    "ok",
	    "\0\0\0\x25\0\0\0\0\0\0\x75\x30\1\0\0\0\0\0\0\1\0\0\0\x10"
	    "0123456789abcdef\0");
}

/* --- FastCGI: one at a time, of which the server may read the end when it has answered */

static void fastcgi_ask(struct script *s, int id)
{
	(void)id;
	SAY(s, CLIENT,
	    "\1\1\0\1\0\x08\0\0\0\1\1\0\0\0\0\0\1\4\0\1\0\3\5\0abc01234\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0");
}

static void fastcgi_reply(struct script *s, int id, bool fails)
{
	(void)id;
	if (fails)
		SAY(s, SERVER, "\1\7\0\1\0\3\0\0no!\1\6\0\1\0\x0f\0\0Status: 503 \r\n\r");
	else
		SAY(s, SERVER, "\1\6\0\1\0\x0f\0\0Content-Type: a");
	nap(s, SERVER, 2);
	SAY(s, SERVER, "\1\3\0\1\0\x08\0\0\0\0\0\0\0\0\0\0");
}

static void fastcgi_open(struct script *s)
{
	ASK(s, "\1\x09\0\0\0\4\0\0\2\0ab", "ok", "\1\x0a\0\0\0\4\4\0\2\0ab0123");
}

#define NUMBERED(name, ...)                                                          \
	static void name##_step(struct script *s)                                    \
	{                                                                            \
		static const struct numbered_form form = { name##_ask, name##_reply, \
							   __VA_ARGS__ };            \
                                                                                     \
		numbered_step(s, &form);                                             \
	}

static void kafka_open(struct script *s)
{
	ASK(s, "\0\0\0\x0c\0\x12\0\0\0\0\0\0\0\2me", "ok", "\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0");
}

static void mongodb_open(struct script *s)
{
	ASK(s, "\x1c\0\0\0\0\0\0\0\0\0\0\0\xd4\7\0\0\0\0\0\0admin.$c", "ok",
	    "\x18\0\0\0\7\0\0\0\0\0\0\0\1\0\0\0\x08\0\0\0\0\0\0\0");
}

NUMBERED(kafka, kafka_push, kafka_oneway, "ok", "error", false)
NUMBERED(mongodb, mongodb_push, mongodb_oneway, "ok", "error", false)
NUMBERED(cql, cql_push, nothing, "ok", "error", false)
NUMBERED(amqp, amqp_push, amqp_oneway, "ok", "error", false)
NUMBERED(nats, nats_push, nats_oneway, "ok", "error", false)
NUMBERED(ldap, ldap_push, nothing, "ok", "error", false)
NUMBERED(zookeeper, zookeeper_push, nothing, "ok", "error", false)
NUMBERED(fastcgi, nothing, nothing, "200", "503", true)

#endif
