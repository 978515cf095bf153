# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the tests of requests share: all that a service counted since `mark`, and servers of our own that answer
# in each way that there is. After lib.sh.

# Of what grew since `mark` sets counted, "DIRECTION PROTOCOL STATUS NUMBER" of requests; owed, how many durations there
# should be by "duration DIRECTION PROTOCOL NUMBER" and times in the queue by "queue PROTOCOL NUMBER"; and had, how many
# there are; with `unanswered`, the queue is not looked at; `untimed` are those that have no duration. All at once, as starting programs is what takes time where machines are slow.
requests_read() { # SERVICE
	local kind line
	counted='' owed='' had=''
	while read -r kind line; do
		local -n lines=$kind
		lines+=${lines:+$'\n'}$line
	done < <(awk -v service="$1" -v untimed="${untimed-}" '
	function label(name,    at) {
		at = match($0, "[{,]" name "=\"[^\"]*\"")
		return at ? substr($0, at + length(name) + 3, RLENGTH - length(name) - 4) " " : ""
	}
	function add(what, number) { sum[what] += FILENAME ~ /mark$/ ? -number : number }
	/^seismo_request(s_total|_duration_seconds_count|_queue_seconds_count)[{]/ && label("service") == service " " {
		direction = label("direction")
		protocol = label("protocol")
		if (/^seismo_request_d/)
			add("had duration " direction protocol, $NF)
		else if (/^seismo_request_q/)
			add("had queue " protocol, $NF)
		else {
			add("counted " direction protocol label("status"), $NF)
			add("owed duration " direction protocol, $NF)
			if (direction == "inbound ")
				add("owed queue " protocol, $NF)
		}
	}
	END {
		for (what in sum)
			if (sum[what])
				printf "%s%.15g\n", what, sum[what] - (what ~ /^owed duration/ ? untimed : 0)
	}' "$TMP/metrics.mark" "$METRICS" | sort)
	[[ ! ${unanswered-} ]] || owed=$(sed '/^queue/d' <<<"$owed") had=$(sed '/^queue/d' <<<"$had")
}

requests_are() { # SERVICE LINES
	scrape
	requests_read "$1"
	[[ $counted == "$2" ]]
}

# Each with its times as well, which a scrape may miss amid the counting of a request.
requests_are_timed() { # SERVICE LINES
	requests_are "$@" && [[ $owed == "$had" ]]
}

# They are, or have been others for a while and events were lost.
requests_settle() { # requests_are|requests_are_timed SERVICE LINES
	"$@" || settled_at "$counted" "$(lost seismo_requests_total)"
}

# COUNTED without requests of no known protocol or status, of which there are no more than events were lost: one of theirs was.
but_unknown() { # EXPECTED COUNTED LOST
	awk -v lost="$3" '
	{ number = $NF; $NF = "" }
	FNR == NR { expected[$0]; next }
	!($0 in expected) && / unknown / && number <= lost { lost -= number; next }
	{ print $0 number }' <(echo "$1") <(echo "$2")
}

# By how much two lists of lines "KEY NUMBER" differ.
apart() { # LINES LINES
	awk '
	{ number = $NF; $NF = "" }
	{ left[$0] += FNR == NR ? number : -number }
	END {
		for (key in left)
			sum += left[key] < 0 ? -left[key] : left[key]
		print sum + 0
	}' <(echo "$1") <(echo "$2")
}

# All that the service counted since `mark` is what is expected, in any order; each request has a duration, and
# those from outside a time in the queue.
is_counted() { # SERVICE TEXT LINE...
	# shellcheck disable=SC2034 # for settled_at
	local expected counted owed had lost settled='' since=$SECONDS
	expected=$([[ $# == 2 ]] || printf '%s\n' "${@:3}" | sort)
	requests_are_timed "$1" "$expected" || wait_until requests_settle requests_are_timed "$1" "$expected"
	lost=$(lost seismo_requests_total)
	is_but_lost "$expected" "$(but_unknown "$expected" "$counted" "$lost")" "$2: $1" seismo_requests_total
	# Of an event that was lost, a request may lack its duration, and another one have been in the queue for nothing.
	if [[ $counted != "$expected" && $owed != "$had" ]] && between 1 $((2 * lost)) "$(apart "$owed" "$had")"; then
		skip_one "$2: $1 timed each of them" "the kernel kept $lost events from programs, which are told of as lost"
	else
		is "$owed" "$had" "$2: $1 timed each of them"
	fi
}

# The same of requests that have no duration, since they wait because they want to.
is_counted_untimed() { # SERVICE TEXT LINE...
	# shellcheck disable=SC2034 # for settled_at
	local expected counted owed had lost settled='' since=$SECONDS
	expected=$(printf '%s\n' "${@:3}" | sort)
	requests_are "$1" "$expected" || wait_until requests_settle requests_are "$1" "$expected"
	lost=$(lost seismo_requests_total)
	is_but_lost "$expected" "$(but_unknown "$expected" "$counted" "$lost")" "$2: $1" seismo_requests_total
	ok "$2: $1 timed none of them" test "${had#duration}" = "$had"
}

# Mean of a histogram since `mark`.
mean() { # METRIC LABEL=VALUE...
	calc "$(grown "$1_sum" "${@:2}") / ($(grown "$1_count" "${@:2}") + 1e-9)"
}

# How many requests took longer than SECONDS since `mark`: the buckets that are exposed are powers of two, of those in
# between one is allowed.
slower_than() { # SECONDS LABEL=VALUE...
	local le
	le=$(awk -v most="$1" 'BEGIN { le = 1 / 1048576; while (le < most * 1.0905) le *= 2; printf "%.15g", le }')
	calc "$(grown seismo_request_duration_seconds_count "${@:2}") - $(
		grown seismo_request_duration_seconds_bucket "${@:2}" le="$le")"
}

# The longest time of a request that h2load has said in $TMP/h2load, in seconds.
h2load_longest() {
	awk '/^time for request:/ { t = $5; s = t + 0; if (t ~ /us$/) s /= 1e6; else if (t ~ /ms$/) s /= 1e3; print s }' "$TMP/h2load"
}

# --- our own server and client

# Starts a server. Sets server, its name and service, and port.
reqserver_start() { # NAME ADDRESS OPTION...
	server=r-$1-server-$$
	workload reqserver "$server" >/dev/null
	"$TMP/bin/$server" server "${@:2}" >"$TMP/$server" &
	at_exit end_process $!
	wait_until test -s "$TMP/$server" || bail "$server did not start"
	port=$(<"$TMP/$server")
}

# Runs a client to it, of which `client` is the name and `said` tells the numbers.
reqserver_ask() { # NAME ADDRESS OPTION...
	client=r-$1-client-$$
	workload reqserver "$client" >/dev/null
	timeout --foreground 120 "$TMP/bin/$client" client "$2" "$port" "${@:3}" >"$TMP/$client" || bail "$client failed"
}

said() { # KEY
	[[ " $(<"$TMP/$client")" =~ \ $1=([^ ]+) ]] && echo "${BASH_REMATCH[1]}"
}
