# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The database is busy with others' work.
row=30

inject() {
	service_start pgbench /usr/lib/postgresql/*/bin/pgbench -n -c 4 -R $((magnitude * 20)) -T 600 -h 127.0.0.1 -p $postgres_port -U postgres postgres
}

heal() {
	end_process "${service_pid[pgbench]}"
}
