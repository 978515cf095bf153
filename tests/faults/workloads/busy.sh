# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-3-Clause
rates=60:1
