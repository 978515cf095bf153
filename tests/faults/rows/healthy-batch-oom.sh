# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# A batch job is killed at its own cgroup's limit, again and again; nobody waits for it.
row=30

inject() {
	service_supervise batch "$BUILD/workload/memory" take 64
	limit batch memory 16M
}

heal() {
	supervise_end batch
}
