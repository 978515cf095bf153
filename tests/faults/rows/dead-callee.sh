# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The prices are gone, and nobody starts them again.
row=18
expect=("software|callee gone|callee_gone|refused price *")

inject() {
	supervise_end price
}

heal() {
	service_supervise price /usr/bin/python3 -B "$FAULTS/services/price.py" $price_port "$TMP/price.settings"
}
