# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Real servers from packages, for the tests that compare what seismo says with what strace and the
# servers' own clients say. After lib.sh.

port_open() { # PORT
	(: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# None that was given before: who asked for that may not listen yet.
free_port() {
	local port
	mkdir -p "$TMP/ports"
	while port=$((20000 + RANDOM % 10000)) && { port_open $port || ! mkdir "$TMP/ports/$port" 2>/dev/null; }; do :; done
	echo $port
}

# Starts a server in the background and waits until its port accepts connections. It is told to end at exit.
server_start() { # PORT COMMAND...
	"${@:2}" >"$TMP/server.log" 2>&1 &
	server_pid=$!
	at_exit server_stop "$server_pid"
	wait_until port_open "$1" || bail "$2 did not start: $(tail -n 3 "$TMP/server.log")"
}

# Some end on the one signal only, some faster on the other.
server_stop() { # PID
	is_child "$1" && kill -INT "$1" && kill -TERM "$1" && wait "$1"
}

# Starts nginx, a copy of our own, with one worker, of which "http" has these lines besides what all tests want. It is in $TMP.
nginx_start() { # PORT LINES
	mkdir -p "$TMP/www" "$TMP/work"
	cat >"$TMP/nginx.conf" <<-END
		user root;
		daemon off;
		worker_processes 1;
		pid nginx.pid;
		error_log error.log;
		events { worker_connections 256; }
		http {
			access_log off;
			sendfile on;
			keepalive_requests 1000000;
			client_body_temp_path work; proxy_temp_path work; fastcgi_temp_path work;
			uwsgi_temp_path work; scgi_temp_path work;
			$2
		}
	END
	server_start "$1" nginx-$$ -p "$TMP" -c nginx.conf
}

# Starts PostgreSQL, a copy of our own, with nothing that starts processes by itself; its clients are copied, too.
postgres_start() { # PORT LINES
	local bins as_postgres=(setpriv --reuid postgres --regid postgres --clear-groups)
	need pg_ctlcluster setpriv
	bins=(/usr/lib/postgresql/*/bin)
	own_copy "${bins[-1]}"/{postgres,pgbench,psql}
	ln -s "${bins[-1]%/bin}/lib" "$TMP/lib" # where it looks for what it loads: beside its own folder
	mkdir "$TMP/database" "$TMP/run"
	chown postgres "$TMP/database" "$TMP/run"
	chmod 711 "$TMP"
	"${as_postgres[@]}" "${bins[-1]}/initdb" -D "$TMP/database" -A trust -N >/dev/null || bail "initdb failed"
	cat >>"$TMP/database/postgresql.conf" <<-END
		listen_addresses = '127.0.0.1'
		unix_socket_directories = '$TMP/run'
		port = $1
		fsync = off
		autovacuum = off
		max_logical_replication_workers = 0
		max_parallel_workers = 0
		$2
	END
	server_start "$1" "${as_postgres[@]}" "postgres-$$" -D "$TMP/database"
	# It listens before it is ready to answer.
	wait_until psql-$$ -h 127.0.0.1 -p "$1" -U postgres -c "" postgres || bail "postgres is not ready"
}

# Starts PHP's process manager, a copy of our own, with so many workers; it runs $TMP/www/*.php. Behind nginx_start with these lines:
# upstream fpm { $(fpm_upstream PORT) } and location / { $(fpm_location) }.
fpm_start() { # PORT WORKERS
	local programs=(/usr/sbin/php-fpm*)
	need "${programs[-1]}"
	cp "${programs[-1]}" "$TMP/bin/php-fpm-$$"
	cat >"$TMP/fpm.conf" <<-END
		[global]
		error_log = $TMP/fpm.log
		daemonize = no
		[www]
		user = root
		group = root
		listen = 127.0.0.1:$1
		pm = static
		pm.max_children = $2
		catch_workers_output = no
	END
	mkdir -p "$TMP/www"
	# shellcheck disable=SC2016 # of PHP
	echo '<?php usleep((int)($_GET["us"] ?? 0)); http_response_code((int)($_GET["code"] ?? 200)); echo str_repeat("x", (int)($_GET["bytes"] ?? 100));' >"$TMP/www/index.php"
	server_start "$1" "php-fpm-$$" --nodaemonize --allow-to-run-as-root --no-php-ini --fpm-config "$TMP/fpm.conf"
}

fpm_upstream() { # PORT
	echo "server 127.0.0.1:$1; keepalive 8;"
}

fpm_location() {
	echo "fastcgi_pass fpm; fastcgi_keep_conn on; fastcgi_read_timeout 600s;
		fastcgi_param SCRIPT_FILENAME $TMP/www/index.php; fastcgi_param QUERY_STRING \$query_string;
		fastcgi_param REQUEST_METHOD \$request_method; fastcgi_param SERVER_PROTOCOL \$server_protocol;"
}

# Starts MariaDB, a copy of our own, which logs each command that it gets to $TMP/commands.log, and a socket $TMP/mariadb.sock.
mariadb_start() { # PORT
	need mariadbd mariadb
	own_copy mariadbd
	mariadb-install-db --no-defaults --user=root --datadir="$TMP/database" >"$TMP/install.log" 2>&1 ||
		bail "mariadb-install-db failed: $(tail -n 3 "$TMP/install.log")"
	server_start "$1" mariadbd-$$ --no-defaults --user=root --datadir="$TMP/database" --port="$1" \
		--bind-address=127.0.0.1 --socket="$TMP/mariadb.sock" --skip-grant-tables --skip-networking=0 \
		--innodb-buffer-pool-size=16M --proxy-protocol-networks=127.0.0.1 --general-log --general-log-file="$TMP/commands.log"
}

# Are all connections closed that somebody has accepted there?
port_at_rest() { # PORT
	awk -v port="$(printf ':%04X$' "$1")" '$2 ~ port && $4 ~ /^0[18]$/ { open = 1 } END { exit open }' /proc/net/tcp
}

# Runs the command while strace watches the process, its threads and new children, into $TMP/trace.*; the server's port is `port`.
traced() { # PID COMMAND...
	local tracer
	rm -f "$TMP"/trace.*
	strace -ff -qq -yy -s 0 -o "$TMP/trace" -p "$1" 2>/dev/null &
	tracer=$!
	wait_until grep -q "^TracerPid:[[:space:]]*$tracer\$" "/proc/$1/status" || bail "strace does not attach"
	"${@:2}"
	wait_until port_at_rest "$port" # the server closes its connections after the client has ended
	sleep 0.3
	kill $tracer
	wait $tracer 2>/dev/null
}

# How often the trace has the call, in lines with the pattern.
traced_calls() { # NAME [PATTERN]
	grep -h "^$1(" "$TMP"/trace.* | grep -c -- "${2:-}"
}

# Bytes that passed TCP sockets in the trace; who peeks takes none.
traced_bytes() { # sent|received
	local names='write|writev|sendto|sendmsg|sendfile'
	[[ $1 == sent ]] || names='read|readv|recvfrom|recvmsg'
	grep -hE "^($names)\([0-9]+<TCP" "$TMP"/trace.* | awk '!/MSG_PEEK/ && $NF > 0 { n += $NF } END { printf "%d\n", n }'
}

declare -A per_request fixed

# Traces "COMMAND N" and "COMMAND 2N", which differ in the number of requests alone. What the test's
# own `traced_counts` prints of each ("NAME NUMBER" lines) gives each name's part per request and fixed part.
learn() { # PID N COMMAND...
	local n=$2 name count
	traced "$1" "${@:3}" "$n"
	while read -r name count; do
		fixed[$name]=$count
	done < <(traced_counts)
	traced "$1" "${@:3}" $((2 * n))
	while read -r name count; do
		per_request[$name]=$(((count - fixed[$name]) / n))
		fixed[$name]=$((fixed[$name] - n * per_request[$name]))
	done < <(traced_counts)
}

# What strace makes one expect of a name for so many requests.
expected() { # NAME REQUESTS
	echo $((fixed[$1] + $2 * per_request[$1]))
}

# What grew since `mark`.
calls() { # SERVICE SYSCALL
	grown seismo_syscalls_total service="$1" syscall="$2"
}

tcp() { # METRIC SERVICE LABEL=VALUE...
	grown "seismo_tcp_$1" service="$2" "${@:3}"
}
