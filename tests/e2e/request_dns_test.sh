#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# DNS over UDP and TCP: queries that are answered, and how, as dig tells; and many in one system call.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

need dnsmasq dig
own_copy dnsmasq dig
port=$(free_port)

dig_counted() { # TEXT OPTION...
	local answered ok
	mark
	dig-$$ @127.0.0.1 -p "$port" "${@:2}" -f "$TMP/names" >"$TMP/dig" 2>&1
	answered=$(grep -c 'status: ' "$TMP/dig")
	ok=$(grep -c 'status: NOERROR' "$TMP/dig")
	is "$(wc -l <"$TMP/names") $(grep -vc missing "$TMP/names")" "$answered $ok" "dig has its answers: $1"
	is_counted dnsmasq-$$ "$1" "inbound dns error $((answered - ok))" "inbound dns ok $ok"
	is_counted dig-$$ "$1" "outbound dns error $((answered - ok))" "outbound dns ok $ok"
}

dns_start() { # NAME OPTION...
	server=d-$1-server-$$
	workload reqdns "$server" >/dev/null
	"$TMP/bin/$server" server 127.0.0.1 "${@:2}" >"$TMP/$server" &
	at_exit end_process $!
	wait_until test -s "$TMP/$server" || bail "$server did not start"
	dns_port=$(<"$TMP/$server")
}

batches_counted() { # NAME QUERIES BATCH
	client=d-$1-client-$$
	workload reqdns "$client" >/dev/null
	mark
	timeout 60 "$TMP/bin/$client" client 127.0.0.1 "$dns_port" "$2" "$3" 10 >"$TMP/$client" || bail "$client failed"
	is "$(($2 - $2 / 10)) $(($2 / 10))" "$(said ok) $(said failed)" "$2 queries by $3 are answered"
	is_counted "$server" "$2 queries by $3" "inbound dns error $(said failed)" "inbound dns ok $(said ok)"
	is_counted "$client" "$2 queries by $3" "outbound dns error $(said failed)" "outbound dns ok $(said ok)"
}

server_start "$port" dnsmasq-$$ --keep-in-foreground --no-resolv --no-hosts --conf-file=/dev/null --user=root \
	--listen-address=127.0.0.1 --bind-interfaces --port="$port" --pid-file="$TMP/dnsmasq.pid" \
	--address=/found.test/192.0.2.1 --local=/missing.test/
start_seismo --probes request

for ((i = 1; i <= 500 / scale; i++)); do
	name=$i.found.test
	((i % 10)) || name=$i.missing.test
	echo "$name"
done >"$TMP/names"
dig_counted "UDP"
head -n 100 "$TMP/names" >"$TMP/names.100" && mv "$TMP/names.100" "$TMP/names"
dig_counted "a connection for each" +tcp
dig_counted "one connection for all" +tcp +keepopen

# Not only queries: what changes a zone is refused here
if command -v nsupdate >/dev/null; then
	own_copy nsupdate
	mark
	for ((i = 0; i < 3; i++)); do
		printf 'server 127.0.0.1 %s\nzone found.test\nupdate add a.found.test 60 A 192.0.2.3\nsend\n' "$port" | nsupdate-$$ -t 60
	done 2>"$TMP/refused"
	is 3 "$(grep -c REFUSED "$TMP/refused")" "nsupdate is refused"
	is_counted dnsmasq-$$ "updates" "inbound dns error 3"
	is_counted nsupdate-$$ "updates" "outbound dns error 3"
fi

dns_start batch
batches_counted batch $((2000 / scale)) 1
batches_counted batch $((6400 / scale)) 16

# The time from query to answer, of those that are answered together too
dns_start slow delay=20
batches_counted slow $((160 / scale)) 4
is 0 "$(grown seismo_request_duration_seconds_bucket service="$server" le=0.015625)" "none took less than its delay"
ok "nor more than the client saw" between 0.02 "$(calc "$(said mean) * 1.09")" "$(mean seismo_request_duration_seconds service="$server" direction=inbound)"
stop_seismo
