# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Clients wait for news that come after six seconds.
row=30

prepare() {
	client_start poller /poll "$magnitude:1"
}

inject() {
	:
}

heal() {
	:
}
