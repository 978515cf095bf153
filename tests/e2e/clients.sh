# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the tests with real clients share: what a client says that it was answered, which is in $TMP/CLIENT.answered, "STATUS NUMBER" for
# each status, "untimed NUMBER" of those that wait on purpose, "p50 SECONDS" and "longest SECONDS", compared with what was counted. After
# request.sh.

export NODE_PATH=$ROOT/build/clients/node_modules # by `make deps-clients`

# shellcheck disable=SC2034 # for the tests
declare -A ports # of servers, by name

# Builds a program of clients/. What Go keeps of its libraries is not in the tree, which another user may own.
go_build() { # PROGRAM FILE OPTION...
	local sources=("$ROOT/tests/clients/$1.go" "$ROOT/tests/clients/goshared.go")
	GOCACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/seismo/go GO111MODULE=off \
		go build -o "$2" "${@:3}" "${sources[@]}" || bail "no program of Go"
}

# Starts a server in the background, at a port of its own; `server_ready` awaits it.
server_begin() { # NAME PORT COMMAND...
	ports[$1]=$2
	"${@:3}" >"$TMP/$1.log" 2>&1 &
	at_exit server_stop $!
}

server_ready() { # NAME...
	local name
	for name in "$@"; do
		WAIT=200 wait_until port_open "${ports[$name]}" || bail "$name did not start: $(tail -n 3 "$TMP/$name.log")"
	done
}

# Starts a client, which is a service of the name.
declare -A clients
client_begin() { # NAME CLIENT SERVER ARGUMENT...
	cp "$ROOT/tests/clients/clients.js" "$TMP/bin/$1-$$"
	timeout --foreground 120 node "$TMP/bin/$1-$$" "$2" "${ports[$3]}" "${@:4}" >"$TMP/$1.answered" 2>"$TMP/$1.complaint" &
	clients[$1]=$!
	at_exit end_process $!
}

clients_end() {
	local name
	for name in "${!clients[@]}"; do
		wait "${clients[$name]}" || bail "$name: $(head -n 12 "$TMP/$name.complaint")"
	done
}

# What they were answered, "PROTOCOL STATUS NUMBER".
answers() { # PROTOCOL CLIENT...
	local files=("${@:2}")
	files=("${files[@]/#/"$TMP/"}")
	awk -v protocol="$1" '$1 !~ /^(p50|longest|untimed)$/ { sum[$1] += $2 } END { for (status in sum) print protocol, status, sum[status] }' "${files[@]/%/.answered}"
}

answered_are() { # SERVICE DIRECTION PROTOCOL CLIENT...
	local said untimed
	mapfile -t said < <(answers "${@:3}")
	untimed=$(sed -n 's/^untimed //p' "$TMP/$4.answered")
	is_counted "$1" "${*:4}" "${said[@]/#/"$2 "}"
}

# Prints the bounds of the bucket that has the median since `mark`.
median() { # LABEL=VALUE...
	local le total
	total=$(grown seismo_request_duration_seconds_count "$@")
	series by=le seismo_request_duration_seconds_bucket "$@" >"$TMP/buckets"
	METRICS=$TMP/metrics.mark series by=le seismo_request_duration_seconds_bucket "$@" >"$TMP/buckets.mark"
	awk -v total="$total" '
		FILENAME ~ /mark$/ { before[$1] = $2; next }
		{ cnt[$1] = $2 - before[$1] }
		END {
			high = "inf"
			for (le in cnt)
				if (le != "+Inf" && cnt[le] * 2 > total && (high == "inf" || le + 0 < high + 0))
					high = le
			for (le in cnt)
				if (le != "+Inf" && cnt[le] * 2 <= total && le + 0 > low + 0)
					low = le
			print low + 0, high
		}' "$TMP/buckets.mark" "$TMP/buckets"
}

# The median is in the bucket where the client saw it, or where the server waited so long on purpose: between, where the machine was late.
median_is() { # SECONDS CLIENT SERVICE PROTOCOL DIRECTION
	local low high p50
	p50=$(sed -n 's/^p50 //p' "$TMP/$2.answered")
	read -r low high < <(median service="$3" protocol="$4" direction="$5")
	ok "$2: the median of $3 is that of the client ($p50, got $low to $high)" \
		awk -v low="$low" -v high="$high" -v least="$1" -v most="$p50" 'BEGIN { exit !(high >= least && low <= most) }'
}
