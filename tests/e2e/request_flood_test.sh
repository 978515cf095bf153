#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Random connections, 100,000 of them or as many as there can be in 15 s, or SEISMO_FLOOD, however long that takes: what other
# connections count stays exact, and what tables of the daemon hold of them is gone soon after.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

connections=$((${SEISMO_FLOOD:-100000} / scale)) warm=$((2000 / scale))
seconds=15
[[ ! ${SEISMO_FLOOD-} ]] || seconds=86400
hostile=r-flood-$$
workload reqfuzz "$hostile" >/dev/null

# A program is both ends of its connections.
flood() { # ADDRESS CONNECTIONS SEED
	local made=0 n=1000 until=$((SECONDS + seconds))
	while ((made < $2 && SECONDS < until)); do
		((n = $2 - made < n ? $2 - made : n, made += n))
		"$TMP/bin/$hostile" brief "$1" $(($3 + made)) $n >>"$TMP/flooded" || return
	done
}

flooded() {
	awk -F '[= ]' '{ sum += $2 } END { print sum + 0 }' "$TMP/flooded"
}

# Tables that have more entries than TABLES, and more than one for each twenty connections. What others on this machine begin to do
# meanwhile has entries, too.
tables_grown() { # TABLES
	scrape
	series by=map seismo_map_entries | awk -v made="$made" '
		BEGIN { more = made / 20 > 2000 ? 2000 : made / 20 < 256 ? 256 : made / 20 }
		FNR == NR { before[$1] = $2; next }
		$2 > before[$1] + more { print $1, before[$1], "->", $2 }' "$1" -
}

have_returned() { # TABLES
	[[ ! $(tables_grown "$1") ]]
}

reqserver_start beside 127.0.0.1
start_seismo --probes request,tcp
flood 127.0.0.1 $warm 1000000 # what is made once is there
sleep 1
mark
series by=map seismo_map_entries >"$TMP/tables"
dropped=$(value seismo_series_dropped_total)
: >"$TMP/flooded"

# An honest connection asks all the while, others come and go.
client=r-beside-client-$$
workload reqserver "$client" >/dev/null
background "$TMP/bin/$client" client 127.0.0.1 "$port" requests=$((2000 / scale)) idle=5 fail=10 >"$TMP/$client"
asking=$!
flood 127.0.0.1 $((connections / 2)) 1 &
flooding=$!
flood ::1 $((connections / 2)) 2000000
wait $flooding
for ((i = 0; i < 10; i++)); do
	"$TMP/bin/$client" client 127.0.0.1 "$port" requests=10 fail=5 >"$TMP/more"
done
wait $asking
made=$(flooded)
echo "# result: $made random connections"
ok "random connections were made" between $((2000 / scale)) $connections "$made"
is_counted "$server" "beside them" "inbound http 200 $(($(said ok) + 80))" "inbound http 500 $(($(said failed) + 20))"
is_counted "$client" "beside them" "outbound http 200 $(($(said ok) + 80))" "outbound http 500 $(($(said failed) + 20))"
is_metric $((warm + made)) "all of them are connections" seismo_tcp_connections_total service="$hostile" direction=outbound
WAIT=30 wait_until have_returned "$TMP/tables"
is "" "$(tables_grown "$TMP/tables")" "no table has entries of all of them"
is 0 "$(calc "$(value seismo_series_dropped_total) - $dropped")" "no family has more series than it has room for"
is 0 "$(value_or_0 seismo_requests_in_flight service="$hostile")" "none of them waits any more"
is "" "$(tables_above 1)" "no table is over its capacity"
stop_seismo
