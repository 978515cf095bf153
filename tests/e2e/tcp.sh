# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# The two ends of TCP connections, in network namespaces where nothing else runs, and what the kernel itself
# counts there. After lib.sh. Where the ends are: server_in and client_in, which may be the same.

server_in=seismo-e2e-$$ client_in=seismo-e2e-$$

namespace_make() { # NAMESPACE
	ip netns add "$1" 2>/dev/null || skip "cannot make a network namespace"
	at_exit ip netns delete "$1"
	ip -n "$1" link set lo up
}

# A counter of /proc/net/snmp's Tcp lines.
snmp() { # NAMESPACE NAME
	ip netns exec "$1" cat /proc/net/snmp | awk -v name="$2" '
	$1 != "Tcp:" { next }
	!column { for (i = 2; i <= NF; i++) if ($i == name) column = i; next }
	{ print $column }'
}

# A number of the workload's last line.
said() { # FILE KEY
	local lines
	mapfile -t lines <"$1"
	[[ " ${lines[-1]}" =~ \ $2=([^ ]+) ]] && echo "${BASH_REMATCH[1]}"
}

# Starts a server in the background. Sets server, its name and service, server_pid and port; its last words
# are in $TMP/$server.
serve() { # NAME ADDRESS CONNECTIONS UP DOWN OPTION...
	server=w-$1-server-$$
	workload tcp "$server" >/dev/null
	ip netns exec "$server_in" timeout --foreground 60 "$TMP/bin/$server" server "${@:2}" >"$TMP/$server" &
	server_pid=$!
	at_exit end_process "$server_pid"
	wait_until test -s "$TMP/$server"
	port=$(head -n 1 "$TMP/$server")
}

# Runs a client to $port, until it ends; it is named `client`, and its last words are in $TMP/$client.
client_run() { # NAME ADDRESS CONNECTIONS UP DOWN OPTION...
	client=w-$1-client-$$
	workload tcp "$client" >/dev/null
	ip netns exec "$client_in" timeout --foreground 60 "$TMP/bin/$client" client "$2" "$port" "${@:3}" >"$TMP/$client"
}

# Runs a server and its client.
connect() { # NAME ADDRESS CONNECTIONS UP DOWN SERVER-OPTIONS CLIENT-OPTIONS
	# shellcheck disable=SC2086 # options are words
	serve "${@:1:5}" $6
	# shellcheck disable=SC2086
	client_run "${@:1:5}" $7
	wait "$server_pid"
	is "$3 $3" "$(said "$TMP/$client" connected) $(said "$TMP/$server" connected)" \
		"$1: the workload made its connections"
}
