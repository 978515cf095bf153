# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the tests of libraries that speak TLS share: servers that answer after $ms milliseconds, clients that say what they were answered,
# and the comparison of all that they saw with what was counted, at the end. After clients.sh.

mkdir -p "$TMP/home"
n=3 # requests of each client to each server
ms=20
quickest=0.015625 # seconds: the last bucket below that
cert=$TMP/cert.pem key=$TMP/key.pem
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:tldr.sh -days 2 \
	-addext basicConstraints=CA:FALSE -keyout "$key" -out "$cert" 2>"$TMP/openssl" || bail "openssl: $(<"$TMP/openssl")"
openssl pkcs12 -export -in "$cert" -inkey "$key" -name me -passout pass:secret -out "$TMP/store" || bail "no store of keys"
chmod 755 "$TMP"

copy() { # NAME PROGRAM: prints where it is now, a service NAME-$$
	local path=$2
	[[ -e $path ]] || path=$(command -v "$2")
	cp -L "$path" "$TMP/bin/$1-$$" && echo "$TMP/bin/$1-$$"
}

# --- servers

own_names=()
own_begin() { # NAME COMMAND...
	"${@:2}" >"$TMP/$1.said" 2>"$TMP/$1.log" &
	at_exit end_process $!
	own_names+=("$1")
}

own_ready() {
	local name
	for name in "${own_names[@]}"; do
		WAIT=100 wait_until test -s "$TMP/$name.said" || bail "$name did not start: $(tail -n 3 "$TMP/$name.log")"
		ports[$name]=$(<"$TMP/$name.said")
	done
}

nginx_server() { # LISTEN LINE...
	printf '%s\n' "server { listen 127.0.0.1:$1;" "${@:2}" "location / { proxy_pass http://127.0.0.1:$port; } }"
}
nginx_tls='ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;'

url() { # SERVER
	echo "https://localhost:${ports[$1]}/$ms/200?ms=$ms"
}

# --- clients. By "SERVICE DIRECTION", what they have seen: requests, the longest, how many need not have waited, refused handshakes

declare -A cnt longest quick errors
service_of() { # SERVER
	case $1 in
	java) echo Server$$ ;;
	go* | boring | node | selfserv) echo "$1-$$" ;;
	gnutls) echo gnutls-serv-$$ ;;
	*) echo nginx-$$ ;;
	esac
}

asked() { # SERVICE SERVER NUMBER SECONDS
	local end
	for end in "$1 outbound" "$(service_of "$2") inbound"; do
		cnt[$end]=$((${cnt[$end]:-0} + $3))
		longest[$end]=$(printf '%s\n' "${longest[$end]:-0}" "$4" | sort -g | tail -n 1)
		case $2 in
		selfserv | gnutls) quick[$end]=$((${quick[$end]:-0} + $3)) ;;
		four) quick[$end]=1 ;; # a ticket may be taken for the first response
		esac
	done
}

# The server is the one of NSS, of which nobody asks how long it took.
refuse() { # NAME PROGRAM OPTION...
	local i program
	program=$(copy "strict-$1" "$2")
	for ((i = 0; i < n; i++)); do
		timeout --foreground 100 "$program" "${@:3}" </dev/null >"$TMP/out" 2>&1 && bail "$1 likes a certificate of nobody known"
	done
	errors["strict-$1-$$ outbound"]=$n
	errors["selfserv-$$ inbound"]=$((${errors["selfserv-$$ inbound"]:-0} + n))
}

# A client that says what it was answered, by all of these servers, the same number each.
ask() { # SERVICE SERVERS COMMAND...
	local server servers number
	read -ra servers <<<"$2"
	timeout --foreground 200 "${@:3}" >"$TMP/answered" 2>"$TMP/log" || bail "$1 asks $2: $(tail -n 3 "$TMP/log")"
	number=$(sed -n 's/^200 //p' "$TMP/answered")
	for server in "${servers[@]}"; do
		asked "$1" "$server" $((number / ${#servers[@]})) "$(sed -n 's/^longest //p' "$TMP/answered")"
	done
}

curl_ask() { # SERVER OPTION...
	"$(copy "curl-$1" curl)" -ksS --http1.1 -w '%{stderr}%{http_code} %{time_total}\n' -o "$TMP/body" "${@:2}" "$(url "$1")&[1-$n]" 2>"$TMP/curl" ||
		bail "curl asks $1: $(<"$TMP/curl")"
	asked "curl-$1-$$" "$1" "$(grep -c '^200' "$TMP/curl")" "$(cut -d ' ' -f 2 "$TMP/curl" | sort -g | tail -n 1)"
}

# Compares. Handshakes that failed may have no time.
asked_are_counted() {
	local end service direction lines labels counted owed had
	for end in "${!cnt[@]}"; do
		[[ ! ${errors[$end]-} ]] || continue
		service=${end% *} direction=${end#* }
		lines=("$direction tls unknown ${cnt[$end]}")
		[[ $service != nginx-* ]] || lines+=("outbound http 200 ${cnt[$end]}")
		is_counted "$service" "exchanges" "${lines[@]}"
		labels=(service="$service" direction="$direction" protocol=tls)
		# Whoever sends may wait for the CPU before that is seen: of a client the time is short, of a server long.
		if [[ $direction == outbound ]]; then
			is 0 "$(slower_than "${longest[$end]}" "${labels[@]}")" "$service: no longer than for the client, ${longest[$end]} s"
			continue
		fi
		lines=("$(grown seismo_request_duration_seconds_bucket "${labels[@]}" le=$quickest)")
		ok "$service: at most ${quick[$end]:-0} took less than the server (got ${lines[*]})" between 0 "${quick[$end]:-0}" "${lines[0]}"
	done
	for end in "${!errors[@]}"; do
		service=${end% *} direction=${end#* }
		lines="$direction tls error ${errors[$end]}${cnt[$end]:+$'\n'$direction tls unknown ${cnt[$end]}}"
		wait_until requests_are "$service" "$lines"
		is "$lines" "$counted" "refused handshakes: $service"
	done
}
