#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What programs are called that interpreters run, the same whether they are older than the daemon or not: each is started
# before it, and once more after it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

mkfifo "$TMP/fifo"
cd "$TMP" || exit
names=() commands=()

# A program that waits for a line, in the directory that it is started in.
program() { # NAME COMMAND...
	names+=("$1")
	commands+=("${*:2}")
}

# Starts all of them, and waits until each is what it is to be: interpreters may become something else, and then wait.
start_all() {
	local command pid before="" pids=()
	for command in "${commands[@]}"; do
		eval "$command" <>"$TMP/fifo" >>"$TMP/programs.log" 2>&1 &
		pids+=($!)
		at_exit end_process $!
	done
	for pid in "${pids[@]}"; do
		wait_until is_executed "$pid" || bail "a program did not start: $(tail -n 5 "$TMP/programs.log")"
	done
	wait_until are_settled "${pids[@]}"
}

# All are asleep, and are the same programs as half a second ago; `before` is of the caller.
are_settled() { # PID...
	local now
	read -rt 0.5 -u "$silence"
	now=$(IFS=, && ps -ww -o s=,args= -p "$*")
	[[ $now == "$before" ]] && ! grep -q '^[RD] ' <<<"$now" && return
	before=$now
	false
}

is_executed() { # PID
	! cmp -s "/proc/$1/cmdline" "/proc/$$/cmdline" && [[ $(wc -c <"/proc/$1/cmdline") -gt 0 ]]
}

# Ended at once: by its name.
is_ended() { # NAME TEXT COMMAND...
	"${@:3}" >>"$TMP/programs.log" 2>&1
	is_metric 1 "$2" seismo_process_exits_total "service=$1"
}

file() { # NAME LINE...
	printf '%s\n' "${@:2}" >"$TMP/$1"
	chmod +x "$TMP/$1"
}

# --- shells: the whole name, whatever the options

for name in nightly weekly; do
	file "w-$$-backup-database-$name.sh" '#!/bin/sh -e' 'read -r line'
	program "w-$$-backup-database-$name.sh" exec "./w-$$-backup-database-$name.sh"
done
file "w-pipefail-$$.sh" 'read -r line'
program "w-pipefail-$$.sh" exec bash -euo pipefail "w-pipefail-$$.sh"
long=w-$$-$(printf '%0200d' 0).sh
file "$long" '#!/bin/bash' 'read -r line'
program "$long" exec "./$long"
if command -v zsh >/dev/null; then
	file "w-zsh-$$" 'read line'
	program "w-zsh-$$" exec zsh -o nullglob -f "w-zsh-$$"
fi

# --- others, where they are installed

if command -v /usr/bin/python3 >/dev/null; then
	python=/usr/bin/python3
	file "w_mod_$$.py" 'input()'
	program "w_mod_$$" exec "$python" -W ignore -um"w_mod_$$"
	file "w-py-$$.py" "#!$python -u" 'input()'
	program "w-py-$$.py" exec "./w-py-$$.py"
	mkdir "w-dir-$$"
	file "w-dir-$$/__main__.py" 'input()'
	program "w-dir-$$" exec "$python" -X utf8 "w-dir-$$/"
fi
if command -v perl >/dev/null; then
	file "w-pl-$$.pl" '<STDIN>;'
	program "w-pl-$$.pl" exec perl -w -I lib -MPOSIX "w-pl-$$.pl"
	file "w-title-$$" "\$0 = 'w-title-$$: working [x]';" '<STDIN>;'
	program "w-title-$$" exec perl "w-title-$$"
	file "w-own-title-$$" "#!$(command -v perl)" "\$0 = 'another title';" '<STDIN>;'
	program "w-own-title-$$" exec "./w-own-title-$$"
fi
if command -v ruby >/dev/null; then
	file "w-rb-$$.rb" STDIN.gets
	program "w-rb-$$.rb" exec ruby -W0 -r json -Ilib "w-rb-$$.rb"
