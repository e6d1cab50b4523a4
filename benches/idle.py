#!/usr/bin/env python3
"""Memory that idle connections take at a server: prints a table of resident KiB a connection.

    cargo build --profile dist && python3 benches/idle.py [--connections 10000] [--peers NAME=COMMAND …]

Each connection sends 64 bytes once, has them back, and is silent from then on; a session of the protocol has shaken hands instead.
A peer's COMMAND is an echo server that listens on the `{at}` in it. What counts is the server's resident memory with all connections
less that before them, divided by their number.
"""

import argparse
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parent.parent
TOWLINE = ROOT / "target/dist/towline"
sys.path.insert(0, str(ROOT / "tests/interop"))

from towline import Connection  # noqa: E402


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def resident(process):
    lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def echoed(port):
    one = socket.create_connection(("127.0.0.1", port))
    one.sendall(b"x" * 64)
    received = 0
    while received < 64:
        count = len(one.recv(64 - received))
        if count == 0:
            sys.exit("the server closed a connection: does it take so many?")
        received += count
    return one


def wait_for(port, process):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None:
                sys.exit("the server has ended")
            time.sleep(0.05)
    sys.exit("the server does not listen")


def kibibytes(command, connect, connections):
    """What each connection takes at the server that `command` starts."""
    port = free_port()
    process = subprocess.Popen([part.replace("{at}", f"127.0.0.1:{port}") for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        time.sleep(0.2)
        before, held = resident(process), [connect(port) for _ in range(connections)]
        time.sleep(0.5)
        return (resident(process) - before) / len(held)
    finally:
        process.kill()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=TOWLINE, type=pathlib.Path)
    parser.add_argument("--connections", default=10_000, type=int)
    parser.add_argument("--peers", nargs="*", default=[], metavar="NAME=COMMAND")
    arguments = parser.parse_args()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    most = ["--max-connections", str(arguments.connections + 10)]
    print(f"| {arguments.connections} idle connections | KiB each |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        serve = [str(arguments.binary), "serve", *most]
        cases = [
            ("towline, sessions", [*serve, folder, "--listen", "{at}"], Connection),
            ("towline, echo", [*serve, "--no-files", "--echo", "{at}"], echoed),
        ]
        cases += [(name, command.split(), echoed) for name, command in (peer.split("=", 1) for peer in arguments.peers)]
        for name, command, connect in cases:
            print(f"| {name} | {kibibytes(command, connect, arguments.connections):.2f} |", flush=True)


if __name__ == "__main__":
    main()
