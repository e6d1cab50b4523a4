#!/usr/bin/env python3
"""The probe's own error: against a server that stalls, and beside another load generator at the same server. Prints two tables.

    cargo build --profile dist && python3 benches/probe.py [--loadgen PROGRAM] [--rounds 7] [--seconds 2]

The first table: a server (Python's, over UDP) that sleeps 100 ms once a second. An open loop's percentiles have to show the stall,
in a tenth of all probes; a closed loop's do not. The script fails if they do otherwise.

The second one needs a closed-loop load generator, which is called as

    PROGRAM -m tcp|udp|unix -a HOST:PORT|PATH -s BYTES -t SECONDS -w WARM-UP

with one connection, and prints `p50_us=…` and `rate=…` among what it prints. It and `towline echo --closed` measure the same server
(`towline serve`) in turn; what counts is the median of the rounds' medians. The server has the first processor and the clients the
second, so that neither moves about, and no more than one thing runs at a time.
"""

import argparse
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
TOWLINE = ROOT / "target/dist/towline"
WARM_UP = 0.3

STALLING = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
stall = time.monotonic() + 0.5
while True:
    data, peer = s.recvfrom(65536)
    if time.monotonic() >= stall:
        time.sleep(0.1)
        stall += 1
    s.sendto(data, peer)
"""


def pinned(processor, command):
    prefix = ["taskset", "-c", str(processor)] if shutil.which("taskset") else []
    return [*prefix, *map(str, command)]


class Server:
    """A program that says where it is, and ends with the block."""

    def __init__(self, command):
        self.process = subprocess.Popen(pinned(0, command), stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def line(self):
        line = self.process.stdout.readline()
        return line.strip() if line else sys.exit("the server ended")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def probe(target, *flags):
    command = [TOWLINE, "echo", target, "--json", "--warmup", WARM_UP, *flags]
    done = subprocess.run(pinned(1, command), capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[0])


def percentile(measured, percent):
    found = [at for at in measured["response"]["percentiles"] if at["percent"] == percent]
    return found[0]["seconds"] * 1e3


def stalls(seconds):
    print("## A server that sleeps 100 ms once a second\n")
    print("| loop | probes | p50 ms | p90 ms | p99 ms | p99.9 ms | max ms |\n|---|---|---|---|---|---|---|")
    p99 = {}
    with Server([sys.executable, "-c", STALLING]) as server:
        target = f"udp://127.0.0.1:{server.line()}"
        loops = {"open, 1,000 a second": [], "closed": ["--closed"], "closed, 1,000 a second": ["--closed", "--rate", 1000]}
        for name, flags in loops.items():
            measured = probe(target, "--duration", seconds, *flags)
            times = [percentile(measured, percent) for percent in (50, 90, 99, 99.9)]
            times.append(measured["seconds_max"] * 1e3)
            print(f"| {name} | {measured['received']} | " + " | ".join(f"{time:.3f}" for time in times) + " |")
            p99[name] = times[2]
    print()
    opened, *closed = p99.values()
    if opened < 50 or max(closed) > 10:
        sys.exit(f"the open loop has to show the stall, and the closed ones cannot: {p99}")


def loadgen(program, kind, address, seconds):
    command = [program, "-m", kind, "-a", address, "-s", 64, "-t", seconds, "-w", WARM_UP]
    done = subprocess.run(pinned(1, command), capture_output=True, text=True, check=True)
    return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", done.stdout)}


def beside(program, rounds, seconds):
    print("## Beside another load generator, one connection, 64 bytes, a closed loop\n")
    print("| socket | its p50 µs | towline's p50 µs | ratio | its rate | towline's rate | ratio |\n|---|---|---|---|---|---|---|")
    kinds = ["--echo", "tcp://127.0.0.1:0", "--echo", "udp://127.0.0.1:0", "--echo", "unix:echo"]
    with tempfile.TemporaryDirectory() as folder:
        kinds[-1] = f"unix:{folder}/echo"
        with Server([TOWLINE, "serve", "--no-files", *kinds]) as server:
            places = [server.line().removeprefix("echoing on ") for _ in range(3)]
            for place in places:
                target = place if ":" in place.split("/")[0] and not place[0].isdigit() else f"tcp://{place}"
                kind = target.split(":")[0]
                address = target.removeprefix(f"{kind}:").removeprefix("//")
                theirs, ours = [], []
                for _ in range(rounds):
                    theirs.append(loadgen(program, kind, address, seconds))
                    ours.append(probe(target, "--closed", "--duration", seconds))
                p50 = [statistics.median(one["p50_us"] for one in theirs), statistics.median(one["seconds_p50"] * 1e6 for one in ours)]
                rate = [statistics.median(one["rate"] for one in theirs), statistics.median(one["rate_sent"] for one in ours)]
                print(
                    f"| {kind} | {p50[0]:.1f} | {p50[1]:.1f} | {p50[1] / p50[0]:.2f} "
                    f"| {rate[0]:.0f} | {rate[1]:.0f} | {rate[1] / rate[0]:.2f} |",
                    flush=True,
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loadgen", help="a closed-loop load generator")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--towline", type=pathlib.Path, help="another binary than target/dist/towline")
    options = parser.parse_args()
    global TOWLINE
    TOWLINE = options.towline or TOWLINE
    if not TOWLINE.exists():
        sys.exit(f"{TOWLINE} is missing: cargo build --profile dist")
    stalls(max(options.seconds * 3, 5))
    if options.loadgen:
        beside(options.loadgen, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
