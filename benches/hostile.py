#!/usr/bin/env python3
"""What hostile peers cost an honest client: prints a table of its rates without and with them, and what the server holds after.

    cargo build --profile dist && python3 benches/hostile.py [--peers 2000] [--rounds 5] [--size 256]

The peers are one process of the lowest priority (nice 19). Each connection does one of what is in ATTACKS; one that the server closes
comes back. Rounds without and with them alternate, in the same run, each of one upload and one download of a file of --size MiB in
memory. A round with them begins when all connections stand.
"""

import argparse
import os
import pathlib
import random
import resource
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests/interop"))

import wire  # noqa: E402
from towline import HELLO  # noqa: E402


def frame(name, operation=0, **fields):
    return wire.encode(name, operation, **fields)


def hello():
    return wire.PREAMBLE + frame("Hello", **HELLO)


def offer(name):
    length = 1 << 30
    fields = dict(mode=0o644, seconds=0, nanoseconds=0, version=0, request=0, attempt=0, start=0)
    return frame("Offer", 1, path=name.encode(), length=length, block=wire.block_size(length), **fields)


# What is sent at once, what again and again, and whether answers are read.
ATTACKS = {
    "silent": lambda n: (b"", b"", True),
    "preamble alone": lambda n: (wire.PREAMBLE, b"", True),
    "half a greeting": lambda n: (hello()[:20], b"", True),
    "a greeting byte by byte": lambda n: (b"", hello()[:25], True),
    "greeted, then silent": lambda n: (hello(), b"", True),
    "random bytes": lambda n: (random.randbytes(512), random.randbytes(512), True),
    "asks for a long file and reads nothing": lambda n: (hello() + frame("Get", 1, path=b"long", version=0), b"", False),
    "echoes and reads nothing": lambda n: (hello(), frame("Echo", 1, payload=b"x" * 1024), False),
    "pings": lambda n: (hello(), frame("Ping", number=1), True),
    "an upload that gets nowhere": lambda n: (hello() + offer(f"upload-{n}"), frame("Ping", number=1), True),
}


class Peer:
    def __init__(self, number, port, selector):
        self.number, self.port, self.selector = number, port, selector
        name = list(ATTACKS)[number % len(ATTACKS)]
        self.first, self.again, self.reads = ATTACKS[name](number)
        self.is_slow = name == "a greeting byte by byte"
        self.socket = None

    def connect(self):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", self.port))
        self.sent = 0
        if self.reads:
            self.selector.register(self.socket, selectors.EVENT_READ, self)

    def close(self):
        if self.reads:
            self.selector.unregister(self.socket)
        self.socket.close()
        self.socket = None

    def speak(self):
        try:
            if self.sent < len(self.first):
                self.sent += self.socket.send(self.first[self.sent :])
            elif self.is_slow:
                at = self.sent - len(self.first)
                self.sent += self.socket.send(self.again[at : at + 1])
            elif self.again:
                self.socket.send(self.again)
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def hear(self):
        try:
            if not self.socket.recv(65536):
                self.close()
        except BlockingIOError:
            pass
        except OSError:
            self.close()


def attack(count, port, ready):
    """Never ends by itself but after ten minutes."""
    os.nice(19)
    signal.alarm(600)
    selector = selectors.DefaultSelector()
    peers = [Peer(number, port, selector) for number in range(count)]
    is_ready = False
    while True:
        for at, peer in enumerate(peers):
            if peer.socket is None:
                peer.connect()
            else:
                peer.speak()
            if at % 50 == 0:
                for key, _ in selector.select(0):
                    key.data.hear()
                time.sleep(0.001)
        if not is_ready:
            os.write(ready, b"x")
            is_ready = True


def files_of(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def status_of(process, name):
    lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def rates(towline, at, source, folder, size):
    found = []
    for arguments in (["put", source, f"{at}/honest"], ["get", f"{at}/honest", folder / "back"]):
        began = time.monotonic()
        command = [towline, *arguments, "--no-resume", "--quiet", "--timeout", "60", "--retries", "20"]
        done = subprocess.run(command, capture_output=True, text=True)
        took = time.monotonic() - began
        if done.returncode != 0:
            sys.exit(f"the honest client failed:\n{done.stderr}")
        found.append(size / took)
    if (folder / "back").read_bytes() != source.read_bytes():
        sys.exit("the honest client's file is another one")
    return found


def settled(process, most):
    """Waits until the server holds no more files than before, as long as idle connections may last."""
    for _ in range(900):
        if files_of(process) <= most:
            return True
        time.sleep(0.1)
    return False


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--peers", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--size", type=int, default=256, help="MiB of the honest client's file")
    options.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/dist/towline")
    options = options.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        folder = pathlib.Path(folder)
        (folder / "served").mkdir()
        source = folder / "source"
        source.write_bytes(random.Random(1).randbytes(options.size << 20))
        (folder / "served/long").write_bytes(bytes(64 << 20))
        command = [options.binary, "serve", folder / "served", "--listen", "127.0.0.1:0", "--quiet", "--durability", "none"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            at = next(line for line in server.stdout if "listening on " in line).split("listening on ")[1].strip()
            run(options, server, at, source, folder)
        finally:
            server.terminate()
            server.wait()


def run(options, server, at, source, folder):
    rates(options.binary, at, source, folder, options.size)
    before = files_of(server), status_of(server, "VmRSS"), status_of(server, "Threads")
    alone, beside, held = [], [], 0
    for _ in range(options.rounds):
        alone.append(rates(options.binary, at, source, folder, options.size))
        ready, told = os.pipe()
        attacker = os.fork()
        if attacker == 0:
            attack(options.peers, int(at.rsplit(":", 1)[1]), told)
        try:
            os.read(ready, 1)
            held = max(held, files_of(server) - before[0])
            beside.append(rates(options.binary, at, source, folder, options.size))
        finally:
            os.kill(attacker, signal.SIGKILL)
            os.waitpid(attacker, 0)
            os.close(ready)
            os.close(told)
    print(f"{options.peers} hostile peers, {options.rounds} rounds of {options.size} MiB; medians")
    print(f"{'':8} {'alone MiB/s':>12} {'beside MiB/s':>13} {'ratio':>6} {'least':>6}")
    for index, name in enumerate(("put", "get")):
        one, two = [r[index] for r in alone], [r[index] for r in beside]
        ratios = [b / a for a, b in zip(one, two)]
        print(f"{name:8} {statistics.median(one):12.1f} {statistics.median(two):13.1f} {statistics.median(ratios):6.2f} {min(ratios):6.2f}")
    is_settled = settled(server, before[0])
    after = files_of(server), status_of(server, "VmRSS"), status_of(server, "Threads")
    print(f"connections held at most: {held}; open files {before[0]} before, {after[0]} after; threads {before[2]} and {after[2]}; "
          f"memory {before[1]} KiB and {after[1]} KiB")
    if not is_settled:
        sys.exit("the server holds more files than before")


if __name__ == "__main__":
    main()
