#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Redis: each command is a request, pipelined or not; what is published to subscribers is none. The truth is
# the server's own count.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

need redis-server redis-cli redis-benchmark
own_copy redis-server redis-cli redis-benchmark dd
port=$(free_port)

cli() { # OPTION...
	redis-cli-$$ -p "$port" "$@"
}

# How many commands the server has run; to ask is one as well.
commands() {
	cli info stats | sed -n 's/^total_commands_processed:\([0-9]*\).*/\1/p'
}

# Both ends count what the server says it has run.
benchmark() { # OPTION...
	local before after
	before=$(commands)
	mark
	redis-benchmark-$$ -p "$port" -q "$@" >"$TMP/benchmark" 2>&1 || bail "redis-benchmark: $(tail -n 1 "$TMP/benchmark")"
	after=$(commands)
	is_counted redis-benchmark-$$ "redis-benchmark $*" "outbound redis ok $((after - before - 1))"
	is_counted redis-server-$$ "redis-benchmark $*" "inbound redis ok $((after - before))"
}

# Both ends count what is known of the commands.
cli_counted() { # TEXT OK ERRORS OPTION...
	local lines=("redis ok $2")
	(($3)) && lines+=("redis error $3")
	mark
	cli "${@:4}" >"$TMP/client" 2>&1
	is_counted redis-server-$$ "$1" "${lines[@]/#/inbound }"
	is_counted redis-cli-$$ "$1" "${lines[@]/#/outbound }"
}

server_start "$port" redis-server-$$ --port "$port" --bind 127.0.0.1 --unixsocket "$TMP/redis.sock" --save '' --dir "$TMP"
start_seismo --probes request

n=$((20000 / scale))
benchmark -c 1 -P 1 -n $((n / 10)) -t ping_mbulk,get
benchmark -c 50 -P 1 -n $n -t set,get,incr
benchmark -c 50 -P 16 -n $((n * 4)) -t set,get,lpush
benchmark -c 8 -P 1 -n $((n / 10)) -t lrange_100,lrange_600,mset
benchmark -c 8 -P 16 -n $((n / 10)) -t lrange_300,mset
benchmark -c 4 -P 1 -n $((n / 50)) -d 1000000 -t set,get
benchmark -c 4 -P 8 -n $n -d 3000 -t set,get
benchmark -c 1 -P 10000 -n 20000 -t set # in one call

# Errors, exactly; then a value that looks like commands, and a transaction
n=$((1000 / scale / 10))
cli set text value >/dev/null
for ((i = 0; i < n; i++)); do
	printf '%s\n' "get text" "lpush text x" "ping" "get" "incr text" "get missing" "set a 1" "strlen a" "echo x" "nonsense"
