// SPDX-License-Identifier: BSD-3-Clause
/*
 * Preloaded into the daemon: appends to the file LOADS of the environment, for each object that it loads, the name, and ms of CPU time: of
 * the whole, and of that in the kernel's verifier and compiler.
 */
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

static double programs_ms;

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

long syscall(long nr, ...)
{
	static long (*real)(long, ...);
	double start = cpu_ms();
	long args[6], ret;
	va_list list;

	va_start(list, nr);
	for (int i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	ret = real(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (nr == SYS_bpf && args[0] == BPF_PROG_LOAD)
		programs_ms += cpu_ms() - start;
	return ret;
}

int bpf_object__load(struct bpf_object *object)
{
	int (*real)(struct bpf_object *) =
		(int (*)(struct bpf_object *))dlsym(RTLD_NEXT, "bpf_object__load");
	const char *path = getenv("LOADS");
	FILE *f = path ? fopen(path, "ae") : NULL;
	double start = cpu_ms();
	int err;

	programs_ms = 0;
	err = real(object);
	if (f) {
		fprintf(f, "%s %.2f %.2f\n", bpf_object__name(object), cpu_ms() - start,
			programs_ms);
		fclose(f);
	}
	return err;
}
