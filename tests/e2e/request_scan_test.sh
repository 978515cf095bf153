#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A stream that the scan has to count is counted for its own protocol, whatever its connection's is. Two CPUs that are at a stream at the
# same moment leave it to the scan, which cannot be brought about: here a row is put into the table of streams, on a connection that is real.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need bpftool

# Sets streams and holders, the numbers of the daemon's tables.
tables_find() {
	local maps
	sed -nE 's/^prog_id:[ \t]*//p' "/proc/$seismo_pid/fdinfo"/* >"$TMP/programs" 2>/dev/null
	maps=$(bpftool --json prog show | jq -r '.[] | "\(.id) \(.map_ids[]?)"' |
		awk 'FNR == NR { held[$1]; next } $1 in held { print $2 }' "$TMP/programs" -)
	read -r streams holders < <(bpftool --json map show | jq -r '.[] | "\(.name) \(.id)"' |
		awk -v maps="$maps" '
		BEGIN { split(maps, id, "\n"); for (i in id) ours[id[i]] }
		$2 in ours { number[$1] = $2 }
		END { print number["request_streams"], number["request_holders"] }')
	[[ $streams && $holders ]]
}

# Little-endian, as bytes.
bytes_of() { # SIZE NUMBER...
	local size=$1 number i
	shift
	for number; do
		for ((i = 0; i < size; i++)); do
			printf '%d ' $((number >> 8 * i & 255))
		done
	done
}

# The addresses of sockets that have streams, as bytes.
sockets() {
	bpftool --json map dump id "$holders" | jq -r '.[].key | join(" ")'
}

has_sockets() {
	[[ $(sockets) ]]
}

start_seismo --probes request
server=r-scan-server-$$
workload tcp "$server" >/dev/null
background "$TMP/bin/$server" server 127.0.0.1 1 1000 0 >"$TMP/port"
wait_until test -s "$TMP/port"
exec {client}<>"/dev/tcp/127.0.0.1/$(<"$TMP/port")"
printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0' >&"$client"
wait_until tables_find || bail "no tables"
wait_until has_sockets || bail "no connection of HTTP/2"

# struct stream_key, struct stream_entry: complete, PROTOCOL_GRPC, NOT_FOUND
mark
while read -r socket; do
	# shellcheck disable=SC2046,SC2086 # bytes are words
	bpftool map update id "$streams" key $socket $(bytes_of 4 1 1) value $(bytes_of 8 1000 1000 2000) $(bytes_of 4 8 3)
done < <(sockets)
is_metric 1 "a call of gRPC on a connection of HTTP/2 is counted as such" \
	seismo_requests_total "service=$server" direction=inbound protocol=grpc status=NOT_FOUND
is 1 "$(value seismo_request_duration_seconds_count "service=$server" protocol=grpc)" "it is timed"
is "" "$(value seismo_requests_total "service=$server" protocol=http2)" "and nothing else is"
exec {client}>&-
stop_seismo
