#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Inside TLS, the files: the code of servers is as it was when their service is not named any more and when the daemon has ended;
# a library that is replaced or removed is looked into beside the new one; and `check` says what is looked into, and why a
# program is not.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/bpf.sh
. "$(dirname "$0")/bpf.sh"

[[ -e /sys/bus/event_source/devices/uprobe ]] || skip "this kernel has no uprobes"
need nginx curl openssl gnutls-serv bpftool ldd sleep
own_copy nginx gnutls-serv sleep
chmod 755 "$TMP"

# Libraries of our own: nobody else has these files. Those beside are as they were.
mkdir "$TMP/lib" "$TMP/as-it-was" "$TMP/www"
library_copy() { # PROGRAM NAME: sets library
	library=$(ldd "$(command -v "$1")" | awk -v name="$2" 'index($1, name) == 1 { print $3; exit }')
	[[ $library ]] || skip "$1 does not use $2"
	cp -L "$library" "$TMP/lib/" || bail "no copy of $library"
	cp -L "$library" "$TMP/as-it-was/" || bail "no copy of $library"
	library=${library##*/}
}
library_copy nginx libssl.so && libssl=$library
library_copy gnutls-serv libgnutls.so && libgnutls=$library

head -c 1000 /dev/zero >"$TMP/www/file"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -keyout "$TMP/key.pem" -out "$TMP/cert.pem" 2>/dev/null
nginx_own() { # sets port and pid
	port=$(free_port)
	nginx_start "$port" "server { listen $port ssl; ssl_certificate $TMP/cert.pem; ssl_certificate_key $TMP/key.pem; root $TMP/www; }"
	pid=$server_pid
}
LD_LIBRARY_PATH=$TMP/lib nginx_own
old_port=$port old=$pid
gnutls_port=$(free_port)
LD_LIBRARY_PATH=$TMP/lib server_start "$gnutls_port" gnutls-serv-$$ --http -p "$gnutls_port" --x509certfile "$TMP/cert.pem" --x509keyfile "$TMP/key.pem"
gnutls=$server_pid
background sleep-$$ 100000

# How many bytes of a library's code are others in a process than in the file: where the kernel has put breakpoints.
differing() { # PID LIBRARY
	local start end at
	IFS='- ' read -r start end at < <(awk -v name="/${2}" '$2 ~ /x/ && index($0, name) { print $1, $3; exit }' "/proc/$1/maps")
	[[ $at ]] || { echo "no $2" && return; }
	start=$((0x$start / 4096)) end=$((0x$end / 4096)) at=$((0x$at / 4096))
	cmp -l <(dd "if=/proc/$1/mem" bs=4096 skip=$start count=$((end - start)) 2>/dev/null) \
		<(dd "if=$TMP/as-it-was/$2" bs=4096 skip=$at count=$((end - start)) 2>/dev/null) 2>/dev/null | wc -l
}

differs() { # PID LIBRARY
	[[ $(differing "$@") == [1-9]* ]]
}

is_as_it_was() { # PID LIBRARY
	[[ $(differing "$@") == 0 ]]
}

changed() { # PID LIBRARY TEXT
	wait_until differs "$1" "$2"
	ok "$3: breakpoints in $2 ($(differing "$1" "$2") bytes)" differs "$1" "$2"
}

unchanged() { # PID LIBRARY TEXT
	wait_until is_as_it_was "$1" "$2"
	is 0 "$(differing "$1" "$2")" "$3: bytes of $2 that differ from the file"
}

ask() { # PORT COUNT
	curl -ksS --http1.1 -o "$TMP/body" -w '%{http_code}\n' "https://127.0.0.1:$1/file?[1-$2]" | grep -c 200
}

services() { # PATTERN...
	sed -i '/tls:/d' "$CONFIG"
	printf 'probes: { tls: { services: [ %s ] } }\n' "$(printf '"%s", ' "$@")" >>"$CONFIG"
}

reload() { # PATTERN...
	services "$@"
	: >"$TMP/seismo.err"
	kill -HUP "$seismo_pid"
	wait_until grep -q 'in effect' "$TMP/seismo.err" || bail "no reload: $(tail -n 3 "$TMP/seismo.err")"
}

# Requests of these ports are seen as that since a moment ago.
seen_as() { # SERVICE PROTOCOL PORT
	mark
	ask "$3" 1 >"$TMP/asked" && scrape && [[ $(grown seismo_requests_total service="$1" protocol="$2") == 1 ]]
}

# --- named, and not named any more

unchanged "$old" "$libssl" "before"
services nginx-$$
start_seismo --probes request,tls
changed "$old" "$libssl" "named"
ok "requests are seen" wait_until seen_as nginx-$$ http "$old_port"
is 0 "$(differing "$gnutls" "$libgnutls")" "not named: bytes of $libgnutls that differ from the file"

reload nginx-$$ "gnutls-serv-$$"
changed "$gnutls" "$libgnutls" "named by a reload"
ok "requests are seen" wait_until seen_as gnutls-serv-$$ http "$gnutls_port"

# --- replaced, removed

cp "$TMP/as-it-was/$libssl" "$TMP/lib/new" && mv "$TMP/lib/new" "$TMP/lib/$libssl"
# Ids of processes begin anew at times: the last one started need not have the highest.
(echo 300 >/proc/sys/kernel/ns_last_pid) 2>/dev/null
LD_LIBRARY_PATH=$TMP/lib nginx_own
changed "$pid" "$libssl" "a library that was replaced"
ok "requests are seen" wait_until seen_as nginx-$$ http "$port"
rm "$TMP/lib/$libssl"
changed "$old" "$libssl" "the one before, which has gone"
mark
is "5 5" "$(ask "$old_port" 5) $(ask "$port" 5)" "both servers answer"
is_counted nginx-$$ "beside each other" "inbound http 200 10"

# --- what `check` says, of a daemon and without one

# More programs than are looked at in a round, and one in Go, which waits for what it is to format.
for ((i = 0; i < 66; i++)); do
	cp "$TMP/bin/sleep-$$" "$TMP/bin/many-$i-$$"
	background "many-$i-$$" 100000
done
go=
if command -v gofmt >/dev/null; then
	own_copy gofmt
	gofmt-$$ <&"$silence" >"$TMP/gofmt" &
	at_exit end_process $!
	go="gofmt-$$: gofmt-$$ 0 a program in Go that does not use crypto/tls"
fi
reload nginx-$$ "gnutls-serv-$$" "sleep-$$" "gofmt-$$" "many-*-$$"
stripped="no symbols (stripped): a TLS library that is a part of it cannot be found"
expected=$(sort <<-END
	gnutls-serv-$$: $libgnutls 3 null
	many: 66
	nginx-$$: $libssl (deleted) 5 null
	sleep-$$: sleep-$$ 0 $stripped
	${go:-many: 66}
END
)
expected=$(uniq <<<"$expected")

check() { # OPTION...
	"$SEISMO" check "$@" --format json >"$TMP/check.json" 2>"$TMP/check.err"
	jq -r '[.probes[] | select(.name == "tls") | .files[]] | (.[] | .services[] as $service | select($service | startswith("many-") | not) |
		"\($service): \(.path | split("/") | last) \(.functions) \(.reason)"),
		"many: \([.[].services[] | select(startswith("many-"))] | unique | length)"' "$TMP/check.json" | sort -u
}

