#!/usr/bin/env python3
"""Transfers beside rsync, in the same run: prints a table of medians and ratios.

    cargo build --release && python3 benches/transfer.py [--rounds 7] [--sets small,medium,bulk] [--place /dev/shm]

Rounds alternate between the tools. A place in memory shows the programs, one on a disk the durability: there rsync is
measured as it is (it waits for no disk) and with --fsync. Each copy is compared with its source. Everything listens on
the loopback interface and is stopped and removed at the end. Needs rsync.
"""

import argparse
import contextlib
import filecmp
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parent.parent
TOWLINE = ROOT / "target/release/towline"
SETS = {"small": (20_000, 4 << 10), "medium": (2_000, 64 << 10), "bulk": (1, 1 << 30)}
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


def make(folder, count, size):
    """Files that do not compress, 500 to a folder."""
    noise = os.urandom(min(size, 1 << 20) + count)
    for i in range(count):
        below = folder / f"{i // 500:03}"
        below.mkdir(parents=True, exist_ok=True)
        with open(below / f"{i:06}", "wb") as out:
            written = 0
            while written < size:
                piece = noise[i : i + min(size - written, 1 << 20)]
                out.write(piece)
                written += len(piece)


def busy():
    """Processor seconds of the whole machine so far."""
    fields = open("/proc/stat").readline().split()[1:]
    user, nice, system, _, _, irq, softirq = map(int, fields[:7])
    return (user + nice + system + irq + softirq) / TICKS


def same(one, other):
    for at, _, names in os.walk(one):
        there = pathlib.Path(other) / pathlib.Path(at).relative_to(one)
        match, mismatch, errors = filecmp.cmpfiles(at, there, names, shallow=False)
        if mismatch or errors:
            return False
    return True


def run(case, work):
    """One round: seconds and processor seconds, or the end of the program if the copy is not one."""
    shutil.rmtree(work / "out", ignore_errors=True)
    (work / "out").mkdir()
    os.sync()
    begin, before = time.monotonic(), busy()
    done = subprocess.run(case, capture_output=True, text=True)
    took, used = time.monotonic() - begin, busy() - before
    if done.returncode != 0:
        sys.exit(f"{case}: {done.stderr}")
    if not same(work / "src", work / "out" / "src"):
        sys.exit(f"{case}: what was copied is not what was sent")
    return took, used


def measure(name, place, rounds, is_disk):
    count, size = SETS[name]
    with tempfile.TemporaryDirectory(dir=place) as folder:
        work = pathlib.Path(folder)
        make(work / "src", count, size)
        (work / "rsyncd.conf").write_text(
            f"use chroot = no\n[work]\npath = {work}\nread only = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n"
        )
        ports = free_port(), free_port()
        daemon = ["rsync", "--daemon", "--no-detach", f"--config={work}/rsyncd.conf", "--address=127.0.0.1"]
        servers = [
            subprocess.Popen([*daemon, f"--port={ports[0]}"]),
            subprocess.Popen([TOWLINE, "serve", "-q", work, "--listen", f"127.0.0.1:{ports[1]}"], stdout=subprocess.DEVNULL),
        ]
        try:
            for port in ports:
                wait_for(port)
            rsync, there = f"rsync://127.0.0.1:{ports[0]}/work", f"127.0.0.1:{ports[1]}"
            copy = ["rsync", "-a", "--whole-file"]
            cases = {
                "rsync push": [*copy, work / "src", f"{rsync}/out/"],
                "towline put": [TOWLINE, "put", "-q", "-r", work / "src", f"{there}/out/"],
                "rsync pull": [*copy, f"{rsync}/src", work / "out/"],
                "towline get": [TOWLINE, "get", "-q", "-r", f"{there}/src", work / "out/"],
            }
            if is_disk:
                cases["rsync push --fsync"] = [*copy, "--fsync", work / "src", f"{rsync}/out/"]
            results = {case: [] for case in cases}
            for _ in range(rounds):
                for case, command in cases.items():
                    results[case].append(run(command, work))
        finally:
            for server in servers:
                server.terminate()
                server.wait()
    gib = count * size / (1 << 30)
    baseline = {"towline put": "rsync push", "towline get": "rsync pull"}
    for case, rows in results.items():
        seconds, used = zip(*rows)
        median = statistics.median(seconds)
        against = baseline.get(case)
        ratio = f"{median / statistics.median([row[0] for row in results[against]]):5.2f}" if against else "    –"
        print(
            f"{name:7} {case:19} {median:7.3f} s ({min(seconds):.3f}–{max(seconds):.3f})  {ratio}"
            f"  {gib / median * 1024:7.0f} MiB/s  {statistics.median(used) / gib:6.2f} cpu s/GiB"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sets", default="small,medium,bulk")
    parser.add_argument("--place", default="/dev/shm", help="a folder in memory, or on a disk")
    args = parser.parse_args()
    if not TOWLINE.exists() or not shutil.which("rsync"):
        sys.exit("cargo build --release first; and rsync is needed")
    is_disk = not args.place.startswith("/dev/shm")
    print("set     case                 median  (least–most)              ratio to rsync")
    for name in args.sets.split(","):
        measure(name, args.place, args.rounds, is_disk)


if __name__ == "__main__":
    main()
