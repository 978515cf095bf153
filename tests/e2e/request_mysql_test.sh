#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# MariaDB: each command that has an answer is a request. The truth is the server's general log.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/waiting.sh
. "$(dirname "$0")/waiting.sh"

need mariadb-slap sysbench
own_copy mariadb-slap sysbench mariadb
port=$(free_port)

# Commands in the server's log since `mark_log` that have an answer.
logged() {
	tail -n "+$((log_from + 1))" "$TMP/commands.log" |
		grep -cE "^([0-9]+ [ 0-9:]{8})?[[:space:]]+[0-9]+ (Query|Prepare|Execute|Init DB|Ping|Statistics|Field List|Reset stmt)"
}

mark_log() {
	log_from=$(wc -l <"$TMP/commands.log")
	mark
}

# Both ends count what the log says; of these, ERRORS fail, and what sysbench says: transactions that are in each
# other's way.
load_counted() { # TEXT ERRORS CLIENT OPTION...
	local commands errors lines=()
	mark_log
	"${@:3}" >"$TMP/client" 2>&1
	commands=$(logged)
	errors=$(awk -v errors="$2" '/ignored errors:/ { errors += $3 } END { print errors }' "$TMP/client")
	ok "$1: $commands commands" test "$commands" -gt "$2"
	lines=("mysql ok $((commands - errors))")
	((errors)) && lines+=("mysql error $errors")
	is_counted mariadbd-$$ "$1" "${lines[@]/#/inbound }"
	is_counted "$3" "$1" "${lines[@]/#/outbound }"
}

mariadb_start "$port"
address=(--no-defaults -h 127.0.0.1 -P "$port" --protocol=tcp --skip-ssl)
mariadb-$$ "${address[@]}" -e "CREATE DATABASE IF NOT EXISTS test" 2>"$TMP/create" || bail "mariadb: $(<"$TMP/create")"
bench=(--db-driver=mysql --mysql-host=127.0.0.1 --mysql-port="$port" --mysql-user=root --mysql-db=test --mysql-ssl=off
	--tables=1 --table-size=1000 --threads=4 --time=0)
sysbench-$$ "${bench[@]}" oltp_read_write prepare >"$TMP/sysbench" 2>&1 || bail "sysbench: $(tail -n 3 "$TMP/sysbench")"
start_seismo --probes request

n=$((2000 / scale))
load_counted "mariadb-slap on 4 connections" 0 mariadb-slap-$$ "${address[@]}" --concurrency=4 --number-of-queries=$n \
	--create-schema=slap --create="CREATE TABLE t (i INT)" --query="SELECT 1"
load_counted "prepared statements" 0 sysbench-$$ "${bench[@]}" --events=$n oltp_point_select run
load_counted "transactions of prepared statements" 0 sysbench-$$ "${bench[@]}" --events=$((n / 40)) oltp_read_write run
load_counted "transactions of texts" 0 sysbench-$$ "${bench[@]}" --events=$((n / 40)) --db-ps-mode=disable oltp_read_write run

n=$((500 / scale))
for ((i = 1; i <= n; i++)); do
	case $((i % 10)) in
	4) echo "SELECT * FROM missing.missing;" ;;
	8) echo "SELEC;" ;;
	*) echo "SELECT $i;" ;;
	esac
