# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The prices are stopped.
row=17
expect=("software|callee *stopped price *")

inject() {
	at_exit heal
	kill -STOP "$(supervised_pid price)"
}

heal() {
	kill -CONT "$(supervised_pid price)"
}
