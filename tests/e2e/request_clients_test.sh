#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Clients that programs really use, against real servers where there are any: each request and its status as the client has it, at
# both ends, and the median as the client saw it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/clients.sh
. "$(dirname "$0")/clients.sh"

need node "$NODE_PATH" kcat nats-server mosquitto slapd memcached redis-server mariadbd ss
chmod 755 "$TMP"

# --- servers

# A server of ours, which says its port, and later how often it has answered.
declare -A own_pid
own_begin() { # NAME
	cp "$ROOT/tests/clients/servers.js" "$TMP/bin/$1-server-$$"
	node "$TMP/bin/$1-server-$$" "$1" >>"$TMP/$1.said" 2>"$TMP/$1.log" &
	own_pid[$1]=$!
	at_exit end_process $!
}

own_ready() { # NAME...
	local name
	for name in "$@"; do
		WAIT=60 wait_until test -s "$TMP/$name.said" || bail "the server for $name did not start: $(tail -n 3 "$TMP/$name.log")"
		ports[$name]=$(<"$TMP/$name.said")
		: >"$TMP/$name.said"
	done
}

begin_nats() {
	local port
	port=$(free_port)
	server_begin nats "$port" nats-server-$$ -a 127.0.0.1 -p "$port"
}

begin_mosquitto() {
	local port
	port=$(free_port)
	printf 'listener %s 127.0.0.1\nallow_anonymous true\nuser root\nacl_file %s\n' "$port" "$TMP/acl" >"$TMP/mosquitto.conf"
	echo 'topic readwrite open/#' >"$TMP/acl"
	server_begin mosquitto "$port" mosquitto-$$ -c "$TMP/mosquitto.conf"
}

begin_slapd() {
	local port
	port=$(free_port)
	mkdir "$TMP/ldap"
	cat >"$TMP/slapd.conf" <<-END
		include /etc/ldap/schema/core.schema
		modulepath /usr/lib/ldap
		moduleload back_mdb
		pidfile $TMP/slapd.pid
		database mdb
		suffix dc=test
		rootdn cn=admin,dc=test
		rootpw secret
		directory $TMP/ldap
	END
	printf 'dn: dc=test\nobjectClass: dcObject\nobjectClass: organization\ndc: test\no: test\n' |
		slapadd -f "$TMP/slapd.conf" 2>"$TMP/slapadd" || bail "slapadd: $(tail -n 3 "$TMP/slapadd")"
	server_begin slapd "$port" slapd-$$ -h "ldap://127.0.0.1:$port" -f "$TMP/slapd.conf" -d 0
}

begin_mysql() {
	ports[mysql]=$(free_port)
	mariadb-install-db --no-defaults --user=root --datadir="$TMP/mysql" >"$TMP/install.log" 2>&1 ||
		bail "mariadb-install-db failed: $(tail -n 3 "$TMP/install.log")"
	server_begin mysql "${ports[mysql]}" mariadbd-$$ --no-defaults --user=root --datadir="$TMP/mysql" --port="${ports[mysql]}" \
		--bind-address=127.0.0.1 --socket="$TMP/mysql.sock" --skip-grant-tables --skip-networking=0 --innodb-buffer-pool-size=16M
}

begin_postgres() {
	ports[postgres]=$(free_port)
	postgres_start "${ports[postgres]}" ""
}

begin_kafka() {
	# shellcheck disable=SC2034 # it ends when this is closed
	exec {orders}> >(exec "$TMP/bin/kcat-$$" -P -t topic -X test.mock.num.brokers=1 -X test.mock.broker.rtt=20 -b none 2>"$TMP/kafka.log")
	at_exit end_process $!
	wait_until kafka_listens || bail "no broker: $(tail -n 3 "$TMP/kafka.log")"
}

kafka_listens() {
	ports[kafka]=$(ss -Hltnp | sed -n "s/.* 127.0.0.1:\([0-9]*\) .*kcat-$$.*/\1/p" | head -n 1)
	[[ ${ports[kafka]} ]]
}

start_seismo --probes request
own_copy kcat nats-server mosquitto slapd memcached redis-server mariadbd
for server in mongodb cassandra grpc; do
	own_begin $server
done
begin_nats
begin_mosquitto
begin_slapd
begin_kafka
begin_mysql
ports[redis]=$(free_port) ports[memcached]=$(free_port)
server_begin redis "${ports[redis]}" redis-server-$$ --port "${ports[redis]}" --save ""
server_begin memcached "${ports[memcached]}" memcached-$$ -u root -l 127.0.0.1 -p "${ports[memcached]}"
begin_postgres
server_ready nats mosquitto slapd redis memcached mysql
# It answers at once, but the way there is long.
workload relay "relay-$$" >/dev/null
background "$TMP/bin/relay-$$" "${ports[mosquitto]}" 1 10 >"$TMP/relay"
wait_until test -s "$TMP/relay" || bail "no relay"
ports[slow-mosquitto]=$(<"$TMP/relay")
own_ready mongodb cassandra grpc
mark

# --- all at once

for name in nats kafkajs:kafka mongodb cassandra ldapjs:slapd memjs:memcached mysql2:mysql pg:postgres ioredis:redis grpc ghz:grpc; do
	client_begin "${name%:*}" "${name%:*}" "${name#*:}"
done
client_begin mqtt5 mqtt slow-mosquitto 5
client_begin mqtt4 mqtt mosquitto 4
clients_end
for name in mongodb cassandra; do
	kill -USR1 "${own_pid[$name]}"
	wait_until test -s "$TMP/$name.said"
	cat "$TMP/$name.said" >>"$TMP/$name.answered"
done

while read -r name protocol service; do
	answered_are "$name-$$" outbound "$protocol" "$name"
	[[ $name != mongodb ]] || unanswered=yes # its client says goodbye and does not wait
	[[ ! $service ]] || answered_are "$service-$$" inbound "$protocol" "$name"
	unanswered=''
done <<-END
	nats nats nats-server
	kafkajs kafka kcat
	mongodb mongodb mongodb-server
	cassandra cql cassandra-server
	ldapjs ldap slapd
	memjs memcached memcached
	mysql2 mysql mariadbd
	pg postgresql postgres
	ioredis redis redis-server
	grpc grpc
	ghz grpc
	mqtt5 mqtt
	mqtt4 mqtt
END
answered_are mosquitto-$$ inbound mqtt mqtt4 mqtt5
answered_are grpc-server-$$ inbound grpc grpc ghz

while read -r name seconds protocol service; do
	median_is "$seconds" "$name" "$name-$$" "$protocol" outbound
	[[ ! $service ]] || median_is "$seconds" "$name" "$service-$$" "$protocol" inbound
done <<-END
	nats 0.02 nats nats-server
	ioredis 0.005 redis redis-server
	mysql2 0.02 mysql mariadbd
	pg 0.02 postgresql postgres
	grpc 0.02 grpc
	ghz 0.02 grpc grpc-server
	kafkajs 0.02 kafka kcat
	mongodb 0.02 mongodb mongodb-server
	cassandra 0.02 cql cassandra-server
	mqtt5 0.02 mqtt
END
stop_seismo
