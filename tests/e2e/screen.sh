# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the tests of seismo top on a screen share: a server with a steady client, an alert that fires, and a terminal.
# After lib.sh and servers.sh.

# shellcheck source=tests/e2e/terminal.sh
. "$(dirname "$0")/terminal.sh"
need redis-server redis-cli redis-benchmark jq curl
own_copy redis-server redis-benchmark
server=redis-server-$$
port=$(free_port)
firing=w-firing-$$

cat >"$CONFIG" <<-END
	builtin_rules: off
	rules:
	  - alert: Runs
	    metric: seismo_processes
	    where: { service: $firing }
	    by: [service]
	    value: last
	    above: 0.5
	    window: 1s
	    severity: page
	    summary: "{{service}} runs"
END

# Starts it in the terminal, whose shell says how it ended.
run_top() { # OPTION...
	keys "clear; $SEISMO top --config $CONFIG --state-dir $TMP/state ${*@Q}; echo \"ended with \$?\"" Enter
	wait_until on_screen '^  SERVICE' || bail "no table: $(screen)"
}

column() { # TITLE SERVICE: what the table has there
	screen | awk -v title="$1" -v service="$2" '
		/^  SERVICE/ { gsub(/IN p99/, "INp99"); gsub(/DISK B/, "DISKB"); for (i = 1; i <= NF; i++) if ($i == title) at = i }
		{ sub(/^[!* ] /, "") }
		$1 == service { print $at; exit }'
}

# CPU time of all threads so far, in us
cpu_us() { # PID
	cat "/proc/$1"/task/*/schedstat | awk '{ ns += $1 } END { printf "%d\n", ns / 1000 }'
}

# shellcheck disable=SC2119 # it has no options
start_seismo
server_start "$port" "$server" --port "$port" --save '' --appendonly no
terminal_start 120 24
keys 'stty -g >'"$TMP/stty.before" Enter

# A steady load, and an alert.
cp "$(command -v sleep)" "$TMP/bin/$firing"
background "$firing" 1000
background redis-cli -p "$port" -r 1000000 -i 0.01 ping >/dev/null
