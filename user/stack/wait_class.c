// SPDX-License-Identifier: BSD-3-Clause
#include "stack/wait_class.h"

#include <string.h>
#include <sys/syscall.h>

/*
 * The innermost function that is in the list says what is waited for, unless one of those marked `anywhere` is in the stack:
 * who reclaims memory may wait for a disk, but for want of memory. NAME* is the beginning of a name. Names of several kernels
 * stand side by side: 5.10 to 7.3.
 */
static const struct {
	const char *name;
	enum wait_class class;
	bool anywhere;
} functions[] = {
	{ "do_swap_page", WAIT_MEMORY, true },
	{ "swapin_readahead", WAIT_MEMORY, true },
	{ "try_to_free_pages", WAIT_MEMORY, true },
	{ "try_to_free_mem_cgroup_pages", WAIT_MEMORY, true },
	{ "__alloc_pages_slowpath*", WAIT_MEMORY, true },
	{ "mem_cgroup_handle_over_high", WAIT_MEMORY, true },
	{ "__mem_cgroup_handle_over_high", WAIT_MEMORY, true },
	{ "mem_cgroup_oom*", WAIT_MEMORY, true },
	{ "balance_dirty_pages*", WAIT_MEMORY, true },
	{ "throttle_direct_reclaim", WAIT_MEMORY, true },
	{ "reclaim_throttle", WAIT_MEMORY, true },
	{ "userfaultfd*", WAIT_MEMORY, true },
	{ "handle_userfault", WAIT_MEMORY, true },

	{ "ptrace_stop", WAIT_STOPPED, true },
	{ "do_signal_stop", WAIT_STOPPED, true },
	{ "do_jobctl_trap", WAIT_STOPPED, true },
	{ "do_freezer_trap", WAIT_STOPPED, true },
	{ "cgroup_enter_frozen", WAIT_STOPPED, true },
	{ "__refrigerator", WAIT_STOPPED, true },

	{ "unix_accept", WAIT_IDLE, true }, /* for somebody who wants something */
	{ "inet_csk_accept", WAIT_IDLE, true },

	{ "futex_wait*", WAIT_LOCK },
	{ "futex_lock_pi*", WAIT_LOCK },
	{ "__futex_*", WAIT_LOCK },
	{ "futex_do_wait", WAIT_LOCK },
	{ "do_futex", WAIT_LOCK },
	{ "rwsem_down_*", WAIT_LOCK },
	{ "down_*", WAIT_LOCK },
	{ "__down*", WAIT_LOCK },
	{ "__mutex_lock*", WAIT_LOCK },
	{ "mutex_lock*", WAIT_LOCK },
	{ "rt_mutex_*", WAIT_LOCK },
	{ "__rt_mutex_*", WAIT_LOCK },
	{ "rwbase_*", WAIT_LOCK },
	{ "percpu_rwsem_wait", WAIT_LOCK },
	{ "flock_lock_inode_wait", WAIT_LOCK },
	{ "locks_lock_inode_wait", WAIT_LOCK },
	{ "fcntl_setlk*", WAIT_LOCK },
	{ "do_lock_file_wait*", WAIT_LOCK },
	{ "do_semtimedop", WAIT_LOCK },
	{ "__do_semtimedop", WAIT_LOCK },
	{ "ext4_journal_start*", WAIT_DISK },

	{ "io_schedule*", WAIT_DISK },
	{ "bit_wait_io*", WAIT_DISK },
	{ "folio_wait_*", WAIT_DISK },
	{ "__folio_lock*", WAIT_DISK },
	{ "wait_on_page_*", WAIT_DISK },
	{ "__lock_page*", WAIT_DISK },
	{ "wait_on_page_writeback", WAIT_DISK },
	{ "__wait_on_buffer", WAIT_DISK },
	{ "submit_bio_wait", WAIT_DISK },
	{ "blk_mq_get_tag", WAIT_DISK },
	{ "blk_*", WAIT_DISK },
	{ "rq_qos_wait*", WAIT_DISK },
	{ "wbt_wait*", WAIT_DISK },
	{ "blkcg_maybe_throttle*", WAIT_DISK },
	{ "jbd2_*", WAIT_DISK },
	{ "__jbd2_*", WAIT_DISK },
	{ "start_this_handle", WAIT_DISK },
	{ "wait_transaction_*", WAIT_DISK },
	{ "wb_wait_for_completion", WAIT_DISK },
	{ "sync_inodes_sb", WAIT_DISK },
	{ "xlog_*", WAIT_DISK },
	{ "xfs_buf_iowait", WAIT_DISK },
	{ "xfs_log_force*", WAIT_DISK },
	{ "btrfs_*", WAIT_DISK },
	{ "iomap_dio_rw", WAIT_DISK },
	{ "__iomap_dio_rw", WAIT_DISK },
	{ "__blkdev_direct_IO*", WAIT_DISK },
	{ "dio_await_*", WAIT_DISK },
	{ "md_*", WAIT_DISK },
	{ "dm_*", WAIT_DISK },
	{ "request_wait_answer", WAIT_DISK },
	{ "__fuse_request_send", WAIT_DISK },
	{ "rpc_wait_bit_killable", WAIT_DISK },
	{ "nfs_wait_*", WAIT_DISK },
	{ "wait_for_response", WAIT_DISK },

	{ "fuse_dev_do_read*", WAIT_IDLE },
	{ "unix_wait_for_peer", WAIT_NETWORK },
	{ "unix_stream_*", WAIT_NETWORK },
	{ "unix_dgram_*", WAIT_NETWORK },
	{ "__unix_dgram_*", WAIT_NETWORK },
	{ "sk_wait_data", WAIT_NETWORK },
	{ "sk_stream_wait_*", WAIT_NETWORK },
	{ "sock_alloc_send_*", WAIT_NETWORK },
	{ "sock_wait_for_wmem", WAIT_NETWORK },
	{ "__skb_wait_for_more_packets", WAIT_NETWORK },
	{ "inet_wait_for_connect", WAIT_NETWORK },
	{ "inet_stream_connect", WAIT_NETWORK },
	{ "__inet_stream_connect", WAIT_NETWORK },
	{ "tcp_*", WAIT_NETWORK },
	{ "udp_*", WAIT_NETWORK },
	{ "netlink_*", WAIT_NETWORK },
	{ "vsock_*", WAIT_NETWORK },

	{ "do_epoll_*", WAIT_IDLE },
	{ "ep_poll*", WAIT_IDLE },
	{ "do_poll*", WAIT_IDLE },
	{ "do_sys_poll", WAIT_IDLE },
	{ "do_select", WAIT_IDLE },
	{ "poll_schedule_timeout*", WAIT_IDLE },
	{ "hrtimer_nanosleep", WAIT_IDLE },
	{ "do_nanosleep", WAIT_IDLE },
	{ "io_cqring_wait", WAIT_IDLE },
	{ "__io_cqring_wait*", WAIT_IDLE },
	{ "io_wq_worker", WAIT_IDLE },
	{ "read_events", WAIT_IDLE },
	{ "do_wait", WAIT_IDLE },
	{ "kernel_wait4", WAIT_IDLE },
	{ "do_sigtimedwait", WAIT_IDLE },
	{ "sigsuspend", WAIT_IDLE },
	{ "do_pause", WAIT_IDLE },
	{ "__do_sys_pause", WAIT_IDLE },
	{ "__x64_sys_pause", WAIT_IDLE },
	{ "__arm64_sys_pause", WAIT_IDLE },
	{ "wait_for_vfork_done", WAIT_IDLE },
	{ "__do_sys_vfork", WAIT_IDLE },
	{ "kernel_clone", WAIT_IDLE },
	{ "_do_fork", WAIT_IDLE },
	{ "pipe_*", WAIT_IDLE },
	{ "anon_pipe_*", WAIT_IDLE },
	{ "wait_for_partner", WAIT_IDLE },
	{ "eventfd_read", WAIT_IDLE },
	{ "timerfd_read*", WAIT_IDLE },
	{ "signalfd_*", WAIT_IDLE },
	{ "inotify_read", WAIT_IDLE },
	{ "fanotify_read", WAIT_IDLE },
	{ "n_tty_*", WAIT_IDLE },
	{ "do_msgrcv", WAIT_IDLE },
	{ "wq_sleep", WAIT_IDLE },
	{ "mq_*", WAIT_IDLE },
};

