// SPDX-License-Identifier: BSD-3-Clause
/* Protocols whose requests have numbers: whatever the order of the responses, each belongs to its own request. */
#include "conversation.h"

/* --- Kafka */

/* A request of a client that is called "me", and a response; their lengths are those of what follows. */
#define KAFKA_ASK(len, api, version, id) "\0\0\0" len "\0" api "\0" version "\0\0\0" id "\0\2me"
#define KAFKA_SAY(len, id)		 "\0\0\0" len "\0\0\0" id

static const struct row kafka_rows[] = {
	{ "versions, in any order",
	  "req:1 req:2 begun:2 ok:2 begun:1 error:1",
	  { REQUEST(KAFKA_ASK("\x0c", "\x12", "\0", "\1") KAFKA_ASK("\x0c", "\x12", "\3", "\2")),
	    RESPONSE(KAFKA_SAY("\x0a", "\2") "\0\0\0\0\0\0" KAFKA_SAY("\x0a",
								      "\1") "\0\x23\0\0\0\0") } },
	{ "produce, as one likes it",
	  "req:1 req:2 req:4 begun:1 ok:1 begun:2 error:2 begun:4 error:4",
	  { REQUEST(KAFKA_ASK("\x14", "\0", "\0", "\1") "\0\1\0\0\0\0\0\0" KAFKA_ASK("\x16", "\0", "\7", "\2") "\xff\xff\xff\xff\0\0\0\0\0\0" KAFKA_ASK(
		    "\x16", "\0", "\7",
		    "\3") "\xff\xff\0\0\0\0\0\0\0\0" KAFKA_ASK("\x14", "\0", "\x09",
							       "\4") "\0\0\0\1\0\0\0\0" KAFKA_ASK("\x14",
												  "\0",
												  "\x09",
												  "\5") "\0\0\0\0\0\0\0\0"),
	    RESPONSE(KAFKA_SAY("\x15", "\1") "\0\0\0\1\0\1t\0\0\0\1\0\0\0\0\0\0" KAFKA_SAY(
		    "\x15",
		    "\2") "\0\0\0\1\0\1t\0\0\0\1\0\0\0\0\0\3" KAFKA_SAY("\x10",
									"\4") "\0\2\3to\2\0\0\0\0\0\6\0") } },
	{ "fetches, which wait, and the failure of one partition of the first topic",
	  "block:1 begun:1 ok:1 block:2 begun:2 error:2 block:3 begun:3 error:3 block:4 begun:4 ok:4",
	  { REQUEST(KAFKA_ASK("\x0c", "\1", "\4", "\1")),
	    RESPONSE(KAFKA_SAY("\x0c", "\1") "\0\0\0\0\0\0\0\0"),
	    REQUEST(KAFKA_ASK("\x0c", "\1", "\x0b", "\2")),
	    RESPONSE(KAFKA_SAY("\x1f",
			       "\2") "\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1t\0\0\0\1\0\0\0\0\0\1"),
	    REQUEST(KAFKA_ASK("\x0c", "\1", "\x0b", "\3")),
	    RESPONSE(KAFKA_SAY("\x12", "\3") "\0\0\0\0\0\x46\0\0\0\0\0\0\0\0"),
	    REQUEST(KAFKA_ASK("\x0c", "\1", "\x0b", "\4")),
	    RESPONSE(KAFKA_SAY("\x12", "\4") "\0\0\0\0\0\0\0\0\0\0\0\0\0\0") } },
	{ "groups, topics; those that have no code where it is looked for",
	  "req:1 block:2 req:3 req:4 req:5 begun:1 error:1 begun:2 ok:2 begun:3 error:3 begun:4 ok:4 begun:5 error:5",
	  { REQUEST(KAFKA_ASK("\x0c", "\x0c", "\2", "\1") KAFKA_ASK("\x0c", "\x0b", "\4", "\2")
			    KAFKA_ASK("\x0c", "\x13", "\2", "\3")
				    KAFKA_ASK("\x0c", "\3", "\1", "\4")
					    KAFKA_ASK("\x0c", "\x13", "\7", "\5")),
	    RESPONSE(KAFKA_SAY("\x0a", "\1") "\0\0\0\0\0\x19" KAFKA_SAY("\x0a", "\2") "\0\0\0\0\0\x4f" KAFKA_SAY(
		    "\x13",
		    "\3") "\0\0\0\0\0\0\0\1\0\3abc\0\x24" KAFKA_SAY("\x08",
								    "\4") "\0\0\0\x63" KAFKA_SAY("\x21",
												 "\5") "\0\0\0\0\0\2\4abc0123456789abcdef\0\x24\0") } },
	{ "a name that is long; what nobody has asked for",
	  "req:1 begun:9 ?:9 begun:1 error:1",
	  { REQUEST(KAFKA_ASK("\x0c", "\x08", "\2", "\1")),
	    RESPONSE(KAFKA_SAY("\x08", "\x09") "\0\0\0\1"),
	    RESPONSE_MORE("\0\0\1\x0a\0\0\0\1\0\0\0\1\0\xf2", 242),
	    RESPONSE("\0\0\0\1\0\0\0\0\0\x10") } },
	{ "ends behind a name",
	  "req:1 req:2 begun:1 ?:1 begun:2 ok:2",
	  { REQUEST(KAFKA_ASK("\x0c", "\x08", "\2", "\1") KAFKA_ASK("\x0c", "\x12", "\0", "\2")),
	    RESPONSE(KAFKA_SAY("\x0b", "\1") "\0\0\0\1\0\1t" KAFKA_SAY("\x0a",
								       "\2") "\0\0\0\0\0\0") } },
	{ "more topics and partitions than one byte tells",
	  "req:1 begun:1 error:1 req:2 begun:2 ok:2 block:3 begun:3 error:3",
	  { REQUEST(KAFKA_ASK("\x0c", "\x08", "\x08", "\1")),
	    RESPONSE_MORE("\0\0\1\0\0\0\0\1\0\0\0\0\0\xac\2\3to\xac\2\0\0\0\0\0\x10", 234),
	    REQUEST(KAFKA_ASK("\x0c", "\x08", "\x08", "\2")),
	    RESPONSE_MORE("\0\0\1\0\0\0\0\2\0\0\0\0\0\xac\2\3to\xac\2\0\0\0\0\0\0", 234),
	    REQUEST(KAFKA_ASK("\x0c", "\1", "\x0c", "\3")),
	    RESPONSE_MORE("\0\0\2\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\xac\2\xac\2", 299),
	    RESPONSE_MORE("\xac\2\0\0\0\0\0\3", 186) } },
	{ "large",
	  "req:1 req:2 begun:1 ok:1",
	  { REQUEST_MORE("\0\0\x10\x06\0\x03\0\1\0\0\0\1", 4094),
	    REQUEST(KAFKA_ASK("\x0c", "\x12", "\0", "\2")),
	    RESPONSE_MORE("\0\0\x10\0\0\0\0\1", 4092) } },
	{ "no message", "desync", { REQUEST("\0\0\0\x0c\0\xff\0\0\0\0\0\0") } },
	{ "no length", "desync", { RESPONSE("\xff\0\0\x0c\0\0\0\0") } },
};

