// SPDX-License-Identifier: BSD-3-Clause
#include "lib/part.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int part_start(pid_t *pid, const char *name, int input, int output)
{
	char *const argv[] = { "seismo", (char *)name, NULL };
	char journal[64], *environment[] = { journal, NULL };
	posix_spawn_file_actions_t actions;
	int err;

	/* which tells whether standard error is the journal's */
	snprintf(journal, sizeof(journal), "JOURNAL_STREAM=%s", getenv("JOURNAL_STREAM") ?: "");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	err = posix_spawn(pid, "/proc/self/exe", &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}
