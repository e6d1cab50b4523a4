#!/usr/bin/env python3
"""How long it takes to start: `towline --version` beside /bin/true and `rsync --version`, and `towline serve` until it says where it
listens, in turns, in the same run. Give the binary, or none for target/dist/towline: python3 benches/start.py [BINARY]
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 100


def ended(command):
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def ready(binary, folder):
    begin = time.perf_counter()
    server = subprocess.Popen([binary, "serve", folder, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE)
    try:
        line = server.stdout.readline()
        taken = time.perf_counter() - begin
        if b"listening on" not in line:
            sys.exit(f"it said {line!r}")
        return taken
    finally:
        server.terminate()
        server.stdout.read()
        server.wait()


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    binary = sys.argv[1] if len(sys.argv) > 1 else os.path.join(root, "target/dist/towline")
    with tempfile.TemporaryDirectory() as folder:
        runs = {"/bin/true": lambda: ended(["/bin/true"]), "towline --version": lambda: ended([binary, "--version"])}
        if shutil.which("rsync"):
            runs["rsync --version"] = lambda: ended(["rsync", "--version"])
        runs["towline serve, ready"] = lambda: ready(binary, folder)
        times = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                times[name].append(run())
    floor = statistics.median(times["/bin/true"])
    print(f"{'':24} median      of /bin/true   ({ROUNDS} rounds)")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:24} {median * 1e3:6.2f} ms   {median / floor:5.2f}")
    print(f"{'size of the binary':24} {os.path.getsize(binary) / 1e6:6.2f} MB")


if __name__ == "__main__":
    main()
