# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Others compute, `magnitude` of them for each CPU, and have more of a right to it.
row=8
expect=("neighbour cpu_neighbour batch *")
neighbours=()

inject() {
	local i
	for ((i = 0; i < magnitude * $(nproc); i++)); do
		service_start batch sh -c 'while :; do :; done'
		neighbours+=("${service_pid[batch]}")
	done
	weight batch 100
}

heal() {
	local pid
	for pid in "${neighbours[@]}"; do
		end_process "$pid"
	done
}
