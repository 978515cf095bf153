# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Nobody asks for anything.
row=30

prepare() {
	rates=0.2:1
}

inject() {
	:
}

heal() {
	:
}
