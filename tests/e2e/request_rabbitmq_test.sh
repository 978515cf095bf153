#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# RabbitMQ, with a client of AMQP: each request and its status as the client has it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/clients.sh
. "$(dirname "$0")/clients.sh"

need node "$NODE_PATH" epmd /usr/lib/rabbitmq/bin/rabbitmq-server
chmod 755 "$TMP"

# Its script would end it by a program of Erlang that takes seconds. It starts a server of names if there is none, which would stay.
begin_rabbitmq() {
	local port names
	port=$(free_port) names=$(free_port)
	mkdir "$TMP/rabbit"
	echo '[].' >"$TMP/rabbit/plugins"
	echo "listeners.tcp.1 = 127.0.0.1:$port" >"$TMP/rabbit/rabbitmq.conf"
	background epmd -address 127.0.0.1 -port "$names" >"$TMP/epmd.log" 2>&1
	wait_until port_open "$names"
	ports[rabbitmq]=$port
	env HOME="$TMP/rabbit" RABBITMQ_NODENAME=mix-$$@localhost RABBITMQ_DIST_PORT="$(free_port)" ERL_EPMD_PORT="$names" \
		RABBITMQ_CONFIG_FILE="$TMP/rabbit/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$TMP/rabbit/plugins" \
		RABBITMQ_MNESIA_BASE="$TMP/rabbit" RABBITMQ_LOG_BASE="$TMP/rabbit" RABBITMQ_LOGS=- RABBITMQ_PID_FILE="$TMP/rabbit/pid" \
		/usr/lib/rabbitmq/bin/rabbitmq-server >"$TMP/rabbitmq.log" 2>&1 &
	at_exit end_rabbitmq $!
}

end_rabbitmq() { # PID
	kill -KILL "$(<"$TMP/rabbit/pid")"
	end_process "$1"
}

begin_rabbitmq
start_seismo --probes request
server_ready rabbitmq
mark
client_begin amqplib amqplib rabbitmq
clients_end
answered_are amqplib-$$ outbound amqp amqplib
stop_seismo
