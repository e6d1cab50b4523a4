"""One long file: put, get, and get to nowhere, in plaintext and over TLS, beside rsync, scp and the floor."""

import json
import pathlib
import subprocess
import tempfile

from .common import GIB, Run, TOWLINE, Table, check, free_port, helper, make_file, rsync_server, towline_server
from .peers import sshd


class Keys:
    """The keys of both ends, each known to the other: what `serve` and what a client needs beside its usual arguments."""

    def __init__(self, work):
        self.client, self.server, self.authorized = work / "client.key", work / "server.key", work / "authorized_keys"
        self.known = work / "known_hosts"
        shown = [self.shown(key) for key in (self.client, self.server)]
        self.authorized.write_text(shown[0]["line"] + "\n")
        self.authorized.chmod(0o600)
        self.serve = ["--tls", "--identity", self.server, "--authorized-keys", self.authorized]
        self.use = [
            "--tls", "--identity", self.client, "--known-hosts", self.known, "--accept", shown[1]["fingerprint"],
        ]

    @staticmethod
    def shown(key):
        return json.loads(subprocess.check_output([TOWLINE, "key", "--json", "--identity", key]))


class Pair:
    """The C pair: one process sends, for one connection, and the other writes a file."""

    def __init__(self, program, source):
        self.program, self.source = program, source

    def run(self, out):
        port = free_port()
        # What listens is waited for by the other's attempts to connect: another connection would be the one that it serves.
        send = f"{self.program} send {port} {self.source}"
        return Run(["sh", "-c", f"{send} & {self.program} receive {port} {out} && wait"])


def bulk(args):
    size = int(args.gib * GIB)
    with tempfile.TemporaryDirectory(dir=args.memory) as folder:
        work = pathlib.Path(folder)
        source, out = work / "src", work / "out"
        make_file(source, size)
        floor = helper(work)
        table = Table(f"One file of {args.gib:g} GiB, in memory", size)
        hashing = []
        keys = Keys(work)
        with (
            rsync_server(work, work) as rsync,
            towline_server(work) as ours,
            towline_server(work, *keys.serve) as tls,
            sshd(work) as ssh,
        ):
            there, address = f"rsync://127.0.0.1:{rsync.port}/work", f"127.0.0.1:{ours.port}"
            secured = f"127.0.0.1:{tls.port}"
            cases = [
                ("rsync push", lambda: Run(["rsync", "-t", "-W", source, f"{there}/out"], rsync), None),
                ("towline put", lambda: Run([TOWLINE, "put", "-q", source, f"{address}/out"], ours), "rsync push"),
                ("rsync pull", lambda: Run(["rsync", "-t", "-W", f"{there}/src", out], rsync), None),
                ("towline get", lambda: Run([TOWLINE, "get", "-q", f"{address}/src", out], ours), "rsync pull"),
                ("towline get to nowhere", lambda: Run([TOWLINE, "get", "-q", f"{address}/src", "-"], ours), None),
            ]
            if ssh:
                cases.append(("scp push", lambda: Run([*ssh.scp, source, ssh.place(out)], ssh), "towline put"))
                cases.append(("scp pull", lambda: Run([*ssh.scp, ssh.place(source), out], ssh), "towline get"))
            put, get = ("scp push", "scp pull") if ssh else ("towline put", "towline get")
            cases += [
                ("towline put, TLS", lambda: Run([TOWLINE, "put", "-q", *keys.use, source, f"{secured}/out"], tls), put),
                ("towline get, TLS", lambda: Run([TOWLINE, "get", "-q", *keys.use, f"{secured}/src", out], tls), get),
            ]
            if floor:
                pair = Pair(floor, source)
                cases.append(("C pair, no hash, both ends in 'here'", lambda: pair.run(out), "towline get"))
                cases.append(("C pair to nowhere", lambda: pair.run("/dev/null"), "towline get to nowhere"))
            for _ in range(args.rounds):
                for name, case, peer in cases:
                    out.unlink(missing_ok=True)
                    table.add(name, case(), peer)
                    if "nowhere" not in name:
                        check(source, out, name)
                # What hashing takes at one end: the reading is the system's time, and is left out.
                hashing.append(Run([TOWLINE, "hash", source]).user / (size / GIB))
        table.print()
        for name, peer in (("towline put", "scp push"), ("towline get", "scp pull")):
            secured = table.middle(f"{name}, TLS", "seconds")
            beside = f", {table.middle(peer, 'seconds') / secured:.2f} times scp's" if ssh else ""
            print(f"{name}, TLS: {table.middle(name, 'seconds') / secured:.2f} of its rate in plaintext{beside}")
        print(f"hashing at one end: {sorted(hashing)[len(hashing) // 2]:.2f} processor seconds a GiB")
        if floor:
            least = table.both("C pair, no hash, both ends in 'here'") + 2 * sorted(hashing)[len(hashing) // 2]
            for name in ("towline put", "towline get"):
                print(f"{name}: {table.both(name) / least:.2f} of the floor (C pair and two hashes: {least:.2f} s/GiB)")
