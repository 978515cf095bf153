#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Bytes of TCP where no call tells how many, or several calls tell at once: they are the program's own count.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/tcp.sh
. "$(dirname "$0")/tcp.sh"
need ip
namespace_make "$server_in"

# --- threads that read one socket at the same time; the programs of either family count

for probes in request,tcp tcp; do
	start_seismo --probes $probes
	together=$((8000000 / scale))
	mark
	connect "together-${probes%,*}" 127.0.0.1 1 $together 1000 readers=8 ""
	is_metric $together "$probes: what eight threads read from one socket counts once" \
		seismo_tcp_bytes_total "service=$server" direction=received
	is_metric 1000 "$probes: so does what it sends" seismo_tcp_bytes_total "service=$server" direction=sent
	[[ $probes == tcp ]] || stop_seismo
done

# --- more than 2 GiB that nothing tells of before the connection ends

if ((scale > 1)); then
	skip_one "more than 2 GiB that are spliced" "an emulated machine takes too long"
else
	service=w-much-$$
	workload bypass "$service" >/dev/null
	mark
	read -ra said < <(timeout 120 "$TMP/bin/$service" sendfile splice whole up requests=137 size=16000000 fail=0)
	is_metric "${said[1]#*=}" "more than 2 GiB that are spliced" \
		seismo_tcp_bytes_total "service=$service" direction=received
	is_metric "${said[0]#*=}" "they are as many as are sent" seismo_tcp_bytes_total "service=$service" direction=sent
fi
stop_seismo