/* Those whose name says it, where others depend on what the descriptor is. */
static const struct {
	long call;
	enum wait_class class;
} calls[] = {
	{ SYS_futex, WAIT_LOCK },
	{ SYS_flock, WAIT_LOCK },
	{ SYS_semop, WAIT_LOCK },
	{ SYS_semtimedop, WAIT_LOCK },
	{ SYS_fsync, WAIT_DISK },
	{ SYS_fdatasync, WAIT_DISK },
	{ SYS_sync, WAIT_DISK },
	{ SYS_syncfs, WAIT_DISK },
	{ SYS_msync, WAIT_DISK },
	{ SYS_pread64, WAIT_DISK },
	{ SYS_pwrite64, WAIT_DISK },
	{ SYS_preadv, WAIT_DISK },
	{ SYS_pwritev, WAIT_DISK },
	{ SYS_accept, WAIT_IDLE },
	{ SYS_accept4, WAIT_IDLE },
	{ SYS_connect, WAIT_NETWORK },
	{ SYS_recvfrom, WAIT_NETWORK },
	{ SYS_recvmsg, WAIT_NETWORK },
	{ SYS_recvmmsg, WAIT_NETWORK },
	{ SYS_sendto, WAIT_NETWORK },
	{ SYS_sendmsg, WAIT_NETWORK },
	{ SYS_sendmmsg, WAIT_NETWORK },
	{ SYS_epoll_pwait, WAIT_IDLE },
	{ SYS_ppoll, WAIT_IDLE },
	{ SYS_pselect6, WAIT_IDLE },
	{ SYS_nanosleep, WAIT_IDLE },
	{ SYS_clock_nanosleep, WAIT_IDLE },
	{ SYS_wait4, WAIT_IDLE },
	{ SYS_waitid, WAIT_IDLE },
	{ SYS_rt_sigtimedwait, WAIT_IDLE },
	{ SYS_rt_sigsuspend, WAIT_IDLE },
	{ SYS_io_getevents, WAIT_IDLE },
	{ SYS_io_uring_enter, WAIT_IDLE },
	{ SYS_restart_syscall, WAIT_IDLE },
#ifdef SYS_epoll_wait /* not on arm64 */
	{ SYS_epoll_wait, WAIT_IDLE },
	{ SYS_poll, WAIT_IDLE },
	{ SYS_select, WAIT_IDLE },
	{ SYS_pause, WAIT_IDLE },
#endif
};

