#!/usr/bin/env python3
"""One long file over an emulated long path, beside rsync in the same run: prints a table of medians.

    cargo build --release && sudo python3 benches/wan.py --emulator PROGRAM [--mib 128] [--delay 25] [--mbit 1000] [--rounds 5]

The path is between two network namespaces that are made here and removed at the end. PROGRAM puts an interface `wan0` into
both and carries packets between them, until it is ended; it is called with

    PROGRAM /run/netns/A /run/netns/B MILLISECONDS_ONE_WAY LOSS_PERCENT MBIT_PER_SECOND QUEUE_KB SECONDS_AT_MOST

Rounds alternate between the tools. Every copy is compared with its source; the system's memory of paths is flushed before each.
Needs root, ip and rsync; nginx with curl, and iperf3, are measured where they are there. Files are in memory (/dev/shm), so that the path is measured and not a disk.
"""

import argparse
import contextlib
import filecmp
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parent.parent
TOWLINE = ROOT / "target/release/towline"
HERE, THERE = "10.99.0.1", "10.99.0.2"
PORT, RSYNC_PORT, WEB_PORT, IPERF_PORT = 8695, 8730, 8780, 5201
LIMIT = 120


class Path:
    """Two namespaces and what is between them."""

    def __init__(self):
        self.names = [f"wan{side}{os.getpid()}" for side in "AB"]
        self.running = []

    def begin(self, options):
        for name in self.names:
            subprocess.run(["ip", "netns", "add", name], check=True)
            self.inside(name, ["ip", "link", "set", "lo", "up"])
            if options.congestion:
                self.inside(name, ["sysctl", "-qw", f"net.ipv4.tcp_congestion_control={options.congestion}"])
        queue_kb = options.mbit * options.delay * 2 // 8
        places = [f"/run/netns/{name}" for name in self.names]
        numbers = [options.delay, options.loss, options.mbit, queue_kb, 1800]
        self.start([options.emulator, *places, *map(str, numbers)])
        for name, address in zip(self.names, (HERE, THERE)):
            for _ in range(100):
                if self.inside(name, ["ip", "link", "show", "wan0"], check=False).returncode == 0:
                    break
                time.sleep(0.05)
            self.inside(name, ["ip", "addr", "add", f"{address}/24", "dev", "wan0"])
            self.inside(name, ["ip", "link", "set", "wan0", "up", "txqueuelen", "20000"])

    def inside(self, name, command, check=True):
        command = ["ip", "netns", "exec", name, *map(str, command)]
        return subprocess.run(command, check=check, capture_output=True, timeout=LIMIT)

    def start(self, command, name=None):
        prefix = ["ip", "netns", "exec", name] if name else []
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.running.append(subprocess.Popen([*prefix, *map(str, command)], **quiet))

    def serve(self, command, port):
        self.start(command, self.names[1])
        for _ in range(200):
            listening = self.inside(self.names[1], ["ss", "-Hltn", f"sport = :{port}"]).stdout
            if listening.strip():
                return
            time.sleep(0.05)
        sys.exit(f"{command[0]} never listened on port {port}")

    def forget(self):
        for name in self.names:
            self.inside(name, ["ip", "tcp_metrics", "flush", "all"], check=False)

    def end(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--emulator", required=True)
    parser.add_argument("--binary", default=str(TOWLINE), help="the program that is measured")
    parser.add_argument("--mib", type=int, default=128)
    parser.add_argument("--delay", type=int, default=25, help="milliseconds one way")
    parser.add_argument("--mbit", type=int, default=1000)
    parser.add_argument("--loss", default="0", help="percent")
    parser.add_argument("--congestion", default="", help="control, as the system calls it, such as bbr [default: its own]")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(dir="/dev/shm", prefix="wan-"))
    path = Path()
    try:
        path.begin(options)
        measure(options, folder, path)
    finally:
        path.end()
        shutil.rmtree(folder)