done >"$TMP/failing.sql"
errors=$(grep -cE "missing|SELEC;" "$TMP/failing.sql")
load_counted "statements that fail" "$errors" mariadb-$$ "${address[@]}" -f <"$TMP/failing.sql"
is "$errors" "$(grown seismo_request_errors_total service=mariadbd-$$ protocol=mysql class=42)" "by the class of their code"
# Compressed, some answers that are no errors cannot be told to be none
mark_log
mariadb-$$ "${address[@]}" -C -f <"$TMP/failing.sql" >"$TMP/client" 2>&1
commands=$(logged)
for end in mariadbd:inbound mariadb:outbound; do
	wait_until grown_to "$commands" seismo_requests_total service="${end%:*}-$$" protocol=mysql
	is "$commands $errors" "$(grown seismo_requests_total service="${end%:*}-$$" direction="${end#*:}" protocol=mysql) $(
		grown seismo_requests_total service="${end%:*}-$$" direction="${end#*:}" protocol=mysql status=error)" \
		"statements that fail, compressed: ${end#*:}"
done
load_counted "an answer of 10 MB, compressed" 0 mariadb-$$ "${address[@]}" -C -e "SELECT REPEAT('Z', 1000) FROM seq_1_to_10000" test
# The client knows an error also if it comes behind columns and rows, or of a later one of several statements
cat >"$TMP/later.sql" <<-'END'
	SELECT IF(seq = 3, (SELECT 1 UNION SELECT 2), seq) FROM test.seq_1_to_5;
	SELECT seq FROM test.seq_1_to_5;
	delimiter //
	SELECT 1; SELECT * FROM missing.missing; SELECT 2//
	SELECT 1; SET @a = 1; SELECT 2//
END
mark
for _ in {1..5}; do
	mariadb-$$ "${address[@]}" -f <"$TMP/later.sql" >"$TMP/client" 2>"$TMP/complaint"
	grep -c '^ERROR' "$TMP/complaint"
done >"$TMP/errors"
is "5 2" "$(uniq -c <"$TMP/errors" | xargs)" "two fail of each four"
is_counted mariadbd-$$ "errors behind rows and results" "inbound mysql error 10" "inbound mysql ok 10"
is_counted mariadb-$$ "errors behind rows and results" "outbound mysql error 10" "outbound mysql ok 10"
# The client is killed amid an answer, of which it can print no more
mkfifo "$TMP/printed"
exec {printed}<>"$TMP/printed"
mark
mariadb-$$ "${address[@]}" --quick -N test -e "SELECT REPEAT('Z', 1000) FROM seq_1_to_10000000" >"$TMP/printed" 2>"$TMP/complaint" &
client=$!
at_exit end_process $client
read -r -u "$printed" _
end_process $client 2>/dev/null
exec {printed}>&-
is_counted mariadbd-$$ "an answer breaks off" "inbound mysql error 1"
# A file from the client, in so many packets that their numbers begin anew
seq 1 700000 >"$TMP/file"
mariadb-$$ "${address[@]}" test -e "CREATE TABLE file (i INT) ENGINE=MyISAM"
mark
mariadb-$$ "${address[@]}" --local-infile test -e "LOAD DATA LOCAL INFILE '$TMP/file' INTO TABLE file; SELECT COUNT(*) FROM file; SELECT 2" \
	>"$TMP/client" 2>&1
is 700000 "$(sed -n 2p "$TMP/client")" "a file of $(($(wc -c <"$TMP/file") >> 20)) MiB is loaded"
is_counted mariadbd-$$ "a file from the client" "inbound mysql ok 3"
is_counted mariadb-$$ "a file from the client" "outbound mysql ok 3"
# No such database: the server says so in place of its welcome
mark
for _ in {1..5}; do
	mariadb-$$ "${address[@]}" nosuch -e "SELECT 1" 2>/dev/null
done
for end in mariadbd:inbound mariadb:outbound; do
	wait_until grown_to 5 seismo_requests_total service="${end%:*}-$$" protocol=mysql
	is "5" "$(grown seismo_requests_total service="${end%:*}-$$" direction="${end#*:}" protocol=mysql status=error)" \
		"connections that are refused: ${end#*:}"
done
# A proxy tells the server who asks, when that has greeted already
if command -v haproxy >/dev/null; then
	own_copy haproxy
	for version in '' -v2; do
		proxied=$(free_port)
		printf '%s\n' "defaults" "mode tcp" "timeout connect 9s" "timeout client 60s" "timeout server 60s" "listen it" \
			"bind 127.0.0.1:$proxied" "server s 127.0.0.1:$port send-proxy$version" >"$TMP/haproxy.cfg"
		server_start "$proxied" haproxy-$$ -db -f "$TMP/haproxy.cfg"
		mark
		for _ in {1..3}; do
			mariadb-$$ --no-defaults -h 127.0.0.1 -P "$proxied" --protocol=tcp --skip-ssl -f < <(printf 'SELECT 1;\nSELECT 2;\nSELEC;\n') >"$TMP/client" 2>&1
		done
		is_counted mariadbd-$$ "behind a proxy, send-proxy$version" "inbound mysql error 3" "inbound mysql ok 6"
		is_counted haproxy-$$ "behind a proxy, send-proxy$version" "inbound mysql error 3" "inbound mysql ok 6" "outbound mysql error 3" "outbound mysql ok 6"
	done
else
	skip_one "behind a proxy" "no haproxy on this host"
fi
# Statements that are prepared and run at once, of which the numbers of some look like more in the state of the server
cat >"$TMP/bin/direct-$$" <<'END'
import ctypes, sys
my = ctypes.CDLL("libmariadb.so.3")
for name in "mysql_init", "mysql_real_connect", "mysql_stmt_init":
    getattr(my, name).restype = ctypes.c_void_p
connection = ctypes.c_void_p(my.mysql_init(None))
assert my.mysql_real_connect(connection, b"127.0.0.1", b"root", None, b"test", int(sys.argv[1]), None, ctypes.c_ulong(0))
text = b"SELECT 1, 2, 3, 4, 5, 6, 7, 8"
for i in range(300):
    statement = ctypes.c_void_p(my.mysql_stmt_init(connection))
    assert not my.mariadb_stmt_execute_direct(statement, text, ctypes.c_size_t(len(text)))
    my.mysql_stmt_store_result(statement)
my.mysql_close(connection)
END
if /usr/bin/python3 -c 'import ctypes; ctypes.CDLL("libmariadb.so.3")' 2>/dev/null; then
	mark
	/usr/bin/python3 "$TMP/bin/direct-$$" "$port" || bail "no statements that are prepared and run at once"
	is_counted direct-$$ "prepared and run at once" "outbound mysql ok 600"
	is_counted mariadbd-$$ "prepared and run at once" "inbound mysql ok 600"
else
	skip_one "prepared and run at once" "no libmariadb.so.3 on this host"
fi
load_counted "an answer of 10 MB" 0 mariadb-$$ "${address[@]}" -e "SELECT REPEAT('Z', 1000) FROM seq_1_to_10000" test
load_counted "a query of 2 MB" 0 mariadb-$$ "${address[@]}" --max-allowed-packet=16M \
	< <(printf "SELECT LENGTH('%s');" "$(head -c 2M /dev/zero | tr '\0' Q)")
# newer clients want TLS there, too
load_counted "over a Unix socket" 0 mariadb-$$ --no-defaults --skip-ssl --socket="$TMP/mariadb.sock" <<<"$(printf 'SELECT %d;\n' {1..100})"
stop_seismo

# It is stopped before it accepts and greets, and goes on later; the probe tcp tells whose connections those are
start_seismo --probes request,tcp
mariadb-$$ "${address[@]}" -e "SELECT 1" >/dev/null
pid=$(cat "$TMP"/database/*.pid)
kill -STOP "$pid"
began=${EPOCHREALTIME/./}
mark
background mariadb-$$ "${address[@]}" -e "SELECT 1" >"$TMP/client" 2>&1
client=$!
are_waiting 1 0.3 "a server that is stopped" mariadb-$$ direction=outbound protocol=mysql
are_waiting 1 0.3 "a server that is stopped" mariadbd-$$ direction=inbound protocol=mysql
kill -CONT "$pid"
wait $client
for who in "mariadbd-$$ inbound" "mariadb-$$ outbound"; do
	is_counted "${who% *}" "it has been stopped" "${who#* } mysql ok 1"
	is_unanswered "${who% *}" "it has been stopped"
	none_waits "it has been stopped" "${who% *}"
done
stop_seismo
