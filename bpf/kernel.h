/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's types, as far as they are used. The names of fields matter, their order and offsets do not: CO-RE
 * relocates each access against the running kernel's BTF.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <linux/bpf.h>
#include "types.h"

#define NULL	      ((void *)0)
#define __VMLINUX_H__ /* libbpf uses the names of registers declared here */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct callback_head {
	struct callback_head *next;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long counter;
} atomic_long_t;

/* cgroups */

struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
	u64 id;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
	u64 serial_nr;
};

struct psi_group {
	u64 total[12];
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct cgroup_root *root;
	int level;
	struct kernfs_node *kn;
	struct psi_group *psi;
};

struct cgrp_cset_link {
	struct cgroup *cgrp;
	struct list_head cgrp_link;
};

enum cgroup_subsys_id {
	io_cgrp_id,
	memory_cgrp_id,
};

struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
	struct list_head cgrp_links;
};

struct cfs_bandwidth {
	s64 period;
	u64 quota;
	int nr_periods, nr_throttled;
	u64 throttled_time;
};

struct task_group {
	struct cgroup_subsys_state css;
	struct task_group *parent;
	struct cfs_bandwidth cfs_bandwidth;
};

struct page_counter {
	atomic_long_t usage;
	unsigned long max;
};

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
	bool oom_lock;
};

/* files */

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct block_device;

struct super_block {
	u32 s_dev;
	struct block_device *s_bdev;
	struct list_head s_inodes;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	s64 i_size;
	s64 i_mtime_sec;
	u32 i_mtime_nsec;
	struct super_block *i_sb;
	struct list_head i_sb_list;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	s64 f_pos;
	void *private_data;
};

struct folio {
	unsigned int _nr_pages;
};

struct fs_struct {
	struct path root, pwd;
};

/* tasks */

struct task_struct;

struct percpu_counter {
	s64 count;
	s32 *counters;
};

struct mm_struct {
	struct file *exe_file;
	unsigned long start_code, end_code, arg_start, arg_end, env_end;
	struct task_struct *owner;
	struct percpu_counter rss_stat[4];
};

struct sched_info {
	unsigned long long run_delay, last_arrival;
};

struct rq {
	u64 clock;
};

struct cfs_rq {
	struct rq *rq;
};

struct sched_entity {
	u64 sum_exec_runtime;
	struct cfs_rq *cfs_rq;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	unsigned long maxrss;
	struct mm_struct *oom_mm;
};

struct thread_info {
	unsigned long flags;
	u32 status;
};

struct task_struct {
	struct thread_info thread_info;
	void *stack;
	unsigned int __state, flags;
	unsigned int on_cpu; /* libbpf adapts unsigned ones: 7.3 has a byte */
	unsigned int frozen : 1, in_iowait : 1;
	int pid, tgid;
	int exit_code;
	char comm[16];
	unsigned long min_flt, maj_flt, nvcsw, nivcsw;
	u64 utime, stime;
	u64 start_time;
	u64 self_exec_id;
	struct sched_info sched_info;
	struct sched_entity se;
	struct task_group *sched_task_group;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct task_struct *real_parent, *group_leader;
	struct signal_struct *signal;
	struct css_set *cgroups;
};

struct pt_regs {
#if defined(__TARGET_ARCH_x86)
	unsigned long ax, bx, cx, dx, si, di, bp, r10, r14, ip, cs, sp;
	long orig_ax;
#elif defined(__TARGET_ARCH_arm64)
	u64 regs[31], sp, pc;
	u64 orig_x0;
	int syscallno;
#endif
};

#if defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	u64 regs[31];
};
#endif

struct sigaction {
	void *sa_handler;
	unsigned long sa_flags;
};

struct k_sigaction {
	struct sigaction sa;
};

struct seq_file;
struct bpf_map;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id; /* of this one reading of the iterator */
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key, *value;
};

struct bpf_array {
	void *pptrs[0];
};

struct bpf_prog_stats {
	struct {
		u64 v;
	} misses;
};

struct bpf_prog_aux {
	u32 id;
};

struct bpf_prog {
	struct bpf_prog_stats *stats;
	struct bpf_prog_aux *aux;
};

struct trace_event_raw_sched_process_exit {
	bool group_dead;
};

struct trace_event_raw_sys_exit {
	long ret;
};

/* block */

struct request;
struct request_queue;

struct gendisk {
	int major, first_minor;
	char disk_name[32];
	struct block_device *part0;
	struct request_queue *queue;
};

struct block_device {
	struct gendisk *bd_disk;
	u8 bd_partno;
};

struct bdev_inode {
	struct block_device bdev;
	struct inode vfs_inode;
};

struct blk_mq_tags {
	unsigned int nr_tags;
	struct request **rqs;
};

struct blk_mq_tag_set {
	struct blk_mq_tags **tags;
	unsigned int nr_hw_queues;
};

struct timer_list {
	unsigned long expires;
	void *function;
};

struct throtl_service_queue {
	struct throtl_service_queue *parent_sq;
	struct timer_list pending_timer;
};

struct throtl_data {
	struct throtl_service_queue service_queue;
	struct request_queue *queue;
};

struct blk_mq_ops;

struct request_queue {
	struct blk_mq_tag_set *tag_set;
	const struct blk_mq_ops *mq_ops;
	struct gendisk *disk;
	struct throtl_data *td;
};

struct blkcg {
	struct cgroup_subsys_state css;
	struct hlist_head blkg_list;
};

struct blkcg_gq {
	struct request_queue *q;
	struct hlist_node blkcg_node;
	struct blkcg *blkcg;
	struct throtl_grp *pd[1]; /* of a policy each */
};

struct throtl_grp {
	struct throtl_data *td;
	unsigned int flags;
};

struct bvec_iter {
	u64 bi_sector;
	unsigned int bi_size;
};

struct bio {
	struct block_device *bi_bdev;
	unsigned int bi_opf;
	u8 bi_status;
	struct blkcg_gq *bi_blkg;
	struct bvec_iter bi_iter;
	void *bi_private;
};

enum mq_rq_state {
	MQ_RQ_IDLE,
	MQ_RQ_IN_FLIGHT,
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len;
	u64 __sector;
	struct bio *bio;
	u64 start_time_ns, io_start_time_ns;
	atomic_t ref;
	enum mq_rq_state state;
};

/* network */

struct net;

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	u8 bytes[16];
};

struct proto {
	void *sendmsg, *recvmsg;
};

struct sock_common {
	u32 skc_daddr, skc_rcv_saddr;
	u16 skc_dport, skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	unsigned long skc_flags;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	possible_net_t skc_net;
	struct proto *skc_prot;
};

struct socket;

struct sk_buff_head {
	u32 qlen;
};

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	u16 sk_protocol;
	u16 sk_type;
	int sk_err;
	u8 sk_shutdown;
	atomic_t sk_drops;
	struct proto *sk_prot_creator;
	struct socket *sk_socket;
	void *sk_user_data;
	struct callback_head sk_rcu;
};

struct unix_address;

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct inet_sock {
	struct sock sk;
	u16 inet_sport;
};

struct request_sock {
	struct request_sock *dl_next;
	struct sock *sk;
};

struct request_sock_queue {
	struct request_sock *rskq_accept_head;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
	void *icsk_ulp_ops;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 srtt_us, total_retrans;
	u32 write_seq, snd_nxt, snd_una, copied_seq, rcv_nxt;
	u64 bytes_sent, bytes_received, bytes_acked, bytes_retrans;
};

struct sk_buff;

#pragma clang attribute pop

#endif
