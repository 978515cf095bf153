// SPDX-License-Identifier: BSD-3-Clause
/*
 * `connect4 CGROUP ADDRESS PORT SERVER SERVER_PORT` makes connects from the cgroup to ADDRESS:PORT go to SERVER:SERVER_PORT instead, as
 * service meshes do it, until it ends. Prints "ready".
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ADDR	       offsetof(struct bpf_sock_addr, user_ip4)
#define PORT	       offsetof(struct bpf_sock_addr, user_port)
#define INSN(...)      ((struct bpf_insn){ __VA_ARGS__ })
#define LOAD(at)       INSN(.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = (at))
#define STORE(at)      INSN(.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 2, .off = (at))
#define SET(to, value) INSN(.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = (to), .imm = (int)(value))
/* The upper half of what is compared is 0. */
#define UNLESS(value, skip) \
	INSN(.code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = 2, .off = (skip), .imm = (int)(value))

static int bpf(int command, union bpf_attr *attr)
{
	int ret = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));

	if (ret < 0) {
		perror("bpf");
		exit(1);
	}
	return ret;
}

int main(int argc, char **argv)
{
	if (argc != 6)
		return 2;
	const char *license = "Dual BSD/GPL";
	struct bpf_insn program[] = {
		LOAD(ADDR),
		UNLESS(inet_addr(argv[2]), 6),
		LOAD(PORT),
		UNLESS(htons((unsigned short)atoi(argv[3])), 4),
		SET(2, inet_addr(argv[4])),
		STORE(ADDR),
		SET(2, htons((unsigned short)atoi(argv[5]))),
		STORE(PORT),
		SET(0, 1),
		INSN(.code = BPF_JMP | BPF_EXIT),
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		.expected_attach_type = BPF_CGROUP_INET4_CONNECT,
		.insns = (__u64)(size_t)program,
		.insn_cnt = sizeof(program) / sizeof(*program),
		.license = (__u64)(size_t)license,
	};
	union bpf_attr link = { .link_create = { .attach_type = BPF_CGROUP_INET4_CONNECT } };

	link.link_create.target_fd = (__u32)open(argv[1], O_RDONLY | O_DIRECTORY);
	link.link_create.prog_fd = (__u32)bpf(BPF_PROG_LOAD, &load);
	bpf(BPF_LINK_CREATE, &link);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
