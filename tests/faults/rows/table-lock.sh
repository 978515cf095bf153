# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Somebody else locks the table for 20 ms times `magnitude`, again and again.
row=15
expect=("software *locks postgresql *")

inject() {
	local bins
	bins=(/usr/lib/postgresql/*/bin)
	service_start batch sh -c "while :; do
			echo 'BEGIN; LOCK TABLE pgbench_accounts; SELECT pg_sleep($(calc "0.02 * $magnitude")); COMMIT;'
			sleep 0.02
		done | ${bins[-1]}/psql -q -h 127.0.0.1 -p $postgres_port -U postgres postgres"
}

heal() {
	end_process "${service_pid[batch]}"
}
