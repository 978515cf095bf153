# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Checks of scripts that are no part of `make test`: one line each, as TAP. Source it first.

tests=0 failed=0

die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

is() { # EXPECTED ACTUAL TEXT
	((++tests))
	if [[ $1 == "$2" ]]; then
		echo "ok $tests - $3"
		return
	fi
	failed=1
	echo "not ok $tests - $3"
	diff <(echo "$1") <(echo "$2") | sed 's/^/# /'
}

ok() { # TEXT COMMAND...
	local said status
	said=$("${@:2}" 2>&1)
	status=$?
	is "0" "$status" "$1"
	((status == 0)) || tail -n 20 <<<"$said" | sed 's/^/# /'
}

skip() { # TEXT REASON
	echo "ok $((++tests)) - $1 # SKIP $2"
}

# Nothing that follows can be seen here.
skip_all() { # REASON
	skip "the rest" "$1"
	finish_tests
}

until_true() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	until "${@:2}" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.2
	done
}

finish_tests() {
	echo "1..$tests"
	exit $failed
}
