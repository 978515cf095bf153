# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The shop runs a program for each request, and may not have more tasks.
row=10
expect=("quota tasks_limit shop *")
shop_settings=(spawn=1)

inject() {
	local at
	at=$(service_cgroup shop pids)
	limit shop pids "$(cat "$at/pids.current")"
}

heal() {
	limit shop pids none
}
