#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Streams that make no sense, in great number: honest connections beside them are counted as exactly as ever,
# no table grows, and no series that means nothing is made.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

need nginx ab
own_copy nginx ab
hostile=r-hostile-$$
connections=$((20000 / scale))
workload reqfuzz "$hostile" >/dev/null

# Prints the tables that are shared or the requests' own, with the number of entries.
tables() {
	series by=map seismo_map_entries
}

hostile_sent() {
	(($(grep -c '^connections=' "$TMP/hostile") >= 4))
}

# Statuses of the hostile streams that there cannot be.
odd_statuses() {
	series by=status seismo_requests_total service="$hostile" | awk '
		$1 !~ /^(ok|error|unknown|other|[1-9][0-9][0-9])$/ { print $1 }'
}

nginx_port=$(free_port)
mkdir "$TMP/www"
chmod 755 "$TMP"
head -c 1000 /dev/zero >"$TMP/www/file"
nginx_start "$nginx_port" "server { listen 127.0.0.1:$nginx_port; root $TMP/www; }"
reqserver_start honest 127.0.0.1
start_seismo --probes request
scrape
dropped=$(value seismo_series_dropped_total)

# One end lies to nginx, which also has an honest client; another is both ends; both as long as honest ones ask
mark
for ((i = 1; ; i++)); do
	"$TMP/bin/$hostile" client 127.0.0.1 $i $((connections / 10)) "$nginx_port"
	"$TMP/bin/$hostile" both 127.0.0.1 $i $((connections / 10))
done >"$TMP/hostile" 2>&1 &
at_exit end_process $!
loop=$!
n=$((20000 / scale))
ab-$$ -q -k -n $n -c 8 "http://127.0.0.1:$nginx_port/file" >"$TMP/ab"
reqserver_ask honest 127.0.0.1 connections=8 requests=$((n / 10)) fail=10
wait_until hostile_sent
kill $loop
wait $loop 2>/dev/null
ok "hostile streams were sent all the while" hostile_sent
is "$n" "$(awk '/^Complete requests:/ { print $3 }' "$TMP/ab")" "ab's requests were answered"
is_counted ab-$$ "ab's beside hostile streams" "outbound http 200 $n"
is_counted "$server" "ours beside hostile streams" "inbound http 200 $(said ok)" "inbound http 500 $(said failed)"
is_counted "$client" "ours beside hostile streams" "outbound http 200 $(said ok)" "outbound http 500 $(said failed)"
ok "some of the hostile streams are counted" between 1 100000000 "$(grown seismo_requests_total service="$hostile")"

other=r-nottcp-$$
workload nottcp "$other" >/dev/null
ok "messages go and come through sockets that are numbered like TCP" grep -q '^raw=100 ' <("$TMP/bin/$other" 100)
scrape
is 0 "$(value_or_0 seismo_requests_total "service=$other")" "they are no requests"
is "" "$(odd_statuses)" "no status that there cannot be"
is 0 "$(calc "$(value seismo_series_dropped_total) - $dropped")" "no family has more series than it has room for"
tables >"$TMP/after"
"$TMP/bin/$hostile" both 127.0.0.1 77 $connections >"$TMP/more"
sleep 0.5
scrape
tables >"$TMP/later"
ok "tables do not grow with what is sent" test -z "$(awk '
	FNR == NR { after[$1] = $2; next }
	$2 > after[$1] * 1.5 + 1000 { print $1, after[$1], "->", $2 }' "$TMP/after" "$TMP/later")"
is "" "$(tables_above 1)" "no table is over its capacity"
ok "the daemon is well" http_get /-/healthy "$TMP/healthy"
stop_seismo
