# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the kernel has of BPF, and what is left of it after the daemon. After lib.sh; needs bpftool.

# What the kernel has, as "prog|map|link ID".
bpf_all() {
	local kind
	for kind in prog map link; do
		bpftool --json "$kind" show | jq -r --arg kind $kind '.[] | "\($kind) \(.id)"'
	done | sort
}

# What the daemon holds of it: its descriptors, and the maps of its programs.
bpf_objects() {
	sed -nE 's/^(prog|map|link)_id:[ \t]*/\1 /p' "/proc/$seismo_pid/fdinfo"/* >"$TMP/held" 2>/dev/null
	{
		cat "$TMP/held"
		bpftool --json prog show | jq -r '.[] | "prog \(.id) \(.map_ids[]?)"' |
			awk 'FNR == NR { held[$0]; next } $1 " " $2 in held { print "map", $3 }' "$TMP/held" -
	} | sort -u
}

# Those of a list that are there still.
bpf_remaining() { # FILE
	comm -12 "$1" <(bpf_all)
}

bpf_gone() { # FILE
	[[ ! $(bpf_remaining "$1") ]]
}

# That nothing is left in the kernel of what the daemon held, be it a moment later.
leaves_no_bpf() { # TEXT
	wait_until bpf_gone "$TMP/objects"
	is "" "$(bpf_remaining "$TMP/objects")" "$1 leaves nothing in the kernel"
}
