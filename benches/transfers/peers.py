"""Peers that are not on every machine: each is used where it is installed, and else said to be missing."""

import contextlib
import getpass
import pathlib
import shutil
import subprocess

from .common import Server, free_port, helper


class Relay:
    """How a pipe goes over a connection: by the first of these programs that there is."""

    PROGRAMS = {
        "ncat": ("ncat -l 127.0.0.1 {port} --send-only", "sleep 0.05; ncat 127.0.0.1 {port} --recv-only"),
        "socat": ("socat -u - TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr", "socat -u TCP:127.0.0.1:{port},retry=100,interval=0.01 -"),
    }

    def __init__(self, name, send, receive):
        self.name, self.send, self.receive = name, send, receive

    def __call__(self, port):
        return self.send.format(port=port), f"{{ {self.receive.format(port=port)}; }}"


def relay(work):
    for name, (send, receive) in Relay.PROGRAMS.items():
        if shutil.which(name):
            return Relay(name, send, receive)
    made = helper(work)
    if not made:
        print("skipped: tar | nc | tar (neither ncat nor socat nor a C compiler)")
        return None
    # benches/floor.c does what nc does.
    return Relay("floor.c", f"{made} send {{port}} -", f"{made} receive {{port}} -")


class Ssh(Server):
    """An sshd of its own, with keys of its own, for one user on the loopback interface."""

    def __init__(self, program, work):
        self.work, port = pathlib.Path(work) / "ssh", free_port()
        self.work.mkdir(mode=0o700)
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.work / key], check=True)
        shutil.copy(self.work / "user.pub", self.work / "authorized_keys")
        options = {
            "Port": port, "ListenAddress": "127.0.0.1", "HostKey": self.work / "host", "PidFile": "none", "UsePAM": "no",
            "AuthorizedKeysFile": self.work / "authorized_keys", "StrictModes": "no", "PermitRootLogin": "yes",
            "Subsystem": "sftp internal-sftp",
        }
        (self.work / "config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
        super().__init__([program, "-D", "-e", "-f", self.work / "config"], port)
        trust = ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.work}/known", "-o", "LogLevel=ERROR"]
        self.scp = ["scp", "-q", "-P", str(port), "-i", self.work / "user", *trust]

    def place(self, path):
        return f"{getpass.getuser()}@127.0.0.1:{path}"


@contextlib.contextmanager
def sshd(work):
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if not program or not shutil.which("scp") or not shutil.which("ssh-keygen"):
        print("\nskipped: scp (no sshd, scp or ssh-keygen here)")
        yield None
        return
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # sshd insists on it
    with Ssh(program, work) as server:
        yield server
