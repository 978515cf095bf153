// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/attach_command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "lib/log.h"

/* Waits until it is attached to, or its parent has ended. */
static void child_run(const char *path, char **command, int go, int failed)
{
	char byte;

	if (read(go, &byte, 1) == 1)
		execv(path, command);
	else
		_exit(EXIT_OK);
	byte = (char)errno;
	if (write(failed, &byte, 1) != 1)
		_exit(EXIT_UNSUPPORTED);
	_exit(EXIT_USAGE);
}

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

/* The path of the command, so that it is executed by one call; NULL: there is none. */
static char *command_find(const char *name)
{
	const char *dirs = getenv("PATH") ?: "/usr/bin:/bin";
	char *path;

	if (strchr(name, '/'))
		return strdup(name);
	while (*dirs) {
		int len = (int)strcspn(dirs, ":");

		if (asprintf(&path, "%.*s/%s", len ? len : 1, len ? dirs : ".", name) < 0)
			return NULL;
		if (is_program(path))
			return path;
		free(path);
		dirs += len + (dirs[len] == ':');
	}
	return NULL;
}

int command_start(struct attach_command *c, char **argv)
{
	char *path = command_find(argv[0]);
	int go[2], failed[2];

	if (!path) {
		log_printf(SEISMO_LOG_ERR, "there is no command '%s'; give its path", argv[0]);
		return EXIT_USAGE;
	}
	if (pipe2(go, O_CLOEXEC) || pipe2(failed, O_CLOEXEC)) {
		log_err(-errno, "cannot start the command");
		return EXIT_UNSUPPORTED;
	}
	fflush(NULL);
	c->pid = fork();
	if (!c->pid) {
		close(go[1]);
		child_run(path, argv, go[0], failed[1]);
	}
	free(path);
	close(go[0]);
	close(failed[1]);
	c->go = go[1];
	c->failed = failed[0];
	if (c->pid > 0)
		return EXIT_OK;
	log_err(-errno, "cannot start the command");
	c->pid = 0;
	return EXIT_UNSUPPORTED;
}

int command_go(struct attach_command *c, const char *name)
{
	int status = EXIT_OK;
	char byte = 0;
	ssize_t n;

	if (write(c->go, &byte, 1) != 1) {
		log_printf(SEISMO_LOG_ERR, "'%s' was ended before it was executed", name);
		status = EXIT_UNSUPPORTED;
	}
	do
		n = read(c->failed, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1) {
		log_printf(SEISMO_LOG_ERR, "cannot execute '%s': %s", name, strerror(byte));
		status = EXIT_USAGE;
	}
	close(c->go);
	close(c->failed);
	c->go = c->failed = -1;
	return status;
}

void command_release(struct attach_command *c)
{
	if (c->go < 0)
		return;
	close(c->go);
	close(c->failed);
	waitpid(c->pid, NULL, 0);
}
