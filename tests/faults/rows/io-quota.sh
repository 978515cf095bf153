# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The database's own limit of reads, a `magnitude`th of 300 a second.
row=5
expect=("quota io_limit postgresql *")

inject() {
	limit postgresql reads $((300 / magnitude))
}

heal() {
	limit postgresql reads none
}
