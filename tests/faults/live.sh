# shellcheck shell=bash disable=SC2154 # of the world and the fault
# SPDX-License-Identifier: BSD-3-Clause
# What is asked of Seismo while a fault of this world is live, and whether the answer is right. Source it after world.sh.
#
# A fault's `expect` has an entry for each cause that the verdict has to name, in any order if they are several; the first cause has to be
# among them: "KIND CAUSE SUBJECT VICTIM", each a pattern of bash, `a|b` is either. SUBJECT and VICTIM are services without prefix
# and suffix, or `disk`. Words of a kind are joined: own-load.
shopt -s extglob

DIVISOR=5 # of all durations of the rules

# The built-in rules, their durations divided: a rule of the same name replaces a built-in one. Where as many events are enough in the
# shorter window depends on how many there are: `min_events` are divided from FROM on.
rules_scaled() { # DIVISOR FROM
	awk -v divisor="$1" -v from="$2" '
	function scaled(text,	n, unit) {
		n = text + 0
		unit = text
		gsub(/[0-9.]/, "", unit)
		return n * (unit == "h" ? 3600 : unit == "m" ? 60 : 1) * 1000 / divisor "ms"
	}
	# Divides the duration that follows the key.
	function divide(key,	head, text) {
		if (!match($0, key ": [0-9]+[smh]"))
			return
		head = substr($0, 1, RSTART + length(key) + 1)
		text = substr($0, RSTART + length(key) + 2, RLENGTH - length(key) - 2)
		$0 = head scaled(text) substr($0, RSTART + RLENGTH)
	}
	/^ +(window|for|keep_firing_for): / { sub(/[0-9.]+[smh]$/, scaled($2)) }
	/burn_rate:/ { divide("long"); divide("short") }
	# How long something has been under way is compared with durations.
	/ metric: / { is_age = /_oldest_seconds/ }
	/^ +(above|at_least): / || /_oldest_seconds.* above:/ { if (is_age) { divide("above"); divide("at_least") } }
	# periods of a quota and the like are as many a second as ever
	/^ +min_events: / && $2 >= from { sub(/[0-9]+$/, int($2 / divisor)) }
	{ print }' "$ROOT/user/rule/builtin.yaml"
}

# Everything else is as users have it, but that an alert ends soon: the verdict has to go with the fault.
daemon_start() {
	{
		echo "short_commands: fold"
		rules_scaled $DIVISOR 10 | sed 's/keep_firing_for: .*/keep_firing_for: 3s/'
	} >"$CONFIG"
	start_seismo --interval $((5000 / DIVISOR / 2))ms
}

# Signals are heard meanwhile.
pause() { # SECONDS
	read -rt "$1" -u "$silence"
}

# --- the verdict

# What began, or was wrong, in the last seconds.
diagnose() { # FILE SECONDS
	"$SEISMO" diagnose --socket "$TMP/state/api.sock" --since "$2s" --format json >"$1" 2>"$1.err"
	[[ -s $1 ]] && jq -e .verdict "$1" >/dev/null || bail "seismo diagnose: $(<"$1.err")"
}

# The causes in this world that the verdict names, "KIND CAUSE SUBJECT VICTIM" each, the first one first.
causes() { # FILE [JQ-CONDITION]
	jq -r ".causes[] | select(${2:-true})"' |
		[.kind, .cause, (.subject[]? // "-"), (.victims[0].service? // "-")] | map(gsub(" "; "-")) | join(" ")' "$1" |
		awk -v prefix="$PREFIX" -v device="$device" 'index($0, prefix) || index($0, device)' |
		sed "s/\<$device\>/disk/g; s/\<[rx]$$-//g; s/\.service\>//g"
}

# Pages of this world that fire, "RULE LABEL...".
pages() {
	http_get /api/v1/alerts "$TMP/alerts" || return
	jq -r --arg prefix "$PREFIX" --arg device "$device" '.alerts[] |
		select(.state == "firing" and .severity == "page" and ([.labels[] | startswith($prefix) or . == $device] | any)) |
		"\(.rule) \([.labels[]] | join(" "))"' "$TMP/alerts"
}

is_expected() { # CAUSE PATTERN
	local field got want
	read -ra got <<<"$1"
	read -ra want <<<"$2"
	for field in 0 1 2 3; do
		# shellcheck disable=SC2053 # a pattern
		[[ ${got[field]} == @(${want[field]}) ]] || return
	done
}

# Is the first cause one of those that are expected, and is each of them named?
is_right() { # FILE
	local named cause pattern found=
	mapfile -t named < <(causes "$1")
	for pattern in "${expect[@]}"; do
		is_expected "${named[0]-}" "$pattern" && found=1
	done
	[[ $found ]] || return
	for pattern in "${expect[@]}"; do
		found=
		for cause in "${named[@]}"; do
			is_expected "$cause" "$pattern" && found=1
		done
		[[ $found ]] || return
	done
}

# --- a fault, from its beginning to after its end

# Sets state (right, wrong, missed, stays, invalid), verdict, and said_before, said_during, what the client says. Answers are
# kept in FOLDER. BEGIN is when the client was fine for the first time.
fault_judge() { # FOLDER BEGIN
	local injected=$EPOCHREALTIME
	said_before=$(client_says client "$2" "$injected") state=right verdict=
	http_get /metrics "$1/before.metrics"
	inject >>"$1/inject.log" 2>&1
	if ((row == 30)); then
		healthy_watch "$1" "$injected"
	else
		pause "$(awk -v left="$(calc "$seconds - ($EPOCHREALTIME - $injected)")" 'BEGIN { print (left > 8 ? left : 8) }')" # some faults take long to inject
		diagnose "$1/during.json" "$seconds"
		verdict=$(causes "$1/during.json" | head -n 1)
	fi
	said_during=$(client_says client "$injected" "$EPOCHREALTIME")
	"$SEISMO" diagnose --socket "$TMP/state/api.sock" --since "${seconds}s" >"$1/during.txt" 2>&1
	http_get /metrics "$1/during.metrics"
	http_get /api/v1/alerts "$1/during.alerts.json"
	heal >>"$1/inject.log" 2>&1
	if ((row == 30)); then
		# others on this machine disturb
		[[ $state == right ]] || ! client_suffers "$said_before" "$said_during" || state=invalid
	elif ! client_suffers "$said_before" "$said_during"; then
		state=invalid
	elif [[ ! $verdict ]]; then
		state=missed
	elif ! is_right "$1/during.json"; then
		state=wrong
	elif ! goes_away "$1"; then
		state=stays
	fi
	: "${verdict:=nothing}"
}

# Nothing may be said at any time.
healthy_watch() { # FOLDER INJECTED
	local number=0
	while [[ $state == right ]] && between 0 "$seconds" "$(calc "$EPOCHREALTIME - $2")"; do
		pause 1
		diagnose "$1/during.$((++number)).json" "$seconds"
		verdict=$(causes "$1/during.$number.json" | head -n 1)
		[[ $verdict ]] || verdict=$(pages | head -n 1)
		[[ ! $verdict ]] || state=wrong
	done
}

# Within some windows, or while the client still suffers.
goes_away() { # FOLDER
	local end=$((SECONDS + 25))
	while ((SECONDS < end)); do
		pause 1
		diagnose "$1/after.json" 10
		causes "$1/after.json" '.until == null' | grep -qF "${verdict% *} " || return 0
	done
	client_suffers "$said_before" "$(client_says client "$(calc "$EPOCHREALTIME - 5")" "$EPOCHREALTIME")"
}
