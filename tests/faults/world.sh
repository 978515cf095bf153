# shellcheck shell=bash disable=SC2034,SC2154,SC2317 # of the faults, and for them
# SPDX-License-Identifier: BSD-3-Clause
# The world of the faults: a shop of real servers, each a service in cgroups of its own, whose client says how it fares. Source it
# after tests/e2e/lib.sh and block.sh.

FAULTS=$ROOT/tests/faults
PREFIX=r$$-
shop_settings=() shop_spare=
read_us=1500 write_us=600 fsync_us=1500 kib_us=15 # the disk, when nothing is wrong with it
nginx_port=8001 shop_port=8002 price_port=8003 postgres_port=8004 redis_port=8005 dns_port=8006
declare -A service_pid=() supervisor=()

# --- what is played

# A fault, or healthy work, is a file that sets `row` (of README.md's table; 30 is healthy), `expect` (see live.sh), and defines inject()
# and heal(), with $magnitude. prepare() runs once the shop does, before the client asks for anything.
fault_load() { # NAME
	prepare() { :; }
	row=0 expect=() seconds=12
	# shellcheck source=tests/faults/rows/slow-disk.sh
	. "$FAULTS/rows/$1.sh"
}

workload_load() { # NAME
	# shellcheck source=tests/faults/workloads/busy.sh
	. "$FAULTS/workloads/$1.sh"
}

names_in() { # FOLDER
	(cd "$FAULTS/$1" && echo *.sh | sed 's/\.sh\>//g')
}

# The shop with its client, ready for the fault that was loaded.
world_start() {
	shop_start
	disk_speed 1
	prepare
	client_start client / "$rates"
	sleep 3 # connections are made, caches are warm
}

# --- services

hierarchies() {
	awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts
}

# Where its cgroups are below each hierarchy: in a slice, if it has one.
declare -A slice=()
service_folder() { # NAME
	echo "${slice[$1]:+$PREFIX${slice[$1]}.slice/}$PREFIX$1.service"
}

# The cgroups of a service, one in each hierarchy: its name is theirs.
service_make() { # NAME
	local mount
	[[ ! -d $(service_cgroup "$1" pids) ]] || return 0
	while read -r mount; do
		[[ $mount == */cpuset || $mount == */devices ]] || cgroup_make "$mount/$(service_folder "$1")"
	done < <(hierarchies)
	weight "$1" 8
	[[ ! ${slice[$1]-} ]] || slice_open "$(dirname "$(service_cgroup "$1" cpu)")"
	at_exit service_kill "$(service_cgroup "$1" pids)"
}

# It has the same right as a service of its own; in v2 controllers work below it that are told to.
slice_open() { # CGROUP
	local controller
	cgroup_weight "$1" 8
	while read -rd ' ' controller; do
		echo "+$controller" >"$1/cgroup.subtree_control"
	done < <(cat "$1/cgroup.controllers" && echo ' ')
} 2>/dev/null

# Children of a server that was killed may live on.
service_kill() { # CGROUP
	wait_until service_killed "$1"
}

service_killed() { # CGROUP
	local pid killed=
	while read -r pid; do
		kill -KILL "$pid" && killed=1
	done <"$1/cgroup.procs"
	[[ ! $killed ]]
}

service_enter() { # NAME COMMAND...
	local cgroup
	while read -r cgroup; do
		cgroup=$cgroup/$(service_folder "$1")/cgroup.procs
		[[ ! -e $cgroup ]] || echo "$BASHPID" >"$cgroup"
	done < <(hierarchies)
	exec "${@:2}"
}

service_start() { # NAME COMMAND...
	service_make "$1"
	(service_enter "$@") >>"$TMP/$1.log" 2>&1 </dev/null &
	service_pid[$1]=$!
	at_exit end_process $!
}

# Starts it again whenever it ends, as service managers do; the one who does is not in the service.
service_supervise() { # NAME COMMAND...
	service_make "$1"
	supervise "$@" &
	supervisor[$1]=$!
	at_exit supervise_end "$1"
}

