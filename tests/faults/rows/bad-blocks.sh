# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The disk fails for a tenth of a second, `magnitude` times in ten seconds.
# Nobody writes: what cannot be written ends the database.
row=3
expect=("hardware errors disk postgresql")
shop_settings=(reads=1)

inject() {
	while :; do
		speed err=5
		sleep 0.1
		speed err=0
		sleep "$(calc "10 / $magnitude - 0.1")"
	done &
	failing=$!
}

heal() {
	end_process $failing
	speed err=0
}
