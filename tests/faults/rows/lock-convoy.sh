# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# A thread of the shop holds a lock that each request needs, for 10 ms times `magnitude`, again and again.
row=15
expect=("software locks shop *")

inject() {
	tell shop lock_ms=$((10 * magnitude))
}

heal() {
	tell shop lock_ms=0
}
