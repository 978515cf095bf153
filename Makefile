# SPDX-License-Identifier: BSD-3-Clause
# make                  build/seismo
# sudo make run         installs what is missing, builds, runs the daemon
# sudo make test        installs what is missing, builds, runs every test
# sudo make test-vm     the tests in every kernel, in virtual machines
# sudo make test-faults faults in real servers: does the diagnosis name them?
# sudo make test-fresh  both commands in minimal roots of Debian 12 and 13
# make deb              build/deb/seismo_*.deb

# a pipe fails when one of its commands does
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

# From the tag, 1.2.0 or 1.2.0+3.g0123abc; before the first one and without git the number here.
RELEASE := 0.1.0
GIT := git -c safe.directory='*'
VERSION := $(shell $(GIT) describe --tags --match 'v[0-9]*' 2>/dev/null | sed 's/^v//; s/-\([0-9]*\)-g/+\1.g/')
ifeq ($(VERSION),)
VERSION := $(RELEASE)$(addprefix ~,$(shell $(GIT) rev-list --count HEAD 2>/dev/null))
endif
COMMIT := $(or $(shell $(GIT) describe --always --abbrev=12 --exclude='*' --dirty=+ 2>/dev/null),unknown)
PREFIX ?= /usr/local
# make has a default of its own for CC, so ?= would have no effect
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
LLVM_STRIP ?= $(firstword $(shell command -v llvm-strip llvm-strip-14 llvm-strip-16 llvm-strip-19) llvm-strip)
# amd64 or arm64; what is not this machine's own is cross-built against a sysroot of packages
NATIVE := $(patsubst aarch64,arm64,$(patsubst x86_64,amd64,$(shell uname -m)))
ARCH ?= $(NATIVE)
BPF_ARCH := $(patsubst amd64,x86,$(ARCH))
O ?= build$(if $(SANITIZE),-sanitize)$(if $(filter-out $(NATIVE),$(ARCH)),-$(ARCH))
ifneq ($(ARCH),$(NATIVE))
TRIPLE := $(patsubst amd64,x86_64,$(patsubst arm64,aarch64,$(ARCH)))-linux-gnu
SYSROOT := $(abspath $(O))/sysroot
CC = $(TRIPLE)-gcc --sysroot=$(SYSROOT)
AR = $(TRIPLE)-ar
export PKG_CONFIG_SYSROOT_DIR := $(SYSROOT)
export PKG_CONFIG_LIBDIR := $(SYSROOT)/usr/lib/$(TRIPLE)/pkgconfig
endif
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)

CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-missing-field-initializers -Iuser -Iinclude -I$(O)/gen \
	-MMD -MP $(CFLAGS)
BPF_CFLAGS = -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -target bpf -mcpu=v2 -D__bpf__ -ffile-compilation-dir=. \
	-D__TARGET_ARCH_$(BPF_ARCH) -Iinclude -Ibpf $(if $(MULTIARCH),-I$(SYSROOT)/usr/include/$(MULTIARCH)) -MMD -MP
ifdef SANITIZE
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=undefined
ALL_CFLAGS += $(SANITIZERS) -fno-omit-frame-pointer
# freed memory is kept back for a while, which tests of the daemon's memory must not see
export ASAN_OPTIONS := quarantine_size_mb=1
endif
LIBS := -lm -lbpf -lelf -lz -lmicrohttpd -lgnutls -lcrypt -lyaml -ljansson -lsystemd -lpcre2-8 -lseccomp -lcap -lncursesw -ltinfo
FUZZ_SECONDS ?= 3

