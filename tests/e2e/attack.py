#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""attack.py tls|plain PORT|SOCKET CA ACTION: attacks a daemon until it is ended, once it has said that it does (web_attack_test.sh). Or
`measure`: prints times. `random SECONDS SEED` sends requests that nobody would (hostile_test.sh), made of what comes in as JSON: `routes`,
`parameters`, `words`, `logins`, and `targets` that are right; it says how many, with which answers, and fails where the daemon does not answer a good
request, with those before it."""
import base64, collections, concurrent.futures, itertools, json, os, random, re, resource, socket, ssl, sys, threading, time, urllib.parse

tls, address, ca, action = sys.argv[1] == "tls", sys.argv[2], sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=ca) if tls else None
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
PATIENCE = 120  # seconds, longer than a machine with much else to do takes


def plain():
    if address.isdigit():
        return socket.create_connection(("127.0.0.1", int(address)), timeout=20)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(PATIENCE)
    s.connect(address)
    return s


def connect():
    s = plain()
    return context.wrap_socket(s, server_hostname="localhost") if tls else s


def get(path):
    """One request on a connection of its own. Returns status and seconds."""
    start = time.monotonic()
    with connect() as s:
        s.sendall(GET % (path, b"Connection: close\r\n"))
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    return answer.split(b" ", 2)[1].decode(), time.monotonic() - start


def measure():
    healthy = [get(b"/-/healthy") for _ in range(11)]
    scrapes = [get(b"/metrics") for _ in range(2)]
    assert {s for s, _ in healthy + scrapes} == {"200"}, (healthy, scrapes)
    # a front that is kept busy is late with all of them, a machine with others on it with some
    print(round(min(t for _, t in healthy) * 1000), round(max(t for _, t in scrapes) * 1000))


def quietly(f, *args):
    try:
        return f(*args)
    except OSError:
        return None


def trickle(first, open_one, cnt):
    """Connections that send one byte after the other; new ones in place of those that had to go."""
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        held = list(pool.map(lambda _: open_one(), range(cnt)))
    for s in held:
        quietly(s.sendall, first)
    yield
    while True:
        for i, s in enumerate(held):
            try:
                s.sendall(b"x" if s else b"")
            except OSError:
                held[i] = quietly(open_one) or s
                quietly(held[i].sendall, first)
        time.sleep(0.3)
        yield


def idle():
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        held = list(pool.map(lambda _: quietly(connect), range(1000)))
    while True:
        yield held


def repeat(f, threads):
    def loop():
        while True:
            quietly(f)
    for _ in range(threads):
        threading.Thread(target=loop, daemon=True).start()
    while True:
        yield
        time.sleep(0.3)


def headers():
    with connect() as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n")
        for i in range(1024):
            s.sendall(b"X-%d: " % i + b"x" * 1010 + b"\r\n")
        s.recv(1)


def body():
    with connect() as s:
        s.sendall(b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(1000):
            s.sendall(b"x" * 16384)


def handshake():
    with connect():
        pass


class Requests:
    """Requests at random, of the words that it is given: right ones, wrong ones, and what is none."""

    def __init__(self, seed, routes, parameters, words, logins, targets):
        self.random = random.Random(seed)
        self.routes, self.parameters, self.logins, self.targets = routes, parameters, logins, targets
        self.ids = collections.deque(["1"], maxlen=20)  # that answers had
        self.words = words + ["", "0", "1", "-1", "1m", "24h", "1d2h", "-5m", "1.5s", "9" * 20, str(2**63), str(2**64 - 1), "1e308", "nan"] + [
            "=", ",", "a=b", "a=~x.*", "[", "*" * 500, "A" * 4000, "%", "\0", "é\ufffd", "../../etc/passwd", "<script>", "\r\nX: y", "{}"]
        # what is attached to is this process, and nothing of others
        self.processes = [str(os.getpid()), "x", "", "-1", "9" * 11]

    def word(self):
        r = self.random
        kind = r.random()
        if kind < 0.1:
            return "".join(chr(r.randrange(1, 0x300)) for _ in range(r.randrange(40)))
        return r.choice(self.words) + (r.choice(self.words) if kind < 0.3 else "")

    def parameter(self):
        r = self.random
        key = r.choice(self.parameters)
        value = r.choice(self.processes) if key in ("pid", "client") else r.choice(self.ids) if key == "id" and r.random() < 0.8 else self.word()
        return f"{key}={urllib.parse.quote(value, safe=r.choice(['', '/,=']))}"

    def target(self):
        """Parameters at random, or those that are right, of which one or another is missing, or wrong."""
        r = self.random
        if r.random() < 0.5:
            path, query = r.choice(self.routes), [self.parameter() for _ in range(r.randrange(6))]
        else:
            path, *query = re.split("[?&]", r.choice(self.targets).replace("SELF", self.processes[0]).replace("ID", r.choice(self.ids)))
            query = [self.parameter() if r.random() < 0.1 else part for part in query if r.random() < 0.95]
        return path + ("?" + "&".join(query) if query else "")

    def headers(self):
        r = self.random
        lines = ["Host: localhost"]
        if r.random() < 0.6 and self.logins:
            lines.append("Authorization: Basic " + base64.b64encode(r.choice(self.logins).encode()).decode())
        choices = {
            "Authorization": ["Basic !!!", "Basic " + "A" * 3000, "Bearer x", ""],
            "Accept": ["application/openmetrics-text", "text/plain;q=0.1", "*/*", "a" * 3000, ";;;,,"],
            "Accept-Encoding": ["gzip", "gzip;q=0", "x" * 2000],
            "Connection": ["close", "keep-alive", "upgrade"],
            "Origin": ["http://x"],
            "Content-Length": ["0", "5", "-1", "9" * 30],
            "Transfer-Encoding": ["chunked", "x"],
            "X" * r.randrange(1, 2000): ["y" * r.randrange(2000)],
        }
        return lines + [f"{name}: {r.choice(choices[name])}" for name in choices if r.random() < 0.15]

    def mangled(self, request):
        r = self.random
        wrong = bytearray(request)
        for _ in range(r.randrange(1, 6)):
            wrong[r.randrange(len(wrong))] = r.randrange(256)
        # lest it be the number of another process
        return request if re.search(rb"(pid|client)=|%", request) else bytes(wrong)

    def one(self):
        r = self.random
        lines = self.headers()
        method = r.choice(["GET"] * 6 + ["POST"] * 4 + ["HEAD", "PUT", "X" * 300])
        body = r.randbytes(r.randrange(2000)) if method == "POST" and r.random() < 0.3 else b""
        if body:
            lines.append(f"Content-Length: {len(body)}")
        head = f"{method} {self.target()} HTTP/1.{r.choice('01')}\r\n" + "\r\n".join(lines) + "\r\n\r\n"
        request = head.encode("utf-8", "replace") + body
        if r.random() < 0.15:
            request = self.mangled(request)
        return request[: r.randrange(len(request))] if r.random() < 0.05 else request


def attempt(requests):
    """A connection with a request or several, which may go before they are answered. Returns what it has sent, and how it was answered."""
    r = requests.random
    sent, answer = b"".join(requests.one() for _ in range(r.choice([1, 1, 1, 2, 4]))), b""
    # to say that it has nothing more to say, and listen on, is not for clients of TLS: those wait a moment
    waits = not tls and r.random() < 0.9
    try:
        with connect() as s:
            s.settimeout(PATIENCE if waits else 0.2)
            s.sendall(sent)
            if waits:
                s.shutdown(socket.SHUT_WR)
            while r.random() < 0.999 and (part := s.recv(65536)):
                answer += part
    except OSError as e:
        if not answer:
            return sent, "an end" if not isinstance(e, TimeoutError) else "no end" if waits else "late"
    requests.ids.extend(number.decode() for number in re.findall(rb'"id": "?(\w{1,40})', answer))
    return sent, answer[9:12].decode("latin1") if answer.startswith(b"HTTP/1.") else "no HTTP" if answer else "nothing"


def random_requests():
    """By eight at a time, of which some wait until the daemon has had enough of them. Over TLS others may be in the way of a good request."""
    seconds, seed, made_of = float(sys.argv[5]), int(sys.argv[6]), json.load(sys.stdin)
    last, answers, end, found = collections.deque(maxlen=300), collections.Counter(), time.monotonic() + seconds, []

    def send(which):
        requests = Requests(seed + which, **made_of)
        for turn in itertools.count():
            sent, answer = attempt(requests)
            last.append(sent)
            answers[answer] += 1
            over = time.monotonic() > end
            if answer in ("no HTTP", "no end") or (not tls and (over or turn % 50 == 0) and not answers_well()):
                found.append(answer)
            if over or found:
                return

    threads = [threading.Thread(target=send, args=(which,)) for which in range(8)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()
    print(f"{answers.total()} connections:", ", ".join(f"{n} {answer}" for answer, n in answers.most_common()))
    if found:
        print(found, f"with seed {seed}, after these:", *last, sep="\n", file=sys.stderr)
        sys.exit(1)


def answers_well():
    try:
        return get(b"/-/healthy")[0] == "200"
    except OSError as e:
        print(e, file=sys.stderr)
        return False


hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
actions = {
    "idle": lambda: idle(),
    "half": lambda: trickle(hello, plain, 200),
    "slow": lambda: trickle(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ", connect, 200),
    "headers": lambda: repeat(headers, 2),
    "body": lambda: repeat(body, 2),
    "handshakes": lambda: repeat(handshake, 4),
    "scrape": lambda: repeat(lambda: get(b"/metrics"), 20),
    "random": lambda: random_requests(),
}
if action == "measure":
    measure()
else:
    for turn, _ in zip(itertools.count(), actions[action]()):
        if not turn:
            print("attacking", flush=True)
        if action == "idle":
            time.sleep(0.3)