done >"$TMP/commands"
# Some versions of redis-cli begin by asking what commands there are; the server knows whether it was asked.
cli <<<ping >/dev/null
asks=$(cli info commandstats | grep -c '^cmdstat_command[|:]')
cli_counted "-ERR and -WRONGTYPE" $((6 * n + (asks > 0))) $((4 * n)) <"$TMP/commands"
while read -ra words; do
	printf '*%d\r\n' ${#words[@]}
	for word in "${words[@]}"; do
		printf '%s%d\r\n%s\r\n' "\$" ${#word} "$word"
	done
done <"$TMP/commands" >"$TMP/encoded"
cli_counted "the same pipelined, and an echo at the end" $((6 * n + 1)) $((4 * n)) --pipe <"$TMP/encoded"
for ((i = 0; i < 20000; i++)); do
	printf '*1\r\n%s\r\nping\r\n-ERR no\r\n' "\$4"
done >"$TMP/value"
cli_counted "a value that is like commands" 1 0 -x set value <"$TMP/value"
cli_counted "and back" 1 0 get value
printf '%s\n' multi "set a 1" "lpush text x" exec multi "incr a" exec >"$TMP/commands"
cli_counted "a transaction, in which a command fails" $((7 + (asks > 0))) 0 <"$TMP/commands"
n=$((200 / scale))
cli_counted "RESP3, which begins with HELLO" $((n + 1)) 0 -3 -r $n hgetall missing

mark
exec {socket}<>"/dev/tcp/127.0.0.1/$port"
for ((i = 0; i < 50; i++)); do
	printf 'PING\r\n' >&"$socket"
	read -r _ <&"$socket"
done
exec {socket}>&-
is_counted redis-server-$$ "commands of people, without lengths" "inbound redis ok 50"

# What a connection begins with so, and a command with lengths; two of the names are memcached's too, which the answer tells apart
typed() { # COMMAND...
	local command bytes
	mark
	for command in "$@"; do
		exec {socket}<>"/dev/tcp/127.0.0.1/$port"
		for bytes in "$command\r\n" "*1\r\n\$4\r\nPING\r\n"; do
			printf '%b' "$bytes" | dd-$$ bs=1K iflag=fullblock status=none >&"$socket"
			dd-$$ bs=64K count=1 status=none <&"$socket"
		done
		exec {socket}>&-
	done >"$TMP/answers"
	is $# "$(grep -c '+PONG' "$TMP/answers")" "$*: each is answered, and a ping"
}
cli set text value >/dev/null
typed "info server" "ROLE" "GET text" "SET a b" "GET" "SET a $(printf '%0100d' 1)" "auth x"
is_counted redis-server-$$ "typed" "inbound redis error 2" "inbound redis ok 12"
is_counted dd-$$ "typed" "outbound redis error 2" "outbound redis ok 12"
typed "get text" "set a b" "incr text"
unanswered=1 is_counted redis-server-$$ "typed, in small letters" "inbound redis error 1" "inbound redis ok 5"
is_counted dd-$$ "typed, in small letters" "outbound redis error 1" "outbound redis ok 5"
{
	for i in {1..200}; do
		printf 'SET key%d value%d\r\n' "$i" "$i"
	done
	printf 'INCR text\r\n'
} >"$TMP/commands"
cli_counted "commands without lengths that are piped, and an echo" 201 1 --pipe <"$TMP/commands"

# Of two in one call the first is answered, and another process reads that, before the call is at its end
ping() {
	printf '*1\r\n%s\r\nPING\r\n' "\$4"
}
mark
exec {socket}<>"/dev/tcp/127.0.0.1/$port"
for _ in 1 2; do
	ping | dd-$$ bs=1K iflag=fullblock status=none >&"$socket"
	dd-$$ bs=64K count=1 status=none <&"$socket"
	{
		ping
		printf '*3\r\n%s\r\nSET\r\n%s\r\nlong\r\n%s\r\n' "\$3" "\$4" "\$33554432"
		head -c 33554432 /dev/zero
		printf '\r\n'
	} | dd-$$ bs=64M iflag=fullblock status=none >&"$socket" &
	dd-$$ bs=64K count=1 status=none <&"$socket"
	wait $!
	dd-$$ bs=64K count=1 status=none <&"$socket"
	sleep 1.2
done >"$TMP/answers"
exec {socket}>&-
is "+PONG +PONG +OK +PONG +PONG +OK" "$(tr -d '\r' <"$TMP/answers" | xargs)" "six commands are answered"
is_counted dd-$$ "answered before the call that asks is at its end" "outbound redis ok 6"
is 6 "$(grown seismo_request_duration_seconds_bucket service=dd-$$ le=1)" "none is slow"

# A subscriber gets messages that it did not ask for.
published=$((500 / scale))
mark
background cli subscribe news >"$TMP/news"
wait_until grep -q subscribe "$TMP/news"
cli -r $published publish news "what happened" >/dev/null
all_came() {
	(($(grep -c 'what happened' "$TMP/news") >= published))
}
wait_until all_came
is $published "$(grep -c 'what happened' "$TMP/news")" "the subscriber got all messages"
is_counted redis-server-$$ "one subscribes, $published are published" "inbound redis ok $((published + 1))"
is_counted redis-cli-$$ "one subscribes, $published are published" "outbound redis ok $((published + 1))"

mark
cli -s "$TMP/redis.sock" -r $((300 / scale)) get text >/dev/null
is_counted redis-server-$$ "over a Unix socket" "inbound redis ok $((300 / scale))"
is_counted redis-cli-$$ "over a Unix socket" "outbound redis ok $((300 / scale))"

mark
cli blpop never 1 >/dev/null
cli xread block 100 streams never 0 >/dev/null
is_counted_untimed redis-server-$$ "commands that wait for something" "inbound redis ok 2"
is_counted_untimed redis-cli-$$ "commands that wait for something" "outbound redis ok 2"

# A replica that has all that there is: it acknowledges that each second, and its master pings it. Neither is a request, and
# the master's clients are as fast as before.
replica_port=$(free_port)
cp "$(command -v redis-server)" "$TMP/bin/redis-replica-$$"
server_start "$replica_port" redis-replica-$$ --port "$replica_port" --bind 127.0.0.1 --save '' --dir "$TMP" \
	--replicaof 127.0.0.1 "$port" --repl-diskless-sync-delay 0
cli config set repl-ping-replica-period 1 >/dev/null
wait_until eval 'cli info replication | grep -q "state=online"' || bail "there is no replica"
mark
sleep 3
is_counted redis-server-$$ "a replica at rest"
is_counted redis-replica-$$ "at rest"
for _ in {1..5}; do
	cli set text other >/dev/null
	sleep 0.4
done
is_counted redis-server-$$ "and what is replicated" "inbound redis ok 5"
is_counted redis-replica-$$ "and what is replicated"
is 0 "$(slower_than 0.22 service=redis-server-$$)" "none of it is slow"
stop_seismo

# Which side opened the connection, tcp finds out; request alone takes who sends first for the client, and either may.
start_seismo --probes tcp,request
mark
sleep 2.5
is_counted redis-server-$$ "a replica at rest, older than the daemon"
is_counted redis-replica-$$ "at rest, older than the daemon"
stop_seismo
