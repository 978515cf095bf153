#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Inside TLS, the end: of as many files as can be attached none is any more as soon as the daemon has gone; nor are they when it is killed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

[[ -e /sys/bus/event_source/devices/uprobe ]] || skip "this kernel has no uprobes"
need openssl ldd python3
file_cnt=64
library=$(ldd "$(command -v openssl)" | awk 'index($1, "libssl.so") == 1 { print $3; exit }')
[[ $library ]] || skip "openssl does not use libssl.so"
mkdir "$TMP/lib"
for ((i = 0; i < file_cnt; i++)); do
	cp -L "$library" "$TMP/lib/libssl.so.$i" || bail "no copy of $library"
done

# Has all of them mapped as code, and says how many are others there than in the file. A line says how many stay mapped.
cat >"$TMP/many-$$" <<END
import glob, mmap, sys
had = []
for path in glob.glob("$TMP/lib/*"):
    with open(path, "rb") as file:
        had.append((file.read(), mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)))
for line in sys.stdin:
    while len(had) > int(line):
        had.pop()[1].close()
    print(sum(mapped[:] != read for read, mapped in had), flush=True)
END
coproc python3 "$TMP/many-$$"
at_exit end_process "$COPROC_PID"

changed() { # sets it
	echo "$file_cnt" >&"${COPROC[1]}" && read -r changed <&"${COPROC[0]}"
}

changed_are() { # NUMBER
	changed && [[ $changed == "$1" ]]
}

begin() {
	start_seismo --probes request,tls
	wait_until changed_are "$file_cnt"
	is "$file_cnt" "$changed" "files with breakpoints"
}

changed
is 0 "$changed" "before"
echo "probes: { tls: { services: [ many-$$ ] } }" >>"$CONFIG"
begin
began=$EPOCHREALTIME
stop_seismo
echo "# the end took $(calc "$EPOCHREALTIME - $began") s"
changed
is 0 "$changed" "after the end"

# The kernel lets go of what a killed process had of one after the other: fewer of them.
file_cnt=4
begin
kill_seismo
wait_until changed_are 0
is 0 "$changed" "after it was killed"
