# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The prices accept slowly, from a short queue: a connection in 20 ms times `magnitude`.
row=23
expect=("software|callee backlog|callee_backlog*|overflows price *")
shop_settings=(connect=1)

inject() {
	tell price backlog=1 accept_ms=$((20 * magnitude))
}

heal() {
	tell price backlog=128 accept_ms=0
}
