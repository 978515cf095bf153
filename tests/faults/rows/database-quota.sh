# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The database may use a part of a CPU that is less than it wants, the less the larger `magnitude` is.
row=7
expect=("quota cpu_quota postgresql *")

inject() {
	limit_cpu "$(service_cgroup postgresql cpu)" "$(calc "0.04 / $magnitude + 0.01")"
}

heal() {
	limit_cpu "$(service_cgroup postgresql cpu)" none
}
