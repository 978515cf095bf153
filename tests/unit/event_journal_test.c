// SPDX-License-Identifier: BSD-3-Clause
/* Lines of the event log on their way to the journal, which takes them, is away, or has no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "event/journal.h"
#include "event/writer.h"
#include "lib/loop.h"

#define SECOND (1000 * NS_PER_MS)

/* --- the journal, which is this test */

static int refuses;	     /* errno; 0: it takes all */
static unsigned takes;	     /* so many more, if it refuses then */
static char taken[64][1024]; /* the last entries */
static unsigned taken_cnt;
static u64 taken_seq[32768]; /* of all */

static const char *field(const char *entry, const char *key)
{
	static char value[512];
	const char *at = strstr(entry, key);

	if (!at || sscanf(at + strlen(key), "=%500[^\n]", value) != 1)
		return "";
	return value;
}

ssize_t __wrap_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
		      socklen_t to_len);
ssize_t __wrap_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
		      socklen_t to_len)
{
	char *entry = taken[taken_cnt % 64];

	(void)fd, (void)to, (void)to_len;
	assert_true(flags & MSG_NOSIGNAL);
	if (refuses && !takes) {
		errno = refuses;
		return -1;
	}
	takes -= takes > 0;
	memset(entry, 0, sizeof(*taken));
	memcpy(entry, data, len < sizeof(*taken) ? len : sizeof(*taken) - 1);
	taken_seq[taken_cnt % 32768] = strtoull(field(entry, "SEISMO_SEQ"), NULL, 10);
	taken_cnt++;
	return (ssize_t)len;
}

static char folder[64], file[96];

static int setup(void **state)
{
	(void)state;
	refuses = 0;
	takes = taken_cnt = 0;
	snprintf(folder, sizeof(folder), "/tmp/seismo-journal.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/events.jsonl", folder);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* --- entries */

static void add(struct journal *j, const char *line)
{
	journal_add(j, line, strlen(line));
}

static void an_entry(void **state)
{
	struct journal j = { 0 };

	(void)state;
	add(&j, "{\"seq\":7,\"kind\":\"oom\",\"service\":\"a.service\",\"pid\":3,\"list\":[1]}\n");
	assert_int_equal(journal_flush(&j), 0);
	assert_int_equal(taken_cnt, 1);
	assert_string_equal(
		taken[0],
		"MESSAGE=oom a.service: pid=3 list=...\nPRIORITY=5\nSYSLOG_IDENTIFIER=seismo\n"
		"SEISMO_EVENT={\"seq\":7,\"kind\":\"oom\",\"service\":\"a.service\",\"pid\":3,\"list\":[1]}\n"
		"SEISMO_SEQ=7\nSEISMO_KIND=oom\nSEISMO_SERVICE=a.service\nSEISMO_PID=3\n");
	journal_release(&j);
}

/* Whoever names a program so could else add fields of his own. */
static void a_line_break_begins_no_field(void **state)
{
	struct journal j = { 0 };
	const char *text;
	u64 size;

	(void)state;
	add(&j, "{\"kind\":\"a\\nPRIORITY=0\"}\n");
	assert_int_equal(journal_flush(&j), 0);
	assert_memory_equal(taken[0], "MESSAGE\n", 8);
	memcpy(&size, taken[0] + 8, sizeof(size));
	text = taken[0] + 8 + sizeof(size);
	assert_memory_equal(text, "a\nPRIORITY=0:\nPRIORITY=5\n", 25);
	assert_int_equal(le64toh(size), strlen("a\nPRIORITY=0:"));
	journal_release(&j);
}

static void what_is_refused_is_tried_again(void **state)
{
	struct journal j = { 0 };

	(void)state;
	refuses = EAGAIN;
	takes = 1;
	add(&j, "{\"seq\":1,\"kind\":\"a\"}\n");
	add(&j, "{\"seq\":2,\"kind\":\"a\"}\n");
	assert_int_equal(journal_flush(&j), -EAGAIN);
	assert_int_equal(taken_cnt, 1);
	refuses = ENOENT; /* it is being restarted */
	assert_int_equal(journal_flush(&j), -ENOENT);
	refuses = 0;
	assert_int_equal(journal_flush(&j), 0);
	assert_int_equal(taken_cnt, 2);
	assert_int_equal(taken_seq[1], 2);
	assert_int_equal(j.dropped, 0);
	journal_release(&j);
}

static void what_no_journal_takes_is_dropped(void **state)
{
	struct journal j = { 0 };

	(void)state;
	add(&j, "no event\n");
	assert_int_equal(journal_flush(&j), 0);
	refuses = EMSGSIZE;
	add(&j, "{\"seq\":1,\"kind\":\"a\"}\n");
	assert_int_equal(journal_flush(&j), 0);
	assert_int_equal(j.dropped, 2);
	assert_int_equal(j.untold, 2);
	journal_release(&j);
}

/* --- by the thread that writes the file */

static void put(struct writer *w, const char *kind)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "\"kind\":\"%s\"}\n", kind);

	while (!writer_put(w, line, (size_t)len, true))
		;
}

