#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The clock of the host is set forth and back by an hour while an alert is pending, fires and is about to resolve: that changes
# nothing but the times that are told from then on.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/alerts.sh
. "$(dirname "$0")/alerts.sh"

need jq curl faketime
shift=$TMP/shift
library=$(echo /usr/lib/*/faketime/libfaketime.so.1)
[[ -e $library ]] || skip "no library of faketime on this host"
ldd "$SEISMO" | grep -q libasan && skip "a sanitizer wants to be the first library"

# The daemon believes in this clock, all others do not.
real=$SEISMO
SEISMO=$TMP/bin/seismo-shifted
cat >"$SEISMO" <<-END
	#!/bin/sh
	LD_PRELOAD=$library FAKETIME_TIMESTAMP_FILE=$shift FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
		exec "$real" "\$@"
END
chmod +x "$SEISMO"
clock_set() { # SECONDS-FROM-TRUE-TIME
	echo "$1" >"$shift.new" && mv "$shift.new" "$shift"
}

second=$((scale < 3 ? 1 : scale / 2))
hold=$((5 * second))
clock_set +0
alert_config ""
sed -i "s/^    severity: page/    for: ${hold}s\n    keep_firing_for: ${hold}s\n&/" "$CONFIG"
start_seismo --probes process

alert() { # JQ-FILTER
	curl -fsS --max-time 60 "$SEISMO_URL/api/v1/alerts" | jq -r ".alerts[] | $1"
}
state_is() { # STATE
	[[ $(alert .state) == "$1" ]]
}
seconds_of() { # KEY: of the alert, since the epoch
	date -d "$(alert ".$1")" +%s
}
uptime_ms() {
	local up
	read -r up _ </proc/uptime
	echo "${up/./}0"
}

began=$(uptime_ms)
alert_begin
wait_until state_is pending
now=$(date +%s)
clock_set +3600
sleep 1
is pending "$(alert .state)" "an hour later by the clock it is still pending"
wait_until state_is firing
took=$(($(uptime_ms) - began))
ok "it fires when it has been pending for long enough ($took ms)" between $((hold * 950)) $((hold * 10000)) "$took"
ok "it tells what the clock says now" between $((now + 3600)) $((now + 3600 + 60 * scale)) "$(seconds_of starts_at)"
started=$(alert .starts_at)

clock_set -3600
sleep 1
is "firing null $started" "$(alert '"\(.state) \(.unknown) \(.starts_at)"')" "two hours back it fires as before, since when it did"
scrape
is 1 "$(value seismo_alert_firing rule=TooMany)" "and is a metric"

began=$(uptime_ms)
alert_end
sleep 0.5
clock_set +3600
sleep 0.5
is firing "$(alert .state)" "two hours forth it is kept"
clock_set -3600
wait_until state_is resolved
took=$(($(uptime_ms) - began))
ok "it resolves when it has been kept for long enough ($took ms)" between $((hold * 700)) $((hold * 10000)) "$took"
is "$started" "$(alert .starts_at)" "it has fired since when it did"
ok "it does not end before it began" between "$(seconds_of starts_at)" $((now + 7200)) "$(seconds_of ends_at)"
stop_seismo
