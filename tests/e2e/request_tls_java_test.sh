#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TLS as Java speaks it, by sockets and without, as a client and as a server: each request is one exchange, at both ends.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/clients.sh
. "$(dirname "$0")/clients.sh"

need nginx curl openssl go java javac
# shellcheck source=tests/e2e/tls.sh
. "$(dirname "$0")/tls.sh"
own_copy nginx
go_build gohttp "$TMP/go"
for class in Server Socket Engine Fresh Closer; do
	sed "s/class Https/class $class$$/" "$ROOT/tests/clients/Https.java" >"$TMP/$class$$.java"
done
javac -d "$TMP" "$TMP"/{Server,Socket,Engine,Fresh,Closer}$$.java || bail "no classes of Java"
fresh=20 # requests of clients that ask once
java=(java -Xshare:auto -XX:TieredStopAtLevel=1 -cp "$TMP")

own_begin java "${java[@]}" Server$$ server "$TMP/store"
own_begin go "$(copy go "$TMP/go")" server tls
own_begin go-mutual "$(copy go-mutual "$TMP/go")" server mutual
reqserver_start slow 127.0.0.1 size=100
ports[plain]=$(free_port) ports[mutual]=$(free_port)
nginx_start "${ports[plain]}" "
	$nginx_tls
	$(nginx_server "${ports[plain]} ssl")
	$(nginx_server "${ports[mutual]} ssl" 'ssl_verify_client optional_no_ca;')"
own_ready
start_seismo --probes request
mark

curl_ask java
for class in Socket Engine; do
	ask $class$$ "plain mutual go go-mutual java" "${java[@]}" $class$$ "${class,}" "$TMP/store" $n \
		"$(url plain)" "$(url mutual)" "$(url go)" "$(url go-mutual)" "$(url java)" refuse "$(url go)"
	errors["$class$$ outbound"]=$n
done
# One connection after the other, for one request each.
ask Fresh$$ "plain java" "${java[@]}" Fresh$$ fresh "$TMP/store" $fresh "$(url plain)" "$(url java)" refuse "$(url go)"
cp "$TMP/answered" "$TMP/fresh.answered"
errors["Fresh$$ outbound"]=$fresh
# One that says goodbye after each request, which may be answered.
ask Closer$$ "plain go java" "${java[@]}" -Dhttp.keepAlive=false Closer$$ socket "$TMP/store" $n "$(url plain)" "$(url go)" "$(url java)" refuse "$(url go)"
errors["Closer$$ outbound"]=$n
errors["go-$$ inbound"]=$((3 * n + fresh))
asked_are_counted
median_is 0.02 fresh Fresh$$ tls outbound
stop_seismo
