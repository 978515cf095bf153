#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Containers that are gone, with all that their runtime knew of them, before anybody asks for their names; the runtime keeps
# that where only its command line says.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

need podman runc
calls=$((300 / scale))
call=sched_rr_get_interval

# What the program and its libraries need, as the root of a container.
churn=$(workload churn churn)
rootfs=$TMP/rootfs
mkdir -p "$rootfs"
while read -r library; do
	mkdir -p "$rootfs${library%/*}" && cp -L "$library" "$rootfs$library"
done < <(ldd "$churn" | grep -o '/[^ ]*')
cp "$churn" "$rootfs/churn"

podman_do() { # COMMAND...
	podman --runtime runc --root "$TMP/else where/root" --runroot "$TMP/else where/run" --storage-driver vfs \
		--cgroup-manager cgroupfs "$@" 2>>"$TMP/podman.log"
}

is_gone() {
	! podman_do container exists "$id"
}

# Sets `id`; newer versions of podman remove the file that they write it to, and the container a moment later.
run() { # OPTION...
	id=$(podman_do create --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
		"$@" --rootfs "$rootfs" /churn call "$calls") && podman_do start --attach "$id" >>"$TMP/podman.log" && wait_until is_gone
}

run --rm --name "w-first-$$" || skip "podman does not work here: $(tail -n 1 "$TMP/podman.log")"

start_seismo --probes syscall=count,process --interval 1m
mark
for ((i = 0; i < 5; i++)); do
	run --rm --name "w-gone-$$" || bail "podman: $(tail -n 3 "$TMP/podman.log")"
	echo "${id:0:12}" >>"$TMP/ids"
done
is "" "$(find "$TMP/else where" -name config.json)" "nothing is left of the containers"
is_metric $((5 * calls)) "five containers of one name, one after the other, are that name" \
	seismo_syscalls_total "service=w-gone-$$" "syscall=$call"
is 5 "$(sort -u "$TMP/ids" | wc -l)" "each has an id of its own"
is "" "$(series by=service seismo_syscalls_total "syscall=$call" | grep -Fwf "$TMP/ids")" "none has that for a name"
stop_seismo
