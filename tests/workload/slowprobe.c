// SPDX-License-Identifier: BSD-3-Clause
/*
 * `slowprobe TRACEPOINT MICROSECONDS` attaches a BPF program that takes so long to a tracepoint of the kernel, behind those
 * that are there, says "ready", and stays until a signal.
 */
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STEPS	  2000 /* at most: the verifier walks through each */
#define STEP_SIZE 65536

#define INSN(op, dst, src, offset, value)                                                         \
	{                                                                                         \
		.code = (op), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (value) \
	}
#define CALL(helper)		    INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define SET(dst, value)		    INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define COPY(dst, src)		    INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define ADD(dst, value)		    INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, value)
#define JUMP_LESS(dst, src, off)    INSN(BPF_JMP | BPF_JLT | BPF_X, dst, src, off, 0)
#define JUMP_BELOW(dst, value, off) INSN(BPF_JMP | BPF_JLT | BPF_K, dst, 0, off, value)
#define EXIT()			    INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int map_create(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(uint32_t),
		.value_size = STEP_SIZE,
		.max_entries = 1,
	};

	return bpf(BPF_MAP_CREATE, &attr);
}

/* It copies the memory onto itself until the time is over. */
static int load(int map, int nanoseconds)
{
	const struct bpf_insn program[] = {
		INSN(BPF_LD | BPF_DW | BPF_IMM, 8, BPF_PSEUDO_MAP_VALUE, 0, map),
		{ 0 }, /* its second half */
		SET(6, 0),
		CALL(BPF_FUNC_ktime_get_ns),
		COPY(7, 0),
		ADD(7, nanoseconds),
		/* a step */
		COPY(1, 8),
		SET(2, STEP_SIZE),
		COPY(3, 8),
		CALL(BPF_FUNC_probe_read_kernel),
		CALL(BPF_FUNC_ktime_get_ns),
		JUMP_LESS(0, 7, 2),
		SET(0, 0),
		EXIT(),
		ADD(6, 1),
		JUMP_BELOW(6, STEPS, -10),
		SET(0, 0),
		EXIT(),
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
		.insns = (uintptr_t)program,
		.insn_cnt = sizeof(program) / sizeof(program[0]),
		.license = (uintptr_t) "Dual BSD/GPL",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

static int attach(const char *tracepoint, int program)
{
	union bpf_attr attr = { .raw_tracepoint = { .name = (uintptr_t)tracepoint,
						    .prog_fd = program } };

	return bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
}

int main(int argc, char **argv)
{
	int program, map;

	if (argc != 3) {
		fprintf(stderr, "usage: slowprobe TRACEPOINT MICROSECONDS\n");
		return 2;
	}
	map = map_create();
	program = map < 0 ? -1 : load(map, atoi(argv[2]) * 1000);
	if (program < 0 || attach(argv[1], program) < 0) {
		perror(argv[1]);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
