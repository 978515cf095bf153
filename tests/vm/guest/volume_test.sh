#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Volumes: dm (linear, encryption, an error) and md (a mirror) on disks of the kernel's own. What the kernel says of
# each device, what the workload did, and who: also where kernel threads submit the requests.
# shellcheck disable=SC2317 # functions that wait_until calls
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
need jq modprobe dmsetup
export DM_DISABLE_UDEV=1

# Disks that take a millisecond.
modprobe -q null_blk nr_devices=3 gb=1 irqmode=2 completion_nsec=1000000 queue_mode=2 || skip "this kernel has no null_blk"
modprobe -q dm-mod || skip "this kernel has no device mapper"
leaf=nullb0 other=nullb1
wait_until test -b /dev/$leaf -a -b /dev/$other -a -b /dev/nullb2 || bail "no disks"
sectors=$(<"/sys/block/$leaf/size")

kernel=$(uname -r)
kernel_minor=$(printf "%d%02d" "${kernel%%.*}" "$(cut -d. -f2 <<<"$kernel")")
start_seismo --probes block,memory

# Makes a volume NAME of a table of device mapper; sets volume.
volume_make() { # NAME SECTORS TABLE
	dmsetup create "$1" --table "0 $2 $3" || return
	at_exit dmsetup remove --retry "$1"
	volume=dm-$(dmsetup info -c --noheadings -o minor "$1")
	wait_until test -b "/dev/$volume"
}

is_followed() {
	scrape
	grep -q '^seismo_probe_attached{probe="block",hook="bio_queue_[a-z]*"} 1$' "$METRICS"
}

# Requests and bytes of reads, writes; of a volume its I/O.
kernel_stat() { # DEVICE
	local s
	read -ra s <"/sys/block/$1/stat"
	echo "${s[0]} $((s[2] * 512)) ${s[4]} $((s[6] * 512))"
}

# Sets before[DEVICE] of these.
declare -A before

watch() { # DEVICE...
	local device
	mark
	for device; do
		before[$device]=$(kernel_stat "$device")
	done
}

kernel_grown() { # DEVICE
	local a b
	read -ra a <<<"${before[$1]}"
	read -ra b < <(kernel_stat "$1")
	echo "$((b[0] - a[0])) $((b[1] - a[1])) $((b[2] - a[2])) $((b[3] - a[3]))"
}

device_grown() { # DEVICE PHASE BYTES-METRIC
	local operation out=()
	for operation in read write; do
		out+=("$(grown seismo_block_io_duration_seconds_count "device=$1" "operation=$operation" "phase=$2")"
			"$(grown "$3" "device=$1" "operation=$operation")")
	done
	echo "${out[*]}"
}

volume_grown() {
	device_grown "$1" total seismo_service_volume_io_bytes_total
}

leaf_grown() {
	device_grown "$1" device seismo_service_block_io_bytes_total
}

is_all() {
	scrape
	[[ $(kernel_grown "$volume") == "$(volume_grown "$volume")" ]] && is_leaf
}

is_leaf() {
	scrape
	[[ $(kernel_grown $leaf) == "$(leaf_grown $leaf)" ]]
}

check_devices() { # TEXT
	wait_until is_all
	is "$(kernel_grown "$volume")" "$(volume_grown "$volume")" "$1: I/O and bytes of the volume are those of /sys/block"
	is "$(kernel_grown $leaf)" "$(leaf_grown $leaf)" "$1: so are those of the disk"
	is "" "$(grep "^seismo_block_io_duration_seconds_count{device=\"$volume\",.*phase=\"\(queue\|device\)\"" "$METRICS")" \
		"$1: a volume has no phases"
}

volume_says() { # SERVICE OPERATION
	echo "$(grown seismo_service_volume_io_duration_seconds_count "service=$1" "device=$volume" "operation=$2")" \
		"$(grown seismo_service_volume_io_bytes_total "service=$1" "device=$volume" "operation=$2")"
}

bytes_below() { # SERVICE OPERATION
	grown seismo_service_block_io_bytes_total "service=$1" "operation=$2"
}

# --- part of a disk

volume_make part $((sectors / 2)) "linear /dev/$leaf 2048" || bail "no volume"
wait_until is_followed
ok "bios are followed once there is a volume" is_followed
io=$(workload blockio "w-linear-$$")
watch "$volume" $leaf
read -r good bad seconds < <("$io" "/dev/$volume" read 40 8192)
is "40 0" "$good $bad" "linear: the workload's reads succeed"
"$io" "/dev/$volume" write 30 >/dev/null
check_devices linear
is "40 $((40 * 8192))" "$(volume_says "w-linear-$$" read)" "linear: reads of the service"
is "30 $((30 * 4096))" "$(volume_says "w-linear-$$" write)" "linear: writes of the service"
is $((30 * 4096)) "$(bytes_below "w-linear-$$" write)" "linear: the sum over disks has each byte once"
near_seen "$seconds" "$(grown seismo_block_io_duration_seconds_sum "device=$volume" operation=read phase=total)" 10 0.04 \
	"linear: the time is the workload's"

# --- encryption: kernel threads write

