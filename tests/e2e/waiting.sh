# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the tests of requests without an answer share: those that wait now, those that got none. After request.sh.

# All that a service counted as unanswered since `mark`, "DIRECTION PROTOCOL REASON NUMBER".
unanswered() { # SERVICE
	awk -v service="$1" '
	/^seismo_requests_unanswered_total[{]/ && index($0, "service=\"" service "\"") {
		split($0, part, "\"")
		for (i = 1; i < 9; i += 2)
			label[part[i]] = part[i + 1]
		what = label[",direction="] " " label[",protocol="] " " label[",reason="]
		sum[what] += FILENAME ~ /mark$/ ? -$NF : $NF
	}
	END {
		for (what in sum)
			if (sum[what])
				print what, sum[what]
	}' "$TMP/metrics.mark" "$METRICS" | sort
}

unanswered_are() { # SERVICE LINES
	scrape
	counted=$(unanswered "$1")
	[[ $counted == "$2" ]]
}

# They are, or have been others for a while and events were lost.
unanswered_settle() { # SERVICE LINES
	unanswered_are "$@" || settled_at "$counted" "$(lost seismo_requests_total)"
}

# Of an event that was lost, a request may have ended otherwise, or not at all, or wait for what has come.
is_apart_but_lost() { # EXPECTED ACTUAL TEXT SERVICE
	local lost
	lost=$(lost seismo_requests_total)
	if between 1 $((2 * lost)) "$(apart "$1" "$2")"; then
		skip_one "$3: $4 (${2//$'\n'/, } of ${1//$'\n'/, })" "the kernel kept $lost events from programs, which are told of as lost"
	else
		is "$1" "$2" "$3: $4"
	fi
}

is_unanswered() { # SERVICE TEXT LINE...
	# shellcheck disable=SC2034 # for settled_at
	local expected counted settled='' since=$SECONDS
	expected=$([[ $# == 2 ]] || printf '%s\n' "${@:3}" | sort)
	unanswered_are "$1" "$expected" || wait_until unanswered_settle "$1" "$expected"
	is_apart_but_lost "$expected" "$counted" "$2" "$1"
}

waits() { # NUMBER SERVICE LABEL=VALUE...
	is_value "$1" seismo_requests_in_flight "service=$2" "${@:3}"
}

# So many wait, for at least so many seconds and no longer than since `began`.
are_waiting() { # NUMBER SECONDS TEXT SERVICE LABEL=VALUE...
	wait_until waits "$1" "${@:4}"
	sleep 0.5
	wait_until waits "$1" "${@:4}"
	is "$1" "$(value_or_0 seismo_requests_in_flight "service=$4" "${@:5}")" "$3: in flight"
	ok "$3: as old as the oldest" between "$2" "$(calc "(${EPOCHREALTIME/./} - $began) / 1e6")" \
		"$(value seismo_request_oldest_seconds "service=$4" "${@:5}")"
}

none_waits() { # TEXT SERVICE
	wait_until waits 0 "$2"
	is "0 0" "$(value seismo_requests_in_flight "service=$2") $(value seismo_request_oldest_seconds "service=$2")" \
		"$1: none waits any more: $2"
}