/* --- MongoDB */

#define MONGO(len, id, to, op) len "\0\0\0" id "\0\0\0" to "\0\0\0" op "\0\0"
#define MONGO_MSG	       "\xdd\x07"
#define MONGO_OK	       "\x01ok\0\0\0\0\0\0\0\xf0\x3f\0"
#define MONGO_NOT_OK	       "\x01ok\0\0\0\0\0\0\0\0\0"
#define MONGO_PING	       "\0\0\0\0\0\x0f\0\0\0\x10ping\0\1\0\0\0\0"

static const struct row mongodb_rows[] = {
	{ "commands, answered in another order",
	  "req:1 req:2 begun:2 error:2 begun:1 ok:1",
	  { REQUEST(MONGO("\x24", "\1", "\0", MONGO_MSG)
			    MONGO_PING MONGO("\x24", "\2", "\0", MONGO_MSG) MONGO_PING),
	    RESPONSE(MONGO("\x36", "\7", "\2", MONGO_MSG) "\0\0\0\0\0\x22\0\0\0" MONGO_NOT_OK
							  "\2errmsg\0\3\0\0\0no\0\x10\1"),
	    RESPONSE(MONGO("\x26", "\x08", "\1", MONGO_MSG) "\0\0\0\0\0\x11\0\0\0" MONGO_OK) } },
	{ "elements of all kinds before",
	  "req:1 begun:1 ok:1 req:2 begun:2 error:2",
	  { REQUEST(MONGO("\x24", "\1", "\0", MONGO_MSG) MONGO_PING),
	    RESPONSE(MONGO(
		    "\x7f", "\7", "\1",
		    MONGO_MSG) "\0\0\0\0\0\x6b\0\0\0"
			       "\x03"
			       "cursor\0\x10\0\0\0\x10ok\0\0\0\0\0\0\0\0\0"
			       "\x12number\0\1\2\3\4\5\6\7\x08\x08yes\0\1\x0anone\0\x07id\0abcdefghijkl"
			       "\x05"
			       "data\0\3\0\0\0\0abc\x11t\0"
			       "12345678\x10ok\0\1\0\0\0\0"),
	    REQUEST(MONGO("\x24", "\2", "\0", MONGO_MSG) MONGO_PING),
	    RESPONSE(MONGO("\x3e", "\7", "\2",
			   MONGO_MSG) "\0\0\0\0\0\x2e\0\0\0\x10n\0\0\0\0\0"
				      "\x04writeErrors\0\5\0\0\0\0" MONGO_OK) } },
	{ "written without a response; a cursor and a greeting that wait, and further answers",
	  "block:2 begun:2 ok:2 block:3 begun:3 ok:3 begun:7 ok:7",
	  { REQUEST(MONGO("\x24", "\1", "\0",
			  MONGO_MSG) "\2\0\0\0\0\x0f\0\0\0\x10ping\0\1\0\0\0\0"),
	    REQUEST(MONGO("\x27", "\2", "\0",
			  MONGO_MSG) "\0\0\0\0\0\x12\0\0\0\x10getMore\0\1\0\0\0\0"),
	    RESPONSE(MONGO("\x26", "\x08", "\2", MONGO_MSG) "\0\0\0\0\0\x11\0\0\0" MONGO_OK),
	    REQUEST(MONGO("\x25", "\3", "\0",
			  MONGO_MSG) "\0\0\1\0\0\x10\0\0\0\x10hello\0\1\0\0\0\0"),
	    RESPONSE(MONGO("\x26", "\7", "\3", MONGO_MSG) "\2\0\0\0\0\x11\0\0\0" MONGO_OK MONGO(
		    "\x26", "\x08", "\7", MONGO_MSG) "\2\0\0\0\0\x11\0\0\0" MONGO_OK) } },
	{ "of the old kind, and compressed",
	  "req:1 ok:1 req:2 error:2 block:3 ?:3",
	  { REQUEST(MONGO("\x1c", "\1", "\0", "\xd4\x07") "\0\0\0\0admin.$c"),
	    RESPONSE(MONGO("\x18", "\7", "\1", "\1\0") "\x08\0\0\0\0\0\0\0"),
	    REQUEST(MONGO("\x1c", "\2", "\0", "\xd4\x07") "\0\0\0\0admin.$c"),
	    RESPONSE(MONGO("\x18", "\7", "\2", "\1\0") "\x0a\0\0\0\0\0\0\0"),
	    REQUEST(MONGO("\x1c", "\3", "\0", "\xdc\x07") "\xdd\7\0\0\x20\0\0\0\1abc"),
	    RESPONSE(MONGO("\x1c", "\7", "\3", "\xdc\x07") "\xdd\7\0\0\x20\0\0\0\1abc") } },
	{ "large, and cut off",
	  "req:1 begun:1 ok:1 begun:2 ?:2",
	  { REQUEST_MORE("\x00\x10\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\1", 4075),
	    RESPONSE_MORE(
		    "\x00\x10\0\0\7\0\0\0\1\0\0\0\xdd\7\0\0\0\0\0\0\0\x28\x10\0\0\2long\0\xd0\x0f\0\0",
		    4048),
	    RESPONSE("\1ok\0"
		     "1234567\x3f"
		     "\1"),
	    RESPONSE(MONGO("\x20", "\7", "\2", MONGO_MSG) "\0\0\0\0\0\x09\0\0\0\x02long\0\x09") } },
	{ "ends behind an element, and without one",
	  "begun:1 ?:1 begun:2 ?:2 begun:3 ?:3 begun:4 ok:4",
	  { RESPONSE(MONGO("\x20", "\7", "\1", MONGO_MSG) "\0\0\0\0\0\x0b\0\0\0\x10n\0\1\0\0\0"),
	    RESPONSE(MONGO("\x23", "\7", "\2", MONGO_MSG) "\0\0\0\0\0\x0e\0\0\0\2n\0\3\0\0\0no\0"),
	    RESPONSE(MONGO("\x19", "\7", "\3", MONGO_MSG) "\0\0\0\0\0\4\0\0\0"),
	    RESPONSE(MONGO("\x26", "\x08", "\4", MONGO_MSG) "\0\0\0\0\0\x11\0\0\0" MONGO_OK) } },
	{ "no message",
	  "desync",
	  { REQUEST_MORE("\x24\0\0\0\1\0\0\0\0\0\0\0\x47\x45\x54\x20", 20) } },
};

