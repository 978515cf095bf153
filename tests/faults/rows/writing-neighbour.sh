# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Somebody else writes to the same disk, `magnitude` requests at a time.
row=4
expect=("neighbour disk_neighbour* batch postgresql|shop")

prepare() {
	speed heads=1
}

inject() {
	service_start batch fio --thread --name=neighbour --filename="$TMP/disk/neighbour" --size=64M --rw=randwrite --bs=8k --direct=1 \
		--ioengine=libaio --iodepth=$magnitude --time_based --runtime=600
}

heal() {
	end_process "${service_pid[batch]}"
}
