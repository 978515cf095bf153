# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The client asks twice `magnitude` times as often.
row=27
expect=("own-load * client *")

inject() {
	echo $((2 * magnitude)) >"$TMP/client.factor"
}

heal() {
	echo 1 >"$TMP/client.factor"
}
