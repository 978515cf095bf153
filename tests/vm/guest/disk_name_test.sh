#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Disks that are not what their number says: paths of NVMe's own multipath, which are hidden; one that is unplugged, and
# another at the same device number; a request-based multipath device, whose requests complete twice. Against what the
# workload did and /sys/block/*/stat.
# shellcheck disable=SC2317 # functions that wait_until calls
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
need modprobe

# Makes requests, which succeed; each call is a service of its own.
io() { # SERVICE DEVICE OPERATION COUNT
	local good bad
	read -r good bad _ < <("$(workload blockio "$1")" "/dev/$2" "$3" "$4" 4096)
	is "$4 0" "$good $bad" "$1: the workload's $3 requests succeed"
}

requests() { # DEVICE OPERATION
	value_or_0 seismo_block_io_duration_seconds_count "device=$1" "operation=$2" phase=device
}

# Waits until the device has so many; what is told is what there is.
await_requests() { # COUNT DEVICE OPERATION
	wait_until is_value "$1" seismo_block_io_duration_seconds_count "device=$2" "operation=$3" phase=device
}

service_requests() { # SERVICE DEVICE OPERATION
	value_or_0 seismo_service_block_io_duration_seconds_count "service=$1" "device=$2" "operation=$3"
}

devices() {
	series by=device seismo_block_io_duration_seconds_count | cut -d' ' -f1
}

# The disk of the NVMe controller with this serial number; "" if there is none.
nvme_disk() { # SERIAL
	local file disk
	for file in /sys/class/nvme/nvme*/serial; do
		[[ -e $file && $(<"$file") == "$1"* ]] || continue
		for disk in "${file%/serial}"/nvme*n*/dev; do
			[[ -e $disk ]] && basename "$(dirname "$disk")" && return
		done
	done
}

has_disk() { # SERIAL
	local disk
	disk=$(nvme_disk "$1") && [[ $disk && -b /dev/$disk ]]
}

modprobe -q nvme
WAIT=60 wait_until has_disk plug || skip "this machine was booted without the NVMe disk 'plug'"
start_seismo --probes block

# --- paths of a multipath NVMe disk

head=$(basename "$(compgen -G '/sys/class/nvme-subsystem/*/nvme*n1' | grep -v 'c[0-9]*n1$' | head -n 1)")
if [[ $(echo /sys/block/nvme*c*n1) != *\** && -b /dev/$head ]]; then
	io "w-path-$$" "$head" read 50
	await_requests 50 "$head" read
	is 50 "$(requests "$head" read)" "multipath NVMe: the requests of a path are those of the disk that people know"
	is 50 "$(service_requests "w-path-$$" "$head" read)" "multipath NVMe: and of the service"
else
	skip_one "multipath NVMe" "this kernel has no paths of its own"
fi

# --- one is unplugged, and what comes next has its device number

nvme_address() { # SERIAL
	basename "$(readlink -f "$(dirname "$(grep -l "^$1" /sys/class/nvme/nvme*/serial)")/device")"
}

# The controller without a disk takes the name of the other one.
first=$(nvme_disk plug) plug=$(nvme_address plug) empty=$(nvme_address empty) driver=/sys/bus/pci/drivers/nvme
number=$(<"/sys/block/$first/dev")
io "w-first-$$" "$first" read 10
await_requests 10 "$first" read
echo "$plug" >"$driver/unbind"
echo "$empty" >"$driver/unbind"
wait_until [ ! -e "/sys/block/$first" ]
echo "$empty" >"$driver/bind"
wait_until grep -q '^empty' /sys/class/nvme/nvme*/serial
echo "$plug" >"$driver/bind"
wait_until has_disk plug || bail "the disk does not come back"
second=$(nvme_disk plug)
is "$number" "$(<"/sys/block/$second/dev")" "a disk is plugged in at the device number of the one that was unplugged"
ok "and has another name ($first, $second)" [ "$first" != "$second" ]
io "w-second-$$" "$second" read 20
# The kernel has looked for partitions.
read -r reads _ <"/sys/block/$second/stat"
await_requests "$reads" "$second" read
is "10 $reads" "$(requests "$first" read) $(requests "$second" read)" "each has the requests that were its own"
is "10 20" "$(service_requests "w-first-$$" "$first" read) $(service_requests "w-second-$$" "$second" read)" \
	"and so have services"

# --- a multipath device of the device mapper

modprobe -q sd_mod
scsi=/sys/bus/pseudo/drivers/scsi_debug

disk_find() {
	local found
	found=$(compgen -G "$scsi/adapter0/host*/target*/*:*/block/*") && leaf=${found##*/} && [[ -b /dev/$leaf ]]
}

if command -v dmsetup >/dev/null && modprobe -q scsi_debug delay=0 dev_size_mb=16 && modprobe -q dm-multipath &&
	modprobe -q dm-round-robin && wait_until disk_find; then
	dmsetup create mp --table "0 $(<"/sys/block/$leaf/size") multipath 0 0 1 1 round-robin 0 1 1 /dev/$leaf 1000" ||
		bail "no multipath device"
	at_exit dmsetup remove mp
	upper=$(basename "$(readlink -f /dev/mapper/mp)")
	[[ -b /dev/$upper ]] || upper=dm-0
	io "w-mp-$$" "$upper" read 100
	io "w-mp-$$" "$upper" write 70
	await_requests 100 "$upper" read
	await_requests 70 "$upper" write
	is "100 70 0" "$(requests "$upper" read) $(requests "$upper" write) $(requests "$upper" flush)" \
		"multipath: a request is one, although it completes twice"
	# Whose it was may be among what the kernel did not tell, where it preempts programs.
	is_but_lost $'read 100\nwrite 70\nflush 0' \
		"$(for operation in read write flush; do echo "$operation $(service_requests "w-mp-$$" "$upper" $operation)"; done)" \
		"multipath: so it is of the service, and no flush" seismo_service_block_io_duration_seconds_count
	read -r reads _ <"/sys/block/$leaf/stat"
	await_requests "$reads" "$leaf" read
	is "$reads" "$(requests "$leaf" read)" "multipath: the disk below has what it was given"
	is 0 "$(value_or_0 seismo_service_block_io_duration_seconds_count service=other)" "multipath: nothing is other's"
else
	skip_one "multipath" "this kernel has no request-based multipath"
fi
is "" "$(devices | grep -E ':|^other$')" "each device has a name"
stop_seismo
