# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Every ten seconds something short runs, computes, writes and is done.
row=30

prepare() {
	service_make cron
}

inject() {
	while :; do
		(service_enter cron sh -c "dd if=/dev/zero of=$TMP/disk/report bs=64k count=$((magnitude * 10)) conv=fsync status=none; gzip -c $TMP/disk/report | wc -c")
		sleep 10
	done &
	cron=$!
	at_exit end_process $cron
}

heal() {
	end_process $cron
}
