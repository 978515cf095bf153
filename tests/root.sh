# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Minimal roots of Debian releases, for scripts that need a machine that nobody has used. Kept packed in
# $SEISMO_FRESH_CACHE (~/.cache/seismo/fresh). Source it first.

cache=$(realpath -m "${SEISMO_FRESH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/seismo/fresh}")
keyrings=/usr/share/keyrings

# shellcheck source=tests/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

# Prints the mirror that this host takes SUITE from.
mirror_of() { # SUITE
	apt-get update --print-uris 2>/dev/null | sed -n "s|^'\(.*\)/dists/$1/InRelease'.*|\1|p" | head -n 1
}

codename() { # RELEASE
	case $1 in
	12) echo bookworm ;;
	13) echo trixie ;;
	*) die "no release '$1': 12 or 13" ;;
	esac
}

# A minimal root as a new machine has it, and what one types to get here: git, make, sudo.
root_pack() { # SUITE
	local host main security
	[[ -s $cache/$1.tar ]] && return
	host=$(. /etc/os-release && echo "$VERSION_CODENAME")
	main=$(mirror_of "$host") security=$(mirror_of "$host-security")
	[[ $main ]] || die "this host's apt has no Debian mirror"
	mkdir -p "$cache" || exit 1
	mmdebstrap --quiet --variant=minbase --include=git,make,sudo,ca-certificates --keyring="$keyrings" \
		--aptopt='Acquire::Check-Valid-Until "false"' "$1" "$cache/$1.part.tar" "deb $main $1 main" \
		"deb $main $1-updates main" ${security:+"deb $security $1-security main"} ||
		die "cannot make a root of $1"
	mv "$cache/$1.part.tar" "$cache/$1.tar"
}

# The mounts are in a namespace of their own and go with it.
root_enter() { # COMMAND...
	# shellcheck disable=SC2016 # for the other shell
	unshare --mount --fork --kill-child --propagation private bash -c '
		root=$1
		shift
		mount --bind "$root" "$root" && mount --rbind /sys "$root/sys" && mount --rbind /dev "$root/dev" &&
			mount -t proc proc "$root/proc" && mount -t tmpfs -o mode=755 run "$root/run" || exit
		exec chroot "$root" env -i HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
	' enter "$root" "$@"
}

# Unpacks a root, $root.
root_make() { # SUITE
	root_pack "$1"
	root=$(mktemp -d "${TMPDIR:-/tmp}/seismo-root.XXXXXX") || exit 1
	tar -xf "$cache/$1.tar" -C "$root" || die "cannot extract $cache/$1.tar"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	# What this host's network asks for: whom it trusts, and how npm reaches its registry.
	mkdir -p "$root/usr/local/share/ca-certificates"
	cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/" 2>/dev/null
	chroot "$root" update-ca-certificates >/dev/null 2>&1
	! command -v npm >/dev/null || cp "$(npm config get globalconfig)" "$root/etc/npmrc" 2>/dev/null || true
}
