//! The probe, over streams and over datagrams.

use bytes::Bytes;
use towline::proto::Prober;
use towline::proto::machine::{End, Input};
use towline::proto::prober::{Carrier, Pace, ProbeCommand, Rate, Settings};
use towline::time::{Duration, Time};

use super::{Bench, Show, assert_table, row, waits};
use crate::help::LATER;

/// One probe a second, from `LATER` on; two in all.
fn prober(carrier: Carrier) -> Bench<Prober> {
    let settings = Settings {
        carrier,
        size: 16,
        pace: Pace::Open(Rate::new(1.0).expect("a rate")),
        count: Some(2),
        timeout: Duration::from_millis(1_500),
        ..Settings::default()
    };
    Bench::new(Prober::new(LATER, &settings).expect("they make sense"))
}

/// What the probe with this number carries, as long as it has only its header.
fn reply(number: u64, at: Time) -> Bytes {
    [number.to_le_bytes(), at.as_nanos().to_le_bytes()].concat().into()
}

fn table(name: &str, carrier: Carrier) {
    let room = || Input::Room((), 1 << 20);
    let sent = || prober(carrier).after(room());
    let first = reply(0, LATER);
    let states = vec![
        ("there is no room", prober(carrier)),
        ("one is on its way, and there is no room", sent()),
        ("one is on its way", sent().after(room())),
        ("one was answered", sent().after(room()).after(Input::Received((), first.clone()))),
        ("one was lost, and another is on its way", sent().after(room()).elapsed().after(room()).elapsed()),
        ("over", sent().after(Input::Command(ProbeCommand::Stop))),
    ];
    let received = |bytes: Bytes| Input::Received((), bytes);
    let mut rows = vec![
        row("Received, the first", received(first.clone())),
        row("Received, its first half", received(first.slice(..8))),
        row("Received, it and more", received([&first[..], b"x"].concat().into())),
        row("Received, of another time", received(reply(0, Time::ZERO))),
        row("Received, not yet sent", received(reply(9, LATER))),
        row("Received nothing", received(Bytes::new())),
        row("Room 15", Input::Room((), 15)),
        row("Room 16", Input::Room((), 16)),
        row("Refused", Input::Command(ProbeCommand::Refused)),
        row("Stop", Input::Command(ProbeCommand::Stop)),
        row("Ended, orderly", Input::Ended((), End::Orderly)),
        row("Ended, reset", Input::Ended((), End::Reset)),
    ];
    rows.extend(waits());
    let show = Show {
        state: |prober: &Prober| prober.state_name().into(),
        sent: |sent| {
            let number = |probe: &Bytes| probe.first().copied().unwrap_or_default();
            sent.iter().map(|probe| format!("probe {}", number(probe))).collect::<Vec<_>>().join(", ")
        },
        all: Prober::STATES,
    };
    assert_table(name, states, rows, &show);
}

#[test]
fn probe_of_a_stream() {
    table("states_prober_stream", Carrier::Stream);
}

#[test]
fn probe_of_datagrams() {
    table("states_prober_datagrams", Carrier::Datagrams);
}
