#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Where the daemon listens: several addresses, Unix sockets, none; the page with links.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need jq curl setpriv
chmod 755 "$TMP"

daemon() { # OPTION...
	"$SEISMO" run --config "$CONFIG" --state-dir "$TMP/state" --probes process "$@" >"$TMP/seismo.out" 2>"$TMP/seismo.err" &
	seismo_pid=$!
	at_exit end_process "$seismo_pid"
	wait_until curl -sf --unix-socket "$TMP/state/api.sock" http://seismo/-/ready
}

status_of() { # CURL-OPTION...
	curl -s --max-time 60 -o "$TMP/body" -w '%{http_code}' "$@"
}

cat >"$CONFIG" <<END
listen: [ 127.0.0.1:9471, "[::1]:9472", unix:$TMP/public.sock ]
events: { file: off }
END
daemon
for url in http://127.0.0.1:9471 'http://[::1]:9472'; do
	is 200 "$(status_of "$url/metrics")" "$url answers"
	is 403 "$(status_of "$url/api/v1/config")" "and not what is for root"
done
is 200 "$(status_of --unix-socket "$TMP/public.sock" http://x/metrics)" "so does a Unix socket"
is 403 "$(status_of --unix-socket "$TMP/public.sock" http://x/api/v1/config)" "which is no control socket"
is 200 "$(setpriv --reuid 65534 --regid 65534 --clear-groups curl -s -o /dev/null -w '%{http_code}' --unix-socket "$TMP/public.sock" http://x/-/healthy)" \
	"and is for everybody who gets there"
is 200 "$(status_of --unix-socket "$TMP/state/api.sock" http://x/api/v1/config)" "the control socket is"
ok "the daemon says where it is" grep -q 'http://127.0.0.1:9471/metrics' "$TMP/seismo.out"
is "listen [ 127.0.0.1:9471, \"[::1]:9472\", unix:$TMP/public.sock ] $CONFIG:1" \
	"$("$SEISMO" config --state-dir "$TMP/state" listen | tr -s ' ' | sed 's/ $//')" "config says so"

# --- the page with links

is "200 text/html; charset=utf-8" "$(curl -s -o "$TMP/page.html" -w '%{http_code} %{content_type}' http://127.0.0.1:9471/)" "/ is a page"
ok "with the version" grep -qF "$("$SEISMO" --version | cut -d' ' -f2)" "$TMP/page.html"
mapfile -t links < <(grep -o 'href="[^"]*"' "$TMP/page.html" | cut -d'"' -f2)
ok "and links (${links[*]})" test "${#links[@]}" -ge 7
for link in "${links[@]}"; do
	is 200 "$(status_of "http://127.0.0.1:9471$link")" "$link is there"
done
curl -s --unix-socket "$TMP/state/api.sock" http://x/ >"$TMP/page.html"
ok "that of the control socket has more" test "$(grep -c 'href=' "$TMP/page.html")" -gt "${#links[@]}"

# --- the end, and what cannot be

stop_seismo
is "" "$(find "$TMP" -name '*.sock')" "the end takes the sockets away"
daemon --listen "unix:$TMP/one.sock,127.0.0.1:9473"
is "200 200" "$(status_of --unix-socket "$TMP/one.sock" http://x/-/healthy) $(status_of http://127.0.0.1:9473/-/healthy)" "--listen has a list"
is "listen --listen" "$("$SEISMO" config --state-dir "$TMP/state" listen | awk '{ print $1, $NF }')" "and goes before the file"
is "000" "$(status_of http://127.0.0.1:9471/-/healthy)" "which is not listened to"
for wrong in 127.0.0.1 unix:relative 127.0.0.1:9474,nonsense; do
	timeout 60 "$SEISMO" run --config "$CONFIG" --state-dir "$TMP/other" --listen "$wrong" >/dev/null 2>"$TMP/err"
	is 2 $? "--listen $wrong: exit status"
done
"$SEISMO" run --config "$CONFIG" --state-dir "$TMP/other" --listen "127.0.0.1:9474,unix:$TMP/one.sock" >/dev/null 2>"$TMP/err"
is 3 $? "a socket that somebody else listens on: exit status"
ok "is named" grep -q "$TMP/one.sock" "$TMP/err"
is 200 "$(status_of --unix-socket "$TMP/one.sock" http://x/-/healthy)" "and is untouched"
stop_seismo
daemon --listen none
is "000" "$(status_of http://127.0.0.1:9471/-/healthy)" "none: no port"
is 200 "$(status_of --unix-socket "$TMP/state/api.sock" http://x/metrics)" "but the control socket"
stop_seismo
