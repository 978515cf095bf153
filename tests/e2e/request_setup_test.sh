#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The set-up of a connection is no request, but who waits for the server's part of it waits: seen while it lasts, unanswered if
# nothing comes; and not while it is the client's turn.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/waiting.sh
. "$(dirname "$0")/waiting.sh"

need /usr/bin/python3 curl mariadb ip tc
own_copy curl mariadb
postgres_port=$(free_port)
postgres_start "$postgres_port" "password_encryption = 'scram-sha-256'"
psql=(psql-$$ -qAtX -h 127.0.0.1 -U postgres postgres)
"${psql[@]}" -p "$postgres_port" -c "alter user postgres password 'word'" || bail "no password"
sed -i 's/trust$/scram-sha-256/' "$TMP/database/pg_hba.conf"
"${psql[@]}" -p "$postgres_port" -c "select pg_reload_conf()" >/dev/null
export PGPASSWORD=word PGCONNECT_TIMEOUT=600

# Reads and says nothing; after the given seconds, or when the client has, it closes. `greet`: it speaks first, as MySQL does; `once`: to the first client alone.
# `amqp`: it asks who that is.
cat >"$TMP/silent.py" <<'END'
import select, socket, sys, threading
greet = b"J\0\0\0\x0a8.0.30\0\x08\0\0\0abcdefgh\0\xff\xf7\xff\x02\0\xff\xc7\x15" + 10 * b"\0" + b"abcdefghijkl\0mysql_native_password\0"
start = b"\x01\0\0\0\0\0\x17\0\x0a\0\x0a\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\0\xce"
def serve(c, number):
    if sys.argv[2] == "greet" or (sys.argv[2] == "once" and not number):
        c.sendall(greet)
    said = c.recv(4096)
    if sys.argv[2] == "amqp":
        c.sendall(start)
    while said and select.select([c], [], [], float(sys.argv[1]))[0]:
        said = c.recv(4096)
    c.close()
def serve_any(*of):
    try:
        serve(*of)
    except ConnectionResetError:
        pass
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
number = 0
while True:
    threading.Thread(target=serve_any, args=(s.accept()[0], number), daemon=True).start()
    number += 1
END
# Connects, sends the bytes and goes away (`reset`: by a reset), or reads and waits.
cat >"$TMP/client.py" <<'END'
import socket, struct, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(eval(sys.argv[2]))
if len(sys.argv) > 3:
    if sys.argv[3] == "reset":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    sys.exit()
print(len(s.recv(4096)), flush=True)
time.sleep(600)
END
client_of() { # NAME: a program that runs it
	cp -L /usr/bin/python3 "$TMP/bin/$1"
	program=("$TMP/bin/$1" -c "exec(open('$TMP/client.py').read())")
}
within=() # a command that runs it somewhere else
silent() { # NAME SECONDS HOW: sets port
	cp -L /usr/bin/python3 "$TMP/bin/$1"
	background "${within[@]}" "$TMP/bin/$1" -c "exec(open('$TMP/silent.py').read())" "$2" "$3" >"$TMP/$1.port"
	wait_until test -s "$TMP/$1.port"
	port=$(<"$TMP/$1.port")
}

start_seismo --probes request,tcp

# --- a server that takes its time, and answers after all

"${psql[@]}" -p "$postgres_port" -c "alter system set post_auth_delay = 5" -c "select pg_reload_conf()" >/dev/null || bail "no delay"
sleep 0.5
mark
began=${EPOCHREALTIME/./}
"${psql[@]}" -p "$postgres_port" -c "select 1" >"$TMP/answer" &
client=$!
for who in "psql-$$ outbound" "postgres-$$ inbound"; do
	are_waiting 1 0.3 "a log-in" "${who% *}" direction="${who#* }" protocol=postgresql
done
wait $client
is 1 "$(<"$TMP/answer")" "it is answered after all"
for who in "psql-$$ outbound" "postgres-$$ inbound"; do
	is_counted "${who% *}" "a log-in" "${who#* } postgresql ok 1"
	is_unanswered "${who% *}" "a log-in"
	none_waits "a log-in" "${who% *}"
done

# --- nothing comes: with TLS asked for, and without

no_one_waits() { # TEXT CLIENT SERVER
	sleep 0.5
	scrape
	is "0 0" "$(value_or_0 seismo_requests_in_flight "service=$2") $(value_or_0 seismo_requests_in_flight "service=$3")" "$1"
}

# A client waits, and is killed.
gives_up() { # TEXT SERVICE PROTOCOL COMMAND...
	local pid
	mark
	began=${EPOCHREALTIME/./}
	background "${@:4}" >/dev/null 2>&1
	pid=$!
	are_waiting 1 0.3 "$1" "$2" direction=outbound protocol="$3"
	[[ ! ${server-} ]] || are_waiting 1 0.3 "$1" "$server" direction=inbound protocol="$3"
	end_process $pid 2>/dev/null
	none_waits "$1" "$2"
}

silent silent-$$ 600 ""
for mode in prefer disable; do
	export PGSSLMODE=$mode
	gives_up "sslmode=$mode" psql-$$ postgresql "${psql[@]}" -p "$port" -c "select 1"
	is_unanswered psql-$$ "sslmode=$mode" "outbound postgresql client_closed 1"
	is_counted psql-$$ "sslmode=$mode"
