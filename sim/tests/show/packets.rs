//! Packets, as tshark reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use towline::harness::Side;
use towline_sim::plan::Plan;
use towline_sim::show::{Format, show};
use towline_sim::tier::Tier;
use towline_sim::trace::{Connection, Recorded, Trace};

fn tshark(file: &Path, arguments: &[&str]) -> String {
    let checks = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-n"];
    let output = Command::new("tshark").arg("-r").arg(file).args(checks).args(arguments).output();
    let output = output.expect("it is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

/// What each side said on each connection, in the order in which they were dialed.
fn said(trace: &Trace) -> Vec<(Connection, [Vec<u8>; 2])> {
    let (mut order, mut streams) = (Vec::new(), BTreeMap::<Connection, [Vec<u8>; 2]>::new());
    for part in &trace.recording().expect("it was kept").parts {
        let of = streams.entry(part.connection).or_insert_with(|| {
            order.push(part.connection);
            Default::default()
        });
        match &part.recorded {
            Recorded::Bytes(by, bytes) if part.connection.end(*by) == part.lane => {
                of[*by as usize].extend_from_slice(bytes);
            }
            Recorded::Bytes(..) | Recorded::Dialed | Recorded::Answered(_) | Recorded::Ended(..) => {}
        }
    }
    order.into_iter().map(|connection| (connection, streams.remove(&connection).expect("seen"))).collect()
}

/// What tshark makes of that many streams: what the client said is not indented, what the server said is.
fn followed(file: &Path, streams: usize) -> Vec<[Vec<u8>; 2]> {
    let wishes: Vec<String> = (0..streams).map(|stream| format!("follow,tcp,raw,{stream}")).collect();
    let arguments: Vec<&str> =
        ["-q"].into_iter().chain(wishes.iter().flat_map(|wish| ["-z", wish])).collect();
    let text = tshark(file, &arguments);
    let mut all: BTreeMap<usize, [Vec<u8>; 2]> = BTreeMap::new();
    let mut stream = 0;
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("Filter: tcp.stream eq ") {
            stream = number.parse().expect("a number");
            all.entry(stream).or_default();
        }
        let side = if line.starts_with('\t') { Side::Server } else { Side::Client };
        let hex = line.trim();
        if !hex.is_empty() && hex.len() % 2 == 0 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
            let sides = all.get_mut(&stream).expect("it was named");
            sides[side as usize].extend((0..hex.len()).step_by(2).map(byte));
        }
    }
    all.into_values().collect()
}

/// Packets that tshark finds something wrong with, each in a line.
fn complaints(file: &Path) -> String {
    let wrong = "tcp.analysis.flags || tcp.checksum.status == \"Bad\" || ip.checksum.status == \"Bad\" || _ws.malformed";
    tshark(file, &["-Y", wrong])
}

/// Gives how many bytes were compared.
fn read_back(tier: Tier, plan: &Plan) -> usize {
    let outcome = tier.run_recorded(plan);
    assert_eq!(outcome.trace, tier.run(plan).trace, "what is kept changes nothing");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.pcapng");
    std::fs::write(&file, show(Format::Pcap, tier, &outcome)).expect("a file");
    let name = format!("{} on {}", plan.story, tier.name());
    assert_eq!(complaints(&file), "", "{name}");
    let said = said(&outcome.trace);
    let followed = followed(&file, said.len());
    assert_eq!(followed.len(), said.len(), "{name}");
    for ((connection, said), followed) in said.iter().zip(&followed) {
        assert!(said == followed, "{name}: {connection}");
    }
    followed.iter().flatten().map(Vec::len).sum()
}

#[test]
fn tshark_reads_whole_streams_back() {
    if !super::is_installed("tshark") {
        return;
    }
    for tier in Tier::SIMULATED {
        // Nothing wrong, a partition, nobody there, crashes of the server and of the client.
        let bytes: usize = [0, 1, 3, 5, 6].map(|seed| read_back(*tier, &Plan::from_seed(seed))).iter().sum();
        assert!(bytes > 500_000, "{bytes} on {}", tier.name());
    }
    assert!(read_back(Tier::Fast, &super::busy(10)) > 400_000);
}

#[test]
fn each_host_is_an_interface() {
    if !super::is_installed("tshark") {
        return;
    }
    let outcome = Tier::Fast.run_recorded(&super::busy(2));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.pcapng");
    std::fs::write(&file, show(Format::Pcap, Tier::Fast, &outcome)).expect("a file");
    let names = tshark(&file, &["-T", "fields", "-e", "frame.interface_name"]);
    let names: BTreeSet<&str> = names.lines().collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["client", "client1", "client2", "server"]);
}

/// That the test would see a lost packet, and a wrong checksum.
#[test]
fn tshark_sees_what_is_wrong() {
    if !super::is_installed("tshark") {
        return;
    }
    let outcome = Tier::Fast.run_recorded(&super::small());
    let bytes = show(Format::Pcap, Tier::Fast, &outcome);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.pcapng");
    // The blocks: the first that is longer than a header alone carries bytes of the stream.
    let (mut at, mut blocks) = (0, Vec::new());
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().expect("4 bytes")) as usize;
        blocks.push(&bytes[at..at + length]);
        at += length;
    }
    let with_bytes = blocks.iter().position(|block| block[0] == 6 && block.len() > 32 + 40 + 8).expect("one");
    let mut lost = blocks.clone();
    lost.remove(with_bytes);
    std::fs::write(&file, lost.concat()).expect("a file");
    assert!(complaints(&file).contains("TCP"), "a packet is lost");
    let mut wrong = blocks[with_bytes].to_vec();
    wrong[28 + 40] ^= 1;
    let mut damaged = blocks.clone();
    damaged[with_bytes] = &wrong;
    std::fs::write(&file, damaged.concat()).expect("a file");
    assert_ne!(complaints(&file), "", "a byte is damaged");
}
