//! The plans that are written by hand: each holds on every simulated tier that can run it, and tells its story, in its trace's lines, in this order.

use std::path::PathBuf;

use towline_sim::campaign::run_plan;
use towline_sim::ledger::Rare;
use towline_sim::plan::Plan;
use towline_sim::tier::Tier;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("plans")
}

/// A plan's name, and what its trace must tell.
type Story = (&'static str, &'static [&'static str]);

const STORIES: &[Story] = &[
    ("port-conflict", &["SecondServer", "cannot begin: address in use", "step 0 is over: Done"]),
    ("client-before-server", &["attempt 1 failed", "StartServer", "publishes file", "step 1 is over: Done"]),
    (
        "partition-both-ways",
        &[
            "begins to receive",
            "Partition(Both",
            "attempt 1 failed",
            "Repair",
            "publishes",
            "step 0 is over: Done",
        ],
    ),
    (
        "partition-to-server",
        &[
            "begins to receive",
            "Partition(ToServer",
            "attempt 1 failed",
            "Repair",
            "publishes",
            "step 0 is over: Done",
        ],
    ),
    ("partition-to-client", &["publishes file", "attempt 1 failed", "Repair", "step 0 is over: Done"]),
    ("byte-by-byte", &["step 0 is over: Done", "a raw echo of 300 bytes gave 300", "step 4 is over: Done"]),
    (
        "server-crash",
        &["publishes file", "PowerLossServer", "attempt 1 failed", "StartServer", "step 3 is over: Done"],
    ),
    (
        "client-crash",
        &["begins to receive", "KillClient(0)", "StartClient(0)", "publishes file", "step 1 is over: Done"],
    ),
    ("drain", &["begins to receive file", "GoAway", "StartServer", "step 1 is over: Done"]),
    ("echo-flood", &["a raw echo of 60000 bytes gave 60000", "a raw echo of 60000 bytes gave 60000"]),
    ("two-writers", &["begins to receive file", "begins to receive file", "publishes file"]),
    ("half-open", &["Mute(Client, All)", "attempt 1 failed", "step 0 is over: Done"]),
    ("timeout", &["Hold(All)", "attempt 1 failed", "Release", "step 0 is over: Done"]),
    ("reset-in-a-frame", &["Reset(All)", "attempt 1 failed", "step 0 is over: Done"]),
    ("slow-reader", &["StopReading(Client(0))", "StartReading(Client(0))", "step 0 is over: Done"]),
    ("handshake-stall", &["step 1 is over: Done"]),
    ("slow-upload", &["begins to receive file", "publishes file", "step 0 is over: Done"]),
    (
        "jobs-together",
        &["step 0: Put", "step 3: Stat", "Reset(All)", "attempt 1 failed", "step 5: Get", "is over: Done"],
    ),
    (
        "job-given-up",
        &["step 1: Put", "step 0 is over: GivenUp", "publishes kept", "step 2 is over: Done", "has closed"],
    ),
    (
        "source-changes",
        &[
            "begins to receive file",
            "SourceChanges",
            "changed while it was read",
            "SourceChanges",
            "changed while it was read",
            "publishes file as 3000000 bytes",
            "step 1 is over: Done",
        ],
    ),
    ("several", &["Reset(Dial(0, 1))", "Mute(Server, Dial(0, 2))", "step 0 is over: Done"]),
    (
        "resume",
        &[
            "begins to receive file",
            "Reset(All)",
            "KillServer",
            "Have from 0: 48 of 48",
            "publishes file as 5000000 bytes",
        ],
    ),
    (
        "endless-file",
        &[
            "Offer \"hollow\" 70000000000 bytes",
            "Data 2097152",
            "step 0 is over: GivenUp",
            "step 3 is over: Done",
        ],
    ),
    (
        "comparison",
        &[
            "Compare",
            "Reset(All)",
            "attempt 1 failed",
            "step 0 is over: Done",
            "SourceChanges",
            "changed while it was read",
            "step 2 is over: Done",
        ],
    ),
    (
        "part",
        &[
            "Offer \"file\" 3000000 bytes",
            "Reset(All)",
            "attempt 1 failed",
            "Data 1048576",
            "step 0 is over: Done",
            "step 1 is over: Done",
            "step 2 is over: Failed",
            "step 3 is over: Failed",
        ],
    ),
    (
        "stream",
        &[
            "begins to receive file",
            "attempt 1 failed",
            "publishes file as 1500000 bytes",
            "step 0 is over: Done",
            "step 1 is over: Failed",
            "begins to receive long",
            "Reset(All)",
            "step 2 is over: Failed",
            "step 4 is over: Done",
        ],
    ),
    (
        "tree",
        &[
            "attempt 1 failed",
            "publishes tree/",
            "step 0 is over: Done",
            "step 1 is over: Done",
            "step 2 is over: Done",
            "publishes tree/0",
            "step 3 is over: Done",
            "step 4 is over: Done",
        ],
    ),
    (
        "tree-server-crash",
        &[
            "begins to receive tree/",
            "PowerLossServer",
            "StartServer",
            "publishes tree/",
            "step 1 is over: Done",
        ],
    ),
    ("datagram-echo", &["step 0: DatagramEcho", "of 6 datagrams 6 came back", "of 6 datagrams 6 came back"]),
    ("datagrams", &["is lost", "of 12 datagrams", "step 0 is over: Done"]),
    (
        "forged-datagrams",
        &["Forged(Reserved)", "from port 7 to 8697", "Forged(ToMany)", "of 4 datagrams 4 came back"],
    ),
    ("delta", &["Have from 0: ", "publishes file as 4100000 bytes", "step 0 is over: Done"]),
    (
        "look-alikes",
        &["begins to receive file", "begins to receive file", "publishes file", "publishes file"],
    ),
];

fn read(name: &str) -> Plan {
    let path = folder().join(format!("{name}.ron"));
    Plan::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn each_holds_and_tells_its_story() {
    for (name, lines) in STORIES {
        for tier in Tier::SIMULATED.iter().filter(|tier| tier.cannot(&read(name)).is_empty()) {
            let ran = run_plan(*tier, &read(name));
            let on = format!("{name} on {}", tier.name());
            assert_eq!(ran.broken, [], "{on}");
            let mut text = ran.outcome.trace.text();
            for line in *lines {
                let Some(at) = text.find(line) else {
                    panic!("{on}: {line:?} is not told, or not in its place:\n{}", ran.outcome.trace.text());
                };
                text = &text[at + line.len()..];
            }
            if *name == "byte-by-byte" {
                assert!(ran.outcome.reached.contains(&Rare::HeaderCut), "{on}");
            }
        }
    }
}

#[test]
fn every_plan_has_a_test() {
    let listed = STORIES.iter().map(|(name, _)| format!("{name}.ron"));
    let mut listed: Vec<String> = listed.collect();
    listed.sort();
    let entries = std::fs::read_dir(folder()).expect("the plans' folder");
    let mut there: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    there.sort();
    assert_eq!(there, listed);
}
