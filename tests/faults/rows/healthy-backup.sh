# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# All of the disk is read, one large request after the other, so that it is never without one.
row=30

inject() {
	service_start backup sh -c "while :; do dd if=$loop of=/dev/null bs=1M iflag=direct status=none; done"
}

heal() {
	end_process "${service_pid[backup]}"
}
