#!/usr/bin/env python3
"""Full TLS 1.3 handshakes a second, both sides with keys of Ed25519 that are checked, beside nginx and `openssl s_time`:

    python3 benches/handshakes.py [--rounds 5] [--seconds 5]

Everything of a round is held to one core, so that a handshake costs what both sides take together: nginx and its client are two
processes, ours are two tasks of one thread (`cargo bench --bench tls`, which is built first). No tickets, no resumption, key exchange
X25519, TLS_AES_128_GCM_SHA256 on either side; nginx's keys are in certificates signed by themselves, ours are raw (RFC 7250).
Rounds alternate; the median, the least and the most are told. Needs nginx and openssl; all of it is on the loopback interface, and
stopped and removed at the end.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from transfers.common import ROOT, Server, free_port

NGINX = """daemon off; worker_processes 1; pid {work}/pid; error_log {work}/error.log;
events {{ worker_connections 512; }}
http {{ access_log off; client_body_temp_path {work}/b; proxy_temp_path {work}/p; fastcgi_temp_path {work}/f;
uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {work}/server.pem; ssl_certificate_key {work}/server.key;
ssl_protocols TLSv1.3; ssl_ecdh_curve X25519; ssl_session_tickets off; ssl_session_cache off;
ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
ssl_verify_client on; ssl_client_certificate {work}/client.pem; return 204; }} }}
"""


def certificate(work, name):
    made = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    files = ["-keyout", work / f"{name}.key", "-out", work / f"{name}.pem"]
    subprocess.run([*made, *files], check=True, stderr=subprocess.DEVNULL)


def theirs(work, port, seconds, core):
    """Handshakes a second of `openssl s_time` with nginx."""
    keys = ["-cert", work / "client.pem", "-key", work / "client.key", "-CAfile", work / "server.pem"]
    command = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", str(seconds), "-tls1_3", *keys]
    begin = time.monotonic()
    told = subprocess.run(["taskset", "-c", core, *command], capture_output=True, text=True, check=False).stdout
    taken = time.monotonic() - begin
    found = re.search(r"(\d+) connections in (\d+) real seconds", told)
    if not found or not int(found[1]):
        sys.exit(f"openssl s_time told no number: {told}")
    # It tells whole seconds, and up to one more than it has run.
    return int(found[1]) / taken


def ours(bench, seconds, core, work):
    """The same of ours: criterion's mean over its measurement."""
    command = [bench, "--bench", "--noplot", "--warm-up-time", "1", "--measurement-time", str(seconds), "handshake"]
    run = subprocess.run(["taskset", "-c", core, *command], capture_output=True, text=True, cwd=work, check=False)
    estimates = list(work.rglob("new/estimates.json"))
    if run.returncode != 0 or not estimates:
        sys.exit(f"the benchmark told no number: {run.stdout}{run.stderr}")
    return 1e9 / json.loads(estimates[0].read_text())["mean"]["point_estimate"]


def built():
    command = ["cargo", "bench", "--bench", "tls", "--no-run", "--message-format=json"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    programs = [told.get("executable") for told in map(json.loads, lines) if told.get("target", {}).get("name") == "tls"]
    return next(filter(None, programs))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    args = parser.parse_args()
    nginx = shutil.which("nginx", path=f"/usr/sbin:{os.environ.get('PATH', '')}")
    if not nginx or not shutil.which("openssl") or not shutil.which("taskset"):
        sys.exit("nginx, openssl and taskset are needed")
    bench, core = built(), str(min(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        work.chmod(0o755)  # nginx's worker is another user
        for name in ("server", "client"):
            certificate(work, name)
        port = free_port()
        (work / "nginx.conf").write_text(NGINX.format(work=work, port=port))
        rates = {"nginx and openssl s_time": [], "towline, both sides": []}
        with Server(["taskset", "-c", core, nginx, "-p", work, "-c", work / "nginx.conf"], port):
            for _ in range(args.rounds):
                rates["nginx and openssl s_time"].append(theirs(work, port, args.seconds, core))
                rates["towline, both sides"].append(ours(bench, args.seconds, core, work))
    for name, told in rates.items():
        print(f"{name:28} {statistics.median(told):7.0f} a second  ({min(told):.0f}–{max(told):.0f})")
    their, our = map(statistics.median, rates.values())
    print(f"{'towline beside nginx':28} {our / their:7.2f} times")


if __name__ == "__main__":
    main()
