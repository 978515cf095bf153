#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# HTTP as programs really speak it: curl, wrk, h2load, Java's and Go's own clients; between them and the server nginx, with PHP too, HAProxy,
# in all their ways to pass bytes on, and a forward proxy. Each request and its status as the clients have it, at all ends, and the median
# as the client saw it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/clients.sh
. "$(dirname "$0")/clients.sh"

need nginx haproxy nghttpx tinyproxy curl wrk h2load go javac
own_copy nginx haproxy nghttpx tinyproxy curl wrk h2load
chmod 755 "$TMP"
mkdir -p "$TMP/www/dav"
n=20

go_build gohttp "$TMP/go"
class=Http$$
sed "s/class Http/class $class/" "$ROOT/tests/clients/Http.java" >"$TMP/$class.java"
javac -d "$TMP" "$TMP/$class.java" || bail "no class of Java"

go_begin() { # NAME OPTION...
	cp "$TMP/go" "$TMP/bin/$1-$$"
	"$TMP/bin/$1-$$" server "${@:2}" >"$TMP/$1" 2>"$TMP/$1.log" &
	at_exit end_process $!
	WAIT=60 wait_until test -s "$TMP/$1" || bail "$1 did not start"
	ports[$1]=$(<"$TMP/$1")
}

go_ask() { # NAME URL NUMBER CONCURRENCY
	cp "$TMP/go" "$TMP/bin/$1-$$"
	timeout --foreground 60 "$TMP/bin/$1-$$" client "${@:2}" >"$TMP/$1.answered" || bail "$1 failed"
}

java_ask() { # NAME VERSION NUMBER URL...
	timeout --foreground 60 java -Xshare:auto -XX:TieredStopAtLevel=1 -cp "$TMP" "$class" "${@:2}" >"$TMP/$1.answered" || bail "Java's client failed"
}

# Its own log is like that of the other clients.
curl_ask() { # NAME OPTION|URL...
	curl-$$ -sS -w '%{stderr}%{http_code} %{time_starttransfer} %{time_pretransfer}\n' "${@:2}" 2>"$TMP/curl" >"$TMP/bodies" || bail "curl: $(tail -n 3 "$TMP/curl")"
	awk '{ cnt[$1]++; print $2 - $3 | "sort -g >'"$TMP"'/times" } END { for (code in cnt) print code, cnt[code] }' "$TMP/curl" >"$TMP/$1.answered"
	awk '{ time[NR] = $1 } END { print "p50", time[int(NR / 2) + 1] }' "$TMP/times" >>"$TMP/$1.answered"
}

go_begin go-server
go_begin go-tls tls
for name in nginx nginx-proxied h2 nghttpx fpm tinyproxy spliced splice-request splice-response copied tcp proxied1 proxied2; do
	ports[$name]=$(free_port)
done
url() { # SERVER [REST]
	echo "http://127.0.0.1:${ports[$1]}${2:-/}"
}

