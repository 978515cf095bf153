#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Somebody sets the clock by an hour, forward and back: no alert begins or ends because of that.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
need jq curl

[[ -e /seismo/command ]] || skip "this is no guest, whose clock may be set"

subject=w-subject-$$
rule() { # NAME FOR
	cat <<-END
		  - { alert: $1, metric: seismo_processes, where: { service: $subject }, by: [service], value: last, above: 0.5,
		      window: 2s, for: $2, keep_firing_for: 2s, severity: page }
	END
}
cat >"$CONFIG" <<END
interval: 500ms
builtin_rules: off
rules:
$(rule Fires 1s)
$(rule NotYet 30m)
END

alert() { # RULE JQ-FILTER
	curl -fsS --max-time 5 "$SEISMO_URL/api/v1/alerts" | jq -r --arg rule "$1" ".alerts[] | select(.rule == \$rule) | $2"
}

state_is() { # RULE STATE
	[[ $(alert "$1" .state) == "$2" ]]
}

clock_add() { # SECONDS
	date -s "@$(($(date +%s) + $1))" >/dev/null || bail "the clock cannot be set"
}

start_seismo --probes none
workload process "$subject" >/dev/null
background "$subject" hold 1 >/dev/null
pid=$!
WAIT=60 wait_until state_is Fires firing
started=$(alert Fires .starts_at)
for step in 3600 -7200; do
	clock_add $step
	sleep $((4 * scale))
	is "firing null $started" "$(alert Fires '"\(.state) \(.unknown) \(.starts_at)"')" "set by $step s: what fires goes on"
	is pending "$(alert NotYet .state)" "set by $step s: what is pending does not fire"
done
end_process "$pid" 2>/dev/null
WAIT=60 wait_until state_is Fires resolved
ok "it ends no earlier than it began" test ! "$(alert Fires .ends_at)" \< "$started"
background "$subject" hold 1 >/dev/null
WAIT=60 wait_until state_is Fires firing
ok "what begins now has the clock's time" between $(($(date +%s) - 60)) "$(date +%s)" \
	"$(date -d "$(alert Fires .starts_at)" +%s)"
clock_add 3600
stop_seismo
