#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Block I/O on disks that the kernel plays: one whose latency is set, and changes; one of several queues with
# and without a scheduler; one with a bad sector; write-back through a file system; and on disks of the host.
# shellcheck disable=SC2317 # functions that wait_until calls
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
need fio jq modprobe mke2fs

# --- the kernel's own numbers

declare -A before after

# A flush is counted there twice: as such, and as the write of nothing that carried it.
stat_read() { # NAME
	local -n into=$1
	local s
	read -ra s <"/sys/block/$device/stat"
	# shellcheck disable=SC2034 # a reference
	into=([read]=${s[0]} [read_bytes]=$((s[2] * 512)) [write]=$((s[4] - s[15]))
		[write_bytes]=$((s[6] * 512)) [flush]=${s[15]})
}

device_start() {
	mark
	stat_read before
}

device_count() { # OPERATION
	grown seismo_block_io_duration_seconds_count "device=$device" "operation=$1" phase=device
}

device_bytes() { # OPERATION
	grown seismo_service_block_io_bytes_total "device=$device" "operation=$1"
}

device_says() {
	echo "read $(device_count read) $(device_bytes read)"
	echo "write $(device_count write) $(device_bytes write)"
	echo "flush $(device_count flush)"
}

kernel_says() {
	echo "read $((after[read] - before[read])) $((after[read_bytes] - before[read_bytes]))"
	echo "write $((after[write] - before[write])) $((after[write_bytes] - before[write_bytes]))"
	echo "flush $((after[flush] - before[flush]))"
}

# Somebody may read from the device meanwhile, as those do who look for filesystems.
device_seen() {
	scrape
	stat_read after
	[[ $(device_says) == "$(kernel_says)" ]]
}

# What was grown since device_start is what the kernel's statistics have grown by.
check_device() { # TEXT
	wait_until device_seen
	is "$(kernel_says)" "$(device_says)" "$1: requests and bytes of the device are those of /sys/block"
}

# Requests and bytes of a service since device_start.
service_says() { # SERVICE OPERATION
	echo "$(grown seismo_service_block_io_duration_seconds_count \
		"service=$1" "device=$device" "operation=$2") $(grown seismo_service_block_io_bytes_total \
		"service=$1" "device=$device" "operation=$2")"
}

# These requests and bytes of the device's operation are the service's; as many as the kernel kept from the program that sees
# who submits may be nobody's; and of a hundred one or two between whose submission and the kernel's stamp an emulated CPU stood
# still for more than a millisecond, as that stamp is then taken for another request's.
is_service() { # TEXT SERVICE OPERATION NUMBER BYTES
	local said lost late=$((scale > 1 ? $4 / 100 + 1 : 0))
	said=$(service_says "$2" "$3")
	lost=$(lost seismo_service_block_io_bytes_total)
	if [[ $said != "$4 $5" ]] && between $(($4 - lost - late)) $(($4 - 1)) "${said% *}"; then
		said=$(awk '{ n += $1; bytes += $2 } END { print n, bytes }' \
			<(service_says "$2" "$3") <(service_says other "$3") <(service_says unknown "$3"))
	fi
	is "$4 $5" "$said" "$1: $3 requests and bytes of the service ($lost events were lost)"
}

# A machine that has others on it wakes what waits late: the bucket has at least as many requests as the
# program saw to be in time.
check_latency() { # NAME MILLISECONDS BUCKET-ABOVE BUCKET
	local io good bad seconds in_time phase=("device=$device" operation=read phase=device)
	io=$(workload blockio "w-$1-$$")
	device_start
	read -r good bad seconds in_time < <("$io" "/dev/$device" read $io_count 4096 "$(calc "$4 * 1000")")
	is "$io_count 0" "$good $bad" "$1: the workload's reads succeed"
	check_device "$1"
	is_service "$1" "w-$1-$$" read $io_count $((io_count * 4096))
	is 0 "$(grown seismo_block_io_duration_seconds_bucket "${phase[@]}" "le=$3")" \
		"$1: no request took the device less than $2 ms"
	ok "$1: those that were in time are in its bucket ($in_time of $io_count)" between "${in_time:?}" $io_count \
		"$(grown seismo_block_io_duration_seconds_bucket "${phase[@]}" "le=$4")"
	near_seen "$seconds" "$(grown seismo_block_io_duration_seconds_sum "${phase[@]}")" 10 \
		"$(calc "$2 * $io_count / 1000")" "$1: the time is the workload's, and all of it the device's"
}

# --- a disk of a latency that is set

scsi=/sys/bus/pseudo/drivers/scsi_debug
bad_sector=$((0x1234)) # and the nine behind it, which is two blocks of 4 KiB

