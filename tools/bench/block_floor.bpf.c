// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that gives what the daemon tells of a block request: of a device the time in the queue and in the device, of whoever
 * submitted it the duration and the bytes, as histograms with the daemon's buckets. There is one device and one service, whose
 * rows are known beforehand: nothing is named, looked up, shared, checked or told, and no request is anybody else's.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct request {
	unsigned long long start_time_ns, io_start_time_ns;
	unsigned int __data_len;
} __attribute__((preserve_access_index));

struct submitter {
	__u64 start_ns;
	__u32 identity, gen, disk, pad;
};

struct hist {
	__u64 sum_ns;
	__u64 bucket[208];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct submitter);
} submitters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct hist);
} hists SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

#define LESS(a, b)                       \
	({                               \
		__u64 below = (a) - (b); \
		asm("" : "+r"(below));   \
		below >> 63;             \
	})

/* As in bpf/hist.bpf.h, which needs the tables of the daemon: what is compared has to do the same work. */
static __always_inline __u64 bucket_of(__u64 ns)
{
	__u64 v = (ns * 1125900) >> 20, top, frac, more;

	if (v <= 1024)
		return 0;
	v--;
	top = LESS(0xffffffffULL, v) << 5;
	frac = v >> top;
	more = LESS(0xffffULL, frac) << 4;
	frac >>= more;
	top += more;
	more = LESS(0xffULL, frac) << 3;
	frac >>= more;
	top += more;
	more = LESS(0xfULL, frac) << 2;
	frac >>= more;
	top += more;
	more = LESS(3ULL, frac) << 1;
	top += more + (frac >> more >> 1);
	frac = v >> (top - 10);
	return 1 + (top - 10) * 8 + LESS(1116ULL, frac) + LESS(1217ULL, frac) +
	       LESS(1327ULL, frac) + LESS(1448ULL, frac) + LESS(1579ULL, frac) +
	       LESS(1722ULL, frac) + LESS(1878ULL, frac);
}

/* A completion may interrupt another one. */
static __always_inline void hist_add(__u32 slot, __u64 ns)
{
	struct hist *hist = bpf_map_lookup_elem(&hists, &slot);
	__u64 bucket = bucket_of(ns);

	if (!hist || bucket >= 208)
		return;
	__sync_fetch_and_add(&hist->sum_ns, ns);
	__sync_fetch_and_add(&hist->bucket[bucket], 1);
}

__u64 origin;

/* The distance to something, since the verifier does not tell numbers of typed pointers. */
static __always_inline struct submitter *submitter(void *request)
{
	__u64 distance = (__u64)request;
	__u32 row;

	asm volatile("%0 -= %1" : "+r"(distance) : "r"(&origin));
	row = distance * 0x9e3779b97f4a7c15ULL >> 52;
	return bpf_map_lookup_elem(&submitters, &row);
}

SEC("tp_btf/block_io_start")
int BPF_PROG(floor_start, struct request *rq)
{
	struct submitter *s = submitter(rq);

	if (s) {
		s->start_ns = bpf_ktime_get_ns();
		s->identity = s->gen = 1;
	}
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(floor_complete, struct request *rq, int error, unsigned int bytes)
{
	__u64 now = bpf_ktime_get_ns(), start = rq->start_time_ns, issued = rq->io_start_time_ns;
	struct submitter *s = submitter(rq);
	__u32 slot = 0;
	__u64 *counter;

	if (bytes < rq->__data_len || !s || !s->identity)
		return 0;
	counter = bpf_map_lookup_elem(&counters, &slot);
	if (counter)
		__sync_fetch_and_add(counter, bytes);
	hist_add(100, now - start);
	hist_add(1000, issued - start);
	hist_add(1001, now - issued);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
