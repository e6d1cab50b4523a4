"""Many small files: in memory, where the programs show, and on a disk, where durability does."""

import os
import pathlib
import shutil
import tempfile

from .common import Run, Table, TOWLINE, check, free_port, make_tree, rsync_server, towline_server
from .peers import relay, sshd

SETS = {"20,000 files of 4 KiB": (20_000, 4 << 10), "2,000 files of 64 KiB": (2_000, 64 << 10)}


def in_memory(args):
    for title, (count, size) in SETS.items():
        with tempfile.TemporaryDirectory(dir=args.memory) as folder:
            work = pathlib.Path(folder)
            make_tree(work / "src", count, size)
            measure(args, f"{title}, in memory", work, count * size)


def measure(args, title, work, size):
    table = Table(title, size)
    with rsync_server(work, work) as rsync, towline_server(work) as ours, sshd(work) as ssh:
        there, address = f"rsync://127.0.0.1:{rsync.port}/work", f"127.0.0.1:{ours.port}"
        copy = ["rsync", "-a", "--whole-file"]
        cases = [
            ("rsync -a push", [*copy, work / "src", f"{there}/out/"], rsync, None),
            ("towline put -r", [TOWLINE, "put", "-q", "-r", work / "src", f"{address}/out/"], ours, "rsync -a push"),
            ("rsync -a pull", [*copy, f"{there}/src", work / "out/"], rsync, None),
            ("towline get -r", [TOWLINE, "get", "-q", "-r", f"{address}/src", work / "out/"], ours, "rsync -a pull"),
        ]
        if pipe := relay(work):
            # One shell runs both ends, so that its processor seconds are those of both.
            send, receive = pipe(free_port())
            line = f"tar -C {work} -c src | {send} & {receive} | tar -C {work}/out -x && wait"
            cases.append((f"tar | {pipe.name} | tar", ["sh", "-c", line], None, "towline put -r"))
        if ssh:
            cases.append(("scp -r push", [*ssh.scp, "-r", work / "src", ssh.place(work / "out/")], ssh, "towline put -r"))
        for _ in range(args.rounds):
            for name, command, server, peer in cases:
                shutil.rmtree(work / "out", ignore_errors=True)
                (work / "out").mkdir()
                table.add(name, Run(command, server), peer)
                check(work / "src", work / "out/src", name)
    table.print()


def on_disk(args):
    """Each run has a folder of its own, and nothing is removed before the end: to remove a tree makes what follows slower."""
    for title, (count, size) in SETS.items():
        with tempfile.TemporaryDirectory(dir=args.disk) as folder:
            work = pathlib.Path(folder)
            make_tree(work / "src", count, size)
            table = Table(f"{title}, on a disk", count * size)
            with rsync_server(work, work) as rsync, towline_server(work) as ours:
                there, address = f"rsync://127.0.0.1:{rsync.port}/work", f"127.0.0.1:{ours.port}"
                for number in range(args.rounds):
                    for name, server, peer, command in (
                        ("rsync -a push", rsync, None, ["rsync", "-a", "-W", work / "src", f"{there}/OUT/"]),
                        ("towline put -r, durable", ours, "rsync -a push", [TOWLINE, "put", "-q", "-r", work / "src", f"{address}/OUT/"]),
                        ("rsync -a --fsync push", rsync, "towline put -r, durable", ["rsync", "-a", "-W", "--fsync", work / "src", f"{there}/OUT/"]),
                        ("rsync -a pull", rsync, None, ["rsync", "-a", "-W", f"{there}/src", work / "OUT/"]),
                        ("towline get -r, durable", ours, "rsync -a pull", [TOWLINE, "get", "-q", "-r", f"{address}/src", work / "OUT/"]),
                    ):
                        out = f"{name.split()[0]}-{len(table.rows)}-{number}-{name[-4:].strip()}"
                        (work / out).mkdir(exist_ok=True)
                        os.sync()
                        table.add(name, Run([str(part).replace("OUT", out) for part in command], server), peer)
                        check(work / "src", work / out / "src", name)
            table.print()


def million(args):
    """The memory that a tree of a million entries takes at each end."""
    count = args.entries
    with tempfile.TemporaryDirectory(dir=args.memory) as folder:
        work = pathlib.Path(folder)
        make_tree(work / "src", count, 0)
        table = Table(f"{count:,} empty files: how much memory each end holds", count)
        with towline_server(work) as ours:
            table.add("towline put -r", Run([TOWLINE, "put", "-q", "-r", work / "src", f"127.0.0.1:{ours.port}/put/"], ours))
            check(work / "src", work / "put/src", "put")
            shutil.rmtree(work / "put")
        with towline_server(work) as ours:
            (work / "out").mkdir()
            table.add("towline get -r", Run([TOWLINE, "get", "-q", "-r", f"127.0.0.1:{ours.port}/src", work / "out/"], ours))
            check(work / "src", work / "out/src", "get")
        table.print()