# The newest disk of a driver is there a moment after the driver.
disk_find() { # PATTERN
	local found
	found=$(compgen -G "$1") && device=${found##*/} && [[ -b /dev/$device ]]
}

modprobe -q sd_mod
if ! modprobe -q scsi_debug delay=0 ndelay=20000000 dev_size_mb=64 ||
	! wait_until disk_find "$scsi/adapter0/host*/target*/*:*/block/*"; then
	skip "this kernel has no scsi_debug"
fi
start_seismo --probes block

io_count=20
while read -r name delay low high; do
	echo $((delay * 1000000)) >"$scsi/ndelay"
	check_latency "$name" "$delay" "$low" "$high"
done <<END
quick 20 0.015625 0.03125
slow 50 0.03125 0.0625
END

# --- a sector that cannot be read

echo 100000 >"$scsi/ndelay"
echo 2 >"$scsi/opts"
io=$(workload blockio "w-bad-$$")
device_start
read -r good bad _ < <("$io" "/dev/$device" read $((bad_sector / 8 + 20)))
echo 0 >"$scsi/opts"
is "$((bad_sector / 8 + 18)) 2" "$good $bad" "bad sector: the workload sees two reads fail"
is_metric "$bad" "bad sector: so does seismo, as errors of the medium" \
	seismo_block_io_errors_total "device=$device" operation=read error=ENODATA
is "$bad" "$(value seismo_block_io_errors_total)" "bad sector: and no other errors"
check_device "bad sector"
is $((good + bad)) "$(value seismo_service_block_io_duration_seconds_count "service=w-bad-$$")" \
	"bad sector: a read that fails is a request of the service"

# --- write-back: the kernel writes, later, on behalf of who made the pages dirty

unified=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
if [[ $unified ]] && grep -qw io "$unified/cgroup.subtree_control" && grep -qw memory "$unified/cgroup.subtree_control"; then
	mke2fs -q -F -t ext4 -O ^has_journal -E lazy_itable_init=0 "/dev/$device" 32M
	mkdir "$TMP/fs"
	mount "/dev/$device" "$TMP/fs" || bail "cannot mount"
	at_exit umount "$TMP/fs"
	writer=writer-$$.service
	cgroup_make "$unified/$writer"
	device_start
	in_cgroup "$unified/$writer" dd if=/dev/zero "of=$TMP/fs/file" bs=64k count=32 status=none
	sync -f "$TMP/fs"
	check_device "write-back"
	is $((32 * 65536)) "$(value seismo_service_block_io_bytes_total "service=$writer" operation=write)" \
		"write-back: all that a service wrote is its own, though the kernel wrote it"
else
	skip_one "write-back" "no cgroup v2 with the controllers io and memory"
fi

# --- disks that the host plays: one that takes its time, and one that cannot read two sectors

disk_named() { # SERIAL
	local file
	for file in /sys/block/vd*/serial; do
		[[ $(<"$file") == "$1" ]] && device=${file%/serial} && device=${device##*/} && [[ -b /dev/$device ]] && return
	done
	return 1
}

modprobe -q virtio_blk
if wait_until disk_named slow; then
	check_latency virtio 20 0.015625 0.03125
	disk_named bad
	io=$(workload blockio "w-virtio-bad-$$")
	device_start
	read -r good bad _ < <("$io" "/dev/$device" read 40)
	is "38 2" "$good $bad" "bad virtio: the workload sees two reads fail"
	is_metric 2 "bad virtio: so does seismo" seismo_block_io_errors_total "device=$device" operation=read error=EIO
	is 2 "$(value seismo_block_io_errors_total "device=$device")" "bad virtio: and no other errors"
	check_device "bad virtio"
else
	skip_one "virtio" "this machine was booted without the disks 'slow' and 'bad'"
fi

# --- several queues, with a scheduler and without: who submitted is known either way

if modprobe -q null_blk nr_devices=1 gb=1 irqmode=2 completion_nsec=1000000 queue_mode=2 submit_queues=2 &&
	wait_until disk_find /sys/block/nullb0; then
	queue=/sys/block/$device/queue
	modprobe -q mq-deadline
	echo 2 >"$queue/nomerges"
	for scheduler in none mq-deadline; do
		if ! grep -qw "$scheduler" "$queue/scheduler"; then
			skip_one "$scheduler" "this kernel has no such scheduler"
			continue
		fi
		echo "$scheduler" >"$queue/scheduler"
		fio=w-fio-$scheduler-$$
		cp "$(command -v fio)" "$TMP/$fio"
		device_start
		"$TMP/$fio" --name=job --filename="/dev/$device" --direct=1 --bs=4k --rw=randrw --number_ios=200 \
			--numjobs=2 --group_reporting --output-format=json --output="$TMP/fio.json" >/dev/null ||
			bail "fio failed"
		check_device "$scheduler"
		for operation in read write; do
			read -r number bytes < <(jq -r ".jobs[0].$operation | \"\(.total_ios) \(.io_bytes)\"" "$TMP/fio.json")
			is_service "$scheduler, as fio says" "$fio" "$operation" "$number" "$bytes"
		done
	done
else
	skip_one "several queues" "this kernel has no null_blk"
fi
stop_seismo
