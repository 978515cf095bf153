// SPDX-License-Identifier: BSD-3-Clause
/*
 * The first thread of a process is not the one that goes on:
 *
 *   leader gone CALLS           it ends; another one reads standard input to its end, calls getppid(2) so often, and ends the
 *                               process with status 7
 *   leader exec PROGRAM...      another one executes the program, and takes over the process
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char **args;

static void *gone(void *arg)
{
	(void)arg;
	while (getchar() != EOF)
		;
	for (long i = atol(args[0]); i > 0; i--)
		syscall(SYS_getppid);
	exit(7);
}

static void *exec(void *arg)
{
	(void)arg;
	execvp(*args, args);
	perror(*args);
	exit(1);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 3) {
		fprintf(stderr, "usage: leader gone CALLS | leader exec PROGRAM...\n");
		return 2;
	}
	args = argv + 2;
	if (pthread_create(&thread, NULL, strcmp(argv[1], "gone") ? exec : gone, NULL)) {
		perror("leader");
		return 1;
	}
	pthread_exit(NULL);
}