static void state_wait(struct writer *w, struct writer_state *s, bool (*is)(struct writer_state *s))
{
	do
		writer_state(w, s);
	while (!is(s));
}

static bool is_all_written(struct writer_state *s)
{
	return s->written == 20000;
}

static bool is_refused(struct writer_state *s)
{
	return s->journal_err == -EAGAIN && s->journal_dropped;
}

static bool is_told(struct writer_state *s)
{
	return !s->journal_err && s->written > 20000;
}

static struct writer *writer_start(void)
{
	struct writer *w = writer_new(&(struct writer_options){
		.file = file, .max_size = 64 << 20, .keep = 1, .journald = true });

	assert_non_null(w);
	return w;
}

/* As after a disk that was full for a while: more than waits for a journal. */
static void a_burst_arrives_whole(void **state)
{
	struct writer *w = writer_start();
	struct writer_state s;

	(void)state;
	for (int i = 0; i < 20000; i++)
		put(w, "a");
	assert_true(writer_end(w, 10 * SECOND));
	writer_state(w, &s);
	writer_free(w);
	assert_int_equal(s.journal_dropped, 0);
	assert_int_equal(taken_cnt, 20000);
	for (unsigned i = 0; i < taken_cnt; i++)
		assert_int_equal(taken_seq[i], i + 1);
}

/* There is no other time at which the journal could be told. */
static void what_is_left_at_the_end_is_told(void **state)
{
	struct writer *w = writer_start();
	struct writer_state s;
	char text[1024] = "";
	FILE *f;

	(void)state;
	refuses = ENOENT;
	for (int i = 0; i < 3; i++)
		put(w, "a");
	assert_true(writer_end(w, 10 * SECOND));
	writer_state(w, &s);
	writer_free(w);
	assert_int_equal(s.journal_dropped, 3);
	assert_int_equal(s.journal_err, -ENOENT);
	f = fopen(file, "re");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	assert_non_null(strstr(text, "\"kind\":\"lost\",\"where\":\"journal\",\"count\":3,"));
}

/* Every line arrives once by its number, or is one of those of which is told that they are missing. */
static void a_gap_is_told(void **state)
{
	struct writer *w = writer_start();
	struct writer_state s;
	u64 missing = 0;

	(void)state;
	refuses = EAGAIN;
	for (int i = 0; i < 20000; i++)
		put(w, "a");
	writer_wake(w);
	state_wait(w, &s, is_all_written); /* the file does not wait */
	state_wait(w, &s, is_refused);
	refuses = 0;
	state_wait(w, &s, is_told);
	assert_true(writer_end(w, 10 * SECOND));
	writer_free(w);
	for (unsigned i = 1; i < taken_cnt; i++) {
		assert_true(taken_seq[i] > taken_seq[i - 1]);
		missing += taken_seq[i] - taken_seq[i - 1] - 1;
	}
	assert_int_equal(missing, s.journal_dropped);
	assert_string_equal(field(taken[(taken_cnt - 1) % 64], "SEISMO_KIND"), "lost");
	assert_string_equal(field(taken[(taken_cnt - 1) % 64], "SEISMO_WHERE"), "journal");
	assert_int_equal(strtoull(field(taken[(taken_cnt - 1) % 64], "SEISMO_COUNT"), NULL, 10),
			 missing);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(an_entry),
	TEST(a_line_break_begins_no_field),
	TEST(what_is_refused_is_tried_again),
	TEST(what_no_journal_takes_is_dropped),
	TEST(a_burst_arrives_whole),
	TEST(what_is_left_at_the_end_is_told),
	TEST(a_gap_is_told),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