done
gives_up "TLS" curl-$$ tls curl-$$ -ksm 600 "https://127.0.0.1:$port/"
is_counted_untimed curl-$$ "TLS" "outbound tls error 1"
is_unanswered curl-$$ "TLS"

silent greets-$$ 600 greet
gives_up "MySQL" mariadb-$$ mysql mariadb-$$ --skip-ssl -h 127.0.0.1 -P "$port" -u root -pword -e "select 1"
is_unanswered mariadb-$$ "MySQL" "outbound mysql client_closed 1"

# --- who sends nothing before the server has spoken; that one does so, others were told

silent once-$$ 600 once
server=once-$$
gives_up "MySQL, greeted" mariadb-$$ mysql mariadb-$$ --skip-ssl -h 127.0.0.1 -P "$port" -u root -pword -e "select 1"
gives_up "MySQL, not greeted" mariadb-$$ mysql mariadb-$$ --skip-ssl -h 127.0.0.1 -P "$port" -u root -pword -e "select 1"
is_unanswered mariadb-$$ "MySQL, not greeted" "outbound mysql client_closed 1"
is_unanswered $server "MySQL, not greeted" "inbound mysql client_closed 1"
is_counted mariadb-$$ "MySQL, not greeted"
client_of check-$$
for how in leave reset; do
	mark
	for _ in 1 2 3; do
		"${program[@]}" "$port" 'b""' $how
	done
	wait_until grown_to 3 seismo_tcp_connections_total service=check-$$ direction=outbound
	is_unanswered check-$$ "who looks whether it is there: $how"
	is_unanswered $server "who looks whether it is there: $how"
done

# The same of a server so far away that the handshake takes a while, and the end as well
server=
wire=seismo-setup-$$
if ip netns add $wire 2>/dev/null && at_exit ip netns delete $wire && ip -n $wire link set lo up; then
	within=(ip netns exec "$wire")
	silent far-$$ 600 once
	client_of greeted-$$
	background "${within[@]}" "${program[@]}" "$port" 'b""' >"$TMP/greeted"
	pid=$!
	wait_until test -s "$TMP/greeted"
	end_process $pid 2>/dev/null
	tc -n $wire qdisc add dev lo root tbf rate 2kbit burst 100 limit 10000 2>/dev/null || bail "no slow link"
	client_of looks-$$
	mark
	began=${EPOCHREALTIME/./}
	"${within[@]}" "${program[@]}" "$port" 'b""' leave
	ok "the handshake takes a while" test $((${EPOCHREALTIME/./} - began)) -gt 190000
	wait_until grown_to 1 seismo_tcp_connections_total service=looks-$$ direction=outbound
	sleep 2
	is_unanswered looks-$$ "who looks whether it is there, far away"
	within=()
else
	skip_one "a server far away" "no network namespace"
fi

# --- AMQP, where the server speaks second, and then it is the client's turn

silent mute-$$ 600 ""
server=mute-$$
client_of amqp-$$
gives_up "AMQP" amqp-$$ amqp "${program[@]}" "$port" 'b"AMQP\0\0\x09\1"'
is_unanswered amqp-$$ "AMQP" "outbound amqp client_closed 1"
is_unanswered $server "AMQP" "inbound amqp client_closed 1"
is_counted amqp-$$ "AMQP"
server=
silent asks-$$ 600 amqp
mark
background "${program[@]}" "$port" 'b"AMQP\0\0\x09\1"' >"$TMP/asked"
pid=$!
wait_until test -s "$TMP/asked"
is 31 "$(<"$TMP/asked")" "AMQP: it is asked who it is"
no_one_waits "AMQP: it does not wait while it is asked" amqp-$$ asks-$$
end_process $pid 2>/dev/null
is_metric 0 "AMQP: it is gone" seismo_tcp_connections_open service=amqp-$$ direction=outbound
is_unanswered amqp-$$ "AMQP: who is asked"
is_unanswered asks-$$ "AMQP: who asks"

# --- the server closes

silent closes-$$ 0.3 ""
mark
"${psql[@]}" -p "$port" -c "select 1" 2>/dev/null
is_unanswered psql-$$ "the server closes" "outbound postgresql server_closed 1"

# --- the client's turn: it is asked for its password, and takes its time

"${psql[@]}" -p "$postgres_port" -c "alter system reset post_auth_delay" -c "select pg_reload_conf()" >/dev/null
cat >"$TMP/slow.py" <<'END'
import socket, struct, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
options = b"user\0postgres\0database\0postgres\0\0"
s.sendall(struct.pack("!II", len(options) + 8, 196608) + options)
print(s.recv(1)[0], flush=True)
time.sleep(600)
END
mark
cp -L /usr/bin/python3 "$TMP/bin/slow-$$"
background "$TMP/bin/slow-$$" -c "exec(open('$TMP/slow.py').read())" "$postgres_port" >"$TMP/asked"
client=$!
wait_until test -s "$TMP/asked"
is 82 "$(<"$TMP/asked")" "it is asked for the password"
is_metric 1 "it is there" seismo_tcp_connections_open service=slow-$$ direction=outbound
no_one_waits "it does not wait while it is asked" slow-$$ postgres-$$
end_process $client 2>/dev/null
is_metric 0 "it is gone" seismo_tcp_connections_open service=slow-$$ direction=outbound
is_unanswered slow-$$ "who is asked for a password"
is_unanswered postgres-$$ "who asks for a password"
stop_seismo
