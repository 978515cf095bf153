#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# memcached, its text and its binary protocol: each command that has an answer is a request. The truth is the
# server's own count.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

need memcached memcslap /usr/bin/python3
own_copy memcached memcslap dd
port=$(free_port)

# Sends the lines of stdin and prints as many lines of the answer.
talk() { # ANSWERS
	local socket i line
	exec {socket}<>"/dev/tcp/127.0.0.1/$port"
	sed 's/$/\r/' >&"$socket"
	for ((i = 0; i < $1; i++)); do
		read -rt 60 line <&"$socket" || break
		echo "${line%$'\r'}"
	done
	exec {socket}>&-
}

# Commands that the server has run.
commands() {
	local socket name value sum=0
	exec {socket}<>"/dev/tcp/127.0.0.1/$port"
	printf 'stats\r\n' >&"$socket"
	while read -r _ name value <&"$socket" && [[ $name ]]; do
		[[ $name == cmd_@(get|set|flush|touch) || $name == @(delete|incr|decr)_@(hits|misses) ]] &&
			((sum += ${value%$'\r'}))
	done
	exec {socket}>&-
	echo $sum
}

slap() { # OPTION...
	local before commands
	before=$(commands)
	mark
	memcslap-$$ --servers="127.0.0.1:$port" "$@" >"$TMP/slap" 2>&1 || bail "memcslap: $(tail -n 1 "$TMP/slap")"
	commands=$(($(commands) - before))
	ok "memcslap $* made $commands commands" test "$commands" -ge $((n * 4))
	# and asking how many they were
	is_counted memcached-$$ "memcslap $*" "inbound memcached ok $((commands + 1))"
	is_counted memcslap-$$ "memcslap $*" "outbound memcached ok $commands"
}

talk_counted() { # TEXT ANSWERS OK ERRORS
	local lines=()
	(($3)) && lines+=("inbound memcached ok $3")
	(($4)) && lines+=("inbound memcached error $4")
	mark
	talk "$2" >"$TMP/answers"
	is "$2" "$(wc -l <"$TMP/answers")" "$1: the lines of the answers have come"
	is_counted memcached-$$ "$1" "${lines[@]}"
}

server_start "$port" memcached-$$ -p "$port" -l 127.0.0.1 -U 0 -u root -m 256
start_seismo --probes request

n=$((1000 / scale))
slap --test=set --execute-number=$n --concurrency=4
slap --test=get --execute-number=$n --concurrency=4 --initial-load=1000
slap --test=set --execute-number=$n --concurrency=4 --binary
slap --test=get --execute-number=$n --concurrency=4 --binary --initial-load=1000

talk_counted "a few commands at once" 8 6 0 <<-END
	set a 0 0 5
	value
	get a
	get missing
	delete a
	incr missing 1
	version
END
talk_counted "commands that are wrong" 3 1 2 <<-END
	version
	nonsense
	get
END
talk_counted "no answer is asked for" 1 1 0 <<-END
	set b 0 0 5 noreply
	value
	delete b noreply
	version
END
talk_counted "a value that is like commands" 5 2 0 <<-'DONE'
	set c 0 0 23
	get a
	set x 0 0 1
	END
	get c
	DONE

# The first command of a connection, in binary, with a value that takes several reads: 2 + 8 + 100,000 bytes
mark
exec 3<>"/dev/tcp/127.0.0.1/$port"
{
	printf '\x80\1\0\2\x08\0\0\0\0\1\x86\xaa\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0dd'
	head -c 100000 /dev/zero
} | dd-$$ bs=1M iflag=fullblock status=none >&3
is "81 01" "$(head -c 24 <&3 | od -An -tx1 -N 2 | xargs)" "a long value is stored"
exec 3>&-
is_counted memcached-$$ "a long value, first of all" "inbound memcached ok 1"

# Lists of keys, meta commands, quiet ones among them, and mistakes; values that the server has no room for
cat >"$TMP/meta-$$" <<-'END'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	r = s.makefile("rb")
	def ask(data, *answers):
	    s.sendall(data)
	    for answer in answers:
	        line = r.readline()
	        assert line.startswith(answer), (data, line)
	ask(b"set listed 0 0 1\r\nx\r\n", b"STORED")
	for i in range(3):
	    s.sendall(b"lru_crawler metadump all\r\n")
	    while not r.readline().startswith((b"END", b"BUSY")):
	        pass
	for i in range(20):
	    ask(b"ms k 5 T0\r\nhello\r\n", b"HD")
	    ask(b"mg k v t\r\n", b"VA 5", b"hello")
	    ask(b"mg none v\r\n", b"EN")
	    ask(b"ma none\r\n", b"NF")
	    ask(b"md k I q\r\nmn\r\n", b"MN")
	    ask(b"mg k v q\r\nmg none v q\r\nmn\r\n", b"VA 5", b"hello", b"MN")
	    ask(b"me none\r\n", b"EN")
	    ask(b"ms\r\n", b"ERROR")
	    ask(b"nonsense\r\n", b"ERROR")
	for i in range(5):
	    ask(b"set a 0 0 2000000\r\n" + b"x" * 2000000 + b"\r\n", b"SERVER_ERROR")
END
mark
/usr/bin/python3 "$TMP/meta-$$" "$port" 2>"$TMP/complaint" || bail "$(tail -n 1 "$TMP/complaint")"
is_counted meta-$$ "lists and meta commands" "outbound memcached error 45" "outbound memcached ok 144"
is_counted memcached-$$ "lists and meta commands" "inbound memcached error 45" "inbound memcached ok 144"
stop_seismo
