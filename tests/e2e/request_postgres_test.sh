#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# PostgreSQL: each statement is a request, in every protocol that pgbench speaks; start-ups are none. The
# truth is the server's own log.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

port=$(free_port)

# Lines of the server's log since `mark_log` with the pattern.
logged() { # PATTERN
	tail -n "+$((log_from + 1))" "$TMP/server.log" | grep -cE "$1"
}

mark_log() {
	log_from=$(wc -l <"$TMP/server.log")
	mark
}

# What the server logs of what a client sends up to Sync: a query, or the one part of those that only some have.
exchanges='LOG:  duration: [0-9.]+ ms  (statement|execute [^:]*)(:|$)'
prepares='LOG:  duration: [0-9.]+ ms  parse P'

pgbench_counted() { # MODE OPTION...
	local truth
	mark_log
	pgbench-$$ -n -M "$1" -h 127.0.0.1 -p "$port" -U postgres "${@:2}" postgres >"$TMP/pgbench" 2>&1 ||
		bail "pgbench: $(tail -n 1 "$TMP/pgbench")"
	truth=$(logged "$exchanges")
	[[ $1 != prepared ]] || truth=$((truth + $(logged "$prepares")))
	ok "pgbench -M $* made its transactions, of $truth requests" \
		test "$truth" -ge "$(sed -n 's/.*actually processed: \([0-9]*\).*/\1/p' "$TMP/pgbench")"
	is_counted postgres-$$ "pgbench -M $*" "inbound postgresql ok $truth"
	is_counted pgbench-$$ "pgbench -M $*" "outbound postgresql ok $truth"
}

psql_counted() { # TEXT OK ERRORS OPTION...
	local lines=()
	(($2)) && lines+=("postgresql ok $2")
	(($3)) && lines+=("postgresql error $3")
	mark_log
	psql-$$ -qAtX -h 127.0.0.1 -p "$port" -U postgres postgres "${@:4}" >"$TMP/psql" 2>&1
	is "$3" "$(logged '^[^ ]+ .*ERROR:  ')" "the server logged the errors: $1"
	is_counted postgres-$$ "$1" "${lines[@]/#/inbound }"
	is_counted psql-$$ "$1" "${lines[@]/#/outbound }"
}

postgres_start "$port" "unix_socket_directories = '$TMP/run'
log_min_duration_statement = 0"
clients=4
transactions=$((1000 / scale))
pgbench-$$ -i -q -h 127.0.0.1 -p "$port" -U postgres postgres >"$TMP/pgbench" 2>&1 ||
	bail "pgbench -i: $(tail -n 1 "$TMP/pgbench")"
start_seismo --probes request

for mode in simple extended prepared; do
	pgbench_counted $mode -S -c $clients -t $((transactions / clients))
	pgbench_counted $mode -b tpcb-like -c $clients -t $((transactions / 4 / clients))
done
pgbench_counted simple -S -C -c 1 -t $((transactions / 10)) # a connection for each
cat >"$TMP/pipeline.sql" <<'END'
\startpipeline
SELECT 1;
SELECT 2;
SELECT 3;
\endpipeline
END
# three statements up to one Sync
mark_log
pgbench-$$ -n -M extended -h 127.0.0.1 -p "$port" -U postgres -f "$TMP/pipeline.sql" -t 100 postgres >"$TMP/pgbench" 2>&1
is 300 "$(logged "$exchanges")" "pgbench made pipelines of three statements"
is_counted postgres-$$ "a pipeline is answered at its end" "inbound postgresql ok 100"

# Errors since `mark` by class, "CLASS NUMBER".
classes() { # SERVICE DIRECTION
	local class number
	series by=class seismo_request_errors_total service="$1" direction="$2" | sort | while read -r class _; do
		number=$(grown seismo_request_errors_total service="$1" direction="$2" class="$class")
		[[ $number == 0 ]] || echo "$class $number"
	done
}

n=$((500 / scale))
for ((i = 1; i <= n; i++)); do
	case $((i % 10)) in
	4) echo "SELECT 1/0;" ;;
	8) echo "SELEC;" ;;
	*) echo "SELECT $i;" ;;
	esac
done >"$TMP/failing.sql"
errors=$(grep -cE "1/0|SELEC;" "$TMP/failing.sql")
psql_counted "statements that fail" $((n - errors)) "$errors" -f "$TMP/failing.sql"
is "22 $(grep -c "1/0" "$TMP/failing.sql")
42 $(grep -c "SELEC;" "$TMP/failing.sql")" "$(classes postgres-$$ inbound)" "by the class of their code: divided by zero, no SQL"
psql_counted "three statements of one query, which is answered once" 1 0 -c "SELECT 1; SELECT 2; SELECT 3"
psql_counted "three statements of one query, of which the second fails" 0 1 -c "SELECT 1; SELECT 1/0; SELECT 3"
psql_counted "an answer of 20 MB" 1 0 -c "SELECT repeat('Z', 1000) FROM generate_series(1, 20000)"
psql_counted "a query of 2 MB" 1 0 -f <(printf "SELECT length('%s');" "$(head -c 2M /dev/zero | tr '\0' Q)")
seq 100000 >"$TMP/rows"
psql_counted "a copy in and one out" 3 0 -c "CREATE TABLE t (i int)" -c "\\copy t from '$TMP/rows'" -c "\\copy t to '/dev/null'"