BPF := $(patsubst bpf/%.bpf.c,%,$(wildcard bpf/*.bpf.c))
SRC := $(wildcard user/*.c user/*/*.c)
OBJ := $(SRC:%.c=$(O)/%.o)
BUILTIN := $(O)/user/rule/builtin.yaml.o
LIB_OBJ := $(filter-out $(O)/user/main.o,$(OBJ)) $(BPF:%=$(O)/bpf/%.elf.o) $(BUILTIN)
UNIT := $(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/*_test.c))
WORKLOAD := $(patsubst tests/workload/%.c,$(O)/workload/%,$(wildcard tests/workload/*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/*.c))
E2E := $(sort $(wildcard tests/e2e/*_test.sh tests/tools/*_test.sh))
# a guest has no sanitizers
VM := $(if $(SANITIZE),,tests/vm/one_test.sh)

# Who owns the tree builds it, also where root does the rest: what is built can be removed without root.
OWNER := $(shell stat -c %u .)
ifneq ($(filter-out 0,$(OWNER)),)
ifeq ($(shell id -u),0)
AS_OWNER := setpriv --reuid=$(OWNER) --regid=$(shell stat -c %g .) --clear-groups
endif
endif
SUBMAKE = $(AS_OWNER) $(MAKE) --no-print-directory

# Stops with what to do where a command or a library that building needs is missing.
DEPS_COMMAND := sudo make $(if $(SYSROOT),ARCH=$(ARCH) )deps
need = $(foreach c,$(1),$(if $(shell command -v $(firstword $(c))),,$(error no '$(firstword $(c))' here; \
	'$(DEPS_COMMAND)' installs what is missing)))
HEADERS := bpf/libbpf.h libelf.h zlib.h microhttpd.h gnutls/gnutls.h crypt.h yaml.h jansson.h systemd/sd-daemon.h uthash.h curl/curl.h pcre2posix.h seccomp.h sys/capability.h ncursesw/curses.h

ifeq ($(V),)
Q := @
say = @printf '  %-6s %s\n' $(1) $(2)
endif

.DELETE_ON_ERROR:
.PRECIOUS: $(O)/bpf/%.bpf.o
.PHONY: FORCE all run test test-unit test-vm test-faults test-deb test-fresh lint fuzz fuzz-hour bench install uninstall clean help \
	deps deps-test deps-servers deps-clients deps-vm deps-deb deb programs

all: $(O)/seismo

$(O)/seismo: $(O)/user/main.o $(O)/libseismo.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)

$(O)/libseismo.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/user/%.o: user/%.c | $(O)/gen/syscalls.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -c $< -o $@

# Written only when it changes.
$(O)/user/lib/version.o $(O)/fuzz/obj/lib/version.o: $(O)/gen/version_gen.h
$(O)/gen/version_gen.h: FORCE
	$(Q)mkdir -p $(@D) && printf '#define VERSION "%s"\n#define COMMIT "%s"\n' '$(VERSION)' '$(COMMIT)' >$@.new && \
		if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
FORCE:

# Names of system calls by number, from the headers of the architecture; the preprocessor knows the number
# of one that is defined by another.
UNISTD := echo '\#include <asm/unistd.h>'
$(O)/gen/syscalls.h:
	$(call need,$(firstword $(CC)) $(CLANG))
	$(call say,GEN,$@)
	$(Q)printf '#include <%s>\n' $(HEADERS) | $(CC) $(CFLAGS) -E - >/dev/null || \
		{ echo "libraries are missing; '$(DEPS_COMMAND)' installs them" >&2; exit 1; }
	$(Q)mkdir -p $(@D) && { $(UNISTD); $(UNISTD) | $(CC) -E -dM - | sed -n \
		'/^#define __NR_\(arch_specific_\)\?syscall/d; s/^#define __NR_\([a-z0-9_]*\) .*/@ __NR_\1 \1/p'; } | \
		$(CC) -E -P - | sort -n -u -k2,2 | \
		awk '$$1 == "@" && $$2 < 451 { printf "\t[%d] = \"%s\",\n", $$2, $$3 }' > $@

$(O)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -MF $(O)/bpf/$*.d -MT $@ -c $< -o $@ && $(LLVM_STRIP) -g $@

# A file as data in the binary, between NAME_start and NAME_end.
embed = printf '.section .rodata\n.balign 8\n.global $(1)_start, $(1)_end\n$(1)_start:\n.incbin "$<"\n$(1)_end:\n.section .note.GNU-stack,"",%%progbits\n' | \
	$(CC) -x assembler -c - -o $@

$(O)/bpf/%.elf.o: $(O)/bpf/%.bpf.o
	$(Q)$(call embed,bpf_$*)

$(BUILTIN): user/rule/builtin.yaml
	$(Q)mkdir -p $(@D) && $(call embed,rule_builtin)

# A test's function __wrap_NAME stands in for NAME.
$(O)/unit/%: tests/unit/%.c $(O)/libseismo.a
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $< $(O)/libseismo.a -o $@ -lcmocka -lpthread $(LIBS) \
		$$($(CC) $(filter-out -M%,$(ALL_CFLAGS)) -E $< | grep -o '__wrap_[a-z_]*(' | sort -u | sed 's/__wrap_\(.*\)(/-Wl,--wrap=\1/')

$(O)/workload/%: tests/workload/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) -O2 -g -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread $< -o $@ \
		$(if $(filter slowfuse,$*),$$(pkg-config --cflags --libs fuse3)) $(if $(filter waits,$*),-fno-omit-frame-pointer)

# Fuzz targets link a library of their own, built with the fuzzer's instrumentation.
FUZZ_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-missing-field-initializers -O1 -gline-tables-only -Iuser -Iinclude -I$(O)/gen \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined -MMD -MP
FUZZ_OBJ := $(patsubst user/%.c,$(O)/fuzz/obj/%.o,$(filter-out user/main.c \
	$(addprefix user/,$(addsuffix /%,attach cmd collect diagnose probe top)),$(SRC)) user/collect/identity.c)
$(O)/fuzz/obj/%.o: user/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -c $< -o $@

$(O)/fuzz/libseismo.a: $(FUZZ_OBJ) $(BUILTIN)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/fuzz/%: tests/fuzz/%.c $(O)/fuzz/libseismo.a
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer $(filter %.c %.a,$^) -o $@ $(LIBS)

ifdef SYSROOT
$(O)/gen/syscalls.h $(BPF:%=$(O)/bpf/%.bpf.o) $(WORKLOAD): | $(SYSROOT)
$(SYSROOT): Makefile
	$(call say,GET,$@)
	$(Q)rm -rf $@ $@.part && tests/vm/packages $(ARCH) $@.part $(LIBRARIES) libfuse3-dev && touch $@.part && mv $@.part $@
endif

programs: $(O)/seismo $(WORKLOAD)

# Records what the rules are tested with: tools/record/README.md.
$(O)/record: tools/record/record.c $(O)/libseismo.a
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)

