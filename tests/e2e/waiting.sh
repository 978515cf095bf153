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
	[[ $(unanswered "$1") == "$2" ]]
}

is_unanswered() { # SERVICE TEXT LINE...
	local expected
	expected=$([[ $# == 2 ]] || printf '%s\n' "${@:3}" | sort)
	wait_until unanswered_are "$1" "$expected"
	is "$expected" "$(unanswered "$1")" "$2: $1"
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