# The client's library asks for a copy in parts, with Sync, and sends another Sync behind the data
cat >"$TMP/bin/copy-$$" <<'END'
import ctypes, sys
pq = ctypes.CDLL("libpq.so.5")
for name in "PQconnectdb", "PQexecParams", "PQgetResult":
    getattr(pq, name).restype = ctypes.c_void_p
connection = ctypes.c_void_p(pq.PQconnectdb(sys.argv[1].encode()))
def ask(text):
    return pq.PQresultStatus(ctypes.c_void_p(pq.PQexecParams(connection, text, 0, None, None, None, None, 0)))
for i in range(5):
    print(ask(b"COPY t FROM STDIN")) # 4: the server waits for data
    pq.PQputCopyData(connection, b"1\n", 2)
    pq.PQputCopyEnd(connection, b"no" if i == 4 else None)
    while pq.PQgetResult(connection):
        pass
    print(ask(b"SELECT 1")) # 2: rows
END
if /usr/bin/python3 -c 'import ctypes; ctypes.CDLL("libpq.so.5")' 2>/dev/null; then
	mark
	/usr/bin/python3 "$TMP/bin/copy-$$" "host=127.0.0.1 port=$port user=postgres dbname=postgres" >"$TMP/copied"
	is "5 2,5 4" "$(sort "$TMP/copied" | uniq -c | awk '{ print $1, $2 }' | paste -sd,)" "the client asked, and copied"
	is_counted postgres-$$ "copies in parts" "inbound postgresql error 1" "inbound postgresql ok 9"
	is_counted copy-$$ "copies in parts" "outbound postgresql error 1" "outbound postgresql ok 9"
fi

# A listener is told what happens without having asked.
mark_log
(
	echo "LISTEN news;"
	wait_until test -e "$TMP/notified"
	echo "SELECT 1;"
) | psql-$$ -qAtX -h 127.0.0.1 -p "$port" -U postgres postgres >"$TMP/news" 2>&1 &
listener=$!
wait_until logged 'LISTEN news'
for ((i = 0; i < 20; i++)); do
	echo "NOTIFY news, 'what happened $i';"
done | psql-$$ -qAtX -h 127.0.0.1 -p "$port" -U postgres postgres >/dev/null 2>&1
: >"$TMP/notified"
wait "$listener"
is 20 "$(grep -c 'what happened' "$TMP/news")" "the listener got all notifications"
is_counted postgres-$$ "LISTEN, 20 NOTIFY, and SELECT" "inbound postgresql ok 22"

# Connections that are refused, and those that are ended from outside in a statement
fatal_counted() { # TEXT NUMBER
	local end
	for end in postgres:inbound psql:outbound; do
		wait_until grown_to "$2" seismo_requests_total service="${end%:*}-$$" protocol=postgresql status=error
		is "$2" "$(grown seismo_requests_total service="${end%:*}-$$" direction="${end#*:}" protocol=postgresql status=error)" \
			"$1: ${end#*:}"
	done
}
admin() { # SQL
	pgbench-$$ -n -h 127.0.0.1 -p "$port" -U postgres -t 1 -f <(echo "$1") postgres >"$TMP/pgbench" 2>&1
}
sleeping() { # NUMBER: of statements
	[[ $(pgrep -c -P "$server_pid" -f "postgres: .* SELECT") == "$1" ]]
}
admin "CREATE ROLE nobody LOGIN CONNECTION LIMIT 0;"
mark
for _ in {1..5}; do
	psql-$$ -h 127.0.0.1 -p "$port" -U postgres missing -c "" 2>/dev/null
	psql-$$ -h 127.0.0.1 -p "$port" -U nobody postgres -c "" 2>/dev/null
done
fatal_counted "no such database, too many connections" 10
is $'3D 5\n53 5' "$(classes postgres-$$ inbound)" "by the class of their code, at the server"
is $'3D 5\n53 5' "$(classes psql-$$ outbound)" "by the class of their code, at the client"
mark
env --default-signal=INT "psql-$$" -qAtX -h 127.0.0.1 -p "$port" -U postgres postgres -c "SELECT pg_sleep(60)" >"$TMP/cancelled" 2>&1 &
wait_until sleeping 1
kill -INT $!
wait $!
grep -q 'canceling statement' "$TMP/cancelled" || bail "psql did not cancel: $(<"$TMP/cancelled")"
is_counted psql-$$ "a statement that is cancelled, over a connection of its own" "outbound postgresql error 1"
is "57 1" "$(classes psql-$$ outbound)" "by the class of its code"
mark
for _ in {1..3}; do
	psql-$$ -qAtX -h 127.0.0.1 -p "$port" -U postgres postgres -c "SELECT pg_sleep(60)" >/dev/null 2>&1 &
done
wait_until sleeping 3
admin "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%';"
fatal_counted "ended in a statement" 3

mark
pgbench-$$ -n -M prepared -h "$TMP/run" -p "$port" -U postgres -f <(echo "SELECT 1;") -t $n postgres >"$TMP/pgbench" 2>&1
is "$n/$n" "$(sed -n 's/.*actually processed: //p' "$TMP/pgbench")" "pgbench over a Unix socket"
is_counted postgres-$$ "over a Unix socket, prepared first" "inbound postgresql ok $((n + 1))"
is_counted pgbench-$$ "over a Unix socket, prepared first" "outbound postgresql ok $((n + 1))"
stop_seismo