run: deps
	$(Q)$(SUBMAKE) all
	$(O)/seismo run $(ARGS)

# Scripts come before what is short and fills up the time at the end. One of them is lint.
test: deps-test
	$(Q)$(SUBMAKE) -j2 all $(UNIT) $(WORKLOAD) $(FUZZ)
	$(Q)O=$(O) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run $(E2E) $(VM) $(UNIT) $(FUZZ)

# Every kernel of tests/vm/kernels.txt, or those of KERNELS; some are of the other architecture.
test-vm: deps-vm
	$(Q)$(SUBMAKE) programs
	$(Q)for arch in $$(awk -v only=' $(strip $(KERNELS)) ' '!/^#/ && $$3 != "$(NATIVE)" && \
			(only == "  " || index(only, " " $$1 " ")) { print $$3 }' tests/vm/kernels.txt | sort -u); do \
		$(MAKE) --no-print-directory ARCH=$$arch deps && $(SUBMAKE) ARCH=$$arch programs || exit; \
	done
	$(Q)tests/vm/matrix $(KERNELS)

# FAULTS names some of them; RUNS, MAGNITUDES, WORKLOADS, SEED and SAMPLE as tests/faults/run --help has them.
RUNS ?= 1
MAGNITUDES ?= 5
WORKLOADS ?= busy
test-faults: deps-test
	$(Q)$(SUBMAKE) programs
	$(Q)O=$(O) tests/faults/run --runs $(RUNS) --magnitude $(MAGNITUDES) --workload $(WORKLOADS) $(if $(SEED),--seed $(SEED)) $(if $(SAMPLE),--sample $(SAMPLE)) $(FAULTS)

# RELEASES names others than both.
test-fresh:
	$(Q)for release in $(or $(RELEASES),12 13); do tests/newcomer $$release || exit; done
	$(Q)tests/fresh $(RELEASES)

# The package: built twice, installed, upgraded and purged in a minimal root, and in a machine; the container that is made of it.
test-deb: deps-deb
	$(Q)tests/package $(RELEASES)
	$(Q)tests/installed
	$(Q)tests/container

test-unit: $(UNIT)
	$(Q)O=$(O) tests/run $^

