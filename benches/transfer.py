#!/usr/bin/env python3
"""Transfers beside their peers, in the same run: prints all tables.

    cargo build --profile dist && python3 benches/transfer.py [--only trees,disk,bulk,broken,changed,million] [--rounds 7]

trees    many small files in memory: rsync -a, tar over a plain connection, scp -r
disk     the same on a disk, durable: rsync -a as it is (it waits for no disk), and with --fsync
bulk     one long file in memory: rsync, scp, a C pair that only moves bytes, get to nowhere, and all of it over TLS
broken   killed at half of it and run again
changed  an old version stands there: blocks, scattered pages, bytes in front of all others
million  the memory that a tree of a million entries takes

Rounds alternate between the tools; a row has the median, the least and the most, and the ratio to its peer in the same
rounds. Processor seconds are those of the processes, "here" at the client and "there" at the server; where a shell runs both
ends, all are here. Peaks are the highest of all rounds. Each copy is compared with its source. A peer that is not
installed is skipped, by name. Everything listens on the loopback interface and is stopped and removed at the end. Needs
rsync, and memory for two to three times the long file.
"""

import argparse
import pathlib
import shutil
import sys

from transfers import bulk, changes, common, trees

SECTIONS = {
    "trees": trees.in_memory,
    "disk": trees.on_disk,
    "bulk": bulk.bulk,
    "broken": changes.broken,
    "changed": changes.changed,
    "million": trees.million,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, separated by commas")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--gib", type=float, default=4, help="length of the long file")
    parser.add_argument("--changed-gib", type=float, default=4, help="the same where it changes: four of it are in memory")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--memory", default="/dev/shm", help="a folder in memory")
    parser.add_argument("--disk", default=str(common.ROOT / "target"), help="a folder on a disk")
    parser.add_argument("--binary", default=str(common.TOWLINE), help="the program that is measured")
    args = parser.parse_args()
    for module in (trees, bulk, changes, common):
        module.TOWLINE = pathlib.Path(args.binary)
    if not common.TOWLINE.exists() or not shutil.which("rsync"):
        sys.exit("cargo build --profile dist first; and rsync is needed")
    chosen = args.only.split(",")
    if unknown := set(chosen) - set(SECTIONS):
        sys.exit(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    for name in chosen:
        SECTIONS[name](args)


if __name__ == "__main__":
    main()
