# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Something on the way to the prices resets connections: a part of the packets, 1 % times `magnitude`.
row=20
expect=("network * price *")
inject() { path_reset $price_port "$(calc "0.01 * $magnitude")"; }
heal() { path_mend; }