fi
if command -v php >/dev/null; then
	file "w-php-$$.php" '<?php fgets(STDIN);'
	program "w-php-$$.php" exec php -d memory_limit=64M -n -f "w-php-$$.php"
	file "w-route-$$.php" '<?php'
	program "w-route-$$.php" exec php -S 127.0.0.1:0 "w-route-$$.php"
fi
if command -v lua5.4 >/dev/null; then
	file "w-lua-$$.lua" 'io.read()'
	program "w-lua-$$.lua" exec lua5.4 -e x=1 -W "w-lua-$$.lua"
fi
if command -v /usr/bin/node >/dev/null; then
	mkdir "w-app-$$"
	file "w-app-$$/index.js" 'process.stdin.resume()'
	program "w-app-$$" cd "w-app-$$" '&&' exec /usr/bin/node .
	program "w-srv-$$.js" exec /usr/bin/node --stack-trace-limit=9 -r ./w-app-$$/index.js "w-srv-$$.js"
	file "w-srv-$$.js" 'process.stdin.resume()'
fi
if command -v busybox >/dev/null; then
	file "w-busybox-$$.sh" 'read -r line'
	program "w-busybox-$$.sh" exec busybox sh -e "w-busybox-$$.sh"
fi

# --- programs: behind the loader, by another name, without a file

hold=$(workload process "w-hold-$$")
loaders=(/lib*/ld-linux-*.so.?)
program "w-hold-$$" exec "${loaders[0]}" --argv0 x "$hold" hold 0
ln -s "$hold" "$TMP/w-$$-an-alias-of-many-bytes"
program "w-$$-an-alias-of-many-bytes" exec "$TMP/w-$$-an-alias-of-many-bytes" hold 0
cp "$hold" "$TMP/commands"
if [[ ${python-} ]]; then
	file memfd 'import os, sys' 'fd = os.memfd_create(sys.argv[1])' \
		'os.write(fd, open(sys.argv[2], "rb").read())' 'os.execve(fd, ["x", "hold", "0"], {})'
	program "w-memfd-$$" exec "$python" memfd "w-memfd-$$" "$hold"
	program "w-memfd-$$" exec "$python" memfd "w-memfd-$$" "$hold"
	cp "$hold" "$TMP/w-fd-$$"
	file fd 'import os, sys' 'fd = os.open(sys.argv[1], os.O_RDONLY)' \
		'os.execve(fd, ["3", "hold", "0"], {})'
	program "w-fd-$$" exec "$python" fd "w-fd-$$"
fi

start_all
start_seismo --probes process
if [[ ${SEISMO_OPTIONS-} == *core=identify_* ]]; then
	skip "without iterators a process is seen when its next system call ends"
fi

declare -A cnt
for name in "${names[@]}"; do
	cnt[$name]=$((${cnt[$name]-0} + 1))
done
for name in "${!cnt[@]}"; do
	is_metric "${cnt[$name]}" "older than the daemon: ${name:0:40}" seismo_processes "service=$name"
done
start_all
for name in "${!cnt[@]}"; do
	is_metric $((2 * cnt[$name])) "the same after it: ${name:0:40}" seismo_processes "service=$name"
done

# --- those that end at once

if command -v java >/dev/null; then
	is_ended "w-billing-$$.jar" "java -jar, options, the jar" java -jar -Xmx64m "w-billing-$$.jar"
	is_ended "w_Main_$$" "java, options with values, the class" java --add-modules java.se -cp J "w_Main_$$"
	class_path=$(printf '/lib/%0.s%0250d.jar:' {1..40})
	is_ended "w_Long_$$" "java, 10 KB of class path, the class" java -cp "$class_path" "w_Long_$$"
fi
if command -v busybox >/dev/null; then
	ln -s "$(command -v busybox)" "w-applet-$$"
	is_ended "w-applet-$$" "busybox by the name of an applet" "./w-applet-$$" -f 80
fi
file other '#!/bin/sh' :
is_ended program/other "a script with a name that is taken" ./other
mark
"$TMP/commands"
is_metric 1 "a program with a name that is taken" seismo_process_exits_total service=program/commands
is 0 "$(grown seismo_process_exits_total service=commands)" "... and not counted under that one"
stop_seismo
