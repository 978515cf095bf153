#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The daemon as a service of systemd, restricted as its unit says, and services of systemd by their names, on the
# cgroup hierarchies that this boot was asked for: -i /lib/systemd/systemd, for hybrid ones and for v1 with
# -a systemd.unified_cgroup_hierarchy=0 too, and for v1 with -a systemd.legacy_systemd_cgroup_controller=1 as well.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
[[ $(</proc/1/comm) == systemd ]] || skip "the first process is not systemd"
need jq setpriv
WAIT=${WAIT:-60}

SEISMO_URL=http://127.0.0.1:9469 # by default, as the unit starts it
units=/run/systemd/system
calls=300
call=sched_rr_get_interval

show() { # PROPERTY [UNIT]
	systemctl show --value --property "$1" "${2:-seismo}"
}

is_shown() { # VALUE PROPERTY [UNIT]
	[[ $(show "$2" "${3:-}") == "$1" ]]
}

hierarchies_wanted() {
	case $(</proc/cmdline) in
	*systemd.legacy_systemd_cgroup_controller=1*) echo v1 ;;
	*systemd.unified_cgroup_hierarchy=0*) echo hybrid ;;
	*) echo v2 ;;
	esac
}

hierarchies() {
	awk '
	$3 == "cgroup2" { unified = 1 }
	$3 == "cgroup" { old = 1 }
	END { print old && unified ? "hybrid" : old ? "v1" : "v2" }' /proc/mounts
}

# A unit without more than a command.
unit_write() { # UNIT TYPE COMMAND...
	printf '[Service]\nType=%s\nExecStart=%s\n' "$2" "${*:3}" >"$units/$1"
}

# Runs a command as a scope, in the background, as logind and others do.
scope_run() { # SLICE SCOPE COMMAND...
	background systemd-run --quiet --scope --slice "$1" --unit "$2" "${@:3}" >/dev/null
}

# Each hook in use, from what `check` said and from a scrape.
# The hooks that a report of `seismo check` names as those in use.
hooks_in_use() { # FILE
	jq -r '.probes[] | .name as $p | .hooks[] | select(.attached) | "\($p) \(.hook)"' "$1" | sort
}

attached() {
	[[ $(show ActiveState) == active ]] && curl -fs "$SEISMO_URL/-/ready"
}

is "$(hierarchies_wanted)" "$(hierarchies)" "the cgroup hierarchies"

installed=/usr/local/lib/systemd/system/seismo.service # as by `make install`
install -D "$SEISMO" /usr/local/bin/seismo
install -D -m 644 "$ROOT/tools/deploy/seismo.service" "$installed" || bail "no unit"
install -D -m 644 "$ROOT/tools/deploy/seismo.sysusers" /usr/local/lib/sysusers.d/seismo.conf
systemd-sysusers || bail "no user"
is "" "$(systemd-analyze verify --man=no "$installed" 2>&1)" "systemd finds nothing wrong with the unit"

# What the daemon is to watch but for these: to load programs takes long in an emulated machine.
configure() { # PROBE...
	{
		echo "services: [ { name: by-port, match: { port: $(cat "$TMP/port") } } ]"
		echo "probes: {$(printf ' %s: off,' "$@") }"
		echo "short_commands: name"
	} | tee "$CONFIG" >/etc/seismo/seismo.yaml
}

# --- what runs before the daemon does

hold=$(workload process "w-hold-$$")
unit_write w-unit.service simple "$hold hold 4"
unit_write w@.service oneshot "$(workload churn "w-churn-$$") call $calls"
scope_run user-4711.slice session-7 "$(workload process "w-person-$$")" hold 2
scope_run system.slice w-run "$hold" hold 1
# of another user, whose descriptors are not root's to see without the capability for it
chmod 755 "$TMP" "$TMP/bin"
background setpriv --reuid 65534 --clear-groups "$(workload tcp "w-listens-$$")" server 127.0.0.1 1 1 1 >"$TMP/port"
wait_until test -s "$TMP/port"
mkdir -p /etc/seismo
configure request
# enabled, systemd remembers how it ended
systemctl --quiet enable seismo
systemctl start w-unit
"$SEISMO" check --format json >"$TMP/check.json"

# --- the start: active is who is ready

# Stopped, it cannot have come further than to be started.
systemctl start --no-block seismo
wait_until is_shown start SubState
kill -STOP "$(show MainPID)"
sleep 2
is activating "$(show ActiveState)" "as long as it attaches its probes it is not active"
kill -CONT "$(show MainPID)"
systemctl start seismo # returns as soon as it is active
is "active 200" "$(show ActiveState) $(curl -s -o "$TMP/ready" -w '%{http_code}' "$SEISMO_URL/-/ready")" \
	"once it is active it is ready"
status="watching $(jq -r '[.probes[] | select(any(.hooks[]; .attached)).name] | join(", ")' "$TMP/check.json"); metrics at $SEISMO_URL/metrics"
is "     Status: \"$status\"" "$(systemctl status seismo | grep Status:)" "systemctl status says what it does"

# --- the unit's restrictions

curl -fsS -o "$TMP/restricted.json" "$SEISMO_URL/api/v1/check"
is "$(hooks_in_use "$TMP/check.json")" "$(hooks_in_use "$TMP/restricted.json")" \
	"restricted, it uses the same hooks as without restrictions"
