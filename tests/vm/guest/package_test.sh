#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The Debian package, /seismo.deb, and the next version of it, /next.deb, on a machine with systemd (tests/installed): installed, scraped
# over TLS by somebody who logs in, reloaded, upgraded, purged.
# shellcheck disable=SC2317 # ok and until_true run them
set -u
export LC_ALL=C
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../../tap.sh"
[[ $(</proc/1/comm) == systemd && -e /seismo.deb ]] || skip_all "no machine of tests/installed"
limit=${WAIT:-300}
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
export DEBIAN_FRONTEND=noninteractive
url=https://localhost:9469

apt() { # ARGUMENT...
	apt-get -qq -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null
}

left() {
	find /etc /var/lib /var/log /run/seismo /usr -path '*seismo*' ! -path '/var/lib/dpkg/*' ! -path '*/deb-systemd-helper-*' 2>/dev/null | sort
}

show() { # PROPERTY
	systemctl show --value --property "$1" seismo
}

# What it is answered with; 000: there was no answer.
ask() { # CURL-OPTION... PATH
	curl -s --cacert /root/server.crt --max-time 60 -o "$TMP/body" -w '%{http_code}' "${@:1:$#-1}" "$url${*: -1}"
}

answers() { # CODE CURL-OPTION... PATH
	[[ $(ask "${@:2}") == "$1" ]]
}

setting() { # KEY
	seismo config "$1" | awk '{ sub(/:[0-9]+$/, "", $3); print $2, $3 }'
}

setting_is() { # VALUE KEY
	[[ $(setting "$2") == "$1 /etc/seismo/seismo.yaml" ]]
}

version_of() { # DEB
	dpkg-deb -f "$1" Version
}

runs() { # VERSION
	answers 200 -u alice:secret /metrics && grep -qF "seismo_build_info{version=\"$1\"," "$TMP/body"
}

# The daemon gives the files a second, which on a machine that is emulated and busy may be too short: again, then.
runs_reloaded() { # VERSION
	runs "$1" || { systemctl reload seismo && sleep 5 && runs "$1"; }
}

capabilities() { # PID
	awk '$1 == "CapEff:" { print $2 }' "/proc/$1/status"
}

# To load programs takes long in an emulated machine.
mkdir -p /run/systemd/system/seismo.service.d
printf '[Service]\nTimeoutStartSec=%s\nWatchdogSec=%s\n' "$limit" "$limit" >/run/systemd/system/seismo.service.d/slow.conf

# --- installed

left >"$TMP/before"
ok "apt installs it" apt install /seismo.deb
is enabled "$(systemctl is-enabled seismo)" "it is started at each boot"
ok "systemctl starts it" systemctl start seismo
is active "$(systemctl is-active seismo)" "it is active"
ok "it is ready" until_true "$limit" curl -fs -o /dev/null http://127.0.0.1:9469/-/ready
is "" "$(journalctl -q --no-pager -o cat -u seismo | grep -w unavailable)" "each family of probes works"
is "seismo $(version_of /seismo.deb)" "$(seismo --version | cut -d' ' -f1,2)" "of the version that the package has"
exposure=$(systemd-analyze security --no-pager seismo | sed -n 's/.*Overall exposure level for seismo.service: \([0-9.]*\) .*/\1/p')
ok "systemd finds the running unit's exposure to be 2.0 or less ($exposure)" awk -v exposure="$exposure" 'BEGIN { exit !(exposure ~ /^[0-9]/ && exposure <= 2.0) }'
front=$(pgrep -P "$(show MainPID)" -x seismo-front)
is "$(id -u seismo) 0000000000000000" "$(stat -c %u "/proc/$front") $(capabilities "$front")" "what speaks to the network is a user without capabilities"

# --- its own tests, which autopkgtest runs so on its users' machines (the one without a service manager in tests/package, too)

own_test() { # NAME
	mkdir "$TMP/$1" && cd /tree && AUTOPKGTEST_TMP=$TMP/$1 timeout 1800 "debian/tests/$1"
}

cp /etc/seismo/seismo.yaml "$TMP/seismo.yaml"
mapfile -t names < <(sed -n 's/^Tests: //p' /tree/debian/tests/control)
for name in "${names[@]}"; do
	ok "its own test $name" own_test "$name"
done
cp "$TMP/seismo.yaml" /etc/seismo/seismo.yaml
ok "systemctl reloads what was there before" systemctl reload seismo

# --- over TLS, for those who log in

install -m 600 /root/server.key /root/server.crt /etc/seismo/
{
	echo "tls_server_config: { cert_file: server.crt, key_file: server.key }"
	echo "basic_auth_users:"
	sed -n 's/^alice:\(.*\)$/  alice: \1/p' /root/user
} >/etc/seismo/web.yml
chmod 600 /etc/seismo/web.yml
printf '%s\n' "web: /etc/seismo/web.yml" "interval: 10s" >>/etc/seismo/seismo.yaml
ok "systemctl reloads it" systemctl reload seismo
ok "then it is scraped over TLS by who logs in" until_true "$limit" runs_reloaded "$(version_of /seismo.deb)"
is "401 401" "$(ask /metrics) $(ask -u alice:wrong /metrics)" "and by nobody else"
is 000 "$(curl -s --max-time 60 -o /dev/null -w '%{http_code}' http://localhost:9469/metrics)" "nor without TLS"
is "10s /etc/seismo/seismo.yaml" "$(setting interval)" "what else was in that file is in effect"
sed -i 's/^interval: .*/interval: 15s/' /etc/seismo/seismo.yaml
ok "systemctl reloads it again" systemctl reload seismo
ok "and that is in effect" until_true "$limit" setting_is 15s interval

# --- upgraded

pid=$(show MainPID)
is "seismo seismo-front" "$(pgrep -l '^seismo' | cut -d' ' -f2 | sort -u | xargs)" "its processes have these names"
cp /etc/seismo/seismo.yaml "$TMP/seismo.yaml"
ok "apt upgrades it" apt install /next.deb
is "$(version_of /next.deb)" "$(dpkg-query -W -f '${Version}' seismo)" "to the next version"
ok "which is started in place of the other one" until_true "$limit" runs "$(seismo --version | cut -d' ' -f2)"
ok "by a process of its own" test "$(show MainPID)" != "$pid"
ok "the configuration is what it was" cmp "$TMP/seismo.yaml" /etc/seismo/seismo.yaml
is "15s /etc/seismo/seismo.yaml" "$(setting interval)" "and in effect"
is "success 0" "$(show Result) $(show NRestarts)" "nothing went wrong"

# --- purged

ok "apt purges it" apt purge seismo
is inactive "$(systemctl is-active seismo)" "it runs no more"
is "" "$(pgrep -l '^seismo')" "nor does any process of it"
is "$(<"$TMP/before")" "$(left)" "and nothing is left of it"

finish_tests
