# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Redis is stopped.
row=17
expect=("software|callee *stopped redis *")

inject() {
	at_exit heal
	kill -STOP "${service_pid[redis]}"
}

heal() {
	kill -CONT "${service_pid[redis]}"
}
