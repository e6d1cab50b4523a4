//! What held a transfer back: each stage in turn is made the slow one, and is named.

use towline::harness::{Pair, PairConfig};
use towline::proto::Limits;
use towline::proto::client::Event;
use towline::proto::op::OpEvent;
use towline::proto::session::{Request, Waits};
use towline::time::{Duration, Time};

use crate::help::*;

const LENGTH: usize = 32 << 20;

/// What the transfer of a file of zeros waited for.
fn waits(config: PairConfig, request: Request) -> Waits {
    let mut pair = Pair::new(config);
    pair.local.put("file", &vec![0; LENGTH]);
    pair.served.put("there", &vec![0; LENGTH]);
    pair.carry_out(request).expect("a transfer");
    let told = |event: &Event| match event {
        Event::Job(_, OpEvent::Waited(waits)) => Some(*waits),
        _ => None,
    };
    let told: Vec<Waits> = pair.events.iter().filter_map(told).collect();
    let [waits] = told[..] else { panic!("{told:?}") };
    let Waits { reading, network, peer, writing } = waits;
    assert!(reading + network + peer + writing <= pair.now().since(Time::ZERO), "{waits:?}");
    pair.close();
    waits
}

fn quick() -> PairConfig {
    PairConfig {
        latency: Duration::from_micros(10),
        store: Duration::from_micros(1),
        ..PairConfig::default()
    }
}

#[test]
fn a_slow_source_is_named() {
    let config = PairConfig { store: Duration::from_millis(30), ..quick() };
    let Waits { reading, network, peer, writing } = waits(config, put("file"));
    assert!(reading > Duration::from_millis(150) && reading > network + writing, "{reading:?} {network:?}");
    assert!(peer > Duration::from_millis(50), "it opens a partial, and publishes: {peer:?}");
}

#[test]
fn a_slow_network_is_named() {
    let slow = || PairConfig { bytes_per_ms: Some(4000), ..quick() };
    let Waits { reading, network, peer, writing } = waits(slow(), put("file"));
    assert!(
        network > Duration::from_secs(6) && network > 4 * (reading + peer + writing),
        "{network:?} {peer:?}"
    );
    let Waits { reading, network, peer, writing } = waits(slow(), fetch("there"));
    assert!(
        network > Duration::from_secs(6) && network > 4 * (reading + peer + writing),
        "{network:?} {peer:?}"
    );
}

#[test]
fn a_peer_that_grants_little_is_named() {
    let serves = Some(Limits { window: 2 << 20, ..Limits::default() });
    let config = PairConfig { serves, latency: Duration::from_millis(40), room: 16 << 20, ..quick() };
    let Waits { reading, network, peer, writing } = waits(config, put("file"));
    assert!(
        peer > Duration::from_millis(500) && peer > 4 * (reading + network + writing),
        "{peer:?} {network:?}"
    );
}

#[test]
fn a_slow_disk_at_the_receiver_is_named() {
    let limits = Limits { window: 2 << 20, extents_ahead: 16, ..Limits::default() };
    let serves = Some(Limits::default());
    let config = PairConfig { limits, serves, store: Duration::from_millis(50), ..quick() };
    let Waits { reading, network, peer, writing } = waits(config, fetch("there"));
    assert!(writing > Duration::from_millis(300), "{writing:?}");
    assert!(writing > reading + network + peer, "{writing:?} of {network:?} {peer:?}");
}

/// Measuring is no state: a question waits for nothing that is counted.
#[test]
fn what_moves_nothing_waits_for_nothing() {
    let mut pair = pair();
    pair.carry_out(echo("quick")).expect("an echo");
    assert!(!pair.events.iter().any(|event| matches!(event, Event::Job(_, OpEvent::Waited(_)))));
    pair.close();
}
