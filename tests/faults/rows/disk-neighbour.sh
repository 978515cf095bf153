# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Somebody else keeps `magnitude` requests under way on the same disk.
row=4
expect=("neighbour disk_neighbour* fio postgresql|shop")

inject() {
	service_start fio fio --name=neighbour --filename="$TMP/disk/neighbour" --size=64M --rw=randread --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=$((magnitude * 3)) --time_based --runtime=600
}

heal() {
	end_process "${service_pid[fio]}"
}
