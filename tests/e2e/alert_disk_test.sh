#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk that becomes slow, and then hangs, below PostgreSQL: what the real Prometheus and Alertmanager show of it, and whether
# the alert names the disk, who suffers first, and why. The windows of the rules are a fifth of what they are shipped with.
# quiet: the disk has to be as fast as usual before it is slow
# shellcheck disable=SC2317 # functions that wait_until calls

# A copy of the mount in a namespace that somebody makes meanwhile would keep the disk in use.
[[ ${MOUNTS_OF_ITS_OWN-} ]] || MOUNTS_OF_ITS_OWN=1 exec unshare --mount "$0"
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"

need mkfs.ext4 mount prometheus prometheus-alertmanager python3

slow_disk 192
mount_point=$TMP/mnt
postgres_port=$(free_port) alertmanager_port=$(free_port) prometheus_port=$(free_port)

# --- the system: tables on the disk, which nobody has in memory

disk_mount() {
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$loop" || bail "no ext4"
	mkdir "$mount_point"
	mount "$loop" "$mount_point" || bail "cannot mount $loop"
	at_exit wait_until umount "$mount_point"
	install -d -o postgres "$mount_point/tables"
}

# Keeps the tables out of the page cache: each read is one of the disk.
forget_pages() {
	exec python3 -c '
import glob, os, sys, time
files = [os.open(f, os.O_RDONLY) for f in glob.glob(sys.argv[1] + "/tables/*/*/[0-9]*")]
while True:
    for f in files:
        os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)
    time.sleep(0.02)' "$mount_point"
}

sql() { # STATEMENT
	psql-$$ -qAt -h 127.0.0.1 -p "$postgres_port" -U postgres -c "$1" postgres
}

database_start() {
	postgres_start "$postgres_port" "unix_socket_directories = ''
shared_buffers = 1MB
checkpoint_timeout = 1h"
	sql "CREATE TABLESPACE disk LOCATION '$mount_point/tables'" || bail "no tablespace"
	pgbench-$$ -i -q -n -s 4 --tablespace=disk --index-tablespace=disk -h 127.0.0.1 -p "$postgres_port" -U postgres postgres \
		>"$TMP/pgbench.init" 2>&1 || bail "pgbench -i: $(tail -n 2 "$TMP/pgbench.init")"
	sql "CHECKPOINT"
	sync -f "$mount_point"
	background forget_pages
	background pgbench-$$ -S -n -M prepared -c 8 -j 1 -R 150 -T 600 -P 1 -h 127.0.0.1 -p "$postgres_port" -U postgres postgres \
		>"$TMP/pgbench" 2>&1
}

# --- who is told

alertmanager_start() {
	own_copy prometheus-alertmanager
	cat >"$TMP/alertmanager.yaml" <<-END
		route: { receiver: nobody, group_wait: 1s }
		receivers: [ { name: nobody } ]
	END
	server_start "$alertmanager_port" prometheus-alertmanager-$$ --config.file="$TMP/alertmanager.yaml" \
		--web.listen-address="127.0.0.1:$alertmanager_port" --cluster.listen-address= --storage.path="$TMP/alertmanager"
}

prometheus_start() {
	own_copy prometheus
	cat >"$TMP/prometheus.yaml" <<-END
		global: { scrape_interval: 1s }
		scrape_configs:
		  - job_name: seismo
		    static_configs: [ { targets: [ "${SEISMO_URL#http://}" ] } ]
	END
	server_start "$prometheus_port" prometheus-$$ --config.file="$TMP/prometheus.yaml" \
		--web.listen-address="127.0.0.1:$prometheus_port" --storage.tsdb.path="$TMP/prometheus"
}

# The alert as Alertmanager has it now, nothing if it has none.
alertmanager_says() { # ALERT
	curl -sS -G "http://127.0.0.1:$alertmanager_port/api/v2/alerts" --data-urlencode "filter=alertname=\"$1\"" \
		--data-urlencode "filter=device=\"$device\"" >"$TMP/alerts.$1" || return
	json_is '.[0]' "$TMP/alerts.$1"
}

prometheus_says() { # ALERT
	curl -sS -G "http://127.0.0.1:$prometheus_port/api/v1/query" \
		--data-urlencode "query=seismo_alert_firing{rule=\"$1\",device=\"$device\"} == 1" |
		jq -ne 'input.data.result[0]'
}

both_say() { # ALERT
	alertmanager_says "$1" && prometheus_says "$1"
}

none_says() { # ALERT
	! alertmanager_says "$1" && ! prometheus_says "$1"
}

