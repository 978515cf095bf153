#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What tools/check-layers refuses, on small trees.
set -u
cd "$(dirname "$0")/../.." || exit 1
TREE=$(mktemp -d "${TMPDIR:-/tmp}/seismo-layers.XXXXXX") || exit 1
trap 'rm -rf "$TREE"' EXIT
count=0

is() { # EXPECTED ACTUAL TEXT
	count=$((count + 1))
	if [[ $1 == "$2" ]]; then
		echo "ok $count - $3"
	else
		echo "not ok $count - $3"
		printf '# expected: %s\n# actual:   %s\n' "$1" "$2"
	fi
}

# What is found in a tree of files, each given as NAME=INCLUDED,...
found() { # FILE...
	local file included
	rm -rf "$TREE/user"
	for file; do
		mkdir -p "$TREE/user/$(dirname "${file%%=*}")"
		for included in $(tr ',' ' ' <<<"${file#*=}"); do
			echo "#include \"$included\""
		done >"$TREE/user/${file%%=*}"
	done
	tools/check-layers "$TREE"
	echo "$?"
}

is 0 "$(found probe/a.h=lib/b.h probe/a.c=probe/a.h,probe/c.h probe/c.h=lib/b.h lib/b.h= cmd/d.c=probe/a.h,probe/c.h)" \
	"modules that include what is below them"
is "user/lib/a.c:1: lib may not include conf/b.h: conf is above it
1" "$(found lib/a.c=conf/b.h conf/b.h=)" "a layer above"
is "user/probe/b.h:1: modules include each other: probe/a probe/b probe/a
1" "$(found probe/a.h=probe/b.h probe/b.h=probe/a.h)" "two headers that include each other"
is "user/probe/b.c:1: modules include each other: probe/a probe/b probe/a
1" "$(found probe/a.c=probe/b.h probe/a.h= probe/b.c=probe/a.h probe/b.h=)" "two files that include each other's header"
is "user/probe/c.c:1: modules include each other: probe/a probe/b probe/c probe/a
1" "$(found probe/a.h=probe/b.h probe/b.c=probe/c.h probe/b.h= probe/c.h= probe/c.c=probe/a.h)" "a circle through a third"
is "user/probe/c.h:1: modules include each other: probe/b probe/c probe/b
1" "$(found probe/a.h=probe/b.h probe/b.h=probe/c.h probe/c.h=probe/b.h)" "the way into a circle is no part of it"
echo "1..$count"