says() { # OPTION...
	said=$(check "$@")
	[[ $said == "$expected" ]]
}
daemon=(--state-dir "$TMP/state")
alone=(--state-dir "$TMP/none" --config "$CONFIG" --probes "request,tls")
wait_until says "${daemon[@]}"
is "$expected" "$said" "check says what the daemon looks into, and why not"
wait_until says "${alone[@]}"
is "$expected" "$said" "and without a daemon what one would"
"$SEISMO" check "${daemon[@]}" --verbose >"$TMP/check"
ok "for people" grep -qF "/$libgnutls, attached to 3 functions, for gnutls-serv-$$" "$TMP/check"
ok "for people, why not" grep -qF "/sleep-$$, for sleep-$$: $stripped" "$TMP/check"

# --- the end

reload "gnutls-serv-$$"
unchanged "$old" "$libssl" "not named any more"
unchanged "$pid" "$libssl" "not named any more"
changed "$gnutls" "$libgnutls" "named still"
ok "requests are exchanges again" wait_until seen_as nginx-$$ tls "$port"
bpf_objects >"$TMP/objects"
stop_seismo
unchanged "$gnutls" "$libgnutls" "after its end"
leaves_no_bpf "its end"
is "2" "$(ask "$gnutls_port" 2)" "and the server goes on"
