// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/lock.h"

static char top[] = "/tmp/seismo-lock-XXXXXX", directory[64], file[96];

static int setup(void **state)
{
	(void)state;
	strcpy(top + sizeof(top) - 7, "XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(directory, sizeof(directory), "%s/state", top);
	snprintf(file, sizeof(file), "%s/lock", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	rmdir(file);
	if (rmdir(directory))
		unlink(directory);
	return rmdir(top);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static int take(void)
{
	pid_t holder;

	return lock_take(directory, &holder);
}

static void the_directory_is_made_and_nobody_else_can_lock(void **state)
{
	mode_t mask = umask(0);
	int fd = take();

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(mode_of(directory), 0755);
	assert_int_equal(mode_of(file), 0600);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(directory), 0);
	umask(0777);
	fd = take();
	umask(mask);
	assert_true(fd >= 0);
	assert_int_equal(mode_of(directory), 0755);
	close(fd);
}

static void a_second_one_learns_who_holds_it(void **state)
{
	int fd = take();
	pid_t holder = 0;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(lock_take(directory, &holder), -EWOULDBLOCK);
	assert_int_equal(holder, getpid());
	close(fd);
	fd = take();
	assert_true(fd >= 0);
	close(fd);
}

static void the_dead_hold_nothing(void **state)
{
	int status, fd;
	pid_t child = fork();

	(void)state;
	if (!child) {
		take();
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	fd = take();
	assert_true(fd >= 0);
	close(fd);
}

static void what_others_may_write_to_is_refused(void **state)
{
	static const struct {
		mode_t directory, file;
	} modes[] = { { 0775, 0600 }, { 0757, 0600 }, { 01777, 0600 },
		      { 0755, 0640 }, { 0755, 0604 }, { 0755, 0602 } };
	int fd = take();

	(void)state;
	close(fd);
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		assert_int_equal(chmod(directory, modes[i].directory), 0);
		assert_int_equal(chmod(file, modes[i].file), 0);
		assert_int_equal(take(), -EPERM);
	}
	assert_int_equal(chmod(directory, 0755), 0);
	assert_int_equal(chmod(file, 0600), 0);
	fd = take();
	assert_true(fd >= 0);
	close(fd);
}

static void what_others_own_is_refused(void **state)
{
	int fd;

	(void)state;
	if (geteuid())
		skip();
	fd = take();
	close(fd);
	assert_int_equal(chown(file, 65534, 0), 0);
	assert_int_equal(take(), -EPERM);
	assert_int_equal(chown(file, 0, 0), 0);
	assert_int_equal(chown(directory, 65534, 0), 0);
	assert_int_equal(take(), -EPERM);
}

static void what_is_in_the_way_is_told(void **state)
{
	int fd = open(directory, O_CREAT | O_WRONLY, 0600);

	(void)state;
	close(fd);
	assert_int_equal(take(), -ENOTDIR);
	assert_int_equal(unlink(directory), 0);
	assert_int_equal(mkdir(directory, 0755), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(take(), -EISDIR);
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_int_equal(take(), -EPERM);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("/dev/null", file), 0);
	assert_int_equal(take(), -ELOOP);
	strcat(directory, "/deeper/still");
	assert_int_equal(take(), -ENOENT);
	directory[strlen(directory) - strlen("/deeper/still")] = '\0';
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_directory_is_made_and_nobody_else_can_lock),
		TEST(a_second_one_learns_who_holds_it),
		TEST(the_dead_hold_nothing),
		TEST(what_others_may_write_to_is_refused),
		TEST(what_others_own_is_refused),
		TEST(what_is_in_the_way_is_told),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
