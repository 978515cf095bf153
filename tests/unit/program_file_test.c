// SPDX-License-Identifier: BSD-3-Clause
/* What is read of a process's program and script, whatever its arguments are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/program_file.h"

static char folder[] = "/tmp/seismo-program.XXXXXX";

static pid_t script_start(const char *script)
{
	pid_t pid;

	fclose(fopen(script, "w"));
	pid = fork();
	if (!pid) {
		if (!chdir(folder))
			execl("/bin/sh", "sh", "-c", "kill -STOP $$", "./x.sh", "", NULL);
		_exit(1);
	}
	return pid;
}

static void a_script_is_found_among_the_arguments(void **state)
{
	char script[128], path[PROGRAM_PATH_SIZE];
	struct program_file file;
	struct stat st;
	pid_t pid;

	(void)state;
	snprintf(script, sizeof(script), "%s/x.sh", folder);
	pid = script_start(script);
	assert_true(pid > 0);
	/* from when on it is the shell */
	while (!program_file_script((u32)pid, "x.sh", &file, path))
		assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(stat(script, &st), 0);
	assert_string_equal(path, script);
	assert_int_equal(file.inode, st.st_ino);
	assert_int_equal(file.size, 0);
	assert_false(program_file_script((u32)pid, "y.sh", &file, path));
	assert_false(program_file_script((u32)pid, "sh", &file, path)); /* not its own name */
	/* anything but a file is not even opened */
	assert_int_equal(unlink(script) || mkfifo(script, 0600), 0);
	assert_false(program_file_script((u32)pid, "x.sh", &file, path));
	assert_true(program_file_executable((u32)pid, &file));
	assert_int_equal(stat("/bin/sh", &st), 0);
	assert_int_equal(file.size, st.st_size);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_false(program_file_script((u32)pid, "x.sh", &file, path));
	assert_false(program_file_executable((u32)pid, &file));
	unlink(script);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_is_found_among_the_arguments),
	};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
