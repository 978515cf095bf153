#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Inside TLS of programs in Go: requests count by protocol and status, as their clients say; of programs with symbols and
# stripped, and on connections from before, too. Stacks grow and goroutines change threads, and no program is harmed when it is looked
# into, or not any more, in the midst of it: only instructions that it begins and returns with are others for as long.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/clients.sh
. "$(dirname "$0")/clients.sh"

[[ -e /sys/bus/event_source/devices/uprobe ]] || skip "this kernel has no uprobes"
need go

# Garbage is collected all the time, stacks shrink by that, what is free is written over, and goroutines are many more than threads.
go_run=(env GOGC=5 GOMAXPROCS=3 GODEBUG=clobberfree=1)
at_a_time=12
n=40 # of each of them, while programs are attached and let go

go_build gotls "$TMP/bin/go-symbols-$$"
go_build gotls "$TMP/bin/go-bare-$$" -ldflags '-s -w -buildid='

declare -A pids own lines fds # own: ports of servers that read into their stacks
serve() { # NAME
	"${go_run[@]}" "$TMP/bin/$1-$$" server >"$TMP/$1" 2>"$TMP/$1.log" &
	pids[$1]=$!
	at_exit end_process $!
	wait_until test -s "$TMP/$1" || bail "$1 did not start: $(tail -n 3 "$TMP/$1.log")"
	read -r "ports[$1]" "own[$1]" <"$TMP/$1"
}

client_command() { # NAME PORT PROTOCOL: sets command
	command=("${go_run[@]}" "$TMP/bin/$1-$$" client "https://127.0.0.1:$2" "$3" "$at_a_time")
}

# A client, which keeps its connections and asks when it is told to.
client_start() { # NAME PORT PROTOCOL
	[[ -e $TMP/bin/$1-$$ ]] || ln "$TMP/bin/go-symbols-$$" "$TMP/bin/$1-$$"
	mkfifo "$TMP/$1.fifo"
	client_command "$@"
	"${command[@]}" <"$TMP/$1.fifo" >"$TMP/$1" 2>"$TMP/$1.log" &
	pids[$1]=$!
	at_exit end_process $!
	exec {fd}>"$TMP/$1.fifo"
	fds[$1]=$fd lines[$1]=0
}

has_said() { # NAME
	kill -0 "${pids[$1]}" && (($(wc -l <"$TMP/$1") == lines[$1]))
}

tell() { # NAME STATUS NUMBER
	echo "$2 $3" >&"${fds[$1]}"
	((lines[$1] += 1))
}

told() { # NAME NUMBER: what was told last is done
	WAIT=100 wait_until has_said "$1"
	is "ok $(($2 * at_a_time))" "$(tail -n 1 "$TMP/$1")$(tail -n 3 "$TMP/$1.log")" "$1 got $2 responses for each of $at_a_time"
}

ask() { # NAME NUMBER STATUS...
	local status
	for status in "${@:3}"; do
		tell "$1" "$status" "$2"
		told "$1" "$2"
	done
}

# --- on connections from before

serve go-symbols
serve go-bare
client_start go-old "${ports[go-symbols]}" http
client_start go-old-own "${own[go-bare]}" http
client_start go-old-h2 "${ports[go-bare]}" h2
old=(go-old go-old-own go-old-h2)
for name in "${old[@]}"; do
	ask "$name" 1 200
done
echo "probes: { tls: { services: [ 'go-*-$$' ] } }" >>"$CONFIG"
start_seismo --probes request,tls


# What grew of the service: "PROTOCOL NUMBER".
protocols() { # SERVICE
	requests_read "$1"
	awk '{ sum[$2] += $4 } END { for (protocol in sum) print protocol, sum[protocol] }' <<<"$counted" | sort | xargs
}

# One more from each connection; are they told by what is inside?
is_inside() { # CLIENT SERVER PROTOCOL
	mark
	tell "$1" 200 1
	wait_until has_said "$1"
	protocols_are "$2-$$" "$3 $at_a_time" && protocols_are "$1-$$" "$3 $at_a_time"
}

protocols_are() { # SERVICE PROTOCOLS
	local seen
	WAIT=3 wait_until all_seen "$1"
	[[ $seen == "$2" ]]
}

# One from each connection has grown, as of whatever protocol.
all_seen() { # SERVICE
	scrape
	seen=$(protocols "$1")
	(($(awk '{ for (i = 2; i <= NF; i += 2) sum += $i } END { print sum + 0 }' <<<"$seen") == at_a_time))
}

