"""What goes over the wire for the second time: after a kill, and after a change."""

import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from .common import GIB, Run, TOWLINE, check, make_file, rsync_server, towline_server

PAGE = 4096


def sent(path, way):
    """Bytes over the connection in the direction of the file, by what `--json` says at its end."""
    lines = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]
    return next(line for line in lines if line["type"] == "file")["bytes_sent" if way == "put" else "bytes_received"]


def held(folder):
    """Bytes on the disk in partial files below `folder`."""
    total = 0
    for partial in (folder / ".towline").glob("*.part*"):
        try:
            total += partial.stat().st_blocks * 512
        except OSError:
            pass
    return total


def broken(args):
    """Killed at half, and run again."""
    size = int(args.gib * GIB)
    print(f"\nKilled at half of {args.gib:g} GiB and run again, in memory: bytes over the wire in the second run")
    for way in ("put", "get"):
        shares = []
        for _ in range(args.rounds):
            with tempfile.TemporaryDirectory(dir=args.memory) as folder:
                work = pathlib.Path(folder)
                (work / "here").mkdir()
                (work / "there").mkdir()
                source, out = work / "here/file", work / "there/file"
                if way == "get":
                    source, out = out, source
                make_file(source, size)
                with towline_server(work / "there") as ours:
                    place = f"127.0.0.1:{ours.port}/file"
                    ends = [source, place] if way == "put" else [place, out]
                    first = subprocess.Popen([TOWLINE, way, "-q", *ends], stdout=subprocess.DEVNULL)
                    while held(out.parent) < size / 2:
                        if first.poll() is not None:
                            sys.exit(f"{way}: it was over before it could be killed")
                        time.sleep(0.001)
                    first.send_signal(signal.SIGKILL)
                    first.wait()
                    Run([TOWLINE, way, "-q", "--json", *ends], ours, out=work / "said")
                check(source, out, way)
                shares.append(sent(work / "said", way) / size * 100)
        print(f"{way}: {statistics.median(shares):.1f} % ({min(shares):.1f}–{max(shares):.1f})", flush=True)


def blocks(path, size, seed):
    """One block of 100 is another, whole."""
    block = max(64 << 10, size >> 16)
    chosen = random.Random(seed).sample(range(size // block), max(1, size // block // 100))
    write(path, block, chosen)


def pages(path, size, seed):
    """As many pages of 4 KiB as one in 100 blocks of 64 KiB, scattered."""
    chosen = random.Random(seed).sample(range(size // PAGE), max(1, size // (64 << 10) // 100))
    write(path, PAGE, chosen)


def write(path, length, chosen):
    with open(path, "r+b") as file:
        for at in chosen:
            file.seek(at * length)
            file.write(os.urandom(length))


def insertion(path, size, seed):
    """1,000 bytes come before all others."""
    with open(f"{path}.new", "wb") as new, open(path, "rb") as old:
        new.write(os.urandom(1000))
        shutil.copyfileobj(old, new, 1 << 20)
    os.replace(f"{path}.new", path)


CHANGES = {"1 % of the blocks": blocks, "scattered pages of 4 KiB": pages, "1,000 bytes in front": insertion}


def changed(args):
    """An old version stands at both servers; the source changes before each round."""
    print(f"\nChanges of a file of {args.changed_gib:g} GiB, put over the old version, in memory")
    size = int(args.changed_gib * GIB)
    with tempfile.TemporaryDirectory(dir=args.memory) as folder:
        work = pathlib.Path(folder)
        (work / "ours").mkdir()
        (work / "theirs").mkdir()
        source = work / "file"
        make_file(source, size)
        for place in ("ours", "theirs"):
            shutil.copy(source, work / place / "file")
        with rsync_server(work / "theirs", work) as rsync, towline_server(work / "ours") as ours:
            for what, change in CHANGES.items():
                rows = {"towline": [], "rsync": []}
                for number in range(args.rounds):
                    change(source, size, number)
                    run = Run([TOWLINE, "put", "-q", "--json", source, f"127.0.0.1:{ours.port}/file"], ours, out=work / "said")
                    check(source, work / "ours/file", f"{what}, towline")
                    rows["towline"].append((run, sent(work / "said", "put")))
                    # It compares whole seconds: without -I it would leave alone what has just changed.
                    command = ["rsync", "-t", "-I", "--no-whole-file", "--stats", source, f"rsync://127.0.0.1:{rsync.port}/work/file"]
                    run = Run(command, rsync, out=work / "said")
                    check(source, work / "theirs/file", f"{what}, rsync")
                    stats = (work / "said").read_text()
                    line = next(line for line in stats.splitlines() if line.startswith("Total bytes sent"))
                    rows["rsync"].append((run, int("".join(filter(str.isdigit, line)))))
                for name, found in rows.items():
                    seconds = [run.seconds for run, _ in found]
                    share = [count / size * 100 for _, count in found]
                    print(
                        f"{what:25} {name:8} {statistics.median(seconds):7.3f} s ({min(seconds):.3f}–{max(seconds):.3f})"
                        f"  {statistics.median(share):7.3f} % sent ({min(share):.3f}–{max(share):.3f})",
                        flush=True,
                    )
