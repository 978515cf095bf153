# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The shop may use a part of a CPU that is less than it wants, the less the larger `magnitude` is.
row=7
expect=("quota cpu_quota shop *")

inject() {
	limit shop cpu "$(calc "0.24 / $magnitude + 0.015")"
}

heal() {
	limit shop cpu none
}
