//! Forged datagrams on real sockets: two of our echoes, each told that the other one asks. In a network namespace of its own, where
//! addresses can be forged and nothing leaves the machine; skipped where there may be none.

use std::process::Command;

use super::help::Told;

/// Runs in the namespace. `echoes` gives the servers; what they have printed at their end is compared.
const PROGRAM: &str = r#"
import os, signal, socket, struct, subprocess, sys

towline = sys.argv[1]

def serve(place):
    args = [towline, "serve", "--no-files", "--insecure-plaintext", "--echo", place]
    server = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    while not server.stdout.readline().startswith("echoing on "):
        pass
    return server

def forge(source, target, payload):
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + ends
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        s.sendto(ip + udp, (target[0], 0))

def ask(target):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        s.bind(("10.0.0.3", 0))
        s.sendto(b"honest", target)
        assert s.recv(100) == b"honest"

def passed():
    with open("/proc/net/snmp") as f:
        names, values = [line.split() for line in f if line.startswith("Udp:")]
    return int(values[names.index("InDatagrams")])

def said(server):
    server.send_signal(signal.SIGINT)
    line = [line for line in server.stdout.read().splitlines() if "datagrams came" in line][0]
    assert server.wait() == 0
    return line.split("  ")[-1]

# Of one port, as two echoes are: they do not answer each other even once.
one, other = ("10.0.0.1", 7007), ("10.0.0.2", 7007)
servers = [serve("udp://%s:%d" % place) for place in (one, other)]
for _ in range(100):
    forge(other, one, b"for ever")
    forge(one, other, b"for ever")
for place in (one, other):
    ask(place)
for server in servers:
    print(said(server))

# Of two ports, which nothing forbids: they talk until the share of the other is used up, and then nobody says anything any more.
one, other = ("10.0.0.1", 7007), ("10.0.0.2", 7008)
servers = [serve("udp://%s:%d" % place) for place in (one, other)]
forge(other, one, b"x" * 1400)
for round in range(2_000):
    before = passed()
    for _ in range(50):
        ask(one)
    # Each takes one datagram there and one back.
    if passed() - before == 100:
        break
talked = [said(server) for server in servers]
print("silent" if any("beyond what one source is answered" in line for line in talked) else talked)
"#;

#[test]
fn two_echoes_that_are_forged_to_each_other_fall_silent() {
    let setup = "ip link set lo up && for at in 1 2 3; do ip addr add 10.0.0.$at/32 dev lo || exit; done && \
                 ip route add local 10.0.0.0/24 dev lo; exec \"$@\"";
    let namespace = ["-rn", "sh", "-c", setup, "sh"];
    let allowed = Command::new("unshare").args(namespace).args(["python3", "--version"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        println!(
            "SKIPPED two_echoes_that_are_forged_to_each_other_fall_silent: no network namespace may be made here"
        );
        return;
    }
    let mut command = Command::new("unshare");
    command.args(namespace).args(["python3", "-B", "-c", PROGRAM, env!("CARGO_BIN_EXE_towline")]);
    let told = Told::from(command.output().expect("it was started before")).well();
    let each = "101 datagrams came, 1 answered; 100 not: from this port, as another echo's would be";
    assert_eq!(told.out.lines().collect::<Vec<_>>(), [each, each, "silent"], "{told:?}");
}
