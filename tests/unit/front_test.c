// SPDX-License-Identifier: BSD-3-Clause
/* The daemon's side of a front that somebody has taken over: this program is both, as the daemon starts itself again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/web_pack.h"
#include "http/front.h"
#include "http/wire.h"

/* What it is to do: the front is told by the number of connections. */
enum { POLITE, CURIOUS, GARBAGE, BUSY, FLOOD, TOLD };

/* --- the front */

static struct wire_request request;
static struct wire_reply reply;

static void ask(const char *path, enum http_access access, const char *name, const char *value)
{
	size_t len = WIRE_REQUEST_MIN;

	request.number++;
	request.access = access;
	wire_request_add(&request, &len, path);
	wire_request_add(&request, &len, "");
	if (name) {
		wire_request_add(&request, &len, name);
		wire_request_add(&request, &len, value);
	}
	if (send(STDIN_FILENO, &request, len, 0) < 0)
		_exit(1);
}

/* The status; 0: it comes later. */
static unsigned answer(void)
{
	if (recv(STDIN_FILENO, &reply, sizeof(reply), 0) < (ssize_t)WIRE_REPLY_MIN)
		_exit(2);
	return reply.status;
}

static unsigned get(const char *path, enum http_access access)
{
	ask(path, access, NULL, NULL);
	return answer();
}

static void report(const char *what)
{
	ask("/report", HTTP_OPEN, "what", what);
	answer();
	for (;;)
		pause();
}

static void be_polite(void)
{
	uint64_t first;

	if (get("/shared", HTTP_OPEN) != 200 || !reply.slot || reply.unchanged ||
	    strncmp(reply.body, "shared 1", 8))
		report("nothing is shared");
	first = reply.version;
	request.held[reply.slot - 1] = first;
	if (get("/shared", HTTP_OPEN) != 200 || !reply.unchanged || reply.body_bytes)
		report("it is sent again");
	if (get("/later", HTTP_OPEN) || answer() != 202 || reply.number != request.number ||
	    strncmp(reply.body, "at last", 7))
		report("it does not come later");
	report("fine");
}

static void be_curious(void)
{
	if (get("/open", HTTP_OPEN) != 200 || strncmp(reply.body, "open 0", 6))
		report("not even what is open");
	/* it says that its client is trusted, and root */
	if (get("/trusted", HTTP_CONTROL) != 404 || get("/control", HTTP_CONTROL) != 404)
		report("more than its clients may have");
	if (get("/open", HTTP_CONTROL) != 200 || strncmp(reply.body, "open 0", 6))
		report("its word was taken");
	request.post = 1;
	if (get("/open", HTTP_OPEN) != 404)
		report("by another method");
	request.post = 0;
	if (get("/control/../open", HTTP_OPEN) != 404 || get("", HTTP_OPEN) != 404)
		report("other paths");
	report("fine");
}

#define BUSY_CNT 30
#define BUSY_NS	 (10 * NS_PER_MS)

static void be_busy(void)
{
	for (int i = 0; i < BUSY_CNT; i++)
		if (get("/busy", HTTP_OPEN) != 200)
			report("it is not served");
	report("fine");
}

