# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# What is sent to Redis does not arrive.
row=19
expect=("network * redis *")
inject() { path_drop $redis_port; }
heal() { path_mend; }
