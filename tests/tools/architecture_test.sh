#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The kernel side compiles for each architecture, whichever this one is: registers have other names there.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
need clang

cd "$ROOT" || bail "no $ROOT"
for architecture in x86 arm64; do
	for source in bpf/*.bpf.c; do
		ok "$source for $architecture" clang -g -O2 -target bpf -D__TARGET_ARCH_$architecture -Iinclude -Ibpf \
			-I"/usr/include/$(gcc -print-multiarch)" -fsyntax-only "$source"
	done
done
