#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Whose requests they are where sockets go from one program to another: it is who reads and answers, not who listened or
# accepted. And Unix connections that are reset.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

python=/usr/bin/python3
need $python curl
own_copy curl

# A program of ours, a service by its name.
program() { # NAME
	cat >"$TMP/bin/$1-$$"
}

# What the programs share: to answer one request after another on a connection, until it ends.
cat >"$TMP/answer.py" <<'END'
def answer(connection, data=b""):
    while True:
        while b"\r\n\r\n" not in data:
            more = connection.recv(4096)
            if not more:
                return connection.close()
            data += more
        path, data = data.split(b" ")[1], data.split(b"\r\n\r\n", 1)[1]
        status = b"503 Broken" if path.endswith(b"0") else b"200 OK"
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")
END
export PYTHONPATH=$TMP PYTHONDONTWRITEBYTECODE=1

# --- one accepts, and hands connections over; another reads and answers

program handed-worker <<'END'
import socket, sys
from answer import answer
door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
door.bind(sys.argv[1])
door.listen(1)
print("ready", flush=True)
front, _ = door.accept()
while True:
    data, fds, _, _ = socket.recv_fds(front, 4096, 1)
    if not fds:
        break
    answer(socket.socket(fileno=fds[0]), data[1:])
END
program handed-front <<'END'
import socket, sys
door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
door.connect(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
n = 0
while True:
    connection, _ = listener.accept()
    n += 1
    # every other one is looked at before, as by those that choose the worker by what is asked
    data = connection.recv(4096) if n % 2 else b""
    socket.send_fds(door, [b"x" + data], [connection.fileno()])
    connection.close()
END
background $python "$TMP/bin/handed-worker-$$" "$TMP/door" >"$TMP/worker-said"
wait_until test -s "$TMP/worker-said" || bail "no worker"
background $python "$TMP/bin/handed-front-$$" "$TMP/door" >"$TMP/front-port"
wait_until test -s "$TMP/front-port" || bail "no front"

# --- one listens; another is started with the listener when somebody comes, as by systemd

program woken <<'END'
import os, socket
from answer import answer
assert os.environ["LISTEN_FDS"] == "1"
listener = socket.socket(fileno=3)
while True:
    answer(listener.accept()[0])
END
program waker <<'END'
import os, select, socket, sys
listener = socket.create_server(("127.0.0.1", 0)) if sys.argv[2] == "tcp" else socket.socket(socket.AF_UNIX)
if sys.argv[2] != "tcp":
    listener.bind(sys.argv[2])
    listener.listen(16)
print(listener.getsockname()[1] if sys.argv[2] == "tcp" else "ready", flush=True)
select.select([listener], [], [])
if not os.fork():
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    os.execve(sys.argv[1], sys.argv[1:2], dict(os.environ, LISTEN_FDS="1"))
os.wait()
END
sed -i "1i #!$python" "$TMP/bin/woken-$$"
cp "$TMP/bin/woken-$$" "$TMP/bin/woken-unix-$$"
cp "$TMP/bin/waker-$$" "$TMP/bin/waker-unix-$$"
chmod +x "$TMP/bin"/woken*
background $python "$TMP/bin/waker-$$" "$TMP/bin/woken-$$" tcp >"$TMP/waker-port"
background $python "$TMP/bin/waker-unix-$$" "$TMP/bin/woken-unix-$$" "$TMP/waker.sock" >"$TMP/waker-unix-said"
wait_until test -s "$TMP/waker-port" -a -s "$TMP/waker-unix-said" || bail "nobody listens"

start_seismo --probes request,tcp

mark
for ((i = 0; i < 4; i++)); do
	curl-$$ -sS "http://127.0.0.1:$(<"$TMP/front-port")/[1-10]" -o /dev/null || bail curl
done
# whoever read the first request of a connection saw how long it had waited
unanswered=1 is_counted handed-worker-$$ "handed over" "inbound http 200 36" "inbound http 503 4"
unanswered=1 is_counted handed-front-$$ "handed over"
is_counted curl-$$ "handed over" "outbound http 200 36" "outbound http 503 4"

mark
for ((i = 0; i < 4; i++)); do
	curl-$$ -sS "http://127.0.0.1:$(<"$TMP/waker-port")/[1-10]" -o /dev/null || bail curl
done
is_counted woken-$$ "socket activation" "inbound http 200 36" "inbound http 503 4"
is_counted waker-$$ "socket activation"
is_counted curl-$$ "socket activation" "outbound http 200 36" "outbound http 503 4"

mark
for ((i = 0; i < 4; i++)); do
	curl-$$ -sS --unix-socket "$TMP/waker.sock" "http://localhost/[1-10]" -o /dev/null || bail curl
done
is_counted woken-unix-$$ "socket activation, Unix" "inbound http 200 36" "inbound http 503 4"
is_counted waker-unix-$$ "socket activation, Unix"

# --- a Unix server that closes what it has not read: at once, before anybody looks at the tables

program reset-server <<'END'
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(16)
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(64) # a part of it
    connection.close()
END
program reset-client <<'END'
import socket, sys
for n in range(10):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(sys.argv[1])
    connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nFill: " + b"x" * 200 + b"\r\n\r\n")
    try:
        assert not connection.recv(100)
        print("end")
    except ConnectionResetError:
        print("reset")
    connection.close()
END
background $python "$TMP/bin/reset-server-$$" "$TMP/reset.sock" >"$TMP/reset-said"
wait_until test -s "$TMP/reset-said" || bail "no server"
mark
$python "$TMP/bin/reset-client-$$" "$TMP/reset.sock" >"$TMP/resets"
is 10 "$(grep -c reset "$TMP/resets")" "the client is reset"
is_metric 10 "its requests are unanswered" seismo_requests_unanswered_total \
	service=reset-client-$$ direction=outbound protocol=http reason=reset
is_metric 0 "none is in flight" seismo_requests_in_flight service=reset-client-$$
stop_seismo
