#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# One kernel that has every kind of hook, in a virtual machine: a line of the matrix is the test here.
# long: the machine is emulated
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
kernel=6.12
limit=480 # seconds

skip() { # REASON
	echo "ok 1 - kernel $kernel # SKIP $1"
	echo "1..1"
	exit
}

[[ $(uname -m) == x86_64 ]] || skip "it is one for amd64"
command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64 on this host"
for part in "kernel $kernel" "rootfs amd64"; do
	# shellcheck disable=SC2086 # a command and its argument
	said=$(tests/vm/$part 2>&1 >/dev/null) || skip "$(tail -n 1 <<<"$said")"
done

said=$(mktemp) || exit 1
trap 'rm -f "$said"' EXIT
timeout -k 10 "$limit" tests/vm/matrix -c -t 'tests/e2e/tcp_test.sh' "$kernel" >"$said" 2>/dev/null
(($? == 124)) && skip "this machine is too slow to emulate one within $limit s"
awk '
/^[^ ].* s +[0-9]+ passed +[0-9]+ failed +[0-9]+ skipped$/ {
	failed = $(NF - 3)
	gsub(/ +/, " ")
	print (failed ? "not ok " : "ok ") ++n " - " $0
	bad += failed
	next
}
{ print "# " $0 }
END {
	print "1.." n
	exit bad > 0
}' "$said"