lint:
	$(call say,LINT,layout)
	$(Q)clang-format --dry-run -Werror $(SRC) $(wildcard user/*/*.h include/*.h include/*/*.h bpf/*.[ch] tests/*/*.c)
	$(call say,LINT,cppcheck)
	$(Q)cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
		'-DLIBBPF_OPTS(t,v,...)=struct t v = {}' '-DHASH_ITER(h,l,e,t)=while ((e = l))' \
		'-DDL_FOREACH(l,e)=while ((e = l))' '-DDL_FOREACH_SAFE(l,e,t)=while ((e = l))' \
		'-DLL_FOREACH_SAFE(l,e,t)=while ((e = l))' '-Djson_array_foreach(a,i,v)=while ((v = a))' \
		'-Djson_object_foreach(o,k,v)=while ((v = (k = "", o)))' '-Djson_object_foreach_safe(o,n,k,v)=while ((v = (k = "", o)))' \
		'-Dbpf_object__for_each_program(p,o)=while ((p = next(o)))' \
		'-Dbpf_object__for_each_map(m,o)=while ((m = next(o)))' \
		-j2 -Iuser -Iinclude user
	$(call say,LINT,shellcheck)
	$(Q)find . \( -name .git -o -path './build*' \) -prune -o -type f -print0 | \
		xargs -0 grep -lE '^#!.*\b(ba)?sh\b' | xargs -P 2 -n 40 shellcheck -x
	$(call say,LINT,layers)
	$(Q)tools/check-layers
	$(Q)tools/check-style

fuzz: FUZZ_SECONDS = 600
fuzz: $(FUZZ)
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run $^

# An hour of what others send, all at once: to the parsers of the endpoint and the web configuration, and to a whole daemon.
fuzz-hour: FUZZ_SECONDS = 3600
fuzz-hour: deps-test
	$(Q)$(SUBMAKE) programs $(O)/fuzz/http $(O)/fuzz/web $(O)/fuzz/wire $(O)/fuzz/query
	$(Q)O=$(O) FUZZ_SECONDS=$(FUZZ_SECONDS) TEST_TIMEOUT=$$(($(FUZZ_SECONDS) + 300)) nice tests/run -j 5 $(addprefix $(O)/fuzz/,http web wire query) \
		tests/e2e/hostile_test.sh

bench: all
	tools/bench/startup
	tools/bench/history
	tools/bench/rules
	tools/bench/top
	tools/bench/programs
	tools/bench/syscall
	tools/bench/requests

# Manual pages and completion, which the program makes of its own tables; of another architecture's, this one's does.
SHARE := $(O)/share
PAGES := man/man1/seismo.1 man/man5/seismo.yaml.5 man/man7/seismo-metrics.7 man/man7/seismo-rules.7
ZSH := zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)/_seismo
SCRIPTS := bash-completion/completions/seismo $(ZSH) fish/vendor_completions.d/seismo.fish
WRITER := $(if $(SYSROOT),build,$(O))/seismo
$(SHARE)/man/man1/seismo.1: WRITE = help --format man
$(SHARE)/man/man5/seismo.yaml.5: WRITE = config --defaults --format man
$(SHARE)/man/man7/seismo-metrics.7: WRITE = metrics --format man
$(SHARE)/man/man7/seismo-rules.7: WRITE = rules --config $(SHARE)/empty.yaml --format man
$(SHARE)/bash-completion/completions/seismo: WRITE = help --format bash
$(SHARE)/$(ZSH): WRITE = help --format zsh
$(SHARE)/fish/vendor_completions.d/seismo.fish: WRITE = help --format fish
$(addprefix $(SHARE)/,$(PAGES) $(SCRIPTS)): $(WRITER)
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && : >$(SHARE)/empty.yaml && $(WRITER) $(WRITE) >$@
ifdef SYSROOT
$(WRITER): FORCE
	$(Q)$(MAKE) --no-print-directory ARCH=$(NATIVE) O=build all
endif

UNIT_DIR := $(DESTDIR)$(PREFIX)/lib/systemd/system
USERS_DIR := $(DESTDIR)$(PREFIX)/lib/sysusers.d
install: all $(addprefix $(SHARE)/,$(PAGES) $(SCRIPTS))
	install -d -m 755 $(DESTDIR)$(PREFIX)/bin $(UNIT_DIR) $(USERS_DIR)
	for file in $(PAGES) $(SCRIPTS); do install -D -m 644 $(SHARE)/$$file $(DESTDIR)$(PREFIX)/share/$$file || exit; done
	install -m 755 $(O)/seismo $(DESTDIR)$(PREFIX)/bin/seismo
	sed 's|/usr/local/bin|$(PREFIX)/bin|' tools/deploy/seismo.service | install -m 644 /dev/stdin $(UNIT_DIR)/seismo.service
	install -m 644 tools/deploy/seismo.sysusers $(USERS_DIR)/seismo.conf

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/seismo $(UNIT_DIR)/seismo.service $(USERS_DIR)/seismo.conf $(addprefix $(DESTDIR)$(PREFIX)/share/,$(PAGES) $(SCRIPTS))

