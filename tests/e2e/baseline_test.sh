#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk is slow when it is slow for its load: three times the latency at the same load fires within 30 s, ten times the load
# does not, what is usual is still known after a restart, and what is another disk now begins anew. The client is fio.
# quiet: the disk has to be as fast as usual before it is slow
# shellcheck disable=SC2317 # functions that wait_until calls
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"

need fio jq curl
slow_disk 64

own_copy fio

# Becomes fio, which reads with so many requests at a time; each is followed by the next one.
reader() { # NAME DEPTH SECONDS
	exec "fio-$$" --name="$1" --filename="$loop" --rw=randread --bs=8k --direct=1 --ioengine=libaio --iodepth="$2" --time_based \
		--runtime="$3" --norandommap --percentile_list=50:75:99 --output-format=json --output="$TMP/$1.json" >"$TMP/$1.out" 2>&1
}

# What fio itself measured: ms, requests a second.
ms_of() { # PERCENTILE NAME
	jq ".jobs[0].read.clat_ns.percentile[\"$1.000000\"] / 1e6" "$TMP/$2.json"
}

p75_of() { # NAME
	ms_of 75 "$1"
}

rate_of() { # NAME
	jq '.jobs[0].read.iops' "$TMP/$1.json"
}

alert() { # JQ-FILTER
	curl -sS "$SEISMO_URL/api/v1/alerts" | jq -r --arg device "$device" \
		"[.alerts[] | select(.rule == \"SlowReads\" and .labels.device == \$device)][0] | $1"
}

is_state() { # STATE
	[[ $(alert '.state // "none"') == "$1" ]]
}

# It says before its JSON that it was told to end.
reader_end() { # NAME
	kill -TERM "$reader"
	wait "$reader"
	sed -i '/^fio: /d' "$TMP/$1.json"
}

# Where others disturb the disk, windows differ: what is usual lies between the median and what next to nothing exceeds.
is_usual() { # TEXT
	local ms
	ms=$(alert '.baseline_seconds * 1000')
	ok "$1 ($ms ms)" between "$(calc "$(ms_of 50 usual) / 1.2")" "$(calc "$(ms_of 99 usual) * 1.2")" "$ms"
}

fires_within() { # SECONDS TEXT
	local since=$EPOCHREALTIME
	WAIT=$1 wait_until is_state firing
	ok "$2 ($(calc "$EPOCHREALTIME - $since") s)" is_state firing
}

# For so long it does not fire, not even for a moment.
stays_silent() { # SECONDS TEXT
	WAIT=$1 wait_until is_state firing
	is null "$(alert .starts_at)" "$2"
}

cat >"$CONFIG" <<-END
	rules:
	  - alert: SlowReads
	    metric: seismo_block_io_duration_seconds
	    where: { phase: device, operation: read, device: $device }
	    by: [device, operation]
	    value: p75
	    above: 2x baseline
	    load: { metric: seismo_service_block_io_bytes_total }
	    window: 1s
	    for: 2s
	    keep_firing_for: 2s
	    min_events: 2
	    severity: page
END
speed read_us=20000
start_seismo --probes block --interval 500ms --data-dir "$TMP/data"

reader usual 2 12 &
stays_silent 11 "a disk that is as fast as always is not slow"
wait $!
ok "20 ms a read and what this machine adds, says fio ($(p75_of usual))" between 20 200 "$(p75_of usual)"

# FUSE has twelve requests under way, so most of these wait below the device.
reader busy 32 4 &
stays_silent 3 "nor is one with several times the load that it ever had, though it takes longer"
wait $!
ok "it has several times the load ($(rate_of usual), then $(rate_of busy) a second)" between "$(calc "3 * $(rate_of usual)")" 1e6 "$(rate_of busy)"
ok "it takes longer ($(p75_of busy) ms)" between "$(calc "1.5 * $(p75_of usual)")" 1000 "$(p75_of busy)"

# Three times what next to nothing exceeds: on a machine of its own this is what is usual.
speed read_us="$(calc "int(3000 * $(ms_of 99 usual))")"
reader slow 2 60 &
reader=$!
fires_within 30 "one that takes three times as long is"
is_usual "the alert has what was usual, as fio measured it"
now=$(alert '.value_seconds * 1000')
reader_end slow
near "$(p75_of slow)" "$now" 20 "and what is measured now"

stop_seismo
rm "$TMP/seismo.out"
start_seismo --probes block --interval 500ms --data-dir "$TMP/data"
reader again 2 60 &
reader=$!
wait_until is_state firing
is_usual "after a restart what was usual is still known"
speed read_us=20000
ok "it ends when the disk is as fast as before" wait_until is_state resolved
reader_end again
stop_seismo