all_counted() { # CLIENT SERVER PROTOCOL
	local outbound=("outbound $3 200 $((3 * at_a_time))" "outbound $3 404 $((3 * at_a_time))" "outbound $3 503 $((3 * at_a_time))")
	mark
	ask "$1" 3 200 404 503
	is_counted "$1-$$" "$1 asks $2" "${outbound[@]}"
	is_counted "$2-$$" "$1 asks $2" "${outbound[@]/#outbound/inbound}"
}

# An exchange that was under way when the programs were attached is one of records.
wait_until is_inside go-old go-symbols http
all_counted go-old go-symbols http
wait_until is_inside go-old-own go-bare http
all_counted go-old-own go-bare http
# Which status a number stands for may have been said before: those of HTTP/2 are not all known.
wait_until is_inside go-old-h2 go-bare http2
is 0 $? "HTTP/2 of before is known as such"

# --- on new connections

# A program is known from the first reading on after its first start.
is_known() { # NAME PORT PROTOCOL
	client_command "$@"
	mark
	"${command[@]}" <<<"200 1" && protocols_are "$1-$$" "${3/h2/http2} $at_a_time"
}

client_known() { # NAME PORT PROTOCOL
	ln "$TMP/bin/go-symbols-$$" "$TMP/bin/$1-$$"
	wait_until is_known "$@"
	client_start "$@"
}

client_known go-new-h2 "${ports[go-symbols]}" h2
all_counted go-new-h2 go-symbols http2
client_known go-new "${ports[go-bare]}" http
all_counted go-new go-bare http
client_known go-new-own "${own[go-symbols]}" http
all_counted go-new-own go-symbols http

# A session ticket comes before the first response, and is none.
for protocol in http h2; do
	client_known go-slow-$protocol "${ports[go-bare]}" $protocol
	mark
	ask go-slow-$protocol 1 503
	is_counted go-slow-$protocol-$$ "first responses" "outbound ${protocol/h2/http2} 503 $at_a_time"
	is 0 "$(grown seismo_request_duration_seconds_bucket service=go-slow-$protocol-$$ le=0.015625)" "none of them took less than 20 ms"
done

# --- which instructions are others, as long as programs are attached

step=1
[[ $(uname -m) != aarch64 ]] || step=4 # bytes of an instruction, at least

# Where a program's instructions are others in a process than in its file.
differing() { # NAME
	local start end at byte
	IFS='- ' read -r start end at < <(awk '$2 ~ /x/ && /go-/ { print $1, $3; exit }' "/proc/${pids[$1]}/maps")
	cmp -l <(dd "if=/proc/${pids[$1]}/mem" bs=4096 skip=$((0x$start / 4096)) count=$(((0x$end - 0x$start) / 4096)) 2>"$TMP/dd") \
		<(dd "if=$TMP/bin/$1-$$" bs=4096 skip=$((0x$at / 4096)) count=$(((0x$end - 0x$start) / 4096)) 2>"$TMP/dd") 2>"$TMP/cmp" |
		while read -r byte _; do
			printf '%#x\n' $(((0x$start + byte - 1) / step * step))
		done | sort -u
}

differ() { # NAME...
	local name
	for name in "$@"; do
		[[ $(differing "$name") ]] || return 1
	done
}

are_as_they_were() { # NAME...
	local name
	for name in "$@"; do
		[[ ! $(differing "$name") ]] || return 1
	done
}

expected=$(go tool objdump -s '^crypto/tls.\(\*Conn\).(Read|writeRecordLocked|Close)$' "$TMP/bin/go-symbols-$$" |
	awk '/^TEXT/ { begins = 1; read = /Read/; next } begins || (read && $4 == "RET") { print $2 } { begins = 0 }' | sort)
is "$expected" "$(differing go-symbols)" "where Go's own tool sees the functions begin, and Read return"

# --- in the midst of it

services() { # PATTERN
	sed -i '/tls:/d' "$CONFIG"
	echo "probes: { tls: { services: [ '$1' ] } }" >>"$CONFIG"
	kill -HUP "$seismo_pid"
}

busy=(go-old go-old-own go-old-h2 go-new go-new-own go-new-h2)
for name in "${busy[@]}"; do
	tell "$name" 200 $n
done
services nobody
wait_until are_as_they_were go-symbols go-bare
services "go-*-$$"
wait_until differ go-symbols go-bare
ok "they were let go, and attached to again" differ go-symbols go-bare
kill -KILL "$seismo_pid"
wait_until are_as_they_were go-symbols go-bare
ok "after the daemon was killed the code is as it was" are_as_they_were go-symbols go-bare
for name in "${busy[@]}"; do
	told "$name" $n
done
for name in go-symbols go-bare; do
	is "" "$(<"$TMP/$name.log")" "$name has nothing to complain of"
done
