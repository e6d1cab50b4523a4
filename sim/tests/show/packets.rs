//! Packets, as tshark reads them.

use std::collections::BTreeMap;
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

/// What tshark makes of a stream: what the client said is not indented, what the server said is.
fn followed(file: &Path, stream: usize) -> [Vec<u8>; 2] {
    let mut sides: [Vec<u8>; 2] = Default::default();
    for line in tshark(file, &["-q", "-z", &format!("follow,tcp,raw,{stream}")]).lines() {
        let side = if line.starts_with('\t') { Side::Server } else { Side::Client };
        let hex = line.trim();
        if hex.len() % 2 == 0 && !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
            sides[side as usize].extend((0..hex.len()).step_by(2).map(byte));
        }
    }
    sides
}

/// Packets that tshark finds something wrong with, each in a line.
fn complaints(file: &Path) -> String {
    let wrong = "tcp.analysis.flags || tcp.checksum.status == \"Bad\" || ip.checksum.status == \"Bad\" || _ws.malformed";
    tshark(file, &["-Y", wrong])
}

fn read_back(tier: Tier, plan: &Plan) {
    let outcome = tier.run_recorded(plan);
    assert_eq!(outcome.trace, tier.run(plan).trace, "what is kept changes nothing");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.pcapng");
    let bytes = show(Format::Pcap, tier, &outcome);
    std::fs::write(&file, &bytes).expect("a file");
    assert_eq!(complaints(&file), "", "seed {} on {}", plan.seed, tier.name());
    let mut moved = 0;
    for (stream, (connection, said)) in said(&outcome.trace).into_iter().enumerate() {
        assert!(followed(&file, stream) == said, "seed {} on {}: {connection}", plan.seed, tier.name());
        moved += said.concat().len();
    }
    assert!(moved > 1_000 || outcome.jobs.iter().all(|job| job.replies == 0), "{moved} bytes");
    let hosts = tshark(&file, &["-T", "fields", "-e", "frame.interface_name"]);
    assert!(hosts.lines().all(|name| name == "server" || name.starts_with("client")), "{hosts}");
}

#[test]
fn tshark_reads_whole_streams_back() {
    if !super::is_installed("tshark") {
        return;
    }
    for tier in Tier::ALL {
        // The first eight seeds tell each a story of their own.
        (0..8).for_each(|seed| read_back(*tier, &Plan::from_seed(seed)));
    }
    read_back(Tier::Fast, &super::busy(10));
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
    *wrong.iter_mut().nth(28 + 40).expect("a byte of the payload") ^= 1;
    let mut damaged = blocks.clone();
    damaged[with_bytes] = &wrong;
    std::fs::write(&file, damaged.concat()).expect("a file");
    assert_ne!(complaints(&file), "", "a byte is damaged");
}
