// SPDX-License-Identifier: BSD-3-Clause
/*
 * Keeps kernels that can be preempted from giving tasks storage: who is preempted while looking into any keeps the CPU from it.
 *
 *   storage MAP    looks into the task storage of this name on every CPU, all the time, and prints "ready" before
 */
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int map;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int is_named(int fd, const char *name)
{
	struct bpf_map_info info = {};
	union bpf_attr attr = {
		.info = { .bpf_fd = fd, .info_len = sizeof(info), .info = (unsigned long)&info }
	};

	return !bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) && info.type == BPF_MAP_TYPE_TASK_STORAGE &&
	       !strcmp(info.name, name);
}

static int map_open(const char *name)
{
	union bpf_attr next = {};

	while (!bpf(BPF_MAP_GET_NEXT_ID, &next)) {
		union bpf_attr attr = { .map_id = next.next_id };
		int fd = bpf(BPF_MAP_GET_FD_BY_ID, &attr);

		if (fd >= 0 && is_named(fd, name))
			return fd;
		close(fd);
		next.start_id = next.next_id;
	}
	die(name);
}

#define LOOKS 2 /* on each CPU */

static void *look(void *cpu)
{
	char value[4096];
	int pid = (int)syscall(SYS_pidfd_open, getpid(), 0);
	union bpf_attr attr = { .map_fd = map,
				.key = (unsigned long)&pid,
				.value = (unsigned long)value };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((long)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
	for (;;)
		bpf(BPF_MAP_LOOKUP_ELEM, &attr);
	return NULL;
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t thread;

	if (argc != 2) {
		fprintf(stderr, "usage: storage NAME\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	map = map_open(argv[1]);
	for (long cpu = 0; cpu < cpus * LOOKS; cpu++)
		if (pthread_create(&thread, NULL, look, (void *)(cpu % cpus)))
			die("pthread_create");
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
