# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# nginx may not open as many files as it wants.
row=11
expect=("quota files_limit nginx *")

inject() {
	local pid
	for pid in $(<"$(service_cgroup nginx pids)/cgroup.procs"); do
		prlimit --pid "$pid" --nofile=8:
	done
}

heal() {
	local pid
	for pid in $(<"$(service_cgroup nginx pids)/cgroup.procs"); do
		prlimit --pid "$pid" --nofile="$(ulimit -Sn):"
	done
}
