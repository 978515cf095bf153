#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The command line as such: --help of every command, output that nobody takes, manual pages, completion in shells.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need jq script man zsh fish

mapfile -t commands < <("$SEISMO" help | awk '$1 == "seismo" && $2 !~ /^-/ { print $2 }')
ok "there are commands (${commands[*]})" test "${#commands[@]}" -ge 8

# --- help

for command in "${commands[@]}"; do
	"$SEISMO" help "$command" >"$TMP/help" 2>"$TMP/err"
	is "0 " "$? $(cat "$TMP/err")" "help $command"
	ok "$command --help is the same" diff "$TMP/help" <("$SEISMO" "$command" --help)
	ok "$command: it has examples of itself" grep -q "^  *seismo $command" <(sed -n '/^Examples:/,$p' "$TMP/help")
	ok "$command: it says what its exit status means" grep -q '^Exit status: 0 ' "$TMP/help"
	is "" "$(sed -n '/^Examples:/,/^Exit status/p' "$TMP/help" | grep -o -- ' --[a-z][a-z-]*' | sort -u | while read -r option; do
		grep -q -- "^ .*$option" <(sed '/^Examples:/,$d' "$TMP/help") || echo "$option"
	done)" "$command: options of its examples are there"
	"$SEISMO" "$command" --no-such-option >/dev/null 2>"$TMP/err"
	is 2 $? "$command: an unknown option"
	ok "$command: is named" grep -q "^seismo $command: .*no-such-option" "$TMP/err"
done
"$SEISMO" help rulse 2>"$TMP/err"
is 2 $? "help about no command"
ok "names the nearest" grep -q "did you mean 'rules'" "$TMP/err"
ok "--version says what was built ($("$SEISMO" --version))" \
	grep -Eqx 'seismo [0-9]+\.[0-9]+\.[0-9]+.* \(commit [0-9a-f+unkow]+, libbpf [0-9.]+\)' <("$SEISMO" --version)

# --- output that cannot be written, or that nobody wants

calls=(--version "check --probes none" "metrics --format json" "config --config $CONFIG" "config --defaults" "rules --config $CONFIG"
	"events --kinds")
for command in "${commands[@]}"; do
	calls+=("$command --help")
done
for format in text man bash zsh fish; do
	calls+=("help --format $format")
done
for call in "${calls[@]}"; do
	# shellcheck disable=SC2086 # words
	"$SEISMO" $call >/dev/full 2>"$TMP/err"
	is 1 $? "seismo $call >/dev/full: exit status"
	ok "seismo $call >/dev/full: says so" grep -q 'standard output' "$TMP/err"
	# shellcheck disable=SC2086 # words
	{
		timeout 60 "$SEISMO" $call 2>"$TMP/err"
		echo $? >"$TMP/status"
	} | exec true
	ok "seismo $call | true: ends quietly ($(<"$TMP/status"))" grep -qx '0\|1\|141' "$TMP/status"
	ok "seismo $call | true: no more than a line" test "$(wc -l <"$TMP/err")" -le 1
done

# --- manual pages

: >"$TMP/empty.yaml"
"$SEISMO" help --format man >"$TMP/seismo.1"
"$SEISMO" config --defaults --format man >"$TMP/seismo.yaml.5"
"$SEISMO" metrics --format man >"$TMP/seismo-metrics.7"
"$SEISMO" rules --config "$TMP/empty.yaml" --format man >"$TMP/seismo-rules.7"
for page in seismo.1 seismo.yaml.5 seismo-metrics.7 seismo-rules.7; do
	is "" "$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$TMP/$page" 2>&1 >/dev/null)" \
		"$page: groff has no warning"
	MANWIDTH=80 man -l "$TMP/$page" 2>/dev/null | sed 's/.\x08//g' >"$TMP/$page.txt"
	ok "$page: it has a name for apropos" lexgrog "$TMP/$page"
done
is "" "$(for command in "${commands[@]}"; do
	grep -q "^   seismo $command\$" "$TMP/seismo.1.txt" || echo "$command"
done)" "seismo(1) has every command"
is "" "$(for command in "${commands[@]}"; do
	"$SEISMO" help "$command" | grep -o -- '^ .*--[a-z-]*' | grep -o -- '--[a-z][a-z-]*'
done | sort -u | grep -vx -e '--help' -e '--usage' -e '--version' | while read -r option; do
	grep -q -- "^ *$option\>" "$TMP/seismo.1.txt" || echo "$option"
