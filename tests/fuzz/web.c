// SPDX-License-Identifier: BSD-3-Clause
/*
 * Web configurations, with keys and certificates in them: no crash, and one line for whatever is refused. The same bytes as one that was
 * packed, and as what a client sends to log in.
 */
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/web_pack.h"
#include "http/login.h"
#include "http/secure.h"
#include "lib/buf.h"

#define REQUIRE(cond) ((cond) ? (void)0 : abort())

static struct loop *loop;
static struct timer *limit;

static void limit_reached(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	loop_end(ctx, 0);
}

static void waited(struct login_wait *wait, bool right)
{
	(void)wait;
	REQUIRE(!right);
	loop_end(loop, 0);
}

/* bcrypt is slow, and not what is tested. */
char *crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
	(void)phrase, (void)setting;
	strcpy(data->output, "*0");
	return data->output;
}

/* What comes back says the same. */
static void pack_try(const struct web *w)
{
	struct buf first = { 0 }, second = { 0 };
	struct web *back = NULL;

	web_pack(w, &first);
	REQUIRE(!web_unpack(&back, first.data, first.len));
	web_pack(back, &second);
	REQUIRE(first.len == second.len && !memcmp(first.data, second.data, first.len));
	web_free(back);
	buf_release(&first);
	buf_release(&second);
}

static void unpack_try(const uint8_t *data, size_t size)
{
	/* of its own size, so that what is read behind it is found */
	char *bytes = malloc(size ? size : 1);
	struct web *w = NULL;

	memcpy(bytes, data, size);
	if (!web_unpack(&w, bytes, size))
		pack_try(w);
	web_free(w);
	free(bytes);
}

static void login_try(const char *header)
{
	struct web_user user = {
		(char *)"alice",
		(char *)"$2y$04$abcdefghijklmnopqrstuuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	};
	const struct web web = { .users = &user, .user_cnt = 1 };
	struct logins *l = logins_new(loop);
	struct login_wait wait = { .done = waited };

	REQUIRE(l);
	if (logins_check(l, &web, header, NULL, &wait) == LOGIN_PENDING) {
		timer_set(limit, clock_now_ns() + 60000 * NS_PER_MS);
		loop_run(loop);
		timer_stop(limit);
		REQUIRE(logins_check(l, &web, header, NULL, &wait) == LOGIN_WRONG);
	}
	logins_free(l);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	loop = loop_new();
	REQUIRE(loop);
	limit = loop_timer(loop, limit_reached, loop);
	REQUIRE(limit);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("web", MFD_CLOEXEC), err;
	char path[32], *text = strndup((const char *)data, size);
	struct web *w = NULL;
	struct buf error = { 0 }, header = { 0 };

	REQUIRE(fd >= 0 && text && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = secure_load(&w, path, &error);
	close(fd);
	REQUIRE(!err == !error.len && !err == !!w);
	REQUIRE(!error.len || !memchr(error.data, '\n', error.len));
	if (w)
		pack_try(w);
	web_free(w);
	unpack_try(data, size);
	login_try(text);
	buf_printf(&header, "Basic %s", text);
	login_try(buf_cstr(&header));
	buf_release(&header);
	buf_release(&error);
	free(text);
	return 0;
}