/* --- CQL */

#define CQL(version, stream, op, len) version "\0\0" stream op "\0\0\0" len

static const struct row cql_rows[] = {
	{ "4, in any order, and an event",
	  "req:0 ok:0 req:1 ok:1 req:2 req:3 error:3 ok:2",
	  { REQUEST(CQL("\4", "\0", "\5", "\0")), RESPONSE(CQL("\x84", "\0", "\6", "\2") "\0\0"),
	    REQUEST(CQL("\4", "\1", "\1", "\x16") "\0\1\0\x0b"
						  "CQL_VERSION\0\5"
						  "3.0.0"),
	    RESPONSE(CQL("\x84", "\1", "\2", "\0")),
	    REQUEST(CQL("\4", "\2", "\7", "\5") "abcde" CQL("\4", "\3", "\x0a", "\2") "ab"),
	    RESPONSE(CQL("\x84", "\3", "\0",
			 "\4") "\0\0\x20\0"
			       "\x84\0\xff\xff\x0c\0\0\0\3abc" CQL("\x84", "\2", "\x08",
								   "\4") "\0\0\0\1") } },
	{ "5, in frames with several messages, and messages in several frames",
	  "req:1 ok:1 req:2 req:3 error:3 ok:2 req:4 req:5 ok:4",
	  { REQUEST(CQL("\5", "\1", "\1", "\x02") "\0\0"), RESPONSE(CQL("\x85", "\1", "\2", "\0")),
	    REQUEST("\x19\0\2crc" CQL("\5", "\2", "\7", "\5") "abcde" CQL("\5", "\3", "\x0a",
									  "\2") "ab"
										"crc0"),
	    RESPONSE("\x16\0\2crc" CQL("\x85", "\3", "\0",
				       "\4") "\0\0\x20\0" CQL("\x85", "\2", "\x08", "\0") "crc0"),
	    REQUEST("\x0b\0\0crc" CQL("\5", "\4", "\7", "\x0e") "ab"
								"crc0"
								"\x05\0\0crc"
								"cdefg"
								"crc0"
								"\x07\0\0crc"
								"hijklmn"
								"crc0"
								"\x09\0\2crc" CQL("\5", "\5", "\5",
										  "\0") "crc0"),
	    RESPONSE("\x0b\0\2crc" CQL("\x85", "\4", "\x08", "\2") "ab"
								   "crc0") } },
	{ "5, compressed",
	  "req:1 ok:1 desync",
	  { REQUEST(CQL("\5", "\1", "\1", "\x02") "\0\0"), RESPONSE(CQL("\x85", "\1", "\2", "\0")),
	    REQUEST("\x19\0\x40\0\2crc"
		    "\xf1xxxxxxxxxxxxxxxxxxxx") } },
	{ "large",
	  "req:1 ok:1 req:2",
	  { REQUEST_MORE("\3\0\0\1\7\0\0\x20\0", 8192),
	    RESPONSE_MORE("\x83\0\0\1\x08\0\0\x10\0", 4096),
	    REQUEST(CQL("\3", "\2", "\5", "\0")) } },
	{ "a response that asks", "desync", { RESPONSE(CQL("\4", "\0", "\5", "\0")) } },
	{ "no version", "desync", { REQUEST(CQL("\x16", "\3", "\5", "\0")) } },
};

