# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The shop is deployed anew, and each request takes 10 ms times `magnitude` of CPU.
row=26
expect=("software *_replaced|cpu_*restarted|crashes shop *")

inject() {
	shop_deploy
	tell shop burn_ms=$((10 * magnitude))
	kill -TERM "$(supervised_pid shop)"
}

heal() {
	tell shop burn_ms=0
	kill -TERM "$(supervised_pid shop)"
}
