# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The cgroup of the database is frozen.
row=17
expect=("software|callee *stopped postgresql *")

inject() {
	local at
	at=$(service_cgroup postgresql freezer)
	at_exit heal
	echo FROZEN >"$at/freezer.state" 2>/dev/null || echo 1 >"$at/cgroup.freeze"
}

heal() {
	local at
	at=$(service_cgroup postgresql freezer)
	echo THAWED >"$at/freezer.state" 2>/dev/null || echo 0 >"$at/cgroup.freeze"
}
