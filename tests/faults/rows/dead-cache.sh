# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Redis is gone.
row=18
expect=("software|callee gone|callee_gone|refused redis *")

inject() {
	end_process "${service_pid[redis]}"
}

heal() {
	service_start redis redis-server --port $redis_port --save '' --appendonly no --dir "$TMP"
}
