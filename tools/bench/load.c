// SPDX-License-Identifier: BSD-3-Clause
/*
 * Preloaded into the daemon: appends to the file LOADS of the environment, for each object that it loads, the name, and ms of CPU time: of
 * the whole, and of that in the kernel's verifier and compiler. With a file PROGRAMS, each program's name there, how many instructions
 * the verifier has walked through, and ms.
 */
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

static double programs_ms;

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void append(const char *env, const char *name, double first, double second)
{
	const char *path = getenv(env);
	FILE *f = path ? fopen(path, "ae") : NULL;

	if (!f)
		return;
	fprintf(f, "%s %.2f %.2f\n", name, first, second);
	fclose(f);
}

static long (*real_syscall)(long, ...);

#define LOG_STATS 4 /* BPF_LOG_STATS: the numbers only */

/* Has the kernel tell how much it verified, unless the caller has something else told. */
static long program_load(union bpf_attr *attr, unsigned size)
{
	static char log[1 << 16];
	char name[BPF_OBJ_NAME_LEN + 1] = { 0 };
	union bpf_attr stats = { 0 };
	double start = cpu_ms();
	long ret, cnt = 0;
	char *told;

	if (size > sizeof(stats) || attr->log_level)
		return real_syscall(SYS_bpf, BPF_PROG_LOAD, attr, size);
	memcpy(&stats, attr, size);
	memcpy(name, attr->prog_name, BPF_OBJ_NAME_LEN);
	stats.log_level = LOG_STATS;
	stats.log_buf = (uintptr_t)log;
	stats.log_size = sizeof(log);
	*log = '\0';
	ret = real_syscall(SYS_bpf, BPF_PROG_LOAD, &stats, size);
	told = strstr(log, "processed ");
	if (ret < 0 || !told) /* the caller wants the log of what is refused */
		return ret < 0 ? real_syscall(SYS_bpf, BPF_PROG_LOAD, attr, size) : ret;
	sscanf(told, "processed %ld", &cnt);
	append("PROGRAMS", name, (double)cnt, cpu_ms() - start);
	return ret;
}

long syscall(long nr, ...)
{
	double start = cpu_ms();
	long args[6], ret;
	va_list list;

	va_start(list, nr);
	for (int i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (!real_syscall)
		real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	if (nr != SYS_bpf || args[0] != BPF_PROG_LOAD)
		return real_syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (getenv("PROGRAMS"))
		ret = program_load((union bpf_attr *)args[1], (unsigned)args[2]);
	else
		ret = real_syscall(nr, args[0], args[1], args[2]);
	programs_ms += cpu_ms() - start;
	return ret;
}

int bpf_object__load(struct bpf_object *object)
{
	int (*real)(struct bpf_object *) =
		(int (*)(struct bpf_object *))dlsym(RTLD_NEXT, "bpf_object__load");
	double start = cpu_ms();
	int err;

	programs_ms = 0;
	err = real(object);
	append("LOADS", bpf_object__name(object), cpu_ms() - start, programs_ms);
	return err;
}