fpm_start "${ports[fpm]}" 2
# shellcheck disable=SC2016 # of nginx
nginx_start "${ports[nginx]}" "
	upstream go { server 127.0.0.1:${ports[go-server]}; keepalive 8; }
	upstream fpm { $(fpm_upstream "${ports[fpm]}") }
	server {
		listen 127.0.0.1:${ports[nginx]};
		listen 127.0.0.1:${ports[nginx-proxied]} proxy_protocol;
		client_max_body_size 10m;
		location /go { proxy_pass http://go; proxy_http_version 1.1; proxy_set_header Connection ''; }
		location /dav { root $TMP/www; dav_methods PUT DELETE MKCOL COPY MOVE; }
		location /404 { return 404 missing; }
		location /fpm { $(fpm_location) }
		location / { root $TMP/www; }
	}
	server { listen 127.0.0.1:${ports[h2]} http2; location /503 { return 503 later; } location / { root $TMP/www; } }"
head -c 1000 /dev/zero >"$TMP/www/file"
server_start "${ports[nghttpx]}" nghttpx-$$ -f "127.0.0.1,${ports[nghttpx]};no-tls" -b "127.0.0.1,${ports[go-server]}" --workers 1 -L ERROR

listen() { # NAME SERVER OPTIONS [LINE...]
	echo "listen $1
	bind 127.0.0.1:${ports[$1]}
	server it 127.0.0.1:${ports[$2]} $3"
	[[ $# == 3 ]] || printf '\t%s\n' "${@:4}"
}
{
	printf 'global\n\tnbthread 1\ndefaults\n\tmode http\n\ttimeout connect 10s\n\ttimeout client 60s\n\ttimeout server 60s\n'
	listen spliced go-server "" "option splice-auto"
	listen splice-request go-server "" "option splice-request"
	listen splice-response go-server "" "option splice-response"
	listen copied go-server ""
	listen tcp go-server "" "mode tcp" "option splice-request" "option splice-response"
	listen proxied1 nginx-proxied send-proxy
	listen proxied2 nginx-proxied send-proxy-v2
} >"$TMP/haproxy.cfg"
server_start "${ports[tcp]}" haproxy-$$ -db -f "$TMP/haproxy.cfg"
start_seismo --probes request

# --- one client and one server

mark
go_ask go-client "$(url go-server '?ms=20')" $n 4
answered_are go-client-$$ outbound http go-client
answered_are go-server-$$ inbound http go-client
median_is 0.02 go-client go-client-$$ http outbound
median_is 0.02 go-client go-server-$$ http inbound

mark
java_ask java HTTP_1_1 $n "$(url go-server '?ms=20')" "$(url go-server '?code=503')" "$(url go-server '?bytes=100000&ms=20')"
answered_are $class outbound http java
answered_are go-server-$$ inbound http java
median_is 0.02 java $class http outbound

mark
java_ask java HTTP_2 $n "$(url nghttpx '?ms=20')" "$(url nghttpx '?code=503')" "$(url nghttpx '?bytes=100000&ms=20')"
answered_are $class outbound http2 java
mapfile -t said < <(answers "" java)
# the first one, which asked for HTTP/2, was read as one of HTTP/1
unanswered=yes is_counted nghttpx-$$ "Java, which asks for HTTP/2" "${said[@]/#/inbound http2}" "${said[@]/#/outbound http}"
answered_are go-server-$$ inbound http java
median_is 0.02 java $class http2 outbound

mark
go_ask go-secure "https://127.0.0.1:${ports[go-tls]}/?ms=20" $n 1
is_counted go-secure-$$ "TLS of Go" "outbound tls unknown $n"
is_counted go-tls-$$ "TLS of Go" "inbound tls unknown $n"
median_is 0.02 go-secure go-secure-$$ tls outbound

mark
curl_ask curl -X GET "$(url nginx "/go?ms=20&[1-$n]")" "$(url nginx '/404?[1-5]')"
answered_are curl-$$ outbound http curl
mapfile -t said < <(answers http curl)
is_counted nginx-$$ "curl, by nginx" "${said[@]/#/inbound }" "outbound http 200 $n"
is_counted go-server-$$ "curl, by nginx" "inbound http 200 $n"
median_is 0.02 curl curl-$$ http outbound
median_is 0.02 curl nginx-$$ http outbound

mark
curl_ask fpm "$(url nginx "/fpm?us=20000&[1-$n]")" "$(url nginx '/fpm?code=404&[1-5]')" "$(url nginx '/fpm?code=503&bytes=100000&[1-3]')"
answered_are curl-$$ outbound http fpm
mapfile -t said < <(answers "" fpm)
is_counted nginx-$$ "PHP" "${said[@]/#/inbound http}" "${said[@]/#/outbound fastcgi}"
answered_are php-fpm-$$ inbound fastcgi fpm
median_is 0.02 fpm nginx-$$ fastcgi outbound
median_is 0.02 fpm php-fpm-$$ fastcgi inbound

# --- methods

mark
put=$TMP/www/file url=$(url nginx /dav)
: >"$TMP/curl.all"
method() { # METHOD PATH OPTION...
	curl_ask curl -X "$1" "${@:3}" "$(url nginx "$2")"
	grep -v p50 "$TMP/curl.answered" >>"$TMP/curl.all"
}
method PUT /dav/a -T "$put"
method MKCOL /dav/c/
method COPY /dav/a -H "Destination: $url/b"
method MOVE /dav/b -H "Destination: $url/c/b"
method DELETE /dav/a
method DELETE /dav/a
for name in PROPFIND REPORT PURGE M-SEARCH BASELINE-CONTROL; do
	method $name "/go?code=207"
done
sort "$TMP/curl.all" | awk '{ cnt[$1] += $2 } END { for (code in cnt) print code, cnt[code] }' >"$TMP/methods.answered"
answered_are curl-$$ outbound http methods
mapfile -t said < <(answers http methods)
is_counted nginx-$$ "any method" "${said[@]/#/inbound }" "outbound http 207 5"

# --- HAProxy

head -c 300000 /dev/zero >"$TMP/upload"
for name in spliced splice-request splice-response copied; do
	mark
	curl_ask $name "$(url $name "?ms=20&bytes=300000&[1-$n]")" "$(url $name "?code=503&[1-5]")"
	curl_ask $name-up -T "$TMP/upload" "$(url $name "?ms=20&[1-5]")" "$(url $name "?code=404&bytes=0&[1-3]")"
	answered_are curl-$$ outbound http $name $name-up
	answered_are go-server-$$ inbound http $name $name-up
	mapfile -t said < <(answers http $name $name-up)
	is_counted haproxy-$$ "HAProxy, $name" "${said[@]/#/inbound }" "${said[@]/#/outbound }"
	median_is 0.02 $name haproxy-$$ http outbound
done
mark
curl_ask tcp "$(url tcp "?ms=20&bytes=300000&[1-$n]")" "$(url tcp "?code=503&[1-5]")"
answered_are curl-$$ outbound http tcp
answered_are go-server-$$ inbound http tcp
for name in proxied1 proxied2; do
	mark
	curl_ask $name "$(url $name "/404?[1-$n]")" "$(url $name "/file?[1-5]")"
	answered_are curl-$$ outbound http $name
	mapfile -t said < <(answers http $name)
	is_counted haproxy-$$ "PROXY protocol, $name" "${said[@]/#/inbound }" "${said[@]/#/outbound }"
	answered_are nginx-$$ inbound http $name
done

# --- a forward proxy: what goes through its tunnels, too

printf 'Listen 127.0.0.1\nPort %s\nTimeout 60\nMaxClients 10\n' "${ports[tinyproxy]}" >"$TMP/tinyproxy.conf"
server_start "${ports[tinyproxy]}" tinyproxy-$$ -d -c "$TMP/tinyproxy.conf"
proxy=(-x "$(url tinyproxy)")
mark
curl_ask proxied "${proxy[@]}" "$(url go-server "?ms=20&[1-$n]")" "$(url go-server "?code=503&[1-5]")"
answered_are curl-$$ outbound http proxied
mapfile -t said < <(answers http proxied)
is_counted tinyproxy-$$ "a forward proxy" "${said[@]/#/inbound }" "${said[@]/#/outbound }"
median_is 0.02 proxied curl-$$ http outbound
mark
curl_ask tunnel "${proxy[@]}" -p "$(url go-server "?ms=20&[1-$n]")" "$(url go-server "?code=503&[1-5]")"
mapfile -t said < <(answers http tunnel)
is_counted tinyproxy-$$ "a tunnel" "inbound http 200 $((n + 1))" "inbound http 503 5" "${said[@]/#/outbound }"
is_counted curl-$$ "a tunnel" "outbound http 200 $((n + 1))" "outbound http 503 5"
answered_are go-server-$$ inbound http tunnel
median_is 0.02 tunnel curl-$$ http outbound
mark
curl_ask secure "${proxy[@]}" -k --http1.1 "https://127.0.0.1:${ports[go-tls]}/?ms=20&[1-$n]"
is_counted curl-$$ "TLS in a tunnel" "outbound http 200 1" "outbound tls unknown $n"
is_counted tinyproxy-$$ "TLS in a tunnel" "inbound http 200 1" "inbound tls unknown $n" "outbound tls unknown $n"
is_counted go-tls-$$ "TLS in a tunnel" "inbound tls unknown $n"
median_is 0.02 secure curl-$$ tls outbound
mark
for _ in {1..3}; do # for more than one request some versions make no frames there
	curl-$$ -sS "${proxy[@]}" -p --http2-prior-knowledge "$(url h2 /503)" >"$TMP/bodies"
done
is_counted curl-$$ "HTTP/2 in a tunnel" "outbound http 200 3" "outbound http2 503 3"
is_counted tinyproxy-$$ "HTTP/2 in a tunnel" "inbound http 200 3" "inbound http2 503 3" "outbound http2 503 3"
# Nothing that is known goes through this one.
mark
printf 'SSH-2.0-any\r\n' | curl-$$ -sS "${proxy[@]}" -p -m 1 "telnet://127.0.0.1:${ports[fpm]}" >"$TMP/bodies" 2>&1
is_counted curl-$$ "no requests in a tunnel" "outbound http 200 1"
is_counted tinyproxy-$$ "no requests in a tunnel" "inbound http 200 1"

# --- under load, on several connections

mark
h2load-$$ -n 100 -c 4 -m 4 --log-file="$TMP/h2load.log" "$(url nghttpx '?ms=20')" >"$TMP/h2load" 2>&1
sort -g -k 3 "$TMP/h2load.log" | awk '{ cnt[$2]++; time[NR] = $3 / 1e6 }
	END { for (code in cnt) print code, cnt[code]; print "p50", time[int(NR / 2) + 1] }' >"$TMP/h2load-slow.answered"
answered_are h2load-$$ outbound http2 h2load-slow
mapfile -t said < <(answers "" h2load-slow)
is_counted nghttpx-$$ "h2load" "${said[@]/#/inbound http2}" "${said[@]/#/outbound http}"
median_is 0.02 h2load-slow h2load-$$ http2 outbound
median_is 0.02 h2load-slow nghttpx-$$ http2 inbound


mark
h2load-$$ -n 3000 -c 4 -m 16 "$(url h2 /503)" >"$TMP/h2load" 2>&1
echo "503 $(sed -n 's/^requests: .*, \([0-9]*\) done,.*/\1/p' "$TMP/h2load")" >"$TMP/h2load.answered"
answered_are h2load-$$ outbound http2 h2load
answered_are nginx-$$ inbound http2 h2load

# What wrk has not read at its end was answered, too: one request on each connection at most.
cat >"$TMP/mixed.lua" <<'END'
local paths, cnt = {}, 0
init = function(args) paths = args end
request = function()
	cnt = cnt + 1
	return wrk.format(nil, paths[cnt % 10 == 0 and 2 or 1])
end
done = function(summary, latency)
	local failed = summary.errors.status
	io.write(string.format("answered %d %d %.6f\n", summary.requests - failed, failed, latency:percentile(50) / 1e6))
end
END
wrk_ask() { # NAME CONNECTIONS URL PATH OTHER-PATH STATUS: one in ten asks for the other one
	mark
	wrk-$$ -t 2 -c "$2" -d 1 -s "$TMP/mixed.lua" "$3" -- "$4" "$5" >"$TMP/wrk" 2>&1
	sed -n "s/^answered \(.*\) \(.*\) \(.*\)/200 \1\n$6 \2\np50 \3/p" "$TMP/wrk" >"$TMP/$1.answered"
}
wrk_says() { # NAME CONNECTIONS SERVICE...
	local service status number
	scrape
	for service in "${@:3}"; do
		while read -r status number; do
			between "$number" $((number + $2)) "$(grown seismo_requests_total service="$service" status="$status")" || return
		done < <(answers "" "$1")
	done
}
wrk_counted() { # NAME CONNECTIONS SERVICE...
	wait_until wrk_says "$@"
	ok "$1: $(answers "" "$1" | xargs), or one more on each connection, in ${*:3}" wrk_says "$@"
}
wrk_ask wrk 8 "$(url nginx)" /file /404 404
wrk_counted wrk 8 wrk-$$ nginx-$$
wrk_ask wrk-slow 8 "$(url go-server)" '/?ms=20' '/?code=503' 503
wrk_counted wrk-slow 8 wrk-$$ go-server-$$
median_is 0.02 wrk-slow wrk-$$ http outbound
median_is 0.02 wrk-slow go-server-$$ http inbound
stop_seismo