supervise() { # NAME COMMAND...
	local pid
	trap 'is_child $pid && kill -KILL $pid; exit' TERM
	while :; do
		(service_enter "$@") >>"$TMP/$1.log" 2>&1 </dev/null &
		pid=$!
		echo $pid >"$TMP/$1.pid"
		wait $pid
		sleep 0.5
	done 2>/dev/null
}

supervise_end() { # NAME
	is_child "${supervisor[$1]}" && kill -TERM "${supervisor[$1]}"
	wait "${supervisor[$1]}"
}

supervised_pid() { # NAME
	cat "$TMP/$1.pid"
}

# Its right to the CPUs, in times that of others: nobody else on the machine is to be seen in the recording.
weight() { # NAME TIMES
	cgroup_weight "$(service_cgroup "$1" cpu)" "$2"
}

cgroup_weight() { # CGROUP TIMES
	echo $(($2 * 100)) >"$1/cpu.weight" || echo $(($2 * 1024)) >"$1/cpu.shares"
} 2>/dev/null

# Where the controller has the service's cgroup.
service_cgroup() { # NAME CONTROLLER
	local mount
	mount=$(cgroup_controller "$2") || bail "no cgroup controller $2"
	echo "$mount/$(service_folder "$1")"
}

# Part of a CPU, for all that is in the cgroup; `none` lifts the limit.
limit_cpu() { # CGROUP AMOUNT
	local us=
	[[ $2 == none ]] || us=$(calc "int($2 * 100000)")
	if [[ -e $1/cpu.max ]]; then
		echo "${us:-max} 100000" >"$1/cpu.max"
	else
		echo "${us:--1}" >"$1/cpu.cfs_quota_us"
	fi
}

# What the service may have, by v1's names or v2's; `none` lifts the limit.
limit() { # NAME cpu|memory|pids|reads AMOUNT
	local at value=$3
	case $2 in
	cpu) limit_cpu "$(service_cgroup "$1" cpu)" "$value" ;;
	memory) # bytes
		at=$(service_cgroup "$1" memory)
		if [[ -e $at/memory.max ]]; then
			echo "${value/none/max}" >"$at/memory.max"
		else
			echo "${value/none/-1}" >"$at/memory.limit_in_bytes"
		fi
		;;
	pids)
		at=$(service_cgroup "$1" pids)
		echo "${value/none/max}" >"$at/pids.max"
		;;
	reads) # per second, of the disk
		at=$(service_cgroup "$1" "$([[ -d /sys/fs/cgroup/blkio ]] && echo blkio || echo io)")
		if [[ -e $at/io.max ]]; then
			echo "$disk_number riops=${value/none/max}" >"$at/io.max"
		else
			echo "$disk_number ${value/none/0}" >"$at/blkio.throttle.read_iops_device"
		fi
		;;
	esac
}

# Bytes that its cgroup has now.
memory_used() { # NAME
	local at
	at=$(service_cgroup "$1" memory)
	cat "$at/memory.current" 2>/dev/null || cat "$at/memory.usage_in_bytes"
}

# Tells a service of services/ what to do wrong; takes effect in a moment.
tell() { # NAME KEY=NUMBER...
	printf '%s\n' "${@:2}" >"$TMP/$1.part" && mv "$TMP/$1.part" "$TMP/$1.settings"
}

# --- the shop

disk_start() {
	service_make disk # whose speed is no matter of the CPU; it ends after what uses it
	weight disk 100
	slow_disk 512
	disk_number=$(lsblk -dno MAJ:MIN "$loop" | tr -d ' ')
	pgrep -f "^$BUILD/workload/slowfuse $slow " >"$(service_cgroup disk cpu)/cgroup.procs"
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$loop" || bail "no file system"
	mkdir "$TMP/disk"
	mount -o noatime "$loop" "$TMP/disk" || bail "cannot mount the disk"
	at_exit umount -l "$TMP/disk"
	at_exit speed read_us=0 write_us=0 fsync_us=0 kib_us=0 stall=0 err=0
}

