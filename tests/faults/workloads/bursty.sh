# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Three seconds in ten are ten times as busy as the others.
rates=7:7,70:3
