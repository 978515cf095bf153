#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# PostgreSQL: a process per connection, calls and bytes per transaction, against strace, the server's
# log and pgbench's own count.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"

need strace
port=$(free_port)
clients=4
transactions=2000

# Of all clients together.
load() { # TRANSACTIONS
	pgbench-$$ -n -f "$TMP/one.sql" -c $clients -t $(($1 / clients)) \
		-h 127.0.0.1 -p "$port" -U postgres postgres >"$TMP/pgbench" 2>&1
}

# A backend that finds no query yet gets EAGAIN and waits: how often is chance.
traced_counts() {
	echo "recvfrom $(($(traced_calls recvfrom) - $(traced_calls recvfrom EAGAIN)))"
	echo "sendto $(traced_calls sendto)"
	echo "received $(traced_bytes received)"
	echo "sent $(traced_bytes sent)"
}

connections() {
	grep -c 'connection received' "$TMP/server.log"
}

echo 'SELECT 1;' >"$TMP/one.sql"
postgres_start "$port" "unix_socket_directories = ''
log_connections = on"
start_seismo --probes syscall=count,tcp,process
load $clients # the first backends fill caches for those that follow
learn "$server_pid" 100 load

before=$(connections)
mark
load $transactions
connected=$(($(connections) - before))
wait_until grown_to $connected seismo_process_exits_total service=postgres-$$ reason=ok
is "$transactions/$transactions" "$(sed -n 's/.*actually processed: //p' "$TMP/pgbench")" \
	"pgbench made all transactions"
is $((clients + 1)) $connected "pgbench's connections and its test, in the server's log"
is $connected "$(tcp connections_total postgres-$$ direction=inbound)" "connections accepted"
is $connected "$(grown seismo_process_starts_total service=postgres-$$)" "a process started for each"
is $connected "$(grown seismo_process_exits_total service=postgres-$$ reason=ok)" "each of them ended well"
is $connected "$(grown seismo_process_lifetime_seconds_count service=postgres-$$)" "each of them has a lifetime"
is "$(expected sendto $transactions)" "$(calls postgres-$$ sendto)" "$transactions transactions: sendto"
again=$(grown seismo_syscall_errors_total service=postgres-$$ syscall=recvfrom errno=EAGAIN)
is "$(expected recvfrom $transactions)" $(($(calls postgres-$$ recvfrom) - again)) \
	"$transactions transactions: recvfrom that found something"
is "$(expected received $transactions)" "$(tcp bytes_total postgres-$$ direction=received)" "bytes received"
is "$(expected sent $transactions)" "$(tcp bytes_total postgres-$$ direction=sent)" "bytes sent"
is $connected "$(tcp connections_total pgbench-$$ direction=outbound)" "pgbench's connections"
is "$(expected sent $transactions)" "$(tcp bytes_total pgbench-$$ direction=received)" "bytes that pgbench got"
is 1 "$(grown seismo_process_starts_total service=pgbench-$$)" "pgbench started once"
stop_seismo
