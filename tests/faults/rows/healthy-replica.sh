# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# A Redis replica follows its master.
row=30

inject() {
	service_start replica redis-server --port 8015 --save '' --appendonly no --dir "$TMP" --replicaof 127.0.0.1 $redis_port
}

heal() {
	end_process "${service_pid[replica]}"
}