/* --- AMQP */

#define AMQP_HELLO			  "AMQP\0\0\x09\1"
#define AMQP(channel, len, class, method) "\1\0" channel "\0\0\0" len "\0" class "\0" method

static const struct row amqp_rows[] = {
	{ "a connection, its channels and what goes over them",
	  "setup left req:0 ok:0 req:1 req:2 ok:2 ok:1 req:1 ok:1 req:1 ok:1",
	  { REQUEST(AMQP_HELLO), RESPONSE(AMQP("\0", "\4", "\x0a", "\x0a") "\xce"),
	    REQUEST(AMQP("\0", "\4", "\x0a", "\x0b") "\xce"),
	    RESPONSE(AMQP("\0", "\4", "\x0a", "\x1e") "\xce"),
	    REQUEST(AMQP("\0", "\4", "\x0a", "\x1f") "\xce" AMQP("\0", "\6", "\x0a",
								 "\x28") "\1/\xce"),
	    RESPONSE(AMQP("\0", "\5", "\x0a", "\x29") "\0\xce"),
	    REQUEST(AMQP("\1", "\5", "\x14", "\x0a") "\0\xce" AMQP("\2", "\5", "\x14",
								   "\x0a") "\0\xce"),
	    RESPONSE(AMQP("\2", "\5", "\x14", "\x0b") "\0\xce" AMQP("\1", "\5", "\x14",
								    "\x0b") "\0\xce"),
	    REQUEST(AMQP("\1", "\5", "\x32", "\x0a") "\0\xce"),
	    RESPONSE(AMQP("\1", "\4", "\x32", "\x0b") "\xce"
						      "\x08\0\0\0\0\0\0\xce"),
	    REQUEST(AMQP("\1", "\4", "\x3c",
			 "\x28") "\xce"
				 "\2\0\1\0\0\0\3abc\xce\3\0\1\0\0\0\5hello\xce" AMQP(
					 "\1", "\4", "\x3c", "\x46") "\xce"),
	    RESPONSE(AMQP("\1", "\4", "\x3c",
			  "\x3c") "\xce"
				  "\2\0\1\0\0\0\3abc\xce\3\0\1\0\0\0\5hello\xce" AMQP(
					  "\1", "\4", "\x3c", "\x48") "\xce") } },
	{ "closed in place of an answer, after what has none, and well",
	  "req:1 failed:1 failed:1 req:1 failed:1 req:2 ok:2",
	  { REQUEST(AMQP("\1", "\4", "\x32", "\x0a") "\xce"),
	    RESPONSE(AMQP("\1", "\6", "\x14", "\x28") "\1\x94\xce"),
	    REQUEST(AMQP("\1", "\4", "\x14", "\x29") "\xce" AMQP("\1", "\4", "\x3c",
								 "\x28") "\xce"),
	    RESPONSE(AMQP("\1", "\6", "\x14", "\x28") "\1\x94\xce"),
	    REQUEST(AMQP("\1", "\4", "\x28", "\x0a") "\xce"),
	    RESPONSE(AMQP("\0", "\6", "\x0a", "\x32") "\1\x40\xce"),
	    REQUEST(AMQP("\2", "\4", "\x28", "\x28") "\xce"),
	    RESPONSE(AMQP("\2", "\4", "\x28", "\x33") "\xce" AMQP("\0", "\6", "\x0a",
								  "\x32") "\0\xc8\xce") } },
	{ "another version",
	  "setup failed:0",
	  { REQUEST(AMQP_HELLO), RESPONSE("AMQP\0\0\0\x09") } },
	{ "large",
	  "req:1",
	  { REQUEST_MORE("\3\0\1\0\1\0\0", 65537),
	    REQUEST(AMQP("\1", "\4", "\x5a", "\x14") "\xce") } },
	{ "no frame", "desync", { REQUEST("\x09\0\0\0\0\0\0\0") } },
};

