"""Processes that are measured: how long they take, what they use, and how much memory they hold at the most."""

import contextlib
import filecmp
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).parents[2]
TOWLINE = ROOT / "target/dist/towline"
GIB = 1 << 30
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def helper(work):
    """The C program that is the floor; None without a compiler."""
    made = pathlib.Path(work) / "floor"
    if not made.exists():
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not compiler:
            return None
        subprocess.run([compiler, "-O2", "-o", made, ROOT / "benches/floor.c"], check=True)
    return made


class Peak:
    """The most memory that a process and its children were seen to hold, each: the kernel keeps the highest mark itself, so
    that only what a process gains in its last hundredth of a second may be missed."""

    def __init__(self, pid):
        self.pid, self.kib = pid, 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.ended.wait(0.01):
            self.look()

    def look(self):
        with contextlib.suppress(OSError):
            children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            for pid in [self.pid, *children]:
                with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
                    marks = [line for line in status if line.startswith("VmHWM")]
                    self.kib = max([self.kib, *(int(mark.split()[1]) for mark in marks)])

    def end(self):
        self.look()
        self.ended.set()
        self.thread.join()
        return self.kib


class Server:
    """A process that listens, from the beginning to the end of a `with`."""

    def __init__(self, command, port):
        self.command, self.port = command, port

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def used(self):
        """Processor seconds so far, with those of children that have ended."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:15])) / TICKS

    def settle(self):
        """Waits until no child is left whose processor seconds are still to be added."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for _ in range(200):
            if not children.read_text().split():
                return
            time.sleep(0.005)


def towline_server(folder, *options):
    port = free_port()
    return Server([TOWLINE, "serve", "-q", folder, "--listen", f"127.0.0.1:{port}", *options], port)


def rsync_server(folder, scratch):
    port = free_port()
    config = pathlib.Path(scratch) / f"rsyncd-{port}.conf"
    config.write_text(
        f"use chroot = no\n[work]\npath = {folder}\nread only = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n"
    )
    daemon = ["rsync", "--daemon", "--no-detach", f"--config={config}", "--address=127.0.0.1", f"--port={port}"]
    return Server(daemon, port)


class Run:
    """One run of a command: seconds; processor seconds and peak in MiB, here and at the server."""

    def __init__(self, command, server=None, out=None):
        before = server.used() if server else 0
        there = Peak(server.process.pid) if server else None
        sink = open(out or os.devnull, "wb")
        begin = time.monotonic()
        with sink:
            process = subprocess.Popen(command, stdout=sink, stdin=subprocess.DEVNULL)
            here = Peak(process.pid)
            _, status, usage = os.wait4(process.pid, 0)
        self.seconds = time.monotonic() - begin
        self.peak_here = here.end() / 1024
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{command}: ended with {process.returncode}")
        self.here, self.user = usage.ru_utime + usage.ru_stime, usage.ru_utime
        self.there = self.peak_there = 0
        if server:
            server.settle()
            self.there = server.used() - before
            self.peak_there = there.end() / 1024


class Table:
    """Rows of runs: medians with the least and the most, and the ratio to the row that each is compared with."""

    HEAD = (
        f"{'':36} {'seconds':>8}  {'least–most':15} {'ratio':>6} {'MiB/s':>7}"
        f" {'cpu here':>9} {'there':>6} {'both/GiB':>9} {'MiB here':>9} {'there':>6}"
    )

    def __init__(self, title, size):
        self.size, self.rows, self.peers = size, {}, {}
        print(f"\n{title}\n{self.HEAD}", flush=True)

    def add(self, name, run, peer=None):
        self.rows.setdefault(name, []).append(run)
        if peer:
            self.peers[name] = peer

    def middle(self, name, what):
        return statistics.median(getattr(run, what) for run in self.rows[name])

    def both(self, name):
        """Processor seconds a GiB, both ends."""
        return statistics.median(run.here + run.there for run in self.rows[name]) / (self.size / GIB)

    def print(self):
        for name, runs in self.rows.items():
            seconds = [run.seconds for run in runs]
            median, peer = statistics.median(seconds), self.peers.get(name)
            ratio = f"{median / self.middle(peer, 'seconds'):6.2f}" if peer in self.rows else f"{'–':>6}"
            print(
                f"{name:36} {median:8.3f}  {f'{min(seconds):.3f}–{max(seconds):.3f}':15} {ratio}"
                f" {self.size / median / (1 << 20):7.0f} {self.middle(name, 'here'):9.2f} {self.middle(name, 'there'):6.2f}"
                f" {self.both(name):9.2f} {max(run.peak_here for run in runs):9.0f} {max(run.peak_there for run in runs):6.0f}",
                flush=True,
            )


def same(one, other):
    """True if every file below `one` is below `other` with the same bytes; or if both are files, and equal."""
    if pathlib.Path(one).is_file():
        return subprocess.run(["cmp", "-s", one, other]).returncode == 0
    for at, _, names in os.walk(one):
        there = pathlib.Path(other) / pathlib.Path(at).relative_to(one)
        _, mismatch, errors = filecmp.cmpfiles(at, there, names, shallow=False)
        if mismatch or errors:
            return False
    return True


def check(one, other, what):
    if not same(one, other):
        sys.exit(f"{what}: what was copied is not what was sent")


def make_file(path, size):
    """Bytes that do not compress, and of which no block comes twice."""
    source = os.urandom(1 << 20)
    with open(path, "wb") as out:
        for number in range(-(-size // len(source))):
            piece = bytearray(source[number % 4096 :] + source[: number % 4096])
            for at in range(0, len(piece), 4096):
                piece[at : at + 8] = number.to_bytes(8, "little")
            out.write(piece[: min(len(piece), size - number * len(piece))])


def make_tree(folder, count, size):
    """Files that do not compress, 500 to a folder."""
    noise = os.urandom(size + count)
    for number in range(count):
        below = folder / f"{number // 500:05}"
        if number % 500 == 0:
            below.mkdir(parents=True)
        (below / f"{number:07}").write_bytes(noise[number : number + size])