disk_speed() { # FACTOR
	speed read_us=$((read_us * $1)) write_us=$((write_us * $1)) fsync_us=$((fsync_us * $1)) kib_us=$((kib_us * $1)) stall=0 err=0
}

# As it is after initdb and pgbench -i; the archive is made once.
database_make() { # ARCHIVE
	local bins as=(setpriv --reuid postgres --regid postgres --clear-groups) work=$TMP/make pid
	bins=(/usr/lib/postgresql/*/bin)
	mkdir "$work" && chown postgres "$work"
	"${as[@]}" "${bins[-1]}/initdb" -D "$work/data" -A trust -N --wal-segsize=1 >/dev/null || bail "initdb failed"
	cat >>"$work/data/postgresql.conf" <<-END
		listen_addresses = '127.0.0.1'
		unix_socket_directories = ''
		port = $postgres_port
		max_connections = 250
		shared_buffers = 4MB
		min_wal_size = 4MB
		max_wal_size = 24MB
		checkpoint_timeout = 30s
		autovacuum = off
		max_logical_replication_workers = 0
	END
	"${as[@]}" "${bins[-1]}/postgres" -F -D "$work/data" >"$TMP/make.log" 2>&1 &
	pid=$!
	wait_until "${bins[-1]}/psql" -h 127.0.0.1 -p $postgres_port -U postgres -c "" postgres || bail "no PostgreSQL"
	"${bins[-1]}/pgbench" -q -i -s 5 -h 127.0.0.1 -p $postgres_port -U postgres postgres >/dev/null 2>&1 || bail "pgbench -i failed"
	kill -INT $pid && wait $pid
	tar -C "$work" -cf "$1.$$" data && mv "$1.$$" "$1"
	rm -rf "$work"
}

database_start() {
	local archive=${RECORD_CACHE:-/var/tmp}/seismo-record-$UID.tar bins
	bins=(/usr/lib/postgresql/*/bin)
	[[ -e $archive ]] || database_make "$archive"
	tar -C "$TMP/disk" -xpf "$archive"
	chown postgres "$TMP/disk"
	sync -f "$TMP/disk"
	service_start postgresql setpriv --reuid postgres --regid postgres --clear-groups "${bins[-1]}/postgres" -D "$TMP/disk/data"
	wait_until "${bins[-1]}/psql" -h 127.0.0.1 -p $postgres_port -U postgres -c "" postgres || bail "no PostgreSQL"
	background cache_drop
	cache_dropper=$!
}

# The machine has more memory than the database, whose pages are to come from the disk.
cache_drop() {
	while :; do
		find "$TMP/disk/data/base" -size +512k -exec dd if={} iflag=nocache count=0 status=none \; 2>/dev/null
		sleep 0.3
	done
}

# The shop has an interpreter of its own, as those in images have: deployed anew, it is another file.
shop_deploy() {
	cp -L /usr/bin/python3 "$TMP/app/new" && mv "$TMP/app/new" "$TMP/app/shop"
}

shop_start() {
	chmod 711 "$TMP" # PostgreSQL is somebody else
	local name
	for name in shop price resolver; do
		: >"$TMP/$name.settings"
	done
	disk_start
	database_start
	service_start redis redis-server --port $redis_port --save '' --appendonly no --dir "$TMP"
	service_start resolver /usr/bin/python3 -B "$FAULTS/services/resolver.py" $dns_port "$TMP/resolver.settings"
	service_supervise price /usr/bin/python3 -B "$FAULTS/services/price.py" $price_port "$TMP/price.settings"
	tell shop "${shop_settings[@]}"
	mkdir "$TMP/app"
	shop_deploy
	shop=("$TMP/app/shop" -B "$FAULTS/services/shop.py" $shop_port "$TMP/shop.settings" $postgres_port $redis_port $price_port
		$dns_port "$TMP/disk/journal")
	service_supervise shop "${shop[@]}"
	nginx_config
	service_start nginx nginx -p "$TMP" -c nginx.conf
	for name in $redis_port $price_port $shop_port $nginx_port; do
		wait_until port_open "$name" || bail "nothing listens on port $name: $(tail -n 3 "$TMP"/*.log)"
	done
}