/* --- NATS: subjects have numbers, which are worked out here by the same rule */

static u32 subject(const char *text)
{
	size_t len = strlen(text);
	u8 head[PARSE_WINDOW] = { 0 };
	u32 hash = 0;

	for (; len >= PROTOCOL_CARRY; len -= NATS_PIECE, text += NATS_PIECE) {
		memcpy(head, text, NATS_PIECE);
		hash = nats_hash(nats_hash(hash, word_at(head)), word_at(head + 8));
	}
	memset(head, 0xee, sizeof(head));
	memcpy(head, text, len);
	return nats_hash_end(hash, head, (u32)len);
}

#define INBOX "_INBOX.JPHcm1H0TjFc7VXgRnJkVs.JPHcm1H0TjFc7VXgRnJkW0"

static void nats_check(const char *name, const char *expected, const char *first,
		       const char *second, const struct say *says)
{
	char text[256];

	snprintf(text, sizeof(text), expected, first ? subject(first) : 0,
		 second ? subject(second) : 0);
	says_check_cut(name, PROTOCOL_NATS, says, text);
}

/* How many it takes: a call moves thousands of lines, and only so many are looked at. */
static u32 nats_steps(u32 is_request, const char *line)
{
	static struct parser p;
	size_t len = strlen(line);
	u32 steps = 0;

	memset(&p, 0, sizeof(p));
	p.protocol = PROTOCOL_NATS;
	for (size_t at = 0; at < len; steps++) {
		u32 n = parser_step(&p, is_request, (const u8 *)line + at, (u32)(len - at));

		assert_int_not_equal(n, 0);
		at += n;
	}
	return steps;
}

static void nats_steps_test(void **state)
{
	(void)state;
	assert_int_equal(nats_steps(false, "MSG news.today 12 150\r\n"), 2);
	assert_int_equal(nats_steps(false, "MSG news.today 12 in 150\r\n"), 2);
	assert_int_equal(nats_steps(false, "MSG news.from.elsewhere.today 12 150\r\n"), 4);
	assert_int_equal(nats_steps(true, "PUB news.today 150\r\n"), 2);
	assert_int_equal(nats_steps(true, "PUB news.today in 150\r\n"), 4);
}

