# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The prices end with 1 after a while, always, and are started again.
row=28
expect=("callee|software callee_dies|exits*|crash* price *")

inject() {
	tell price crash_ms=$((1000 / magnitude + 200))
	kill -TERM "$(supervised_pid price)"
}

heal() {
	tell price crash_ms=0
}
