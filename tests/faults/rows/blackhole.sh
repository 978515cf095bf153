# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# What is sent to the prices does not arrive.
row=19
expect=("network * price *")
inject() { path_drop $price_port; }
heal() { path_mend; }