const char *wait_class_name(enum wait_class class)
{
	static const char *const names[WAIT_CLASSES] = {
		"disk", "lock", "condition", "network", "memory", "idle", "stopped", "other",
	};

	return names[class];
}

/* Compilers give parts of a function its name with something behind a dot. */
static bool is_named(const char *function, const char *name)
{
	size_t len = strcspn(name, "*");

	if (strncmp(function, name, len) != 0)
		return false;
	return name[len] == '*' || function[len] == '\0' || function[len] == '.';
}

static bool class_find(const char *function, bool anywhere, enum wait_class *ret)
{
	for (size_t i = 0; function && i < sizeof(functions) / sizeof(*functions); i++)
		if (functions[i].anywhere == anywhere && is_named(function, functions[i].name)) {
			*ret = functions[i].class;
			return true;
		}
	return false;
}

enum wait_class wait_class_of(const char *const *stack, size_t cnt)
{
	enum wait_class class;

	for (size_t i = 0; i < cnt; i++)
		if (class_find(stack[i], true, &class))
			return class;
	for (size_t i = 0; i < cnt; i++)
		if (class_find(stack[i], false, &class))
			return class;
	return WAIT_OTHER;
}

enum wait_class wait_class_of_call(int call)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (calls[i].call == call)
			return calls[i].class;
	return WAIT_OTHER;
}

/* Go parks threads that have nothing to do by FUTEX_WAIT, as it waits for its own locks, but by notes. */
bool wait_is_for_work(const char *function)
{
	static const char *const notes[] = { "runtime.notesleep", "runtime.notetsleep" };

	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++)
		if (!strncmp(function, notes[i], strlen(notes[i])))
			return true;
	return false;
}
