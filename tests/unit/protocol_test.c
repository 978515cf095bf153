// SPDX-License-Identifier: BSD-3-Clause
#include "conversation.h"

/* --- HTTP/1 */

static const struct row http_rows[] = {
	{ "no body",
	  "req 200",
	  { REQUEST("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	    RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") } },
	{ "pipeline",
	  "req req req 200 404 500",
	  { REQUEST("GET /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /b HTTP/1.1\r\nHost: "
		    "a\r\nX-Long-Header-Name: "
		    "and a value that goes on\r\n\r\nDELETE /c HTTP/1.1\r\nHost: a\r\n\r\n"),
	    RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
		     "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
		     "HTTP/1.0 500 \r\nContent-Length: 1\r\n\r\nx") } },
	{ "bodies",
	  "req req 201 204",
	  { REQUEST_MORE("POST / HTTP/1.1\r\nContent-Length: 900\r\nHost: a\r\n\r\n", 900),
	    REQUEST("PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
	    RESPONSE("HTTP/1.1 201 Created\r\nContent-Length:2\r\n\r\nok"),
	    RESPONSE("HTTP/1.1 204 No Content\r\n\r\n") } },
	{ "large body",
	  "req req 200 200",
	  { REQUEST("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
	    RESPONSE_MORE("HTTP/1.1 200 OK\r\nContent-Length: 1234567\r\n\r\n", 1234567),
	    RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") } },
	{ "chunks",
	  "req 200 req 200 req 302",
	  { REQUEST("GET / HTTP/1.1\r\n\r\n"),
	    RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		     "5\r\nhello\r\n1A\r\nHTTP/1.1 200 OK\r\n\r\nHTTP/1.\r\n0\r\n\r\n"),
	    REQUEST("POST / HTTP/1.1\r\nTRANSFER-ENCODING: chunked\r\n\r\n"
		    "3;name=value;and=a-long-one-that-does-not-end\r\nGET\r\n00\r\nTrailer: x\r\n\r\n"),
	    RESPONSE(
		    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "b;x\r\nhello world\r\n0;y=z\r\nExpires: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n"),
	    REQUEST("GET / HTTP/1.1\r\n\r\n"), RESPONSE("HTTP/1.1 302 Found\r\n\r\n") } },
	{ "continue",
	  "req 200",
	  { REQUEST("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"),
	    RESPONSE("HTTP/1.1 100 Continue\r\n\r\n"), REQUEST("GET "),
	    RESPONSE("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n") } },
	{ "interim answers, and another protocol",
	  "req 200 req 101 desync",
	  { REQUEST("GET / HTTP/1.1\r\n\r\n"),
	    RESPONSE("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
		     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
	    REQUEST("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
	    RESPONSE("HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\2hi.........") } },
	{ "no body in spite of its length",
	  "req req 304 204 200",
	  { REQUEST("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
	    RESPONSE("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"
		     "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"
		     "HTTP/1.1 200 OK\r\n\r\n") } },
	{ "no body in spite of its length, since nobody wants it",
	  "req req req req 200 404 200 req 503 200",
	  { REQUEST("GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n"),
	    RESPONSE("HTTP/1.1 100 Continue\r\n\r\n"), REQUEST("GET / HTTP/1.1\r\n\r\n"),
	    RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nHTTP/1.1 999 No\r\n\r"
		     "HTTP/1.1 404 No\r\nContent-Length: 1000\r\n\r\n"
		     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
	    REQUEST("HEAD / HTTP/1.1\r\n\r\n"),
	    RESPONSE("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nok"
		     "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n") } },
	{ "odd capitals and blanks, like names",
	  "req 200 req 200",
	  { REQUEST("GET / HTTP/1.1\r\nX-Content-Length: 9\r\nContent-Lengths: 9\r\n\r\n"),
	    RESPONSE("HTTP/1.1 200 OK\r\ncOnTeNt-lEnGtH:    3\r\nContent-Type: "
		     "text/plain\r\n\r\nabc"),
	    REQUEST("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
	    RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc") } },
	{ "a length behind and before blanks, with zeros, in lines that end otherwise; any status",
	  "req req req req 999 600 200 200",
	  { REQUEST("POST / HTTP/1.1\r\nContent-Length: 3 \t\r\n\r\nGET"
		    "POST / HTTP/1.1\r\nContent-Length:\t\t3\r\n\r\nGET"
		    "POST / HTTP/1.1\r\nContent-Length: 0000000000003\r\n\r\nGET"
		    "POST / HTTP/1.1\nContent-Length: 10\n\nGET / HTTP"),
	    RESPONSE(
		    "HTTP/1.1 999 No\r\nContent-Length: 2 \r\n\r\nok"
		    "HTTP/1.1 600 No\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\nContent-Length: 12\n\n"
		    "HTTP/1.1 404HTTP/1.1 200 OK\r\n\r\n") } },
	{ "blank lines between requests",
	  "req req",
	  { REQUEST("\r\nGET / HTTP/1.1\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n") } },
	{ "until the end of the connection",
	  "req 200 desync",
	  { REQUEST("GET / HTTP/1.0\r\n\r\n"),
	    RESPONSE("HTTP/1.0 200 OK\r\nServer: a\r\n\r\n<html>and so on</html>") } },
	{ "any method",
	  "req req req req 207 200 404 200",
	  { REQUEST("PROPFIND /a-path-that-is-longer-than-all-that-a-step-can-see HTTP/1.1\r\n\r\n"
		    "VERSION-CONTROL /a HTTP/1.1\r\n\r\nPURGE * HTTP/1.0\n\nM-SEARCH * HTTP/1.1\r\n\r\n"),
	    RESPONSE("HTTP/1.1 207 Multi\r\nContent-Length: 0\r\n\r\n"
		     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
		     "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
		     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") } },
	{ "no version",
	  "req req",
	  { REQUEST("GET /a\r\nGET /a-longer-name-that-does-not-fit\n") } },
	{ "another version", "req desync", { REQUEST("BREW / HTCPCP/1.0\r\n\r\n") } },
	{ "no method", "desync", { REQUEST("Brew / HTTP/1.0\r\n\r\n") } },
	{ "no target", "desync", { REQUEST("USER anonymous\r\n") } },
	{ "no end of the method", "desync", { REQUEST("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF") } },
	{ "no status",
	  "req desync",
	  { REQUEST("GET / HTTP/1.1\r\n\r\n"), RESPONSE("HTTP/1.1 abc d\r\n") } },
	{ "no size",
	  "200 desync",
	  { RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello, world\r\n") } },
};

/* A body of more than 4 GiB, which nobody wants to make here. */
static void http_long_test(void **state)
{
	static const char head[] = "PUT /a HTTP/1.1\r\nContent-Length: 10737418243\r\n\r\n";
	u8 bytes[sizeof(head) + PARSE_WINDOW] = { 0 };
	u64 skipped = 0, at = 0;
	struct found found;
	struct stream s;

	(void)state;
	memset(&s, 0, sizeof(s));
	memcpy(bytes, head, sizeof(head) - 1);
	for (u64 len = sizeof(head) - 1; at < len;)
		at += protocol_step(PROTOCOL_HTTP, 1, &s, bytes + at, (u32)(len - at), &found);
	for (u32 i = 0; i < 3; i++) {
		assert_false(flow_at_boundary(&s.flow[FLOW_REQUEST]));
		skipped += s.flow[FLOW_REQUEST].skip;
		s.flow[FLOW_REQUEST].skip = 0;
		if (i < 2)
			skipped += protocol_step(PROTOCOL_HTTP, 1, &s, bytes, 30, &found);
	}
	assert_int_equal(skipped, 10737418243);
	assert_true(flow_at_boundary(&s.flow[FLOW_REQUEST]));
}

/* Of so many requests that are in flight it is known which have responses without a body; of more, what follows may be missed. */
static void http_heads_test(void **state)
{
	static const char head[] = "HEAD / HTTP/1.1\r\n\r\n", get[] = "GET / HTTP/1.1\r\n\r\n";
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
	static const u8 body[500];
	struct parser p = { .protocol = PROTOCOL_HTTP };

	(void)state;
	for (u32 turn = 0; turn < 9; turn++) {
		for (u32 i = 0; i < HTTP_HEADS; i++)
			if ((turn + i) % 3)
				parser_piece(&p, 1, (const u8 *)get, sizeof(get) - 1);
			else
				parser_piece(&p, 1, (const u8 *)head, sizeof(head) - 1);
		for (u32 i = 0; i < HTTP_HEADS; i++) {
			parser_piece(&p, 0, (const u8 *)answer, sizeof(answer) - 1);
			if ((turn + i) % 3)
				parser_piece(&p, 0, body, sizeof(body));
		}
		assert_false(p.desync);
		assert_int_equal(p.found_cnt, (turn + 1) * 2 * HTTP_HEADS);
	}
}

/* --- HTTP/2 */

#define PREFACE	     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS     "\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64"
#define SETTINGS_ACK "\0\0\0\4\1\0\0\0\0"

static const struct row http2_rows[] = {
	{ "one request",
	  "req:1 200:1 end:1",
	  { REQUEST(PREFACE SETTINGS), RESPONSE(SETTINGS SETTINGS_ACK),
	    REQUEST(SETTINGS_ACK "\0\0\6\1\5\0\0\0\1\x82\x86\x84\x41\1a"),
	    RESPONSE("\0\0\1\1\4\0\0\0\1\x88"
		     "\0\0\5\0\1\0\0\0\1hello") } },
	{ "several, answered in another order",
	  "req:1 req:3 req:5 404:5 500:1 204:3",
	  { REQUEST(PREFACE SETTINGS "\0\0\3\1\5\0\0\0\1\x82\x86\x84"
				     "\0\0\3\1\5\0\0\0\3\x82\x86\x84"
				     "\0\0\3\1\5\0\0\0\5\x82\x86\x84"),
	    RESPONSE("\0\0\1\1\5\0\0\0\5\x8d"
		     "\0\0\1\1\5\0\0\0\1\x8e"
		     "\0\0\1\1\5\0\0\0\3\x89") } },
	{ "each status of the static table",
	  "200:1 204:1 206:1 304:1 400:1 404:1 500:1",
	  { RESPONSE("\0\0\1\1\5\0\0\0\1\x88\0\0\1\1\5\0\0\0\1\x89\0\0\1\1\5\0\0\0\1\x8a"
		     "\0\0\1\1\5\0\0\0\1\x8b\0\0\1\1\5\0\0\0\1\x8c\0\0\1\1\5\0\0\0\1\x8d"
		     "\0\0\1\1\5\0\0\0\1\x8e") } },
	{ "text",
	  "302:1 503:3 418:5",
	  { RESPONSE("\0\0\5\1\5\0\0\0\1\x48\3"
		     "302"
		     "\0\0\5\1\5\0\0\0\3\x08\3"
		     "503"
		     "\0\0\5\1\5\0\0\0\5\x18\3"
		     "418") } },
	{ "Huffman code",
	  "302:1 307:1 404:1 503:1 200:1 999:1",
	  { RESPONSE("\0\0\4\1\5\0\0\0\1\x48\x82\x64\x02"
		     "\0\0\5\1\5\0\0\0\1\x48\x83\x64\x0e\xff"
		     "\0\0\5\1\5\0\0\0\1\x48\x83\x68\x0d\x7f"
		     "\0\0\5\1\5\0\0\0\1\x08\x83\x6c\x0c\xff"
		     "\0\0\4\1\5\0\0\0\1\x48\x82\x10\x01"
		     "\0\0\5\1\5\0\0\0\1\x48\x83\x7d\xf7\xff") } },
	{ "padding and priority",
	  "req:7 200:7 304:9",
	  { REQUEST("\0\0\x0b\1\x2d\0\0\0\7\2\0\0\0\0\x10\x82\x86\x84\0\0"),
	    RESPONSE("\0\0\4\1\x0c\0\0\0\7\2\x88\0\0"
		     "\0\0\6\1\x24\0\0\0\x09\0\0\0\0\x10\x8b") } },
	{ "a new size of the table",
	  "200:1 302:3 206:5",
	  { RESPONSE("\0\0\2\1\5\0\0\0\1\x20\x88"
		     "\0\0\6\1\5\0\0\0\3\x3e\x48\3"
		     "302"
		     "\0\0\4\1\5\0\0\0\5\x3f\xe1\x1f\x8a") } },
	{ "statuses that are not to be seen",
	  "?:1 ?:1 ?:1 ?:1 ?:1 ?:1",
	  { RESPONSE("\0\0\1\1\5\0\0\0\1\xbf" /* one of before */
		     "\0\0\0\1\5\0\0\0\1"     /* none */
		     "\0\0\3\1\5\0\0\0\1\x48\3"
		     "2" /* cut off */
		     "\0\0\5\1\5\0\0\0\1\x48\3"
		     "2x0"			      /* no number */
		     "\0\0\3\1\5\0\0\0\1\x48\x81\x68" /* too short */
		     "\0\0\4\1\5\0\0\0\1\x40\2"
		     "ab") } },
	{ "continued headers, trailers, interim answers",
	  "req:1 100:1 200:1 ?:1",
	  { REQUEST("\0\0\3\1\1\0\0\0\1\x82\x86\x84"
		    "\0\0\2\x09\4\0\0\0\1\x41\1"),
	    RESPONSE("\0\0\5\1\4\0\0\0\1\x48\3"
		     "100"
		     "\0\0\1\1\4\0\0\0\1\x88"
		     "\0\0\2\0\0\0\0\0\1ok"
		     "\0\0\5\1\5\0\0\0\1\x40\1a\1b") } },
	{ "frames that are neither, and a stream given up",
	  "req:1 reset8:1",
	  { REQUEST(PREFACE SETTINGS "\0\0\x08\6\0\0\0\0\0\1\2\3\4\5\6\7\x08"
				     "\0\0\4\x08\0\0\0\0\0\0\1\0\0"
				     "\0\0\5\2\0\0\0\0\1\0\0\0\0\1"
				     "\0\0\3\1\5\0\0\0\1\x82\x86\x84"
				     "\0\0\4\3\0\0\0\0\1\0\0\0\x08"
				     "\0\0\x08\7\0\0\0\0\0\0\0\0\1\0\0\0\0") } },
	{ "trailers of a request, before and after its response",
	  "req:1 200:1 req:3 200:3 reset7:5",
	  { REQUEST("\0\0\3\1\4\0\0\0\1\x82\x86\x84"
		    "\0\0\3\1\5\0\0\0\1\x40\1a"),
	    RESPONSE("\0\0\1\1\4\0\0\0\1\x88"), REQUEST("\0\0\3\1\4\0\0\0\3\x82\x86\x84"),
	    RESPONSE("\0\0\1\1\4\0\0\0\3\x88"),
	    REQUEST("\0\0\3\1\5\0\0\0\3\x40\1a"
		    "\0\0\3\1\5\0\0\0\1\x40\1a"),
	    RESPONSE("\0\0\4\3\0\0\0\0\5\0\0\0\7") } },
	{ "much data",
	  "req:1 req:3",
	  { REQUEST_MORE("\0\0\3\1\4\0\0\0\1\x82\x86\x84"
			 "\0\x40\0\0\1\0\0\0\1",
			 16384),
	    REQUEST("\0\0\3\1\4\0\0\0\3\x82\x86\x84") } },
	{ "data in a frame of more than a MiB",
	  "req:1 200:1 end:1",
	  { REQUEST("\0\0\3\1\5\0\0\0\1\x82\x86\x84"),
	    RESPONSE_MORE("\0\0\1\1\4\0\0\0\1\x88"
			  "\x12\0\0\0\0\0\0\0\1",
			  0x120000),
	    RESPONSE("\0\0\0\0\1\0\0\0\1") } },
	{ "of before, and known again",
	  "?:1 503:3 503:5 418:7 503:9 503:11",
	  { RESPONSE("\0\0\1\1\5\0\0\0\1\xbe\0\0\5\1\5\0\0\0\3\x48\3"
		     "503\0\0\1\1\5\0\0\0\5\xbe\0\0\5\1\5\0\0\0\7\x48\3"
		     "418\0\0\1\1\5\0\0\0\x09\xbf\0\0\7\1\5\0\0\0\x0b\xbf\x40\1a\2bc") } },
	{ "blocks that another frame breaks into",
	  "desync",
	  { RESPONSE("\0\0\1\1\1\0\0\0\1\x88\0\0\0\0\0\0\0\0\1") } },
	{ "continued by another stream",
	  "desync",
	  { RESPONSE("\0\0\1\1\1\0\0\0\1\x88\0\0\0\x09\4\0\0\0\3") } },
	{ "more padding than there is", "desync", { RESPONSE("\0\0\2\1\x0d\0\0\0\1\2\x88") } },
	{ "no frame", "desync", { REQUEST("hello, world") } },
};

/* What follows a response to "Upgrade: h2c", in both directions; and other protocols. */
static const struct row upgrade_rows[] = {
	{ "to HTTP/2",
	  "req http2 200:1 end:1 req:3 404:3",
	  { REQUEST("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n"),
	    RESPONSE("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nupgrade: "
		     "h2c\r\n\r\n" SETTINGS "\0\0\1\1\4\0\0\0\1\x88\0\0\2\0\1\0\0\0\1ok"),
	    REQUEST(PREFACE SETTINGS SETTINGS_ACK "\0\0\3\1\5\0\0\0\3\x82\x86\x84"),
	    RESPONSE("\0\0\1\1\5\0\0\0\3\x8d") } },
	{ "to HTTP/2, the client first",
	  "req http2 req:3 200:1 200:3",
	  { REQUEST("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"),
	    RESPONSE("HTTP/1.1 101 \r\nUpgrade: h2c\r\n\r\n"),
	    REQUEST(PREFACE SETTINGS "\0\0\3\1\5\0\0\0\3\x82\x86\x84"),
	    RESPONSE(SETTINGS "\0\0\1\1\5\0\0\0\1\x88\0\0\1\1\5\0\0\0\3\x88") } },
	{ "refused",
	  "req 200 req 101",
	  { REQUEST("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"),
	    RESPONSE("HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok"),
	    REQUEST("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
	    RESPONSE("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n") } },
};

#define GRPC_TEXT  \
	"\x5f\x10" \
	"application/grpc"
#define GRPC_HUFFMAN "\x5f\x8b\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\x4d\x65\x64"

/* A frame of headers, the type behind `before` bytes of others, and before `after`; then data. */
static void grpc_check(const char *type, size_t len, u32 before, u32 after, const char *expected)
{
	static const char data[] = "\0\0\x19\0\0\0\0\0\1\0\0\0\0\x13/grpc application/grpc";
	char bytes[256] = "\0\0\0\1\4\0\0\0\1", *at = bytes + 9;
	struct say says[SAYS] = { { true, bytes, 9 + before + len + after + sizeof(data) - 1, 0 } };

	bytes[2] = (char)(before + len + after);
	memset(at, 'x', before);
	memcpy(at + before, type, len);
	memset(at + before + len, 'y', after);
	memcpy(at + before + len + after, data, sizeof(data) - 1);
	says_check_cut("gRPC", PROTOCOL_HTTP2, says, expected);
}

static void grpc_type_test(void **state)
{
	(void)state;
	for (u32 before = 0; before < 60; before++)
		for (u32 after = 0; after < 60; after += 1 + after / 2) {
			grpc_check(GRPC_TEXT, sizeof(GRPC_TEXT) - 1, before, after, "req:1 grpc");
			grpc_check(GRPC_HUFFMAN, sizeof(GRPC_HUFFMAN) - 1, before, after,
				   "req:1 grpc");
			grpc_check("application/json", 16, before, after, "req:1");
			grpc_check("/grp", 4, before, after, "req:1");
		}
}

/* It is only the first request of which the type is looked at. */
static const struct row grpc_rows[] = {
	{ "calls",
	  "req:1 200:1 ?.:1 req:3 200.:3",
	  { REQUEST("\0\0\x15\1\4\0\0\0\1\x83\x86\x84" GRPC_TEXT "\0\0\5\0\1\0\0\0\1\0\0\0\0\0"),
	    RESPONSE("\0\0\1\1\4\0\0\0\1\x88\0\0\5\0\0\0\0\0\1\0\0\0\0\0\0\0\1\1\5\0\0\0\1\xbf"),
	    REQUEST("\0\0\x15\1\4\0\0\0\3\x83\x86\x84" GRPC_TEXT),
	    RESPONSE("\0\0\1\1\5\0\0\0\3\x88") } },
	{ "its own status: as text, from the table, in Huffman code, with the same name, of no such code",
	  "200:1 g0.:1 g0.:3 g5.:5 200g5.:7 g0.:9 g2.:11 g13.:13",
	  { RESPONSE(
		  "\0\0\1\1\4\0\0\0\1\x88\0\0\x0f\1\5\0\0\0\1\x40\x0bgrpc-status\x01"
		  "0\0\0\1\1\5\0\0\0\3\xbe"
		  "\0\0\x0c\1\5\0\0\0\5\x40\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x81\x6f"
		  "\0\0\2\1\5\0\0\0\7\x88\xbe\0\0\1\1\5\0\0\0\x09\xbf"
		  "\0\0\4\1\5\0\0\0\x0b\x0f\x2f\x01x\0\0\5\1\5\0\0\0\x0d\x0f\x30\x82\x0b\x3f") } },
};

/* --- PostgreSQL */

#define PG_STARTUP "\0\0\0\x10\0\3\0\0user\0a\0\0"
#define PG_SSL	   "\0\0\0\x08\x04\xd2\x16\x2f"
#define PG_GSS	   "\0\0\0\x08\x04\xd2\x16\x30"
#define PG_CANCEL  "\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\1\0\0\0\2"
#define PG_QUERY   "Q\0\0\0\x0dSELECT 1\0"
#define PG_ROW	   "D\0\0\0\x0a\0\1\0\0\0\0"
#define PG_DONE	   "C\0\0\0\x0dSELECT 1\0"
#define PG_ERROR   "E\0\0\0\x0cSERROR\0\0"
#define PG_FATAL   "E\0\0\0\x1aSFATAL\0VFATAL\0C53300\0\0"
#define PG_RUSSIAN "E\0\0\0\x1fS\xd0\x92\xd0\x90\xd0\x96\xd0\x9d\xd0\x9e\0VFATAL\0C57P01\0\0"
#define PG_LONG	   "E\0\0\0\x37Sa-severity-of-more-letters-than-one\0VERROR\0C22012\0"
#define PG_NOTICE  "N\0\0\0\x0eSWARNING\0\0"
#define PG_READY   "Z\0\0\0\5I"
#define PG_PARSE   "P\0\0\0\x11s\0SELECT 1\0\0\0"
#define PG_BIND	   "B\0\0\0\x0d\0s\0\0\0\0\0\0\0"
#define PG_EXECUTE "E\0\0\0\x09\0\0\0\0\0"
#define PG_SYNC	   "S\0\0\0\4"
#define TLS_HELLO  "\x16\3\1\1\0\1"

static const struct row postgresql_rows[] = {
	{ "start and query",
	  "setup ok req ok",
	  { REQUEST(PG_STARTUP), RESPONSE("R\0\0\0\x0c\0\0\0\5abcd"), REQUEST("p\0\0\0\x08pwd\0"),
	    RESPONSE("R\0\0\0\x08\0\0\0\0S\0\0\0\x0c"
		     "a\0bcdef\0K\0\0\0\x0c\0\0\0\1\0\0\0\2" PG_READY),
	    REQUEST(PG_QUERY), RESPONSE("T\0\0\0\6\0\0" PG_ROW PG_ROW PG_DONE PG_READY),
	    REQUEST("X\0\0\0\4") } },
	{ "no SSL, no GSS",
	  "setup setup setup ok",
	  { REQUEST(PG_GSS), RESPONSE("N"), REQUEST(PG_SSL), RESPONSE("N"), REQUEST(PG_STARTUP),
	    RESPONSE("R\0\0\0\x08\0\0\0\0" PG_READY) } },
	{ "SSL",
	  "setup tls setup done req ?",
	  { REQUEST(PG_SSL), RESPONSE("S"), REQUEST_MORE(TLS_HELLO, 255),
	    RESPONSE_MORE("\x16\3\3\0\x7a", 122), REQUEST_MORE("\x16\3\3\0\x82", 130),
	    REQUEST("\x14\3\3\0\1\1"), REQUEST_MORE("\x16\3\3\0\x28", 40),
	    RESPONSE("\x14\3\3\0\1\1"), REQUEST_MORE("\x17\3\3\0\x30", 48),
	    RESPONSE_MORE("\x17\3\3\0\x30", 48) } },
	{ "cancel", "", { REQUEST(PG_CANCEL) } },
	{ "no welcome", "setup failed", { REQUEST(PG_STARTUP), RESPONSE(PG_FATAL) } },
	{ "no welcome for who asks for SSL",
	  "setup failed",
	  { REQUEST(PG_SSL), RESPONSE(PG_FATAL) } },
	{ "the end, in a query",
	  "req failed",
	  { REQUEST(PG_QUERY), RESPONSE("T\0\0\0\6\0\0" PG_ROW PG_FATAL) } },
	{ "errors in other languages",
	  "req error req failed",
	  { REQUEST(PG_QUERY), RESPONSE(PG_LONG PG_READY), REQUEST(PG_QUERY),
	    RESPONSE(PG_RUSSIAN) } },
	{ "errors and notices",
	  "req req error ok",
	  { REQUEST(PG_QUERY PG_QUERY), RESPONSE(PG_NOTICE PG_ERROR PG_READY),
	    RESPONSE(PG_NOTICE PG_DONE PG_READY) } },
	{ "extended queries",
	  "req ok req error",
	  { REQUEST(PG_PARSE "D\0\0\0\7Ss\0" PG_BIND PG_EXECUTE PG_SYNC),
	    RESPONSE("1\0\0\0\4t\0\0\0\6\0\0n\0\0\0\4"
		     "2\0\0\0\4" PG_DONE PG_READY),
	    REQUEST(PG_BIND PG_EXECUTE PG_SYNC), RESPONSE("2\0\0\0\4" PG_ERROR PG_READY) } },
	{ "a pipeline with flushes",
	  "req req ok ok",
	  { REQUEST(PG_BIND PG_EXECUTE "H\0\0\0\4" PG_BIND PG_EXECUTE PG_SYNC PG_BIND PG_SYNC),
	    RESPONSE("2\0\0\0\4" PG_DONE "2\0\0\0\4" PG_DONE PG_READY "2\0\0\0\4" PG_READY) } },
	{ "copies",
	  "req ok req ok req error",
	  { REQUEST("Q\0\0\0\x0d"
		    "COPY in;\0"),
	    RESPONSE("G\0\0\0\7\0\0\0"), REQUEST("d\0\0\0\7QSFd\0\0\0\6aac\0\0\0\4"),
	    RESPONSE("C\0\0\0\x0b"
		     "COPY 2\0" PG_READY),
	    REQUEST("Q\0\0\0\x0d"
		    "COPYout;\0"),
	    RESPONSE("H\0\0\0\7\0\0\0d\0\0\0\6EZc\0\0\0\4"
		     "C\0\0\0\x0b"
		     "COPY 1\0" PG_READY),
	    REQUEST("Q\0\0\0\x0d"
		    "COPY in;\0"),
	    RESPONSE("G\0\0\0\7\0\0\0"), REQUEST("f\0\0\0\6x\0"), RESPONSE(PG_ERROR PG_READY) } },
	{ "copies that are asked for in parts, with Sync before the data and behind, or behind alone",
	  "req ok req ok req error",
	  { REQUEST(PG_BIND PG_EXECUTE PG_SYNC), RESPONSE("2\0\0\0\4G\0\0\0\7\0\0\0"),
	    REQUEST("d\0\0\0\7QSFc\0\0\0\4" PG_SYNC), RESPONSE(PG_DONE PG_READY),
	    REQUEST(PG_BIND PG_EXECUTE "H\0\0\0\4"), RESPONSE("2\0\0\0\4G\0\0\0\7\0\0\0"),
	    REQUEST("c\0\0\0\4" PG_SYNC), RESPONSE(PG_DONE PG_READY),
	    REQUEST(PG_BIND PG_EXECUTE PG_SYNC), RESPONSE("2\0\0\0\4G\0\0\0\7\0\0\0" PG_ERROR),
	    REQUEST("f\0\0\0\5\0" PG_SYNC), RESPONSE(PG_READY) } },
	{ "function call",
	  "req ok",
	  { REQUEST("F\0\0\0\x0a\0\0\0\1\0\0"), RESPONSE("V\0\0\0\4" PG_READY) } },
	{ "large",
	  "req ok req",
	  { REQUEST_MORE("Q\0\0\x27\x14", 10000), RESPONSE_MORE("D\0\1\x86\xa4", 100000),
	    RESPONSE(PG_DONE PG_READY), REQUEST(PG_QUERY) } },
	{ "notifications",
	  "req ok",
	  { REQUEST(PG_QUERY), RESPONSE("A\0\0\0\x0c\0\0\0\1"
					"ab\0\0" PG_READY) } },
	{ "a replication stream, and a query behind its end",
	  "req ok ok req ok",
	  { REQUEST("Q\0\0\0\x0dSTART R\0\0"), RESPONSE("W\0\0\0\7\0\0\0d\0\0\0\6kZ"),
	    REQUEST("d\0\0\0\6rQc\0\0\0\4"), RESPONSE("c\0\0\0\4" PG_DONE PG_READY),
	    REQUEST(PG_QUERY), RESPONSE(PG_DONE PG_READY) } },
	{ "no message", "desync", { REQUEST("Q\0\0\0\1\0\0\0") } },
	{ "no start", "desync", { REQUEST("\0\0\0\x10\0\x09\0\0user\0a\0\0") } },
};

/* --- MySQL */

#define MY_GREETING    \
	"\6\0\0\0\x0a" \
	"8.0\0x"
#define MY_OK(n)  "\7\0\0" n "\0\0\0\2\0\0\0"
#define MY_EOF(n) "\5\0\0" n "\xfe\0\0\2\0"
#define MY_QUERY  "\x09\0\0\0\3SELECT 1"
#define MY_COLUMN            \
	"\1\0\0\1\1\4\0\0\2" \
	"\3def"
#define MY_COLUMNS MY_COLUMN MY_EOF("\3")
#define MY_RESULT               \
	MY_COLUMNS "\2\0\0\4\1" \
		   "1" MY_EOF("\5")
#define MY_ERROR "\x0a\0\0\1\xff\x7a\4#42S02x"

static const struct row mysql_rows[] = {
	{ "login and query",
	  "setup done req ok",
	  { RESPONSE(MY_GREETING), REQUEST("\x08\0\0\1\5\0\0\0user"), RESPONSE(MY_OK("\2")),
	    REQUEST(MY_QUERY), RESPONSE(MY_RESULT), REQUEST("\1\0\0\0\1") } },
	{ "too many connections", "failed", { RESPONSE("\x09\0\0\0\xff\x10\4#08004") } },
	{ "access denied",
	  "setup failed",
	  { RESPONSE(MY_GREETING), REQUEST("\x08\0\0\1\5\0\0\0user"),
	    RESPONSE("\x0a\0\0\2\xff\x15\4#28000x") } },
	{ "errors",
	  "req error req ok",
	  { REQUEST(MY_QUERY), RESPONSE(MY_ERROR), REQUEST(MY_QUERY), RESPONSE(MY_OK("\1")) } },
	{ "prepared statements",
	  "req ok req ok req ok",
	  { REQUEST("\x09\0\0\0\x16SELECT 2"), RESPONSE("\x0c\0\0\1\0\1\0\0\0\0\0\0\0\0\0\0"),
	    REQUEST("\x08\0\0\0\x18\1\0\0\0\0\0a"), REQUEST("\x0a\0\0\0\x17\1\0\0\0\0\1\0\0\0"),
	    RESPONSE(MY_RESULT), REQUEST("\5\0\0\0\x19\1\0\0\0\1\0\0\0\x0e"),
	    RESPONSE(MY_OK("\1")) } },
	{ "TLS",
	  "setup tls setup",
	  { RESPONSE(MY_GREETING), REQUEST_MORE("\x20\0\0\1\0\x0e\0\0", 28),
	    REQUEST_MORE(TLS_HELLO, 255), RESPONSE_MORE("\x16\3\3\0\x7a", 122) } },
	{ "a file from the client",
	  "req ok",
	  { REQUEST("\x09\0\0\0\3LOAD f,t"),
	    RESPONSE("\2\0\0\1\xfb"
		     "f"),
	    REQUEST("\3\0\0\2"
		    "abc\0\0\0\3"),
	    RESPONSE(MY_OK("\4")) } },
	{ "a file from the client that there is not, and one that is refused",
	  "req ok req error",
	  { REQUEST("\x09\0\0\0\3LOAD f,t"),
	    RESPONSE("\2\0\0\1\xfb"
		     "f"),
	    REQUEST("\0\0\0\2"), RESPONSE(MY_OK("\3")), REQUEST("\x09\0\0\0\3LOAD f,t"),
	    RESPONSE("\2\0\0\1\xfb"
		     "f"),
	    REQUEST("\3\0\0\2"
		    "abc\0\0\0\3"),
	    RESPONSE("\x0a\0\0\4\xff\x26\4#23000x") } },
	{ "an error behind the columns, and behind a row",
	  "req error req error req ok",
	  { REQUEST(MY_QUERY), RESPONSE(MY_COLUMNS "\x0a\0\0\4\xff\xb5\4#HY000x"),
	    REQUEST(MY_QUERY),
	    RESPONSE(MY_COLUMNS "\2\0\0\4\1"
				"1"
				"\x0a\0\0\5\xff\xb1\7#70100x"),
	    REQUEST(MY_QUERY),
	    RESPONSE(MY_COLUMNS "\3\0\0\4\xfb\1"
				"1" MY_EOF("\5")) } },
	{ "where nothing marks the end of the columns",
	  "req ok req error req ok",
	  { REQUEST(MY_QUERY),
	    RESPONSE(MY_COLUMN "\2\0\0\3\1"
			       "1"
			       "\7\0\0\4\xfe\0\0\2\0\0\0"),
	    REQUEST(MY_QUERY), RESPONSE(MY_COLUMN "\x0a\0\0\3\xff\xb5\4#HY000x"), REQUEST(MY_QUERY),
	    RESPONSE(MY_COLUMN "\7\0\0\3\xfe\0\0\2\0\0\0") } },
	{ "several statements, of which one fails",
	  "req ok req error req error",
	  { REQUEST(MY_QUERY),
	    RESPONSE("\7\0\0\1\0\1\0\x0a\0\0\0\x0d\0\0\2\0\xfc\1\2\xfd\1\2\3\x0a\0\0\0x"
		     "\7\0\0\3\0\0\0\2\0\0\0"),
	    REQUEST(MY_QUERY),
	    RESPONSE("\7\0\0\1\0\1\0\x0a\0\0\0"
		     "\x0a\0\0\2\xff\x7a\4#42S02x"),
	    REQUEST(MY_QUERY),
	    RESPONSE(MY_COLUMNS "\2\0\0\4\1"
				"1"
				"\5\0\0\5\xfe\0\0\x0a\0"
				"\x0a\0\0\6\xff\x7a\4#42S02x") } },
	{ "rows that are asked for later, and what a server says of itself",
	  "req ok req ok req ok",
	  { REQUEST("\x0a\0\0\0\x17\1\0\0\0\1\1\0\0\0"),
	    RESPONSE(MY_COLUMN "\5\0\0\3\xfe\0\0\x42\0"), REQUEST("\x09\0\0\0\x1c\1\0\0\0\1\0\0\0"),
	    RESPONSE("\3\0\0\1\0\0\1\5\0\0\2\xfe\0\0\x82\0"), REQUEST("\1\0\0\0\x09"),
	    RESPONSE("\6\0\0\1Uptime") } },
	{ "several commands at once: of one, what is like a state that says that more follows",
	  "req req ok ok req req ok error",
	  { REQUEST("\2\0\0\0\x16x\x0a\0\0\0\x17\1\0\0\0\1\1\0\0\0"),
	    RESPONSE("\x0c\0\0\1\0\xfc\0\0\0\x08\0\0\0\0\0\0" MY_RESULT),
	    REQUEST(MY_QUERY "\1\0\0\0\x0e"), RESPONSE(MY_RESULT MY_ERROR) } },
	{ "behind a proxy that says who asks, in text",
	  "setup done req ok",
	  { RESPONSE(MY_GREETING), REQUEST("PROXY TCP4 127.0.0.1 127.0.0.1 40000 3306\r\n"),
	    REQUEST_MORE("\x25\0\0\1\5\2\0\0", 33), RESPONSE(MY_OK("\2")), REQUEST(MY_QUERY),
	    RESPONSE(MY_RESULT) } },
	{ "... or not",
	  "setup done req ok",
	  { RESPONSE(MY_GREETING),
	    REQUEST("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1\x9c\x40\x0c\xea"),
	    REQUEST_MORE("\x25\0\0\1\5\2\0\0", 33), RESPONSE(MY_OK("\2")), REQUEST(MY_QUERY),
	    RESPONSE(MY_RESULT) } },
	{ "another user",
	  "req ok req error",
	  { REQUEST("\6\0\0\0\x11user\0"), RESPONSE("\x0c\0\0\1\xfeplugin\0abcd"),
	    REQUEST("\3\0\0\2pwd"), RESPONSE(MY_OK("\3")), REQUEST("\6\0\0\0\x11user\0"),
	    RESPONSE("\x0c\0\0\1\xfeplugin\0abcd"), REQUEST("\3\0\0\2pwd"),
	    RESPONSE("\x0a\0\0\3\xff\x15\4#28000x") } },
	{ "an end that was not recognised",
	  "req req error",
	  { REQUEST(MY_QUERY), RESPONSE(MY_COLUMNS), REQUEST(MY_QUERY), RESPONSE(MY_ERROR) } },
	{ "large", "req ok", { REQUEST_MORE("\x10\x27\0\0\3", 9999), RESPONSE(MY_RESULT) } },
	{ "reports of progress before the response",
	  "req ok req error",
	  { REQUEST(MY_QUERY),
	    RESPONSE("\x0a\0\0\1\xff\xff\xff\1\1\2\x10\0\0\0"
		     "\x0a\0\0\2\xff\xff\xff\1\1\2\x20\0\0\0" MY_OK("\3")),
	    REQUEST(MY_QUERY), RESPONSE(MY_ERROR) } },
	{ "compressed",
	  "setup done req ok req error req error req ok",
	  { RESPONSE(MY_GREETING), REQUEST_MORE("\x25\0\0\1\x25\2\0\0", 33), RESPONSE(MY_OK("\2")),
	    REQUEST("\x0d\0\0\0\0\0\0" MY_QUERY), RESPONSE("\x0b\0\0\1\0\0\0" MY_OK("\1")),
	    REQUEST("\x0d\0\0\0\0\0\0" MY_QUERY), RESPONSE("\x0e\0\0\1\0\0\0" MY_ERROR),
	    REQUEST("\x0d\0\0\0\0\0\0" MY_QUERY),
	    RESPONSE(
		    "\x4d\x00\x00\x01\x68\x00\x00\x78\x9c\x4b\x61\x60\x60\xfc\x5f\xc5\xa2\x6c\x62\x14\x6c\x60\x14\x92\x98\x94\x93\xaa\xa0\x9e\x9b\x59\x5c\x9c\x99\x97\xae\x07\xa5\xd5\x15\x52\xf2\x53\x8b\xf3\xd4\x4b\x14\x52\x2b\x32\x8b\x4b\x14\x32\xf3\x14\x52\xf3\xd2\x33\xf3\x52\xad\x15\xa0\x2a\x74\x70\x33\x14\x12\xf3\x52\x14\x72\xf3\x8b\x00\x20\x3c\x24\x2f"),
	    REQUEST("\x0d\0\0\0\0\0\0" MY_QUERY "\1\0\0\1\0\0\0x"),
	    RESPONSE(
		    "\x15\x00\x00\x02\xed\x03\x00\x78\x9c\x63\x64\x60\x60\x64\xac\x18\x05\xa3\x60\x14\x0c\x7b\x00\x00\xb6\xb9\xd4\xd3"
		    "\x05\0\0\3\0\0\0hello") } },
	{ "a replica: the stream, and what it acknowledges",
	  "req ok",
	  { REQUEST("\x0b\0\0\0\x12\0\0\0\0\0\0\0\0\0\0"), RESPONSE("\3\0\0\1\0ab\3\0\0\2\0cd"),
	    REQUEST("\x0a\0\0\0\xef\0\0\0\0\0\0\0\0x"), RESPONSE("\3\0\0\3\0ef") } },
};

/* A command in two packets, of which the first is as long as they get. */
static void mysql_long_test(void **state)
{
	static const struct say says[SAYS] = { REQUEST_MORE("\xff\xff\xff\0\3", 0xfffffe),
					       REQUEST("\1\0\0\1"
						       "1"),
					       RESPONSE(MY_OK("\2")), REQUEST(MY_QUERY),
					       RESPONSE(MY_RESULT) };

	(void)state;
	says_check("two packets", PROTOCOL_MYSQL, says, SIZE_MAX, 0, "req req ok");
	says_check("two packets", PROTOCOL_MYSQL, says, 4, 0, "req req ok");
}

/* Packets of an answer have numbers that begin again after 255. */
static void mysql_wrap_test(void **state)
{
	(void)state;
	for (u32 rows = 240; rows < 530; rows += (rows > 260 && rows < 500) ? 61 : 1) {
		u8 bytes[4096] = MY_RESULT;
		size_t len = sizeof(MY_COLUMNS) - 1;
		struct say says[SAYS] = {
			REQUEST(MY_QUERY), { 0 }, REQUEST(MY_QUERY), RESPONSE(MY_ERROR)
		};

		for (u32 i = 0; i < rows; i++, len += 6)
			memcpy(bytes + len, (u8[]){ 2, 0, 0, (u8)(4 + i), 1, '1' }, 6);
		memcpy(bytes + len, (u8[]){ 5, 0, 0, (u8)(4 + rows), 0xfe, 0, 0, 2, 0 }, 9);
		says[1] = (struct say){ false, (char *)bytes, len + 9, 0 };
		says_check("rows", PROTOCOL_MYSQL, says, says_size(says), 0, "req ok req error");
		says_check("rows", PROTOCOL_MYSQL, says, 5, 0, "req ok req error");
	}
}

/* So do those of a file that a client sends, of which the server may say at the end that it is wrong. */
static void mysql_file_test(void **state)
{
	(void)state;
	for (u32 packets = 250; packets < 516; packets++) {
		u8 bytes[4096];
		size_t len = 0;
		struct say says[SAYS] = { REQUEST("\x09\0\0\0\3LOAD f,t"), RESPONSE("\2\0\0\1\xfb"
										    "f") };

		for (u32 i = 0; i < packets; i++, len += 5)
			memcpy(bytes + len, (u8[]){ 1, 0, 0, (u8)(2 + i), 3 }, 5);
		memcpy(bytes + len, (u8[]){ 0, 0, 0, (u8)(2 + packets) }, 4);
		says[2] = (struct say){ true, (char *)bytes, len + 4, 0 };
		says[3] = (struct say)RESPONSE("\x0a\0\0\7\xff\x26\4#23000x");
		says[4] = REQUEST(MY_QUERY);
		says[5] = RESPONSE(MY_RESULT);
		says_check("a long file", PROTOCOL_MYSQL, says, says_size(says), 0,
			   "req error req ok");
		says_check("a long file", PROTOCOL_MYSQL, says, 7, 0, "req error req ok");
	}
}

/* --- Redis */

static const struct row redis_rows[] = {
	{ "each reply",
	  "req req req req req req ok error ok ok ok ok",
	  { REQUEST("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"
		    "*2\r\n$3\r\nGET\r\n$1\r\nb\r\n*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n"
		    "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n"),
	    RESPONSE("+PONG\r\n-WRONGTYPE of "
		     "key\r\n:1\r\n$-1\r\n*2\r\n$1\r\na\r\n$2\r\n\r\n\r\n+OK\r\n") } },
	{ "commands as people type them",
	  "req ok req ok req ok",
	  { REQUEST("PING\r\n"), RESPONSE("+PONG\r\n"), REQUEST("\r\nSET a b\n"),
	    RESPONSE("+OK\r\n"), REQUEST("GET this-is-a-long-name-that-fits-into-no-head\r\n"),
	    RESPONSE("$1\r\nb\r\n") } },
	{ "arrays within arrays, null and empty ones",
	  "ok ok ok ok error",
	  { RESPONSE("*3\r\n*2\r\n:1\r\n*0\r\n*-1\r\n-ERR within\r\n*0\r\n*-1\r\n:5\r\n-ERR "
		     "x\r\n") } },
	{ "RESP3",
	  "ok ok ok ok ok ok ok ok error ok ok ok",
	  { RESPONSE("%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n,1.5\r\n~2\r\n#t\r\n#f\r\n_\r\n,inf\r\n"
		     "(3492890328409238509324850943850943825024385\r\n=15\r\ntxt:Some string\r\n"
		     "#t\r\n%0\r\n!21\r\nSYNTAX invalid "
		     "syntax\r\n+OK\r\n$3\r\n\r\n+\r\n*1\r\n_\r\n") } },
	{ "pushes and attributes",
	  "ok ok ok",
	  { RESPONSE(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n+OK\r\n"
		     "|1\r\n+ttl\r\n:3600\r\n*2\r\n|1\r\n+a\r\n%1\r\n+b\r\n+c\r\n:1\r\n:2\r\n"
		     ">1\r\n*1\r\n+x\r\n:7\r\n") } },
	{ "transaction",
	  "req req req ok ok ok",
	  { REQUEST("*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nEXEC\r\n"),
	    RESPONSE("+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n") } },
	{ "large",
	  "req req ok ok",
	  { REQUEST_MORE("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100000\r\n", 100000),
	    REQUEST("\r\n*1\r\n$4\r\nPING\r\n"), RESPONSE_MORE("*2\r\n:1\r\n$100000\r\n", 100000),
	    RESPONSE("\r\n+PONG\r\n") } },
	{ "not yet, and not here",
	  "req error error error",
	  { REQUEST("*1\r\n$4\r\nPING\r\n"),
	    RESPONSE("-LOADING Redis is loading the dataset in memory\r\n"
		     "-MOVED 3999 127.0.0.1:6381\r\n-ASK 3999 127.0.0.1:6381\r\n") } },
	{ "a command without words",
	  "req ok",
	  { REQUEST("*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n"), RESPONSE("+PONG\r\n") } },
	{ "commands that wait",
	  "block block block block req req",
	  { REQUEST("*3\r\n$5\r\nBLPOP\r\n$1\r\na\r\n$1\r\n0\r\n"
		    "*2\r\n$10\r\nXREADGROUP\r\n$1\r\na\r\n"
		    "*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$1\r\n0\r\n"
		    "*1\r\n$7\r\nwaitaof\r\n*2\r\n$5\r\nWATCH\r\n$1\r\na\r\n"
		    "*2\r\n$8\r\nBITCOUNT\r\n$1\r\na\r\n") } },
	{ "what a replica sends",
	  "req ok req ok req ok error opaque",
	  { REQUEST("*1\r\n$4\r\nPING\r\n"), RESPONSE("+PONG\r\n"),
	    REQUEST("*3\r\n$8\r\nREPLCONF\r\n$14\r\nlistening-port\r\n$4\r\n6380\r\n"
		    "*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$2\r\n14\r\n"),
	    RESPONSE("+OK\r\n"),
	    REQUEST("*5\r\n$8\r\nreplconf\r\n$3\r\nack\r\n$1\r\n0\r\n$4\r\nFACK\r\n$1\r\n0\r\n"
		    "*1\r\n$8\r\nREPLCONF\r\n"),
	    RESPONSE("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n-ERR no\r\n"),
	    REQUEST("*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n") } },
	{ "commands that ask for silence",
	  "req req req ok ok ok",
	  { REQUEST("*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n"
		    "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n"
		    "*3\r\n$6\r\nclient\r\n$5\r\nreply\r\n$3\r\noff\r\n"
		    "*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n"
		    "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$2\r\non\r\n"
		    "*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n"),
	    RESPONSE("+PONG\r\n+OK\r\n:5\r\n") } },
	{ "commands that are no commands",
	  "req req req req",
	  { REQUEST("*1\r\n$6\r\nCLIENT\r\n*2\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n"
		    "*2\r\n$-1\r\n$1\r\na\r\n*1\r\n$9\r\nREPLCONFX\r\n") } },
	{ "subscriptions, which RESP3 confirms by pushes",
	  "req ok ok req ok ok",
	  { REQUEST("*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n"),
	    RESPONSE(
		    ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
		    ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"
		    ">4\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\na\r\n$3\r\nsub\r\n"),
	    REQUEST("*1\r\n$12\r\nPUNSUBSCRIBE\r\n"),
	    RESPONSE(">3\r\n$12\r\npunsubscribe\r\n_\r\n:2\r\n+OK\r\n") } },
	{ "no value", "desync", { RESPONSE("hello\r\n") } },
	{ "no word", "req desync", { REQUEST("*2\r\n$3\r\nGET\r\nkey\r\n") } },
	{ "no end", "desync", { RESPONSE("$123456789012345678901234567890\r\n") } },
};

/* --- memcached */

static const struct row memcached_rows[] = {
	{ "Redis, whose commands have the same names, and answers do not",
	  "req redis ok req error req ok",
	  { REQUEST("set a b ex 10\r\n"), RESPONSE("+OK\r\n"), REQUEST("lpush a c\r\n"),
	    RESPONSE("-WRONGTYPE no list\r\n"), REQUEST("GET a\r\n"), RESPONSE("$1\r\nb\r\n") } },
	{ "Redis, with a number and a list",
	  "req req redis ok ok",
	  { REQUEST("incr a\r\nget\r\n"), RESPONSE(":1\r\n*0\r\n") } },
	{ "get",
	  "req ok req ok req ok",
	  { REQUEST("get a\r\n"), RESPONSE("VALUE a 0 5\r\nhello\r\nEND\r\n"),
	    REQUEST("gets a b c\r\n"),
	    RESPONSE("VALUE a 0 5 77\r\nEND\r\n\r\nVALUE c 1 0 78\r\n\r\nEND\r\n"),
	    REQUEST("get noreply noreply noreply\r\n"), RESPONSE("END\r\n") } },
	{ "store",
	  "req req req req req req ok ok ok ok ok ok",
	  { REQUEST("set a 0 0 5\r\nget a\r\nadd b 0 0 1\r\nx\r\nreplace b 1 2 1\r\ny\r\n"
		    "append b 0 0 1\r\nz\r\nprepend b 0 0 0\r\n\r\ncas b 0 0 2 55\r\n\r\n\r\n"),
	    RESPONSE("STORED\r\nNOT_STORED\r\nSTORED\r\nSTORED\r\nSTORED\r\nEXISTS\r\n") } },
	{ "noreply",
	  "req req ok ok",
	  { REQUEST("set a 0 0 5 noreply\r\nget a\r\ncas a 0 0 1 9 noreply\r\nx\r\ndelete a noreply\r\n"
		    "incr a 1 noreply\r\ntouch a 0 noreply\r\nflush_all noreply\r\nflush_all 0 "
		    "noreply\r\n"
		    "verbosity 1 noreply\r\ndelete noreply\r\nget a\r\n"),
	    RESPONSE("DELETED\r\nEND\r\n") } },
	{ "others",
	  "req req req req req ok ok ok ok ok",
	  { REQUEST("incr a 1\r\ndecr a 1\r\ntouch a 0\r\nversion\r\ngat 10 a\r\nquit\r\n"),
	    RESPONSE("6\r\nNOT_FOUND\r\nTOUCHED\r\nVERSION 1.6.18\r\nEND\r\n") } },
	{ "stats",
	  "req ok req ok",
	  { REQUEST("stats\r\n"), RESPONSE("STAT pid 1\r\nSTAT version 1.6.18\r\nEND\r\n"),
	    REQUEST("stats reset\r\n"), RESPONSE("RESET\r\n") } },
	{ "lists",
	  "req req req req ok ok ok ok",
	  { REQUEST("lru_crawler metadump all\r\nlru_crawler mgdump all\r\nstats cachedump 1 9\r\nget a\r\n"),
	    RESPONSE(
		    "key=a exp=-1 la=1 cas=1 fetch=no cls=1 size=63\r\nkey=b exp=-1 la=1\r\nEND\r\n"
		    "mg a\r\nmg a-name-that-fits-into-no-head-at-all\r\nEN\r\n"
		    "ITEM a [1 b; 0 s]\r\nITEM b [1 b; 0 s]\r\nEND\r\nts=1 gid=1 type=item_get key=a "
		    "status=found\r\nEND\r\n") } },
	{ "errors",
	  "req req req error error error",
	  { REQUEST("get\r\nincr a b\r\nset b 0 0 9\r\n123456789\r\n"),
	    RESPONSE("ERROR\r\nCLIENT_ERROR invalid numeric delta argument\r\n"
		     "SERVER_ERROR out of memory storing object\r\n") } },
	{ "meta",
	  "req ok req ok req ok req ok req ok req ok",
	  { REQUEST("mg a v t\r\n"), RESPONSE("VA 5 t-1\r\nVALUE\r\n"), REQUEST("mg b v\r\n"),
	    RESPONSE("EN\r\n"), REQUEST("ms a 5 T0\r\nget a\r\n"), RESPONSE("HD\r\n"),
	    REQUEST("md a\r\n"), RESPONSE("NF\r\n"), REQUEST("ma a N0\r\n"), RESPONSE("HD\r\n"),
	    REQUEST("mn\r\n"), RESPONSE("MN\r\n") } },
	{ "the end of the server",
	  "req ok",
	  { REQUEST("shutdown\r\nmn\r\n"), RESPONSE("MN\r\n") } },
	{ "quiet meta commands",
	  "req ok",
	  { REQUEST("mg a t q\r\nms b 3 q\r\nget\r\nmd q q\r\nmn\r\n"), RESPONSE("MN\r\n") } },
	{ "long key",
	  "req ok",
	  { REQUEST("get "
		    "0123456789012345678901234567890123456789012345678901234567890123456789 b\r\n"),
	    RESPONSE(
		    "VALUE "
		    "0123456789012345678901234567890123456789012345678901234567890123456789 0 2\r\n"
		    "ab\r\nEND\r\n") } },
	{ "large",
	  "req req ok ok",
	  { REQUEST_MORE("set a 0 0 100000\r\n", 100000), REQUEST("\r\nget a\r\n"),
	    RESPONSE("STORED\r\n"), RESPONSE_MORE("VALUE a 0 100000\r\n", 100000),
	    RESPONSE("\r\nEND\r\n") } },
};

#define BINARY(magic, opcode, key, extras, status, body) \
	magic opcode "\0" key extras "\0\0" status "\0\0\0" body "\0\0\0\7\0\0\0\0\0\0\0\0"

static const struct row binary_rows[] = {
	{ "get and set",
	  "req req ok ok req ok",
	  { REQUEST(BINARY("\x80", "\0", "\1", "\0", "\0",
			   "\1") "a" BINARY("\x80", "\1", "\1", "\x08", "\0", "\x0a") "12345678ab"),
	    RESPONSE(BINARY("\x81", "\0", "\0", "\4", "\0", "\5") "1234b" BINARY("\x81", "\1", "\0",
										 "\0", "\0", "\0")),
	    REQUEST(BINARY("\x80", "\0", "\1", "\0", "\0", "\1") "c"),
	    RESPONSE(BINARY("\x81", "\0", "\0", "\0", "\1", "\x09") "Not found") } },
	{ "quiet",
	  "req ok",
	  { REQUEST(BINARY("\x80", "\x09", "\1", "\0", "\0", "\1") "a" BINARY(
		    "\x80", "\x0d", "\1", "\0", "\0",
		    "\1") "b" BINARY("\x80", "\x11", "\1", "\x08", "\0",
				     "\x0a") "12345678ab" BINARY("\x80", "\x0a", "\0", "\0", "\0",
								 "\0")),
	    RESPONSE(BINARY("\x81", "\x09", "\0", "\4", "\0",
			    "\5") "1234b" BINARY("\x81", "\x0a", "\0", "\0", "\0", "\0")) } },
	{ "stat",
	  "req ok",
	  { REQUEST(BINARY("\x80", "\x10", "\0", "\0", "\0", "\0")),
	    RESPONSE(BINARY("\x81", "\x10", "\3", "\0", "\0",
			    "\4") "pid1" BINARY("\x81", "\x10", "\0", "\0", "\0", "\0")) } },
	{ "errors", "error", { RESPONSE(BINARY("\x81", "\5", "\0", "\0", "\6", "\3") "bad") } },
	{ "neither", "desync", { REQUEST("\x81\0\0\0") } },
};

#define MQTT_HELLO "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a"

/* --- DNS */

#define DNS_QUERY(flags) "\x12\x34" flags "\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"

static const struct row dns_rows[] = {
	{ "queries",
	  "req req ok error",
	  { REQUEST("\0\x13" DNS_QUERY("\1\0") "\0\x13" DNS_QUERY("\0\0")),
	    RESPONSE("\0\x13" DNS_QUERY("\x81\x80") "\0\x13" DNS_QUERY("\x81\x83")) } },
	{ "an update, and a note that a zone has changed",
	  "req req error ok",
	  { REQUEST("\0\x13" DNS_QUERY("\x28\0") "\0\x13" DNS_QUERY("\x24\0")),
	    RESPONSE("\0\x13" DNS_QUERY("\xa8\5") "\0\x13" DNS_QUERY("\xa4\0")) } },
	{ "an answer that asks", "desync", { REQUEST("\0\x13" DNS_QUERY("\x81\x80")) } },
	{ "too short", "desync", { RESPONSE("\0\x0b" DNS_QUERY("\x81\x80")) } },
};

#define DNS_NAMED(id, flags, name, type) id flags "\0\1\0\0\0\0\0\0" name "\0\0" type "\0\1"

/* Whether both are about the same; what follows the question is other bytes in each. */
static bool dns_is_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	u64 one[DNS_QUESTION_WORDS], two[DNS_QUESTION_WORDS];
	u8 head[PARSE_WINDOW];

	memset(head, 0x29, sizeof(head));
	memcpy(head, a, a_len < sizeof(head) ? a_len : sizeof(head));
	dns_question(head, one);
	memset(head, 0xc0, sizeof(head));
	memcpy(head, b, b_len < sizeof(head) ? b_len : sizeof(head));
	dns_question(head, two);
	return !memcmp(one, two, sizeof(one));
}

#define DNS_SAME(a, b) dns_is_same(a, sizeof(a) - 1, b, sizeof(b) - 1)

static void dns_question_test(void **state)
{
	(void)state;
	assert_true(
		DNS_SAME(DNS_NAMED("ab", "\1\0", "", "\1"), DNS_NAMED("ab", "\x81\x80", "", "\1")));
	assert_true(DNS_SAME(DNS_NAMED("ab", "\1\0", "\1a\2bc", "\1"),
			     DNS_NAMED("ab", "\x81\x80", "\1a\2bc", "\1")));
	assert_true(DNS_SAME(DNS_NAMED("ab", "\1\0",
				       "\x0f"
				       "abcdefghijklmno",
				       "\1"),
			     DNS_NAMED("ab", "\x81\x80",
				       "\x0f"
				       "abcdefghijklmno",
				       "\1")));
	assert_true(DNS_SAME(DNS_NAMED("ab", "\1\0",
				       "\x1e"
				       "abcdefghijklmnopqrstuvwxyz0123",
				       "\1"),
			     DNS_NAMED("ab", "\x81\x80",
				       "\x1e"
				       "abcdefghijklmnopqrstuvwxyz0123",
				       "\1")));
	assert_false(DNS_SAME(DNS_NAMED("ab", "\1\0", "\1a", "\1"),
			      DNS_NAMED("ac", "\1\0", "\1a", "\1")));
	assert_false(DNS_SAME(DNS_NAMED("ab", "\1\0", "\1a", "\1"),
			      DNS_NAMED("ab", "\1\0", "\1a", "\x1c")));
	assert_false(DNS_SAME(DNS_NAMED("ab", "\1\0", "\3www\7example", "\1"),
			      DNS_NAMED("ab", "\1\0", "\3www\7exampla", "\1")));
}

/* --- TLS */

/* no compound literals: a byte of a string is no constant in one; versions of clang-format differ here */
/* clang-format off */
#define HANDSHAKE(req, high, low) { req, "\x16\3\3" high low, 5, (u8)high[0] << 8 | (u8)low[0] }
#define DATA(req, len) { req, "\x17\3\3\0" len, 5, (u8)len[0] }
#define CHANGE(req) { req, "\x14\3\3\0\1\1", 6, 0 }
#define HELLO { true, TLS_HELLO, sizeof(TLS_HELLO) - 1, 255 }
/* clang-format on */

static const struct row tls_rows[] = {
	{ "1.2",
	  "setup done req ? req ?",
	  { HELLO, HANDSHAKE(false, "\x10", "\0"), HANDSHAKE(true, "\0", "\x46"), CHANGE(true),
	    HANDSHAKE(true, "\0", "\x28"), CHANGE(false), HANDSHAKE(false, "\0", "\x28"),
	    DATA(true, "\x30"), DATA(false, "\x60"), DATA(true, "\x35"), DATA(false, "\x60") } },
	{ "1.2, SHA-384 in blocks",
	  "done req",
	  { HANDSHAKE(true, "\1", "\0"), CHANGE(true), HANDSHAKE(true, "\0", "\x60"),
	    DATA(true, "\x30") } },
	{ "1.3",
	  "setup ? done req ?",
	  { HELLO, HANDSHAKE(false, "\0", "\x7a"), CHANGE(false), DATA(false, "\xf0"), CHANGE(true),
	    DATA(true, "\x35"), DATA(true, "\x30"), DATA(false, "\x60") } },
	{ "1.3, with a certificate, SHA-384",
	  "done req",
	  { HANDSHAKE(true, "\1", "\0"), HANDSHAKE(false, "\0", "\x7a"), CHANGE(true),
	    DATA(true, "\xf0"), DATA(true, "\xa0"), DATA(true, "\x45"), DATA(true, "\x30") } },
	{ "1.3, with a certificate, padded by 16",
	  "setup done req",
	  { HELLO,
	    HANDSHAKE(false, "\0", "\x7a"),
	    CHANGE(true),
	    DATA(true, "\xf0"),
	    { true, "\x17\3\3\1\x29", 5, 0x129 },
	    DATA(true, "\x45"),
	    DATA(true, "\x30") } },
	{ "1.3, with a certificate, all in one record",
	  "setup req ? req left",
	  { HELLO, HANDSHAKE(false, "\0", "\x7a"), CHANGE(true), DATA(true, "\xf0"),
	    DATA(true, "\x30"), DATA(false, "\x30"), DATA(true, "\x30"), DATA(true, "\x13") } },
	{ "1.3, with a certificate, all in one record, and not used",
	  "setup left",
	  { HELLO, HANDSHAKE(false, "\0", "\x7a"), CHANGE(true), DATA(true, "\xf0"),
	    DATA(true, "\x13") } },
	{ "1.3, asked to say hello again",
	  "setup done req",
	  { HELLO, HANDSHAKE(false, "\0", "\x58"), CHANGE(true), HELLO, DATA(true, "\x35"),
	    DATA(true, "\x30") } },
	{ "1.3, with padding",
	  "setup done req",
	  { HELLO, HANDSHAKE(false, "\0", "\x7a"), CHANGE(true), DATA(true, "\x55"),
	    DATA(true, "\x30") } },
	{ "1.3, without a certificate that was asked for",
	  "setup done req",
	  { HELLO, HANDSHAKE(false, "\0", "\x7a"), CHANGE(true), DATA(true, "\x19"),
	    DATA(true, "\x35"), DATA(true, "\x30") } },
	{ "1.3, with encrypted extensions as long as Finished, and a certificate that is refused",
	  "setup ? ? ? done failed",
	  { HELLO, HANDSHAKE(false, "\0", "\x7a"), CHANGE(false), DATA(false, "\x35"),
	    DATA(false, "\xf0"), DATA(false, "\x35"), CHANGE(true), DATA(true, "\x35"),
	    DATA(false, "\x13") } },
	{ "1.3, without ChangeCipherSpec",
	  "setup ? done req ?",
	  { HELLO, HANDSHAKE(false, "\0", "\x5a"), DATA(false, "\xf0"), DATA(true, "\x35"),
	    DATA(true, "\x30"), DATA(false, "\x60") } },
	{ "early data",
	  "setup req req ? done req",
	  { HELLO, CHANGE(true), DATA(true, "\x38"), DATA(true, "\x60"),
	    HANDSHAKE(false, "\0", "\x80"), CHANGE(false), DATA(false, "\x1b"), DATA(false, "\x45"),
	    DATA(false, "\xf0"), DATA(true, "\x15"), DATA(true, "\x45"), DATA(true, "\x30") } },
	{ "early data, and the server says goodbye before it has read Finished",
	  "setup req ?",
	  { HELLO, CHANGE(true), DATA(true, "\x38"), HANDSHAKE(false, "\0", "\x80"), CHANGE(false),
	    DATA(false, "\x1b"), DATA(false, "\x45"), DATA(false, "\xf0"), DATA(false, "\x13") } },
	{ "early data, and the server likes nothing of it",
	  "setup req failed",
	  { HELLO, CHANGE(true), DATA(true, "\x38"), HANDSHAKE(false, "\0", "\x80"), CHANGE(false),
	    DATA(false, "\x13") } },
	{ "early data, without ChangeCipherSpec, and a handshake of the server in one record",
	  "setup req ? done req ?",
	  { HELLO, DATA(true, "\x38"), HANDSHAKE(false, "\0", "\x80"), DATA(false, "\x60"),
	    DATA(false, "\xf0"), DATA(true, "\x15"), DATA(true, "\x45"), DATA(true, "\x30"),
	    DATA(false, "\x30") } },
	{ "goodbye",
	  "req left",
	  { DATA(true, "\x30"), REQUEST("\x15\3\3\0\2\1\0"), DATA(true, "\x13"),
	    DATA(false, "\x13") } },
	{ "goodbye, of a client that pads, with SHA-384",
	  "setup ? ? ? done req ? left",
	  { HELLO, HANDSHAKE(false, "\0", "\x7a"), CHANGE(false), DATA(false, "\x1b"),
	    DATA(false, "\xf0"), DATA(false, "\x45"), CHANGE(true), DATA(true, "\x55"),
	    DATA(true, "\x30"), DATA(false, "\x60"), DATA(true, "\x23") } },
	{ "... with SHA-256",
	  "setup ? ? ? done req ? left",
	  { HELLO, HANDSHAKE(false, "\0", "\x7a"), CHANGE(false), DATA(false, "\x1b"),
	    DATA(false, "\xf0"), DATA(false, "\x35"), CHANGE(true), DATA(true, "\x45"),
	    DATA(true, "\x30"), DATA(false, "\x60"), DATA(true, "\x23") } },
	{ "a request as long as that, of one that does not",
	  "setup ? ? ? done req ? req",
	  { HELLO, HANDSHAKE(false, "\0", "\x7a"), CHANGE(false), DATA(false, "\x1b"),
	    DATA(false, "\xf0"), DATA(false, "\x45"), CHANGE(true), DATA(true, "\x45"),
	    DATA(true, "\x30"), DATA(false, "\x60"), DATA(true, "\x23") } },
	{ "the client refuses, in the clear",
	  "setup failed",
	  { HELLO, HANDSHAKE(false, "\x10", "\0"), REQUEST("\x15\3\3\0\2\2\x2d") } },
	{ "the client refuses, encrypted",
	  "setup ? failed",
	  { HELLO, HANDSHAKE(false, "\0", "\x7a"), CHANGE(false), DATA(false, "\xf0"), CHANGE(true),
	    DATA(true, "\x13") } },
	{ "the server refuses", "setup failed", { HELLO, RESPONSE("\x15\3\3\0\2\2\x28") } },
	{ "the server wants a certificate, which it says after the handshake",
	  "setup ? ? done req failed",
	  { HELLO, HANDSHAKE(false, "\0", "\x7a"), CHANGE(false), DATA(false, "\xf0"),
	    DATA(false, "\x35"), CHANGE(true), DATA(true, "\x19"), DATA(true, "\x35"),
	    DATA(true, "\x30"), DATA(false, "\x13") } },
	{ "a warning",
	  "setup done req",
	  { HELLO, RESPONSE("\x15\3\3\0\2\1\x70"), CHANGE(true), HANDSHAKE(true, "\0", "\x28"),
	    DATA(true, "\x30") } },
	{ "no record", "desync", { REQUEST("GET / HTTP/1.1\r\n\r\n") } },
	{ "too long", "desync", { REQUEST("\x17\3\3\x50\0") } },
};

/* --- which protocol it is */

#define FIRST(protocol, s, more) ((struct first){ protocol, s, sizeof(s) - 1, more, false })
#define LATE(protocol, s, more)	 ((struct first){ protocol, s, sizeof(s) - 1, more, true })

static const struct first {
	u32 protocol;
	const char *bytes;
	u32 len;
	u32 more;  /* bytes behind these */
	bool late; /* in the middle of a connection */
} first_rows[] = {
	FIRST(PROTOCOL_HTTP, "GET / HTTP/1.1\r\n", 100),
	FIRST(PROTOCOL_HTTP, "POST", 0),
	FIRST(PROTOCOL_HTTP, "DELETE /", 0),
	FIRST(PROTOCOL_HTTP, "CONNECT a:443", 0),
	FIRST(PROTOCOL_HTTP2, PREFACE, 50),
	FIRST(PROTOCOL_POSTGRESQL, PG_STARTUP, 0),
	FIRST(PROTOCOL_POSTGRESQL, PG_SSL, 0),
	FIRST(PROTOCOL_POSTGRESQL, PG_GSS, 0),
	FIRST(PROTOCOL_POSTGRESQL, PG_CANCEL, 0),
	LATE(PROTOCOL_POSTGRESQL, PG_QUERY, 0),
	LATE(PROTOCOL_POSTGRESQL, PG_PARSE PG_BIND, 14),
	LATE(PROTOCOL_MYSQL, MY_QUERY, 0),
	LATE(PROTOCOL_MYSQL, "\1\0\0\0\x0e", 0),
	FIRST(PROTOCOL_REDIS, "*1\r\n$4\r\nPING\r\n", 0),
	FIRST(PROTOCOL_REDIS, "PING\r\n", 0),
	FIRST(PROTOCOL_MEMCACHED, "get a\r\n", 0),
	FIRST(PROTOCOL_MEMCACHED, "gets a\r\n", 0),
	FIRST(PROTOCOL_MEMCACHED, "set a 0 0 1\r\nx\r\n", 0),
	FIRST(PROTOCOL_MEMCACHED, "version\r\n", 0),
	FIRST(PROTOCOL_MEMCACHED, "mg a v\r\n", 0),
	FIRST(PROTOCOL_MEMCACHED, "mn\r\n", 0),
	FIRST(PROTOCOL_MEMCACHED_BINARY, BINARY("\x80", "\0", "\1", "\0", "\0", "\1") "a", 0),
	FIRST(PROTOCOL_MEMCACHED_BINARY,
	      BINARY("\x80", "\1", "\1", "\x08", "\0", "\x7f") "12345678a", 0),
	FIRST(PROTOCOL_MQTT, MQTT_HELLO, 0),
	FIRST(PROTOCOL_MQTT, "\x10\x80\1\0\6MQIsdp", 110),
	FIRST(PROTOCOL_DNS, "\0\x13" DNS_QUERY("\1\0"), 0),
	FIRST(PROTOCOL_TLS, "\x16\3\1\2\0\1\0\1\xfc\3\3", 506),
	LATE(PROTOCOL_TLS, "\x17\3\3\0\x30", 48),
	LATE(PROTOCOL_HTTP2, "\0\0\6\1\4\0\0\0\7\x83\x86\xc1\xc0\xbf\xbe", 10),
	LATE(PROTOCOL_HTTP2, "\0\0\6\1\x25\0\0\0\7\0\0\0\0\x10\x82", 0),
	LATE(PROTOCOL_HTTP2, "\0\0\4\x08\0\0\0\0\0\0\0\1\0", 0),
	LATE(PROTOCOL_HTTP2, "\0\0\x08\6\0\0\0\0\0\1\2\3\4\5\6\7\x08\0\0\6\1\4\0\0\0\7", 9),
	LATE(PROTOCOL_UNKNOWN, "\0\0\6\1\4\0\0\0\6\x83\x86\xc1\xc0\xbf\xbe", 10),
	LATE(PROTOCOL_UNKNOWN, "\0\0\x08\6\0\0\0\0\0\1\2\3\4\5\6\7\x08\0\0\6\1\4\0\0\0\0", 9),
	FIRST(PROTOCOL_UNKNOWN, "\0\0\6\1\4\0\0\0\7\x83\x86\xc1\xc0\xbf\xbe", 10),
	LATE(PROTOCOL_NATS, "PONG\r\n", 0),
	LATE(PROTOCOL_NATS, "PUB news 5\r\nhello\r\n", 0),
	LATE(PROTOCOL_NATS, "SUB news.* 12\r\n", 0),
	FIRST(PROTOCOL_UNKNOWN, "PUB news 5\r\nhello\r\n", 0),
	LATE(PROTOCOL_UNKNOWN, "PONG\r\n", 1),
	LATE(PROTOCOL_UNKNOWN, "PUB news 5\r\n", 0),
	LATE(PROTOCOL_UNKNOWN, "PUB news\n\0\0\0\5hello", 0),
	LATE(PROTOCOL_UNKNOWN, "SUB news channel\n", 0),
	/* nothing that is known */
	FIRST(PROTOCOL_UNKNOWN, "", 0),
	FIRST(PROTOCOL_UNKNOWN, "GET", 0),
	FIRST(PROTOCOL_UNKNOWN, "SSH-2.0-OpenSSH_9.2\r\n", 0),
	FIRST(PROTOCOL_UNKNOWN, "EHLO a\r\n", 0),
	FIRST(PROTOCOL_UNKNOWN, "STAT\r\n", 0),
	FIRST(PROTOCOL_UNKNOWN, "*a\r\n", 0),
	FIRST(PROTOCOL_UNKNOWN, "\x16\2\0\0\0", 0),
	FIRST(PROTOCOL_UNKNOWN, "\0\0\0\x10\0\4\0\0user\0a\0\0", 0), /* version 4 */
	FIRST(PROTOCOL_UNKNOWN, "\0\0\0\x20\0\3\0\0user\0a\0\0", 0), /* not as long as it says */
	LATE(PROTOCOL_UNKNOWN, PG_QUERY, 1),
	LATE(PROTOCOL_UNKNOWN, MY_QUERY, 1),
	FIRST(PROTOCOL_UNKNOWN, PG_QUERY, 0),
	FIRST(PROTOCOL_UNKNOWN, MY_QUERY, 0),
	FIRST(PROTOCOL_UNKNOWN, "\x17\3\3\0\x30", 48),
	LATE(PROTOCOL_UNKNOWN, "\1\0\0\1\x0e", 0),
	FIRST(PROTOCOL_UNKNOWN, "\0\x13" DNS_QUERY("\x81\0"), 0),
	FIRST(PROTOCOL_UNKNOWN, "\0\x14" DNS_QUERY("\1\0"), 0),
	FIRST(PROTOCOL_UNKNOWN, BINARY("\x80", "\0", "\2", "\0", "\0", "\1") "a", 0),
	FIRST(PROTOCOL_UNKNOWN, BINARY("\x81", "\0", "\1", "\0", "\0", "\0"), 0),
	FIRST(PROTOCOL_UNKNOWN, "\x10\0\4MQTT\4\2\0\x3c\0\4test", 0),
	FIRST(PROTOCOL_AMQP, "AMQP\0\0\x09\1", 0),
	FIRST(PROTOCOL_UNKNOWN, "AMQP\3\1\0\0", 0),
	FIRST(PROTOCOL_KAFKA, "\0\0\0\x17\0\x12\0\4\0\0\0\1\0\4test", 9),
	FIRST(PROTOCOL_UNKNOWN, "\0\0\0\x17\0\x12\0\4\0\0\0\1\0\4test", 10),
	FIRST(PROTOCOL_KAFKA, "\0\0\0\x3c\0\0\0\0\0\0\0\1\0\1#\0\1\0\0\x75\x30", 43),
	/* a session that is resumed: the last change that was seen is 100012345 */
	FIRST(PROTOCOL_ZOOKEEPER,
	      "\0\0\0\x2d\0\0\0\0\0\0\0\1\0\1\x23\x45\0\0\x75\x30\1\0\x02\x9a\0\0\0\0\0\0\0\x10",
	      17),
	FIRST(PROTOCOL_ZOOKEEPER,
	      "\0\0\0\x2c\0\0\0\0\0\0\0\1\0\1\x23\x45\0\0\x75\x30\1\0\x02\x9a\0\0\0\0\0\0\0\x10",
	      16),
};

/* Of both sides' bytes, of which those that are not there do not matter. */
static u32 detect_first(const u8 *head, u32 avail, u32 total)
{
	return protocol_detect(head, avail, total, 0);
}

static u32 detect_late(const u8 *head, u32 avail, u32 total)
{
	return protocol_detect(head, avail, total, DETECT_LATE);
}

static u32 detect(u32 (*find)(const u8 *, u32, u32), const char *bytes, u32 len, u32 more)
{
	u32 avail = len < PARSE_WINDOW ? len : PARSE_WINDOW, protocol;
	u8 head[PARSE_WINDOW] = { 0 };

	memcpy(head, bytes, avail);
	protocol = find(head, avail, len + more);
	for (u32 noise = 1; noise < 256; noise++) {
		memset(head, (int)noise, sizeof(head));
		memcpy(head, bytes, avail);
		assert_int_equal(find(head, avail, len + more), protocol);
	}
	return protocol;
}

static void first_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(first_rows) / sizeof(*first_rows); i++) {
		u32 protocol = detect(first_rows[i].late ? detect_late : detect_first,
				      first_rows[i].bytes, first_rows[i].len, first_rows[i].more);

		if (protocol != first_rows[i].protocol)
			fail_msg("%s, row %zu: %u, not %u", first_rows[i].bytes, i, protocol,
				 first_rows[i].protocol);
	}
}

static void greeting_test(void **state)
{
	(void)state;
#define GREETING(s, more) detect(protocol_detect_greeting, s, sizeof(s) - 1, more)
	assert_int_equal(GREETING(MY_GREETING, 0), PROTOCOL_MYSQL);
	assert_int_equal(GREETING("\x06\0\0\0\xff\x10\4"
				  "abc",
				  0),
			 PROTOCOL_MYSQL);
	assert_int_equal(GREETING(MY_GREETING, 1), PROTOCOL_UNKNOWN);
	assert_int_equal(GREETING(MY_OK("\0"), 0), PROTOCOL_UNKNOWN);
	assert_int_equal(GREETING(MY_OK("\2"), 0), PROTOCOL_UNKNOWN);
	assert_int_equal(GREETING("\0\0\x06\4\0\0\0\0\0\0\3\0\0\0\x64", 0), PROTOCOL_HTTP2);
	assert_int_equal(GREETING("\0\0\0\4\0\0\0\0\0", 7), PROTOCOL_HTTP2);
	assert_int_equal(GREETING("\0\0\5\4\0\0\0\0\0\0\3\0\0\0", 0), PROTOCOL_UNKNOWN);
	assert_int_equal(GREETING("\0\0\x06\4\1\0\0\0\0\0\3\0\0\0\x64", 0), PROTOCOL_UNKNOWN);
	assert_int_equal(GREETING("\0\0\x06\4\0\0\0\0\1\0\3\0\0\0\x64", 0), PROTOCOL_UNKNOWN);
	assert_int_equal(GREETING("SSH-2.0-OpenSSH_9.2\r\n", 0), PROTOCOL_UNKNOWN);
	assert_int_equal(GREETING("220 a ESMTP\r\n", 0), PROTOCOL_UNKNOWN);
	assert_int_equal(GREETING("", 0), PROTOCOL_UNKNOWN);
}

/* The class of the only error that the server tells of. */
static u32 error_class(u32 protocol, const char *bytes, size_t len)
{
	static struct parser p;

	memset(&p, 0, sizeof(p));
	p.protocol = protocol;
	p.noise = '7';
	parser_piece(&p, false, (const u8 *)bytes, len);
	return p.class;
}

static void class_test(void **state)
{
#define CLASS(protocol, s) error_class(protocol, s, sizeof(s) - 1)
	(void)state;
	assert_int_equal(CLASS(PROTOCOL_POSTGRESQL, PG_FATAL), sqlstate_class('5', '3'));
	assert_int_equal(CLASS(PROTOCOL_POSTGRESQL, "E\0\0\0\x1aSFEHLE\0VERROR\0C42P01\0\0"
						    "Z\0\0\0\5I"),
			 sqlstate_class('4', '2'));
	assert_int_equal(CLASS(PROTOCOL_POSTGRESQL, PG_RUSSIAN), sqlstate_class('5', '7'));
	assert_int_equal(CLASS(PROTOCOL_POSTGRESQL, PG_LONG), sqlstate_class('2', '2'));
	assert_int_equal(CLASS(PROTOCOL_POSTGRESQL,
			       "E\0\0\0\x13SERROR\0C42P01\0\0"), /* before 9.6 */
			 sqlstate_class('4', '2'));
	assert_int_equal(CLASS(PROTOCOL_POSTGRESQL, PG_ERROR), 0);
	assert_int_equal(CLASS(PROTOCOL_POSTGRESQL, "N\0\0\0\x1aSNOTES\0VNOTES\0C01000\0\0"), 0);
	assert_int_equal(CLASS(PROTOCOL_MYSQL, "\x0a\0\0\1\xff\x7a\4#42S02x"),
			 sqlstate_class('4', '2'));
	assert_int_equal(CLASS(PROTOCOL_MYSQL, "\x0a\0\0\0\xff\x10\4Too many"), 0);
	assert_int_equal(CLASS(PROTOCOL_MYSQL, "\x0a\0\0\1\0\x7a\4#42S02x"), 0);
	assert_int_not_equal(sqlstate_class('H', 'Y'), sqlstate_class('H', 'V'));
	assert_int_equal(sqlstate_class('0', '0'), 1);
	assert_int_equal(sqlstate_class('a', '0'), 0);
	assert_int_equal(sqlstate_class('0', 'a'), 0);
	assert_true(sqlstate_class('X', 'Z') < 1024);
	assert_int_equal(strlen(SQLSTATE_FIRST) * SQLSTATE_SECOND, sqlstate_class('X', 'Z'));
}

static void status_test(void **state)
{
	(void)state;
	assert_int_equal(http_status((const u8 *)"HTTP/1.1 200 OK", 15), 200);
	assert_int_equal(http_status((const u8 *)"HTTP/1.0 599", 12), 599);
	assert_int_equal(http_status((const u8 *)"HTTP/1.0 599", 11), STATUS_UNKNOWN);
	assert_int_equal(http_status((const u8 *)"HTTP/1.1 099", 12), STATUS_UNKNOWN);
	assert_int_equal(http_status((const u8 *)"HTTP/1.1 20x", 12), STATUS_UNKNOWN);
	assert_int_equal(http_status((const u8 *)"ICY 200 OK\r\n", 12), STATUS_UNKNOWN);
}

/* --- the rows of each protocol */

ROWS_TEST(http, PROTOCOL_HTTP)
ROWS_TEST(http2, PROTOCOL_HTTP2)
ROWS_TEST(grpc, PROTOCOL_GRPC)
ROWS_TEST(upgrade, PROTOCOL_HTTP)
ROWS_TEST(postgresql, PROTOCOL_POSTGRESQL)
ROWS_TEST(mysql, PROTOCOL_MYSQL)
ROWS_TEST(redis, PROTOCOL_REDIS)
ROWS_TEST(memcached, PROTOCOL_MEMCACHED)
ROWS_TEST(binary, PROTOCOL_MEMCACHED_BINARY)
ROWS_TEST(dns, PROTOCOL_DNS)
ROWS_TEST(tls, PROTOCOL_TLS)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_test),	   cmocka_unit_test(http2_test),
		cmocka_unit_test(grpc_test),	   cmocka_unit_test(grpc_type_test),
		cmocka_unit_test(http_long_test),  cmocka_unit_test(http_heads_test),
		cmocka_unit_test(postgresql_test), cmocka_unit_test(mysql_test),
		cmocka_unit_test(mysql_long_test), cmocka_unit_test(mysql_wrap_test),
		cmocka_unit_test(mysql_file_test), cmocka_unit_test(redis_test),
		cmocka_unit_test(memcached_test),  cmocka_unit_test(binary_test),
		cmocka_unit_test(dns_test),	   cmocka_unit_test(dns_question_test),
		cmocka_unit_test(tls_test),	   cmocka_unit_test(first_test),
		cmocka_unit_test(greeting_test),   cmocka_unit_test(status_test),
		cmocka_unit_test(class_test),	   cmocka_unit_test(upgrade_test),
	};

	return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}
