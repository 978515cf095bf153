// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/* The floor: what two programs that do nothing add to a system call. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tp_btf/sys_enter")
int empty_enter(void)
{
	return 0;
}

SEC("tp_btf/sys_exit")
int empty_exit(void)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
