#!/usr/bin/env python3
"""Echo beside other servers in the same run: prints tables of medians, with the ratio of ours to each.

    cargo build --profile dist && python3 benches/echo.py --loadgen PROGRAM --peers NAME=COMMAND … [--rounds 7] [--seconds 1]

PROGRAM is a closed-loop load generator that prints `rate=…`, `p50_us=…` and `p99_us=…`, and is called as

    PROGRAM -m tcp|udp|unix -a HOST:PORT|PATH -s BYTES -t SECONDS -w WARM-UP [-c CONNECTIONS] [-d DEPTH] [-B | -S | -C]

where -B blocks on one connection, -S polls on one, and -C connects for each message. A peer's COMMAND serves one kind of socket:
`{kind}` in it stands for tcp, udp or unix, `{at}` for the address or path; a peer that does not serve a kind ends, and is left out.

Rounds alternate between the servers. They have the first processor and the client the second (`split`), or all share the first
(`same`), or none is bound (`free`). Needs taskset.
"""

import argparse
import contextlib
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parent.parent
TOWLINE = ROOT / "target/dist/towline"
WARM_UP = 0.2

# What is measured: a name, the kind of socket, where it runs, and how the load generator is called.
CASES = [
    ("one connection, 64 bytes, one processor", "tcp", "same", ["-s", "64", "-B"]),
    ("one connection, 64 bytes, two processors", "tcp", "split", ["-s", "64", "-B"]),
    ("the same, the client polls", "tcp", "split", ["-s", "64", "-S"]),
    ("64 connections, 64 bytes", "tcp", "split", ["-s", "64", "-c", "64"]),
    ("1,000 connections, 64 bytes", "tcp", "split", ["-s", "64", "-c", "1000"]),
    ("connect, echo, close", "tcp", "split", ["-s", "64", "-C"]),
    ("4 connections, 64 KiB, 4 under way", "tcp", "split", ["-s", "65536", "-c", "4", "-d", "4"]),
    ("64 connections, 64 bytes", "unix", "split", ["-s", "64", "-c", "64"]),
    ("64 flows, 64 bytes", "udp", "split", ["-s", "64", "-c", "64"]),
]


def processors(pin, who):
    bound = {("split", "server"): "0", ("split", "client"): "1", ("same", "server"): "0", ("same", "client"): "0"}
    return ["taskset", "-c", bound[pin, who]] if (pin, who) in bound else []


def free_place(kind, folder, number):
    if kind == "unix":
        return str(folder / f"{number}.sock")
    kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
    with socket.socket(socket.AF_INET, kinds[kind]) as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


def is_there(kind, at):
    with contextlib.suppress(OSError):
        if kind == "udp":
            host, port = at.split(":")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.settimeout(0.1)
                one.connect((host, int(port)))
                one.send(b"x")
                return one.recv(1) == b"x"
        family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.settimeout(0.5)
            one.connect(at if kind == "unix" else tuple([at.split(":")[0], int(at.split(":")[1])]))
            one.sendall(b"x")
            return one.recv(1) == b"x"
    return False


def begin(command, kind, at, pin):
    parts = [part.replace("{kind}", kind).replace("{at}", at) for part in command.split()]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([*processors(pin, "server"), *parts], **quiet)
    for _ in range(100):
        if is_there(kind, at):
            return server
        if server.poll() is not None:
            return None
        time.sleep(0.05)
    server.kill()
    return None


def measure(options, kind, at, pin, how):
    command = [*processors(pin, "client"), options.loadgen, "-m", kind, "-a", at, *how]
    command += ["-t", str(options.seconds), "-w", str(WARM_UP)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = dict(re.findall(r"(\w+)=([\d.]+)", told.stdout))
    if told.returncode != 0 or "rate" not in found:
        return None
    return {name: float(found[name]) for name in ("rate", "p50_us", "p99_us")}


def one_case(options, servers, folder, number, case):
    name, kind, pin, how = case
    running = {}
    try:
        for server, command in servers.items():
            at = free_place(kind, folder, f"{number}{server}")
            process = begin(command, kind, at, pin)
            if process:
                running[server] = (process, at)
        rounds = {server: [] for server in running}
        for _ in range(options.rounds):
            for server, (_, at) in running.items():
                found = measure(options, kind, at, pin, how)
                if found:
                    rounds[server].append(found)
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.wait(10)
    show(name, kind, pin, rounds)


def show(name, kind, pin, rounds):
    print(f"\n**{name}**, {kind}, {pin}\n")
    print("| | a second | least to most | p50, µs | p99, µs | ours: rate | p50 |\n|---|---|---|---|---|---|---|")
    middle = lambda server, what: statistics.median(one[what] for one in rounds[server])
    for server, found in rounds.items():
        if not found:
            print(f"| {server} | failed | | | | | |")
            continue
        rates = sorted(one["rate"] for one in found)
        ratio = {what: middle("towline", what) / middle(server, what) for what in ("rate", "p50_us")} if rounds.get("towline") else None
        told = f"{ratio['rate']:.2f} | {ratio['p50_us']:.2f}" if ratio else " | "
        print(
            f"| {server} | {statistics.median(rates):,.0f} | {rates[0]:,.0f} to {rates[-1]:,.0f} "
            f"| {middle(server, 'p50_us'):.1f} | {middle(server, 'p99_us'):.1f} | {told} |",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=str(TOWLINE), help="the program that is measured")
    parser.add_argument("--loadgen", required=True)
    parser.add_argument("--peers", nargs="*", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--only", default="", help="cases whose name or kind contains one of these words, with commas between")
    options = parser.parse_args()
    if not shutil.which("taskset"):
        sys.exit("taskset is needed")
    ours = {"tcp": "tcp://{at}", "udp": "udp://{at}", "unix": "unix:{at}"}
    words = [word for word in options.only.split(",") if word]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="echo-"))
    try:
        for number, case in enumerate(CASES):
            if words and not any(word in f"{case[0]}, {case[1]}" for word in words):
                continue
            serve = f"{options.binary} serve --no-files --echo {ours[case[1]]}"
            servers = {"towline": serve, "towline --busy-poll 1ms": f"{serve} --busy-poll 1ms"}
            servers.update(peer.split("=", 1) for peer in options.peers)
            one_case(options, servers, folder, number, case)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