nginx_config() {
	mkdir -p "$TMP/work"
	cat >"$TMP/nginx.conf" <<-END
		user root;
		daemon off;
		worker_processes 1;
		pid nginx.pid;
		error_log error.log;
		events { worker_connections 1000; }
		http {
			access_log off;
			client_body_temp_path work; proxy_temp_path work; fastcgi_temp_path work;
			uwsgi_temp_path work; scgi_temp_path work;
			upstream shop { server 127.0.0.1:$shop_port max_fails=0; $shop_spare keepalive 100; }
			server {
				listen 127.0.0.1:$nginx_port;
				location / {
					proxy_pass http://shop;
					proxy_http_version 1.1;
					proxy_set_header Connection "";
					proxy_read_timeout 8s;
				}
			}
		}
	END
}

# A client of the shop: its requests are noted in NAME.requests.
client_start() { # NAME PATH RATES
	local PREFIX=x$$- # from elsewhere: not recorded
	echo 1 >"$TMP/$1.factor"
	service_start "$1" /usr/bin/python3 -B "$FAULTS/services/client.py" "http://127.0.0.1:$nginx_port$2" "$3" "$TMP/$1.requests" \
		"$TMP/$1.factor"
}

# "REQUESTS ERRORS P50 P95 P99", in ms, of those that were due between two moments. One that waits has taken the time until now.
client_says() { # NAME FROM TO
	awk -v from="$2" -v to="$3" -v now="$EPOCHREALTIME" '
		$1 < from || $1 >= to { next }
		NF == 1 { waiting[$1]++; next }
		{ waiting[$1]--; print $2 * 1000, $3 }
		END {
			for (due in waiting)
				while (waiting[due]-- > 0)
					print (now - due) * 1000, 200
		}' "$TMP/$1.requests" | sort -n | awk '
		function percentile(q,	rank) {
			rank = int(NR * q / 100 + 0.999)
			return ms[rank < 1 ? 1 : rank] + 0
		}
		{ ms[NR] = $1; errors += $2 < 200 || $2 >= 500 }
		END { printf "%d %d %.1f %.1f %.1f\n", NR, errors, percentile(50), percentile(95), percentile(99) }'
}

# Does the second of two such answers say that users suffer, and did not before? More of them fail, most wait for half as long
# again, or the slowest do, and that can be felt.
client_suffers() { # BEFORE NOW
	awk '{
		fails = $7 / ($6 + !$6) > $2 / ($1 + !$1) + 0.02
		exit !($6 && (fails || ($8 > 1.5 * $3 && $8 > $3 + 5) || ($9 > 1.5 * $4 && $9 > $4 + 10)))
	}' <<<"$1 $2"
}

# --- what several faults do

# What is sent to the port does not arrive.
path_drop() { # PORT
	iptables -A INPUT -p tcp --dport "$1" -j DROP
}

# Something on the way to the port resets connections: at a part of the packets.
path_reset() { # PORT PART
	iptables -A INPUT -p tcp --dport "$1" -m statistic --mode random --probability "$2" -j REJECT --reject-with tcp-reset
}

path_mend() {
	iptables -F INPUT
}

# Keeps requests to the disk under way, until the service is ended.
disk_load() { # SERVICE read|write BYTES DEPTH
	service_start "$1" fio --thread --name=neighbour --filename="$TMP/disk/neighbour" --size=64M --rw="rand$2" --bs="$3" --direct=1 \
		--ioengine=libaio --iodepth="$4" --time_based --runtime=600
}
