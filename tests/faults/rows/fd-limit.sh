# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The shop may not open as many files as it wants.
row=11
expect=("quota files_limit shop *")

inject() {
	prlimit --pid "$(supervised_pid shop)" --nofile=4:
}

heal() {
	prlimit --pid "$(supervised_pid shop)" --nofile="$(ulimit -Sn):"
}
