"""What the end-to-end checks share: the program under test, its ports and folders, and lines that say ok or FAILED.

Standard library only.
"""
import atexit
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def binary():
    path = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NEEDLETAIL")
    if not path:
        path = os.path.join(ROOT, ".build", "release", "needletail")
    if not os.access(path, os.X_OK):
        print(f"there is no program at {path}: give its path as the first argument or in NEEDLETAIL")
        sys.exit(1)
    return os.path.abspath(path)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(0)


class Checks:
    """One line for each check; `end` exits with 1 when any failed."""

    def __init__(self):
        self.passed = 0
        self.failed = []

    def __call__(self, name, ok, detail=""):
        if ok:
            self.passed += 1
            print(f"ok      {name}", flush=True)
        else:
            self.failed.append(name)
            shown = str(detail).strip()
            if len(shown) > 1500:
                shown = shown[:1500] + " …"
            print(f"FAILED  {name}" + (f"\n        {shown}".replace("\n", "\n        ") if shown else ""), flush=True)
        return bool(ok)

    def equal(self, name, found, expected):
        return self(name, found == expected, f"found    {found!r}\nexpected {expected!r}")

    def end(self):
        print(f"{self.passed} ok, {len(self.failed)} failed", flush=True)
        sys.exit(1 if self.failed else 0)


# A crash should say where, in a second.
QUICK_CRASHES = {
    **os.environ,
    "SWIFT_BACKTRACE": "enable=yes,threads=crashed,registers=none,images=none,limit=24,color=no,interactive=no",
}

_running = []
_folders = []


def _clean_up():
    for process in _running:
        if process.poll() is None:
            process.terminate()
    for process in _running:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
    if os.environ.get("KEEP_FOLDERS"):
        print("kept: " + " ".join(_folders))
        return
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


atexit.register(_clean_up)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def folder():
    path = tempfile.mkdtemp(prefix="needletail-e2e-")
    _folders.append(path)
    return path


def start(arguments, **options):
    process = subprocess.Popen(arguments, **options)
    _running.append(process)
    return process


def free_ports(count):
    """Ports that nobody listened on just now; all held at once so that they differ."""
    sockets = []
    for _ in range(count):
        one = socket.socket()
        one.bind(("127.0.0.1", 0))
        sockets.append(one)
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.text[:600]}"


def request(port, method, path, body=None, headers=None, timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def wait_until(condition, seconds, pause=0.2):
    """True as soon as the condition holds, False when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return True
        except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError):
            pass
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)


class Serve:
    """`needletail serve` on ports of its own."""

    def __init__(self, program, data=None, config=None, extra=(), ports=None):
        self.program = program
        self.data = data or folder()
        self.config = config
        self.extra = list(extra)
        self.ports = ports or free_ports(3)
        self.errors_path = os.path.join(folder(), "stderr")
        self.process = None

    @property
    def port(self):
        return self.ports[0]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def arguments(self):
        listen, otlp_http, otlp_grpc = self.ports
        out = [
            self.program, "serve", "--data-dir", self.data, "--listen", f"127.0.0.1:{listen}",
            "--otlp-http", f"127.0.0.1:{otlp_http}", "--otlp-grpc", f"127.0.0.1:{otlp_grpc}",
        ]
        if self.config:
            out += ["--config", self.config]
        return out + self.extra

    def start(self, seconds=60):
        with open(self.errors_path, "ab") as errors:
            self.process = start(self.arguments(), stdout=errors, stderr=errors, env=QUICK_CRASHES)
        if not wait_until(lambda: self.process.poll() is not None or self.is_ready(), seconds, 0.05) or not self.is_alive():
            print("the server did not start:\n" + self.errors())
            sys.exit(1)
        return self

    def is_ready(self):
        return request(self.port, "GET", "/-/ready", timeout=5).status == 200

    def is_alive(self):
        return self.process.poll() is None

    def is_healthy(self):
        try:
            return self.is_alive() and request(self.port, "GET", "/-/healthy", timeout=20).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def errors(self, last=3000):
        with open(self.errors_path, "r", errors="replace") as file:
            return file.read()[-last:]

    def stop(self, seconds=35):
        """SIGTERM; the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0

    # What it is asked.

    def get(self, path, parameters=None, timeout=60):
        if parameters:
            path += "?" + urllib.parse.urlencode(parameters)
        return request(self.port, "GET", path, timeout=timeout)

    def post(self, path, body, content_type, headers=None, timeout=60):
        return request(self.port, "POST", path, body, {"Content-Type": content_type, **(headers or {})}, timeout)

    def post_json(self, path, value):
        return self.post(path, json.dumps(value).encode(), "application/json")

    def instant(self, expression, at=None):
        parameters = {"query": expression}
        if at is not None:
            parameters["time"] = at
        answer = self.get("/api/v1/query", parameters)
        if answer.status != 200:
            raise ValueError(f"{expression}: {answer}")
        return answer.json["data"]["result"]

    def value(self, expression, at=None):
        """The number of a query with one series; None where there is none."""
        result = self.instant(expression, at)
        return float(result[0]["value"][1]) if result else None

    def command(self, *arguments, timeout=60, **options):
        return run([self.program, *arguments, "--url", self.url], timeout=timeout, **options)


def run(arguments, timeout=60, **options):
    """A command that ends by itself; where it does not in time, its status is None."""
    try:
        return subprocess.run(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, errors="replace", **options)
    except subprocess.TimeoutExpired as late:
        def text(output):
            return (output or b"").decode("utf-8", "replace") if not isinstance(output, str) else output

        return subprocess.CompletedProcess(
            arguments, None, text(late.stdout), text(late.stderr) + f"\nstill running after {timeout} s")


# Protocol Buffers and snappy, as much as a sender needs.

def varint(number):
    out = bytearray()
    number &= (1 << 64) - 1
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    """A length-delimited field: bytes, text or a message."""
    if isinstance(content, str):
        content = content.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content


def snappy_literal(data):
    """Snappy's block format with literals alone: valid, and needs no compressor."""
    out = bytearray(varint(len(data)))
    for at in range(0, len(data), 65536):
        piece = data[at:at + 65536]
        out += bytes([61 << 2]) + (len(piece) - 1).to_bytes(2, "little") + piece
    return bytes(out)


def write_request(series):
    """Remote write 1.0 from [(labels, [(milliseconds, value)])], in snappy."""
    import struct
    out = b""
    for labels, samples in series:
        one = b"".join(field(1, field(1, name) + field(2, labels[name])) for name in sorted(labels))
        for milliseconds, value in samples:
            one += field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(milliseconds))
        out += field(1, one)
    return snappy_literal(out)
