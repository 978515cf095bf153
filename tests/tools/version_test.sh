#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The version comes from the tag: of the tag itself, of commits after it, of a tree without one, of no repository.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
need git make dpkg

tree=$TMP/tree
mkdir "$tree"
cp "$ROOT/Makefile" "$tree"
as_git() {
	git -C "$tree" -c user.name=test -c user.email=test@example.invalid "$@" >/dev/null
}
variable() { # NAME
	make -C "$tree" -s --no-print-directory --eval "print: ; @echo '\$($1)'" print
}
release=$(sed -n 's/^RELEASE := //p' "$tree/Makefile")

is "$release" "$(variable VERSION)" "no repository: the release of the Makefile"
is unknown "$(variable COMMIT)" "and no commit"
as_git init
as_git add Makefile
as_git commit -m one
is "$release~1" "$(variable VERSION)" "no tag: before that release"
as_git tag v12.3.4
is "12.3.4" "$(variable VERSION)" "a tag"
as_git commit --allow-empty -m two
short=$(git -C "$tree" rev-parse --short HEAD)
is "12.3.4+1.g$short" "$(variable VERSION)" "a commit after it"
is "$(git -C "$tree" rev-parse --short=12 HEAD)" "$(variable COMMIT)" "the commit"
echo >>"$tree/Makefile"
is "$(git -C "$tree" rev-parse --short=12 HEAD)+" "$(variable COMMIT)" "with what was changed since"
ok "Debian sorts them so" dpkg --compare-versions "$release~1" lt "$release"
ok "and so" dpkg --compare-versions 12.3.4 lt "12.3.4+1.g$short"
