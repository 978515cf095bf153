# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The disk answers nothing.
row=2
expect=("hardware hang|stuck disk postgresql|shop")

inject() {
	at_exit heal # before those who hang are waited for
	speed stall=1
}

heal() {
	speed stall=0
}