key=$(printf '%064d' 7)
if modprobe -q dm-crypt && volume_make secret $((sectors / 4)) "crypt aes-xts-plain64 $key 0 /dev/mapper/part 4096"; then
	io=$(workload blockio "w-crypt-$$")
	watch "$volume" $leaf
	"$io" "/dev/$volume" write 20 4096 >/dev/null
	"$io" "/dev/$volume" write 8 1048576 >/dev/null
	"$io" "/dev/$volume" read 10 4096 >/dev/null
	written=$((20 * 4096 + 8 * 1048576))
	wait_until is_leaf # but for the count of writes: the kernel also counts the parts that it makes of large ones
	is "$(kernel_grown "$volume" | cut -d" " -f 1,2,4)" "$(volume_grown "$volume" | cut -d" " -f 1,2,4)" \
		"encryption: bytes of the volume are those of /sys/block"
	is "$(kernel_grown $leaf)" "$(leaf_grown $leaf)" "encryption: so are those of the disk"
	is "28 $written" "$(volume_says "w-crypt-$$" write)" "encryption: writes of the service"
	is "10 40960" "$(volume_says "w-crypt-$$" read)" "encryption: reads of the service"
	is 40960 "$(bytes_below "w-crypt-$$" read)" "encryption: its reads of the disk"
	if ((kernel_minor >= 518)); then
		is $written "$(bytes_below "w-crypt-$$" write)" \
			"encryption: its writes to the disk, though kernel threads submit them"
	else
		skip_one "encryption: its writes to the disk" "this kernel does not tell what they are for"
	fi
	wait_until test -e "/dev/mapper/secret"
	program=$(workload dirty "w-buffered-$$")
	mark
	wrote=$("$program" "/dev/$volume" write 16)
	is_metric "$wrote" "encryption: what a service writes to the page cache is its own" \
		seismo_dirtied_bytes_total "service=w-buffered-$$"
else
	skip_one encryption "this kernel has no dm-crypt"
fi

# --- a mirror

# As mdadm does it, in /sys.
mirror_make() {
	local md=/sys/block/md0/md device
	modprobe -q raid1 && echo md0 >/sys/module/md_mod/parameters/new_array || return
	echo none >$md/metadata_version && echo raid1 >$md/level && echo 2 >$md/raid_disks || return
	for device in "$@"; do
		cat "/sys/block/$device/dev" >$md/new_dev || return
	done
	echo 0 >"$md/dev-$1/slot" && echo 1 >"$md/dev-$2/slot" &&
		echo 65536 >$md/component_size && echo 0 >$md/resync_start
	echo active >$md/array_state || return
	at_exit eval "echo clear >$md/array_state"
	volume=md0
	wait_until test -b /dev/md0
}

leaf=$other
if mirror_make $leaf nullb2; then
	io=$(workload blockio "w-mirror-$$")
	"$io" "/dev/$volume" read 1 >/dev/null # whoever opens it first also looks for partitions
	watch "$volume" $leaf
	"$io" "/dev/$volume" write 25 16384 >/dev/null
	"$io" "/dev/$volume" read 25 16384 >/dev/null
	wait_until is_all
	is "$(kernel_grown "$volume")" "$(volume_grown "$volume")" "mirror: I/O and bytes of the volume are those of /sys/block"
	is "25 $((25 * 16384))" "$(volume_says "w-mirror-$$" write)" "mirror: writes of the service"
	is $((2 * 25 * 16384)) "$(bytes_below "w-mirror-$$" write)" "mirror: each disk has them"
	is $((25 * 16384)) "$(bytes_below "w-mirror-$$" read)" "mirror: reads come from one"
else
	skip_one mirror "this kernel has no mirrors"
fi

# --- what does not complete: a volume that is suspended holds its I/O back

volume=dm-$(dmsetup info -c --noheadings -o minor part)
io=$(workload blockio "w-held-$$")
watch "$volume"
dmsetup suspend --nolockfs --noflush part
background "$io" "/dev/$volume" read 1 >/dev/null
sleep 1.2
is_metric 1 "held back: the volume has I/O under way" seismo_block_io_in_flight "device=$volume"
ok "held back: for so long" between 1 60 "$(value seismo_block_io_oldest_seconds "device=$volume")"
ok "held back: it is the service's" between 1 60 \
	"$(value seismo_service_block_io_oldest_seconds "service=w-held-$$" "device=$volume")"
dmsetup resume part
wait $!
is_metric 0 "released: nothing is under way" seismo_block_io_in_flight "device=$volume"
is "1 4096" "$(volume_says "w-held-$$" read)" "released: it is counted"

# --- what fails above the disks

volume_make broken 8192 error || bail "no volume"
io=$(workload blockio "w-broken-$$")
watch "$volume"
read -r good bad _ < <("$io" "/dev/$volume" read 15)
is "0 15" "$good $bad" "error: the workload's reads fail"
is_metric 15 "error: so the volume's do" seismo_block_io_errors_total "device=$volume" operation=read error=EIO
is 15 "$(value seismo_block_io_errors_total)" "error: and no others"
is "15 $((15 * 4096))" "$(volume_says "w-broken-$$" read)" "error: reads of the service"
stop_seismo