done)" "and every option"
is "" "$("$SEISMO" metrics --format json | jq -r '.[].name' | while read -r metric; do
	grep -q "^ *$metric: " "$TMP/seismo-metrics.7.txt" || echo "$metric"
done)" "seismo-metrics(7) has every metric"
is "" "$("$SEISMO" rules --config "$TMP/empty.yaml" --format json | jq -r '.rules[].rule' | while read -r rule; do
	grep -q "^   $rule\$" "$TMP/seismo-rules.7.txt" || echo "$rule"
done)" "seismo-rules(7) has every rule"
is "" "$("$SEISMO" config --config "$TMP/empty.yaml" | cut -d' ' -f1 | grep -v ^rules | while read -r key; do
	grep -q "^ *$key\(: \|\$\)" "$TMP/seismo.yaml.5.txt" || echo "$key"
done)" "seismo.yaml(5) has every key"

# --- completion

for shell in bash zsh fish; do
	"$SEISMO" help --format $shell >"$TMP/complete.$shell"
	ok "$shell can read its script" "$shell" -n "$TMP/complete.$shell"
done
ln -s "$SEISMO" "$TMP/bin/seismo"
mkdir "$TMP/folder"
: >"$TMP/folder/one.yaml"

# The line after Tab, in a bash on a terminal, where it becomes the arguments of a function.
completed() { # LINE
	{
		printf 'PS1=; source %q; show() { printf "<<%%s>>\\n" "$*"; }; cd %q\n' "$TMP/complete.bash" "$TMP/folder"
		printf '%s\t\001show \n' "$1"
		printf 'exit\n'
	} | timeout 60 env INPUTRC=/dev/null TERM=dumb script -qec 'bash --norc --noprofile -i' /dev/null 2>/dev/null |
		tr -d '\r\a' | sed -n 's/^<<\(.*\)>>$/\1/p' | tail -n 1
}
is "seismo check" "$(completed 'seismo che')" "bash completes a command"
is "seismo check --format" "$(completed 'seismo check --for')" "an option"
is "seismo check --format json" "$(completed 'seismo check --format js')" "what it takes"
is "seismo check --format=json" "$(completed 'seismo check --format=js')" "also behind ="
is "seismo check -f json" "$(completed 'seismo check -f js')" "of its letter"
is "seismo check --config one.yaml" "$(completed 'seismo check --config o')" "a file"
is "seismo run --probes block,syscall" "$(completed 'seismo run --probes block,sysc')" "a list"
is "seismo help metrics" "$(completed 'seismo help met')" "a command as an argument"
is "seismo silence list" "$(completed 'seismo silence li')" "what to do"
is "seismo rules VerySlowDisk" "$(completed 'seismo rules VeryS')" "a rule"
is "seismo config limits.series" "$(completed 'seismo config limits.seri')" "a key of the configuration"
is "seismo check --config js" "$(completed 'seismo check --config js')" "nothing where there is nothing"
completed_fish() { # LINE
	# shellcheck disable=SC2016 # for the other shell
	fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$TMP/complete.fish" "$1" | cut -f1 | paste -sd' '
}
is "check" "$(completed_fish 'seismo che')" "fish completes a command"
is "json" "$(completed_fish 'seismo check --format js')" "what an option takes"
mkdir "$TMP/zsh" && mv "$TMP/complete.zsh" "$TMP/zsh/_seismo"
cat >"$TMP/type.zsh" <<'END'
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; unsetopt prompt_sp; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; show() { print -r -- \"<\${#}<\$*>\" }"
zpty -n -w z "$2"$'\t'
sleep $3
zpty -n -w z $'\001show \n'
sleep 0.5
zpty -w z exit
while zpty -r z line; do print -r -- "$line"; done
END
completed_zsh() { # LINE PAUSE
	timeout 60 zsh -f "$TMP/type.zsh" "$TMP/zsh" "$1" "$2" | tr -d '\r' | sed -n 's/.*<[0-9]*<\(.*\)>.*/\1/p'
}
# Nobody tells when it has completed: on a busy machine that takes longer.
is_completed_zsh() { # EXPECTED LINE TEXT
	local got pause
	for pause in 1 5 20; do
		got=$(completed_zsh "$2" $pause)
		[[ $got != "$1" ]] || break
	done
	is "$1" "$got" "$3"
}
is_completed_zsh "seismo silence" 'seismo sile' "zsh completes a command"
is_completed_zsh "seismo check --format json" 'seismo check --format js' "what an option takes"
is_completed_zsh "seismo rules VerySlowDisk" 'seismo rules VeryS' "a rule"
