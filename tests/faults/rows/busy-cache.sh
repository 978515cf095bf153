# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Somebody else has Redis run scripts that take 20 ms times `magnitude`, one after the other.
row=16
expect=("software|own-load * redis|batch *")

inject() {
	service_start batch sh -c "while :; do redis-cli -p $redis_port eval \
		'local n = 0 for i = 1, ARGV[1] * 1000000 do n = n + i end return n' 0 $magnitude; sleep 0.02; done"
}

heal() {
	end_process "${service_pid[batch]}"
}
