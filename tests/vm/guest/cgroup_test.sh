#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Services on each layout of cgroup hierarchies, mounted here one after the other: what units, containers and
# pods are called, how many processes each has, and what a move between them does.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"

root=/sys/fs/cgroup

# A controller goes to another hierarchy only when this one has let go of it.
layout_unmount() {
	local mount controller controllers
	while read -r mount; do
		if [[ -e $mount/cgroup.subtree_control ]]; then
			read -ra controllers <"$mount/cgroup.subtree_control"
			for controller in "${controllers[@]}"; do
				echo "-$controller" >"$mount/cgroup.subtree_control"
			done
		fi
		umount "$mount"
	done < <(awk -v root=$root '$2 ~ "^" root { print $2 }' /proc/mounts | tac)
}

# v1 is as old service managers have it: a hierarchy of names only, and others of controllers.
layout_mount() { # v1|v2|hybrid
	layout_unmount
	if [[ $1 == v2 ]]; then
		mount -t cgroup2 cgroup2 $root
		return
	fi
	mount -t tmpfs tmpfs $root && mkdir $root/systemd && mount -t cgroup -o none,name=systemd cgroup $root/systemd ||
		return
	if [[ $1 == v1 ]]; then
		mkdir $root/pids && mount -t cgroup -o pids cgroup $root/pids
	else
		mkdir $root/unified && mount -t cgroup2 cgroup2 $root/unified
	fi
}

# Removes what a layout's tests made.
cgroups_remove() { # MOUNT
	find "$1" -mindepth 1 -depth -type d -exec rmdir {} +
}

id=$(od -An -tx1 -N 32 /dev/urandom | tr -d ' \n')
uid=01234567-89ab-cdef-0123-456789abcdef
children=4

# Cgroups as service managers and container runtimes make them, and the service that each is of.
named() {
	cat <<-END
		system.slice/unit-$$.service unit-$$.service
		docker/$id ${id:0:12}
		system.slice/docker-$id.scope ${id:0:12}
		kubepods/burstable/pod$uid/$id pod/$uid
		kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid//-/_}.slice/cri-containerd-$id.scope pod/$uid
	END
}

# Runs a process with its children in each of the cgroups.
named_run() { # MOUNT
	local path
	while read -r path _; do
		mkdir -p "$1/$path"
		in_cgroup "$1/$path" "$process" end "ok:$children" >/dev/null
	done < <(named)
}

# How many processes of each service ended well: as it is to be after so many rounds, and as the last scrape
# has it.
ended_expected() { # ROUNDS
	named | awk -v each=$((children + 1)) -v rounds="$1" '
		{ sum[$2] += each * rounds }
		END { for (service in sum) print service, sum[service] }' | sort
}

ended() {
	series by=service seismo_process_exits_total reason=ok | awk '
		NR == FNR { wanted[$2]; next }
		$1 in wanted && $2 || $1 ~ /^w-cgroup-/ && $2' <(named) -
}

ended_seen() { # ROUNDS
	scrape
	[[ $(ended) == "$(ended_expected "$1")" ]]
}

# The names of the cgroups are those of the processes, and none is called as its executable.
check_named() { # MOUNT TEXT ROUNDS
	named_run "$1"
	wait_until ended_seen "$3"
	is "$(ended_expected "$3")" "$(ended)" "$2: units, containers and pods with their processes"
}

# A service's processes by what is said of them: there now, started, ended by a signal.
processes() { # SERVICE
	echo "$(value_or_0 seismo_processes "service=$1") $(value_or_0 seismo_process_starts_total "service=$1") $(
		value_or_0 seismo_process_exits_total "service=$1" reason=signal)"
}

processes_are() { # EXPECTED FIRST SECOND
	scrape
	seen="$(processes "$2"), $(processes "$3")"
	[[ $seen == "$1" ]]
}

check_processes() { # TEXT EXPECTED FIRST SECOND
	wait_until processes_are "${@:2}"
	is "$2" "$seen" "$1"
}

# Five processes start in one service, and move to another, where they are killed.
check_move() { # MOUNT TEXT
	local first=first-$2-$$.service second=second-$2-$$.service pid pids
	mkdir -p "$1/system.slice/$first" "$1/system.slice/$second"
	enter_cgroup "$1/system.slice/$first" "$process" hold 4 >"$TMP/hold" &
	at_exit end_process $!
	wait_until test -s "$TMP/hold"
	check_processes "$2: five processes of one service, none of another" "5 5 0, 0 0 0" "$first" "$second"
	mapfile -t pids <"$1/system.slice/$first/cgroup.procs"
	for pid in "${pids[@]}"; do
		echo "$pid" >"$1/system.slice/$second/cgroup.procs"
	done
	check_processes "$2: they moved" "0 5 0, 5 5 0" "$first" "$second"
	kill -KILL "${pids[@]}"
	wait $! 2>/dev/null
	check_processes "$2: they end where they are" "0 5 0, 0 5 5" "$first" "$second"
}

process=$(workload process "w-cgroup-$$")
for layout in v2 v1 hybrid; do
	if ! layout_mount $layout 2>"$TMP/layout"; then
		skip_one $layout "cannot mount: $(head -n 1 "$TMP/layout")"
		continue
	fi
	mapfile -t mounts < <(cgroup_mounts)
	start_seismo --probes process
	rounds=0
	for mount in "${mounts[@]}"; do
		text=$layout${mount#"$root"}
		check_named "$mount" "$text" $((++rounds))
		check_move "$mount" "${text//\//-}"
		wait_until cgroups_remove "$mount"
	done
	stop_seismo
done