/* The next message says what has changed. Its file, -1: none. */
static int setup_next(struct wire_setup *setup)
{
	struct iovec part = { setup, sizeof(*setup) };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(STDIN_FILENO, &message, 0) != sizeof(*setup) || setup->number)
		report("it is not told");
	if (CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static void be_told(void)
{
	char packed[4096];
	struct wire_setup setup;
	struct web *web = NULL;
	ssize_t len;
	int fd;

	ask("/secure", HTTP_OPEN, NULL, NULL);
	fd = setup_next(&setup);
	len = pread(fd, packed, sizeof(packed), 0);
	if (setup.web != WIRE_WEB_FILE || len <= 0 || web_unpack(&web, packed, (size_t)len) ||
	    web->user_cnt != 1 || strcmp(web->users->name, "a") != 0)
		report("this is no web configuration");
	if (pwrite(fd, "x", 1, 0) >= 0 || !ftruncate(fd, 0) || !ftruncate(fd, 5000))
		report("it can be changed");
	if (setup_next(&setup) >= 0 || setup.web != WIRE_WEB_KEPT ||
	    setup.log_level != SEISMO_LOG_DEBUG)
		report("its log does not follow");
	if (answer() != 200)
		report("no answer");
	if (get("/trusted", HTTP_TRUSTED) != 200 || get("/trusted", HTTP_OPEN) != 404)
		report("not what its users may have");
	if (get("/control", HTTP_CONTROL) != 404)
		report("more than its users may have");
	ask("/open-again", HTTP_OPEN, NULL, NULL);
	if (setup_next(&setup) >= 0 || setup.web != WIRE_WEB_NONE || answer() != 200)
		report("it still has one");
	if (get("/trusted", HTTP_TRUSTED) != 404)
		report("nobody is trusted any more");
	report("fine");
}

static int front(void)
{
	struct wire_setup setup = { 0 };

	alarm(120);
	if (recv(STDIN_FILENO, &setup, sizeof(setup), 0) != sizeof(setup))
		return 3;
	if (setup.connections == POLITE)
		be_polite();
	if (setup.connections == CURIOUS)
		be_curious();
	if (setup.connections == BUSY)
		be_busy();
	if (setup.connections == TOLD)
		be_told();
	if (get("/starts", HTTP_OPEN) != 200)
		return 4;
	if (strncmp(reply.body, "1", 1))
		report("fine"); /* started again */
	if (setup.connections == GARBAGE && send(STDIN_FILENO, "nonsense", 8, 0) != 8)
		return 5;
	/* nobody reads the replies */
	for (int i = 0; setup.connections == FLOOD && i < 100000; i++)
		ask("/open", HTTP_OPEN, NULL, NULL);
	for (;;)
		pause();
}

/* --- the daemon */

static struct loop *loop;
static struct front *served;
static struct http_shared *slot;
static struct timer *clock_timer;
static unsigned starts, ticks, open_cnt;
static char said[64];

static void serve_open(void *ctx, const struct http_request *r, struct http_reply *to)
{
	(void)ctx;
	open_cnt++;
	buf_printf(&to->body, "open %d\n", r->access);
}

static void serve_secret(void *ctx, const struct http_request *r, struct http_reply *to)
{
	(void)ctx, (void)r;
	buf_str(&to->body, "secret\n");
}

static void serve_shared(void *ctx, const struct http_request *r, struct http_reply *to)
{
	(void)ctx, (void)r;
	if (!http_reply_share(to, &slot, 7))
		buf_str(&to->body, "shared 1\n");
}

static void serve_later(void *ctx, const struct http_request *r, struct http_reply *to)
{
	struct http_later *later = http_reply_later(r);

	(void)ctx, (void)to;
	assert_non_null(later);
	http_reply_init(to);
	to->status = 202;
	buf_str(&to->body, "at last\n");
	http_later_send(later, to);
	to->body = (struct buf){ 0 };
}

/* The time between two of them, which is everybody else's. */
static uint64_t busy_end_ns, between_ns;

static void serve_busy(void *ctx, const struct http_request *r, struct http_reply *to)
{
	uint64_t start_ns = clock_now_ns();

	(void)ctx, (void)r;
	between_ns += busy_end_ns ? start_ns - busy_end_ns : 0;
	while (clock_now_ns() < start_ns + BUSY_NS)
		;
	busy_end_ns = clock_now_ns();
	buf_str(&to->body, "at last\n");
}

/* Users, and its log. */
static void serve_secure(void *ctx, const struct http_request *r, struct http_reply *to)
{
	struct web_user user = { (char *)"a", (char *)"b" };
	const struct web web = { .users = &user, .user_cnt = 1 };
	enum log_level before = log_level;

	(void)ctx, (void)r, (void)to;
	assert_int_equal(front_secure(served, &web), 0);
	log_level = SEISMO_LOG_DEBUG;
	front_log(served, SEISMO_LOG_TEXT);
	log_level = before;
}

static void serve_open_again(void *ctx, const struct http_request *r, struct http_reply *to)
{
	(void)ctx, (void)r, (void)to;
	assert_int_equal(front_secure(served, NULL), 0);
}

static void serve_starts(void *ctx, const struct http_request *r, struct http_reply *to)
{
	(void)ctx, (void)r;
	buf_printf(&to->body, "%u\n", ++starts);
}

static void serve_report(void *ctx, const struct http_request *r, struct http_reply *to)
{
	(void)ctx, (void)to;
	snprintf(said, sizeof(said), "%s", http_request_query(r, "what") ?: "nothing");
	loop_end(loop, 0);
}

static const struct http_route routes[] = {
	{ "/open", serve_open },
	{ "/shared", serve_shared },
	{ "/later", serve_later },
	{ "/busy", serve_busy },
	{ "/starts", serve_starts },
	{ "/secure", serve_secure },
	{ "/open-again", serve_open_again },
	{ "/report", serve_report },
	{ "/trusted", serve_secret, HTTP_TRUSTED },
	{ "/control", serve_secret, HTTP_CONTROL },
	{ NULL, NULL },
};

static void tick(void *ctx, uint64_t now_ns)
{
	(void)ctx, (void)now_ns;
	if (++ticks == 600)
		loop_end(loop, 1);
}

/* What the front has to say of it, within a minute. */
static void front_is(unsigned behaviour, const char *expected)
{
	struct front_options options = { .routes = routes,
					 .connections = behaviour,
					 .log_format = SEISMO_LOG_TEXT };

	starts = ticks = open_cnt = 0;
	snprintf(said, sizeof(said), "nothing at all");
	options.loop = loop = loop_new();
	assert_non_null(loop);
	assert_int_equal(front_new(&served, &options), 0);
	assert_int_equal(front_start(served), 0);
	clock_timer = loop_timer(loop, tick, NULL);
	timer_set_every(clock_timer, 100 * NS_PER_MS);
	loop_run(loop);
	front_free(served);
	loop_free(loop);
	assert_string_equal(said, expected);
}

static void replies_are_shared_and_may_come_later(void **state)
{
	(void)state;
	front_is(POLITE, "fine");
}

static void it_gets_no_more_than_its_clients(void **state)
{
	(void)state;
	front_is(CURIOUS, "fine");
}

static void it_is_told_what_changes(void **state)
{
	(void)state;
	front_is(TOLD, "fine");
}

static void garbage_ends_it(void **state)
{
	(void)state;
	front_is(GARBAGE, "fine");
	assert_int_equal(starts, 2);
}

static void half_of_the_time_is_not_its_own(void **state)
{
	(void)state;
	front_is(BUSY, "fine");
	/* what it may spend at once is two tenths of a second of that */
	assert_true(between_ns >= (BUSY_CNT - 1) * BUSY_NS - 200 * NS_PER_MS);
}

/* The kernel has forgotten it already. */
static void it_is_started_again_where_no_child_is_waited_for(void **state)
{
	(void)state;
	signal(SIGCHLD, SIG_IGN);
	front_is(GARBAGE, "fine");
	signal(SIGCHLD, SIG_DFL);
	assert_int_equal(starts, 2);
}

static void a_flood_ends_it_and_keeps_nobody_waiting(void **state)
{
	(void)state;
	front_is(FLOOD, "fine");
	assert_int_equal(starts, 2);
	assert_true(open_cnt < 100000);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_shared_and_may_come_later),
		cmocka_unit_test(it_gets_no_more_than_its_clients),
		cmocka_unit_test(it_is_told_what_changes),
		cmocka_unit_test(garbage_ends_it),
		cmocka_unit_test(half_of_the_time_is_not_its_own),
		cmocka_unit_test(it_is_started_again_where_no_child_is_waited_for),
		cmocka_unit_test(a_flood_ends_it_and_keeps_nobody_waiting),
	};

	if (argc > 1 && !strcmp(argv[1], FRONT_COMMAND))
		return front();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
