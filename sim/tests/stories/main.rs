//! The stories that this project was born from, as a socket tells them, each as the trace of the plan with its name: what the
//! machines did in which order, to the frame. A change here is a change of the conversation, and is looked at.

use std::path::Path;

use towline_sim::invariants;
use towline_sim::plan::Plan;
use towline_sim::tier::Tier;

/// Plans of `sim/plans/`.
const STORIES: &[&str] = &[
    // Two servers on one port: "Address already in use".
    "port-conflict",
    // A client before its server: "Connection refused", and it waits.
    "client-before-server",
    // `send` takes less than it was given, `recv` gives less than was sent.
    "byte-by-byte",
    // A peer that is gone, and says nothing.
    "half-open",
    "timeout",
    "handshake-stall",
    // A peer that does not read, and one that sends without reading.
    "slow-reader",
    "echo-flood",
    // "Connection reset by peer".
    "reset-in-a-frame",
    // A server that is told to stop.
    "drain",
    // `sendto` and `recvfrom`.
    "datagram-echo",
    "datagrams",
    "forged-datagrams",
];

#[test]
fn each_is_told_as_it_was() {
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    for name in STORIES {
        let plan = Plan::read(&plans.join(format!("{name}.ron"))).expect("a plan");
        let outcome = Tier::Fast.run(&plan);
        assert_eq!(invariants::check(&outcome), [], "{name}");
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(*name, outcome.trace.text());
        });
    }
}