# Waits until both show it, and says when that was after the moment.
is_shown() { # ALERT FROM SECONDS
	local shown
	WAIT=$3 wait_until both_say "$1"
	shown=$(calc "$EPOCHREALTIME - $2")
	ok "Prometheus and Alertmanager show $1 for $device within $3 s ($shown s)" both_say "$1"
	jq -r '.[0].annotations | to_entries[] | select(.key != "evidence" and .key != "description") | "\(.key): \(.value)"' \
		"$TMP/alerts.$1" | comment
}

annotation() { # ALERT NAME
	jq -r --arg name "$2" '.[0].annotations[$name] // ""' "$TMP/alerts.$1"
}

has() { # TEXT PART
	[[ $1 == *$2* ]]
}

figure() { # ALERT PATH
	annotation "$1" evidence | jq -r "$2"
}

# What pgbench measured in the last second, in ms; nothing while nothing completes.
client_latency() {
	sed -n 's/^progress: .* lat \([0-9.]*\) ms.*/\1/p' "$TMP/pgbench" | tail -n 1
}

client_suffers() {
	between 50 100000 "$(client_latency)"
}

alertmanager_start
disk_mount
database_start
cat >"$CONFIG" <<-END
	alertmanagers: [ { url: "http://127.0.0.1:$alertmanager_port" } ]
	rules:
	  - alert: SlowDisk
	    metric: seismo_block_io_duration_seconds
	    where: { phase: device, operation: read|write }
	    by: [device, operation]
	    value: p75
	    above: 3x baseline
	    at_least: 10ms
	    load: { metric: seismo_service_block_io_bytes_total }
	    window: 2s
	    for: 2s
	    keep_firing_for: 5s
	    min_events: 20
	    severity: page
	  - alert: HungDisk
	    metric: seismo_block_io_oldest_seconds
	    by: [device]
	    value: last
	    above: 5s
	    window: 2s
	    for: 1s
	    keep_firing_for: 5s
	    severity: page
END
start_seismo --interval 500ms
prometheus_start

# --- as usual

sleep 24
ok "neither shows anything while the disk is as fast as always" none_says SlowDisk
comment <<<"usual latency of the client: $(client_latency) ms"

# Somebody deploys something, which has nothing to do with it.
own_copy /bin/true
"true-$$"
cp "$TMP/bin/true-$$" "$TMP/bin/new" && mv "$TMP/bin/new" "$TMP/bin/true-$$"
"true-$$"

# --- reads take 80 ms

slow_since=$EPOCHREALTIME
speed read_us=80000
is_shown SlowDisk "$slow_since" 60
ok "the client suffers, by its own account ($(client_latency) ms)" client_suffers
is "hardware" "$(figure SlowDisk .kind)" "the cause is the hardware"
is postgres-$$ "$(figure SlowDisk '.figures.victims.list[0].service')" "PostgreSQL suffers first"
is "postgresql" "$(figure SlowDisk '.figures.victims.list[0].serves')" "it serves requests, which is known"
ok "so say the victims" has "$(annotation SlowDisk victims)" postgres-$$
ok "a read takes 80 ms now, and what the machine adds" between 0.073 0.16 "$(figure SlowDisk .figures.now.p50_seconds)"
ok "and usually a few ms at most" between 0.00001 0.01 "$(figure SlowDisk .figures.usual.p50_seconds)"
ok "the queue is as short as always" between 0 0.005 "$(figure SlowDisk .figures.device.queue_p50_seconds)"
near "$(figure SlowDisk .figures.now.rate_per_second)" \
	"$(figure SlowDisk "[.figures.users.list[] | select(.service == \"postgres-$$\")][0].rate_per_second")" 20 \
	"PostgreSQL is who reads"
is replaced "$(figure SlowDisk "[.figures.changed.list[] | select(.service == \"true-$$\")][0].change")" \
	"what was replaced before is named"
ok "as something elsewhere" has "$(annotation SlowDisk changed)" "nothing of these services"
ok "the evidence is small" test "$(annotation SlowDisk evidence | wc -c)" -le 4097

# --- it ends

speed read_us=0
wait_until none_says SlowDisk
ok "both show its end" none_says SlowDisk

# --- the disk answers nothing any more

hung_since=$EPOCHREALTIME
speed stall=1
is_shown HungDisk "$hung_since" 60
ok "it says that the disk does not answer" has "$(annotation HungDisk cause)" "$device has not answered for"
is postgres-$$ "$(figure HungDisk '.figures.victims.list[0].service')" "PostgreSQL waits"
speed stall=0
wait_until none_says HungDisk
ok "both show that it answers again" none_says HungDisk
stop_seismo