static void nats_test(void **state)
{
	(void)state;
	assert_int_not_equal(subject("a"), subject("b"));
	assert_int_not_equal(subject(INBOX "1"), subject(INBOX "2"));
	nats_check("pings of both sides", "req:0 ok:0 req:1 req:2 ok:1 ok:2", NULL, NULL,
		   (const struct say[SAYS]){ RESPONSE("INFO {\"server_id\":\"a b\"}\r\n"),
					     REQUEST("CONNECT {\"verbose\":false}\r\nPING\r\n"),
					     RESPONSE("PONG\r\nPING\r\n"),
					     REQUEST("PONG\r\nping\r\nPING\r\n"),
					     RESPONSE("PONG\r\n+OK\r\nPONG\r\n") });
	nats_check(
		"asked and answered, among what is only published", "req:%1$u ok:%1$u ok:%2$u",
		INBOX, "news",
		(const struct say[SAYS]){
			REQUEST("SUB _INBOX.JPHcm1H0TjFc7VXgRnJkVs.* 1\r\nPUB news 5\r\nPING\r\r\n"
				"PUB  ask.me " INBOX "  2\r\nhi\r\n"),
			RESPONSE("MSG " INBOX
				 " 1 4\r\nPONG\r\nMSG news 2 answer.here 3\r\nMSG\r\n") });
	nats_check(
		"sizes, however they are written", "req:%1$u ok:%1$u ok:%1$u ok:%2$u req:0 ok:0",
		"in", "a.news",
		(const struct say[SAYS]){
			REQUEST("PUB a in 5\r\nPING\r\r\nPUB a  5 \r\nPING\r\r\nPUB a 0000000005\r\nPING\r\r\n"),
			RESPONSE("MSG in 1 6 \r\nPONG\r\n\r\nMSG  in 1 0000000006\r\nPONG\r\n\r\n"
				 "MSG a.news 17 in 000006\nPONG\r\n\r\n"),
			REQUEST("PING\r\n"), RESPONSE("PONG\r\n") });
	nats_check("with headers", "req:%1$u error:%1$u req:%2$u ok:%2$u", INBOX, "in",
		   (const struct say[SAYS]){
			   REQUEST("HPUB ask 12 12\r\nNATS/1.0\r\n\r\n\r\nHPUB ask " INBOX
				   " 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
			   RESPONSE("HMSG " INBOX " 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"),
			   REQUEST("PUB ask in 0\r\n\r\n"),
			   RESPONSE("HMSG in 1 12 12\r\nNATS/1.0\r\n\r\n\r\n") });
	nats_check("messages that are pulled", "req:0", NULL, NULL,
		   (const struct say[SAYS]){
			   REQUEST("PUB $JS.API.CONSUMER.MSG.NEXT.stream.durable " INBOX
				   " 2\r\n{}\r\nPING\r\n") });
	nats_check("errors", "req:0 failed:0 failed:0 ok:0", NULL, NULL,
		   (const struct say[SAYS]){
			   REQUEST("PING\r\n"),
			   RESPONSE("-ERR 'Authorization Violation'\r\n-ERR 'x'\r\nPONG\r\n") });
	nats_check("large", "req:%1$u ok:%1$u", INBOX, NULL,
		   (const struct say[SAYS]){ REQUEST_MORE("PUB a " INBOX " 70000\r\n", 70002),
					     RESPONSE_MORE("MSG " INBOX " 1 9000\r\n", 9002) });
	nats_check("TLS", "tls", NULL, NULL,
		   (const struct say[SAYS]){ RESPONSE("INFO {\"tls_required\":true}\r\n"),
					     REQUEST("\x16\3\1\0") });
	nats_check("no size", "desync", NULL, NULL,
		   (const struct say[SAYS]){ REQUEST("PUB a b\r\n") });
	nats_check("no line", "desync", NULL, NULL,
		   (const struct say[SAYS]){ REQUEST("HELLO a\r\n") });
	nats_check("the wrong way", "desync", NULL, NULL,
		   (const struct say[SAYS]){ RESPONSE("PUB a 1\r\n") });
}

/* --- LDAP */

static const struct row ldap_rows[] = {
	{ "bind, search, unbind",
	  "req:1 ok:1 req:2 begun:2 begun:2 ok:2",
	  { REQUEST("\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0"),
	    RESPONSE("\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0"),
	    REQUEST("\x30\x0b\2\1\2\x63\6\4\0\x0a\1\2\1"),
	    RESPONSE("\x30\x09\2\1\2\x64\4\4\0\x30\0\x30\x84\0\0\0\x0b\2\1\2\x73\x84\0\0\0\2\4\0"
		     "\x30\x0c\2\1\2\x65\7\x0a\1\0\4\0\4\0"),
	    REQUEST("\x30\5\2\1\3\x42\0") } },
	{ "several at once, a large number, codes",
	  "req:300 req:301 req:302 req:303 error:301 ok:302 ok:300 dropped:303",
	  { REQUEST("\x30\x0c\2\2\1\x2c\x68\6\4\0\x30\2\x30\0\x30\x0c\2\2\1\x2d\x66\6\4\0\x30\2\x30\0"
		    "\x30\x0c\2\2\1\x2e\x6e\6\4\0\x30\2\x30\0\x30\7\2\2\1\x2f\x4a\1x"),
	    RESPONSE(
		    "\x30\x0d\2\2\1\x2d\x67\7\x0a\1\x20\4\0\4\0\x30\x0d\2\2\1\x2e\x6f\7\x0a\1\6\4\0\4\0"
		    "\x30\x0d\2\2\1\x2c\x69\7\x0a\1\0\4\0\4\0"),
	    REQUEST("\x30\x08\2\2\1\x30\x50\2\1\x2f") } },
	{ "given up, with controls",
	  "req:5 dropped:5",
	  { REQUEST("\x30\6\2\1\5\x4a\1x\x30\x11\2\1\6\x50\1\5\xa0\x09\x30\7\4\5"
		    "1.2.3") } },
	{ "a length of too many bytes", "desync", { REQUEST_MORE("\x30\x40\2\1\5\x4a\xd0", 59) } },
	{ "longer than its message", "desync", { REQUEST("\x30\6\2\1\5\x4a\2x") } },
	{ "TLS begins",
	  "req:1 ok:1 tls",
	  { REQUEST("\x30\x0c\2\1\1\x77\7\x80\5"
		    "1.2.3"),
	    RESPONSE("\x30\x0c\2\1\1\x78\7\x0a\1\0\4\0\4\0"), REQUEST("\x16\3\1\0\5") } },
	{ "large",
	  "req:1 begun:1 error:1",
	  { REQUEST_MORE("\x30\x82\x10\0\2\1\1\x66\x82\x0f\xf9", 4089),
	    RESPONSE_MORE("\x30\x83\1\0\0\2\1\1\x64\x83\0\xff\xf8", 65528),
	    RESPONSE("\x30\x84\0\0\0\x10\2\1\1\x65\x84\0\0\0\7\x0a\1\1\4\0\4\0") } },
	{ "no message", "desync", { REQUEST("\x31\5\2\1\3\x42\0") } },
	{ "no number", "desync", { REQUEST("\x30\5\4\1\3\x42\0") } },
	{ "too long",
	  "desync",
	  { REQUEST_MORE("\x30\x84\xff\0\0\0\2\1\1\x63\x84\xff\0\0\0", 20) } },
};

/* --- ZooKeeper */

#define ZOOKEEPER_HELLO                                                            \
	"\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10" \
	"0123456789abcdef\0"
#define ZOOKEEPER_WELCOME                                          \
	"\0\0\0\x25\0\0\0\0\0\0\x75\x30\1\0\0\0\0\0\0\1\0\0\0\x10" \
	"0123456789abcdef\0"
#define ZOOKEEPER_SAY(id, error) "\0\0\0\x10\0\0\0" id "\0\0\0\0\0\0\0\7" error

static const struct row zookeeper_rows[] = {
	{ "a session",
	  "req:4294967295 ok:4294967295 req:1 req:2 req:3 begun:2 ok:2 begun:1 error:1 begun:3 ok:3",
	  { REQUEST(ZOOKEEPER_HELLO), RESPONSE(ZOOKEEPER_WELCOME),
	    REQUEST("\0\0\0\x0f\0\0\0\1\0\0\0\4\0\0\0\2/a\0\0\0\0\x0f\0\0\0\2\0\0\0\3\0\0\0\2/a\0"
		    "\0\0\0\x08\0\0\0\3\0\0\0\x0b"),
	    RESPONSE(ZOOKEEPER_SAY("\2", "\xff\xff\xff\x9b") ZOOKEEPER_SAY(
		    "\1", "\xff\xff\xff\x9b") "\0\0\0\x18\xff\xff\xff\xff\0\0\0\0\0\0\0\7\0\0\0\0"
					      "01234567" ZOOKEEPER_SAY("\3", "\0\0\0\0")) } },
	{ "no session",
	  "req:4294967295 error:4294967295",
	  { REQUEST(ZOOKEEPER_HELLO),
	    RESPONSE("\0\0\0\x24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10"
		     "0123456789abcdef") } },
	{ "large",
	  "req:4294967295 ok:4294967295 req:1 begun:1 ok:1",
	  { REQUEST(ZOOKEEPER_HELLO), RESPONSE(ZOOKEEPER_WELCOME),
	    REQUEST_MORE("\0\0\x10\0\0\0\0\1\0\0\0\1", 4088),
	    RESPONSE_MORE("\0\0\x20\x10\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0", 8192) } },
	{ "no message", "desync", { REQUEST("\0\0\0\4stat\0\0\0\0") } },
	{ "another version", "desync", { REQUEST("\0\0\0\x2d\0\0\0\1\0\0\0\0") } },
};

/* --- FastCGI */

#define FASTCGI(type, id, len, pad) "\1" type "\0" id "\0" len pad "\0"
#define FASTCGI_ASKS(id)                                                                          \
	FASTCGI("\1", id, "\x08", "\0")                                                           \
	"\0\1\1\0\0\0\0\0" FASTCGI("\4", id, "\3", "\5") "abc01234" FASTCGI("\4", id, "\0", "\0") \
		FASTCGI("\5", id, "\0", "\0")
#define FASTCGI_ENDS(id, app, protocol) \
	FASTCGI("\3", id, "\x08", "\0") "\0\0\0" app protocol "\0\0\0"

static const struct row fastcgi_rows[] = {
	{ "statuses, of which that of the first output counts",
	  "req:1 begun:1 200:1 req:1 begun:1 404:1 req:1 begun:1 302:1",
	  { REQUEST(FASTCGI_ASKS("\1")),
	    RESPONSE(FASTCGI("\6", "\1", "\x14", "\4") "Content-Type: a/b\r\n\r0123" FASTCGI(
		    "\6", "\1", "\x0b", "\0") "Status: 404" FASTCGI_ENDS("\1", "\0", "\0")),
	    REQUEST(FASTCGI_ASKS("\1")),
	    RESPONSE(FASTCGI("\7", "\1", "\3", "\0") "no!" FASTCGI(
		    "\6", "\1", "\x1b",
		    "\0") "Status: 404 Not Found\r\nab:\r" FASTCGI_ENDS("\1", "\0", "\0")),
	    REQUEST(FASTCGI_ASKS("\1")),
	    RESPONSE(FASTCGI("\6", "\1", "\x0c", "\0") "Location: /\n" FASTCGI_ENDS("\1", "\0",
										    "\0")) } },
	{ "no output, and none wanted",
	  "req:1 req:2 req:3 error:1 error:2 error:3 req:0 ok:0",
	  { REQUEST(FASTCGI_ASKS("\1") FASTCGI_ASKS("\2") FASTCGI_ASKS("\3")),
	    RESPONSE(FASTCGI_ENDS("\1", "\xff", "\0") FASTCGI_ENDS("\2", "\0", "\1")
			     FASTCGI_ENDS("\3", "\0", "\0")),
	    REQUEST(FASTCGI("\x09", "\0", "\4", "\0") "\2\0ab"),
	    RESPONSE(FASTCGI("\x0a", "\0", "\4", "\4") "\2\0ab0123") } },
	{ "large",
	  "req:1 begun:1 503:1",
	  { REQUEST(FASTCGI_ASKS("\1")), RESPONSE_MORE("\1\6\0\1\x20\0\0\0Status: 503\r\n", 8179),
	    RESPONSE_MORE("\1\6\0\1\xff\xf8\x08\0", 65536),
	    RESPONSE(FASTCGI_ENDS("\1", "\0", "\0")) } },
	{ "no record", "desync", { REQUEST("\2\1\0\1\0\x08\0\0") } },
};

/* --- MQTT */

#define MQTT_HELLO   "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a"
#define MQTT_HELLO_5 "\x10\x0e\0\4MQTT\5\2\0\x3c\0\0\1a"

static const struct row mqtt_rows[] = {
	{ "publish and subscribe, in any order",
	  "req:65536 ok:65536 req:1 ok:1 req:131072 ok:131072 req:8 req:9 ok:9 ok:8",
	  { REQUEST(MQTT_HELLO), RESPONSE("\x20\2\0\0"), REQUEST("\x82\6\0\1\0\1a\1"),
	    RESPONSE("\x90\3\0\1\1\x32\6\0\1a\0\7x"), REQUEST("\x40\2\0\7\xc0\0"),
	    RESPONSE("\x30\4\0\1ay\xd0\0"),
	    REQUEST("\x30\4\0\1ay\x32\6\0\1a\0\x08z\x34\6\0\1a\0\x09z"),
	    RESPONSE("\x50\2\0\x09\x40\2\0\x08"), REQUEST("\x62\2\0\x09\xe0\0"),
	    RESPONSE("\x70\2\0\x09") } },
	{ "large, and not welcome",
	  "req:65536 error:65536 req:7 ok:7",
	  { REQUEST(MQTT_HELLO), RESPONSE("\x20\2\0\5"), REQUEST_MORE("\x32\xac\2\0\1a\0\7", 295),
	    RESPONSE_MORE("\x30\x80\x80\4", 65536), RESPONSE("\x40\2\0\7") } },
	{ "refused",
	  "req:65536 ok:65536 req:1 error:1 req:2 ok:2",
	  { REQUEST(MQTT_HELLO), RESPONSE("\x20\2\0\0"), REQUEST("\x82\6\0\1\0\1a\1"),
	    RESPONSE("\x90\3\0\1\x80"), REQUEST("\xa2\5\0\2\0\1a"), RESPONSE("\xb0\2\0\2") } },
	{ "refused, of version 5, which says why it ends",
	  "req:65536 ok:65536 req:1 error:1 req:2 error:2 req:3 ok:3 failed:65536",
	  { REQUEST(MQTT_HELLO_5), RESPONSE("\x20\3\0\0\0"), REQUEST("\x82\7\0\1\0\0\1a\1"),
	    RESPONSE("\x90\4\0\1\0\x87"), REQUEST("\x32\7\0\1a\0\2\0x"), RESPONSE("\x40\3\0\2\x97"),
	    REQUEST("\x34\7\0\1a\0\3\0x"), RESPONSE("\x50\3\0\3\x10\xe0\1\x8b") } },
	{ "no packet", "desync", { REQUEST("\0\0\0\0\0\0\0\0\0") } },
	{ "no length",
	  "desync",
	  { REQUEST("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff") } },
};

ROWS_TEST(mqtt, PROTOCOL_MQTT)
ROWS_TEST(kafka, PROTOCOL_KAFKA)
ROWS_TEST(mongodb, PROTOCOL_MONGODB)
ROWS_TEST(cql, PROTOCOL_CQL)
ROWS_TEST(amqp, PROTOCOL_AMQP)
ROWS_TEST(ldap, PROTOCOL_LDAP)
ROWS_TEST(zookeeper, PROTOCOL_ZOOKEEPER)
ROWS_TEST(fastcgi, PROTOCOL_FASTCGI)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mqtt_test),	   cmocka_unit_test(kafka_test),
		cmocka_unit_test(mongodb_test),	   cmocka_unit_test(cql_test),
		cmocka_unit_test(amqp_test),	   cmocka_unit_test(nats_test),
		cmocka_unit_test(nats_steps_test), cmocka_unit_test(ldap_test),
		cmocka_unit_test(zookeeper_test),  cmocka_unit_test(fastcgi_test),
	};

	return cmocka_run_group_tests_name("numbered", tests, NULL, NULL);
}
