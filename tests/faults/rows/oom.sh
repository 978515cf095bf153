# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The shop keeps memory of each request, and is killed at its cgroup's limit, again and again.
row=12
expect=("quota killed_at_limit|oom_limit|exits_by_oom shop *")

inject() {
	tell shop leak_kb=$((magnitude * 100))
	limit shop memory 64M
}

heal() {
	tell shop leak_kb=0
	limit shop memory none
}