# The Debian package, of what git knows of this tree.
SOURCE_DATE_EPOCH ?= $(or $(shell $(GIT) log -1 --format=%ct 2>/dev/null),0)
deb: export SOURCE_DATE_EPOCH := $(SOURCE_DATE_EPOCH)
deb: deps-deb
	$(Q)$(AS_OWNER) $(if $(SYSROOT),DEB_HOST_ARCH=$(ARCH)) tools/deploy/package '$(VERSION)' '$(COMMIT)' $(O)/deb
	$(Q)ls $(O)/deb/*.deb

clean:
	rm -rf build build-*

# Packages of Debian 12 and later; nothing is fetched when they are there. Of libcurl's, which exclude each other, any will do.
CURL = $(if $(SYSROOT),libcurl4-gnutls-dev,$(if $(wildcard /usr/include/$(MULTIARCH)/curl/curl.h),,libcurl4-gnutls-dev))
LIBRARIES := libbpf-dev libelf-dev zlib1g-dev libmicrohttpd-dev libgnutls28-dev libcrypt-dev libyaml-dev libjansson-dev \
	libsystemd-dev libpcre2-dev libseccomp-dev libcap-dev libncurses-dev uthash-dev linux-libc-dev $(CURL)
DEPS := gcc make clang llvm $(LIBRARIES) $(if $(SYSROOT),gcc-$(subst _,-,$(TRIPLE)))
DEPS_TEST := $(DEPS) libclang-rt-dev libcmocka-dev clang-format cppcheck shellcheck universal-ctags libfuse3-dev fuse3 \
	pkg-config fio strace time linux-perf curl jq iproute2 procps util-linux libcap2-bin git bpftool \
	qemu-system-x86 cpio kmod lz4 xz-utils zstd
deps: PACKAGES = $(DEPS)
deps-test: PACKAGES = $(DEPS_TEST)
deps-vm: PACKAGES = $(DEPS_TEST) qemu-system-arm
deps-deb: PACKAGES = $(DEPS) dpkg-dev debhelper jq pkg-config
deps deps-test deps-vm deps-deb:
	$(Q)tools/install-packages $(PACKAGES)

# The servers and clients that tests compare with, once for all of them: they run side by side, in networks without a way out.
deps-test: deps-servers deps-clients
deps-servers:
	$(Q)missing=$$(PATH=$$PATH:/usr/sbin; grep -v '^#' tests/e2e/programs.txt | while read -r program package; do \
		[ -e "$$program" ] || command -v "$$program" >/dev/null || echo "$$package"; done); \
	[ -z "$$missing" ] || tools/install-packages $$missing || echo "the tests that need these are skipped"

# Clients of Node.js, of the versions in tests/clients/package.json.
CLIENTS := build/clients
deps-clients: deps-servers
	$(Q)cmp -s tests/clients/package.json $(CLIENTS)/node_modules/.made || { $(AS_OWNER) mkdir -p $(CLIENTS) && cp tests/clients/package.json $(CLIENTS) && \
		npm install --prefix $(CLIENTS) --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error >$(CLIENTS)/log 2>&1 && \
		cp tests/clients/package.json $(CLIENTS)/node_modules/.made; } || echo "the tests that need clients of Node.js are skipped"
	$(Q)$(if $(AS_OWNER),chown -R --reference=. $(CLIENTS))

help:
	@sed -n '2,8s/^# //p' Makefile; \
		echo 'more: deps test-unit test-deb lint fuzz fuzz-hour bench install uninstall clean; SANITIZE=1, CC=clang, ARCH=arm64, V=1'

-include $(OBJ:.o=.d) $(FUZZ_OBJ:.o=.d) $(FUZZ:=.d) $(BPF:%=$(O)/bpf/%.d) $(UNIT:=.d)