is_metric 1 "it finds a listener of another user by its port" seismo_processes service=by-port
is "1 2" "$(grep -E '^(NoNewPrivs|Seccomp):' "/proc/$(show MainPID)/status" | cut -f2 | paste -sd' ')" \
	"it runs without new privileges and with a filter of system calls"
status_of() { # NAME PID
	awk -v name="$1:" '$1 == name { print $2 }' "/proc/$2/status"
}
front=$(pgrep -P "$(show MainPID)" -x seismo-front)
uid=$(id -u seismo)
is "$uid $uid" "$(status_of Uid "$(show MainPID)") $(status_of Uid "$front")" "it is a user of its own, as is its front"
# CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_PERFMON, CAP_BPF
is "$(printf '%016x' $((1 << 2 | 1 << 19 | 1 << 38 | 1 << 39))) 0000000000000000" \
	"$(status_of CapEff "$(show MainPID)") $(status_of CapEff "$front")" "it has four capabilities, its front none"
is "$uid 0" "$(stat -c %u /var/log/seismo/events.jsonl) $(find /var/lib/seismo ! -user seismo | wc -l)" "its files are its own"

# --- names

is_metric 5 "processes of a unit" seismo_processes service=w-unit.service
is_metric 2 "processes of a scope" seismo_processes service=w-run.scope
is 0 "$(value_or_0 seismo_processes "service=w-hold-$$")" "they are not named by their executable"
is_metric 3 "processes of a person's session are named by their executable" seismo_processes "service=w-person-$$"
is 0 "$(value_or_0 seismo_processes service=session-7.scope)" "and not by the session"
is_metric 1 "systemd itself" seismo_processes service=init.scope
is_metric 2 "the daemon, with its front" seismo_processes service=seismo.service

for instance in a b 'x y/z'; do
	unit="w@$(systemd-escape "$instance").service"
	systemctl start "$unit"
	is_metric "$calls" "$unit: its system calls" seismo_syscalls_total "service=$unit" "syscall=$call"
	is_metric 1 "$unit: its process ended" seismo_process_exits_total "service=$unit" reason=ok
	is 1 "$(value seismo_process_starts_total "service=$unit")" "$unit: it was started once"
done

# A person's own manager and what it runs; without logind it is started by hand.
export XDG_RUNTIME_DIR=/run/user/4711
mkdir -p "$XDG_RUNTIME_DIR/systemd/user"
printf '[Service]\nExecStart=%s hold 3\n' "$hold" >"$XDG_RUNTIME_DIR/systemd/user/w-inner.service"
unit_write user@4711.service notify /lib/systemd/systemd --user --unit basic.target
cat >>"$units/user@4711.service" <<-END
	Slice=user-4711.slice
	Delegate=yes
	Environment=XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR HOME=/root
END
systemctl start user@4711.service
ok "a person's manager starts a unit" systemctl --user start w-inner
is_metric 4 "processes of a person's unit" seismo_processes service=user@4711/w-inner.service
is_metric 1 "a person's manager" seismo_processes service=user@4711.service

# --- the end

# shellcheck disable=SC2046 # names are words
configure $(jq -r '.probes[].name | select(. != "core" and . != "process")' "$TMP/check.json")

# From the signal to the exit, as systemd saw it; the fastest of some. A machine of its own takes some ten milliseconds.
stop_fastest() {
	local i
	for i in 1 2 3; do
		((i == 1)) || systemctl start seismo
		systemctl stop seismo
		calc "($(show ExecMainExitTimestampMonotonic) - $(show ActiveExitTimestampMonotonic)) / 1000000"
	done | sort -g | head -n 1
}
seconds=$(stop_fastest)
ok "it is stopped within three emulated seconds ($seconds)" between 0.000001 3 "$seconds"
is "success 1 0" "$(show Result) $(show ExecMainCode) $(show ExecMainStatus)" "it ends with success"

# --- what hangs is started again

mkdir -p "$units/seismo.service.d"
cp "$ROOT/tools/deploy/full.conf" "$units/seismo.service.d/"
printf '[Service]\nWatchdogSec=5s\nTimeoutAbortSec=5s\nRestartSec=100ms\n' >"$units/seismo.service.d/test.conf"
systemctl daemon-reload
systemctl start seismo
pid=$(show MainPID)
sleep 8
costs_measured() {
	scrape
	(($(value seismo_probe_runs_total probe=core) > 0))
}
ok "with full.conf it measures what its probes cost" wait_until costs_measured
is "active 0 $pid" "$(show ActiveState) $(show NRestarts) $(show MainPID)" "it is alive, and systemd knows"
kill -STOP "$pid"
ok "stopped, it is started again" wait_until is_shown 1 NRestarts
ok "and is ready again" wait_until attached
is_metric 5 "and counts again" seismo_processes service=w-unit.service
is 1 "$(show NRestarts)" "and was not started more often"
systemctl stop seismo

echo 'nonsense: 1' >/etc/seismo/seismo.yaml
systemctl start seismo 2>/dev/null
sleep 1
is "failed 2 0" "$(show ActiveState) $(show ExecMainStatus) $(show NRestarts)" \
	"with a bad configuration it is not started again"
