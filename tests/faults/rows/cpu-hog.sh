# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Threads of the shop compute, and do nothing for anybody.
row=9
expect=("software cpu_hog|cpu shop *")

inject() {
	tell shop hogs=$(((magnitude + 1) / 2)) "${shop_settings[@]}"
}

heal() {
	tell shop hogs=0 "${shop_settings[@]}"
}