def measure(options, folder, path):
    served, local = folder / "served", folder / "local"
    served.mkdir()
    local.mkdir()
    for place in (served, local):
        with open(place / "source", "wb") as out:
            for _ in range(options.mib):
                out.write(os.urandom(1 << 20))
    config = folder / "rsyncd.conf"
    config.write_text(f"use chroot = no\nuid = 0\ngid = 0\n[root]\npath = {served}\nread only = no\n")
    daemon = ["rsync", "--daemon", "--no-detach", f"--config={config}", f"--port={RSYNC_PORT}", f"--address={THERE}"]
    path.serve(daemon, RSYNC_PORT)
    path.serve([options.binary, "serve", served, "--listen", f"{THERE}:{PORT}", "--insecure-plaintext"], PORT)
    get = [options.binary, "get", "--json", f"{THERE}/source", local / "copy"]
    put = [options.binary, "put", "--json", local / "source", f"{THERE}/copy"]
    module = f"rsync://{THERE}:{RSYNC_PORT}/root"
    ranges = web(path, served, local, options.mib)
    cases = {
        "get, rsync": ["rsync", "--whole-file", f"{module}/source", local / "copy"],
        "get -j 1": [*get, "-j", "1"],
        "get -j 4": [*get, "-j", "4"],
        "get": get,
        **({"get, nginx and curl, 4 ranges": ranges} if ranges else {}),
        "put, rsync": ["rsync", "--whole-file", local / "source", f"{module}/copy"],
        "put -j 1": [*put, "-j", "1"],
        "put -j 4": [*put, "-j", "4"],
        "put": put,
    }
    seconds = {name: [] for name in cases}
    connections = {}
    for _ in range(options.rounds):
        for name, command in cases.items():
            copies = [local / "copy", served / "copy"]
            for copy in copies:
                copy.unlink(missing_ok=True)
            path.forget()
            began = time.monotonic()
            done = path.inside(path.names[0], command)
            seconds[name].append(time.monotonic() - began)
            is_get = name.startswith("get")
            source, copy = (served / "source", copies[0]) if is_get else (local / "source", copies[1])
            if not filecmp.cmp(source, copy, shallow=False):
                sys.exit(f"{name} made another file")
            if done.stdout.startswith(b"{"):
                connections[name] = json.loads(done.stdout.splitlines()[0]).get("connections", 1)
    show(options, seconds, connections)
    line_rate(options, path)


def web(path, served, local, mib):
    """What gets the file from nginx in four ranges at once."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None or shutil.which("curl") is None:
        print("skipped: nginx and curl (they are not here)")
        return None
    work = served.parent / "nginx"
    work.mkdir()
    kinds = "".join(f"{kind}_temp_path {work}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = (
        f"daemon off; worker_processes 2; user root; pid {work}/pid; error_log {work}/errors;\n"
        f"events {{}}\nhttp {{ access_log off; sendfile on; {kinds}\n"
        f"server {{ listen {THERE}:{WEB_PORT}; root {served}; }} }}\n"
    )
    (work / "nginx.conf").write_text(config)
    path.serve([program, "-p", work, "-c", work / "nginx.conf"], WEB_PORT)
    part = (mib << 20) // 4
    url, copy = f"http://{THERE}:{WEB_PORT}/source", local / "copy"
    gets = [f"curl -sSf -r {at * part}-{(at + 1) * part - 1} -o {copy}.{at} {url} &" for at in range(4)]
    all_parts = " ".join(f"{copy}.{at}" for at in range(4))
    return ["sh", "-c", f"{' '.join(gets)} wait; cat {all_parts} > {copy}; rm {all_parts}"]


def line_rate(options, path):
    """What four streams bring that carry nothing of use."""
    if shutil.which("iperf3") is None:
        return print("skipped: iperf3 (it is not here)")
    path.serve(["iperf3", "-s", "-B", THERE, "-p", IPERF_PORT], IPERF_PORT)
    rates = []
    for _ in range(options.rounds):
        command = ["iperf3", "-c", THERE, "-p", IPERF_PORT, "-R", "-P", "4", "-t", "6", "-J"]
        done = json.loads(path.inside(path.names[0], command).stdout)
        rates.append(done["end"]["sum_received"]["bits_per_second"] / 8 / (1 << 20))
    rate = f"{statistics.median(rates):.1f} ({min(rates):.1f} to {max(rates):.1f})"
    print(f"\niperf3, 4 streams, 6 seconds: {rate} MiB/s")


def show(options, seconds, connections):
    print(f"{options.mib} MiB, {2 * options.delay} ms, {options.mbit} Mbit/s, loss {options.loss} %, {options.congestion or 'the default control'}, plaintext,")
    print(f"{options.rounds} rounds in turn: seconds as median (least to most)\n")
    print("| | seconds | MiB/s | connections | rsync's time / this |\n|---|---|---|---|---|")
    for name, all_seconds in seconds.items():
        median = statistics.median(all_seconds)
        theirs = statistics.median(seconds[f"{name.split()[0].rstrip(',')}, rsync"])
        span = f"{median:.2f} ({min(all_seconds):.2f} to {max(all_seconds):.2f})"
        rate = options.mib / median
        print(f"| {name} | {span} | {rate:.0f} | {connections.get(name, 1)} | {theirs / median:.2f} |")


if __name__ == "__main__":
    main()
