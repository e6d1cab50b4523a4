//! Both sides of a pairing.

use bytes::Bytes;
use towline::proto::listener::{ConnectionId, Source};
use towline::proto::machine::{End, Input, Out};
use towline::proto::pairing::{Guest, GuestCommand, Host, HostCommand, VERSIONS};
use towline::proto::{PairLimits, Rights};
use towline::time::Time;
use towline::wire::{PairDecoder, PairMessage, PairReason, PairRefused, PairWelcome};

use super::{Bench, Show, assert_table, row, waits};
use crate::pairing::help::{CLIENT, SERVER, code, come_as_guest, host, met, name, terms};

fn messages(sent: Vec<Bytes>) -> String {
    let (mut bytes, mut decoder) = (Bytes::from(sent.concat()), PairDecoder::default());
    let all = std::iter::from_fn(|| decoder.next(&mut bytes).expect("it speaks as it should"));
    let named = all.map(|message| match message {
        PairMessage::Start(..) => "Start".to_owned(),
        PairMessage::Answer(..) => "Answer".to_owned(),
        PairMessage::Confirm(..) => "Confirm".to_owned(),
        PairMessage::Welcome(..) => "Welcome".to_owned(),
        PairMessage::Done => "Done".to_owned(),
        PairMessage::Refused(refused) => format!("Refused {:?}, {} left", refused.reason, refused.left),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// What an honest exchange over connection 1 says, in order.
fn said() -> [PairMessage; 4] {
    let mut host = host();
    let (link, mut guest) = come_as_guest(&mut host, 1, code(1));
    let start = guest.messages(()).remove(0);
    host.hear_message(link, &start);
    let answer = host.messages(link).remove(0);
    guest.hear_message((), &answer);
    let confirm = guest.messages(()).remove(0);
    host.hear_message(link, &confirm);
    host.step(Input::Command(HostCommand::Kept(terms())));
    let welcome = host.messages(link).remove(0);
    [start, answer, confirm, welcome]
}

/// Every message, as it would be right and as it would not.
fn heard() -> Vec<(&'static str, PairMessage)> {
    let [start, answer, confirm, welcome] = said();
    let wrong = PairWelcome { mac: [0; 32], port: 1, rights: 0, is_confined: false };
    let refused = PairRefused { reason: PairReason::WRONG_CODE, left: 2, versions: (1, 1) };
    vec![
        ("Start", start),
        ("Start, no element", PairMessage::Start(VERSIONS, [2; 32])),
        ("Answer", answer),
        ("Answer, no element", PairMessage::Answer(1, [2; 32])),
        ("Answer, other version", PairMessage::Answer(2, [2; 32])),
        ("Confirm", confirm),
        ("Confirm, wrong", PairMessage::Confirm([0; 32], name())),
        ("Welcome", welcome),
        ("Welcome, wrong", PairMessage::Welcome(wrong)),
        ("Done", PairMessage::Done),
        ("Refused", PairMessage::Refused(refused)),
    ]
}

#[test]
fn pairing_guest() {
    let [_, answer, _, welcome] = said();
    let new = || {
        let mut born = Out::new();
        let met = met(CLIENT, SERVER, 1);
        let guest = Guest::new(Time::ZERO, (code(1), met), name(), &PairLimits::default(), &mut born);
        Bench::born(guest, born)
    };
    let hear = |message: &PairMessage| Input::Received((), message.to_bytes());
    let proving = || new().after(hear(&answer));
    let keeping = || proving().after(hear(&welcome));
    let states = vec![
        ("it has begun", new()),
        ("it has made its guess", proving()),
        ("the server has proved that it has the code", keeping()),
        ("over", new().after(Input::Ended((), End::Reset))),
    ];
    let mut rows: Vec<_> = heard().iter().map(|(label, message)| row(label, hear(message))).collect();
    rows.push(row("too long", Input::Received((), Bytes::from_static(&[4, 0xff, 0xff]))));
    rows.push(row("Ended, orderly", Input::Ended((), End::Orderly)));
    rows.push(row("Ended, reset", Input::Ended((), End::Reset)));
    rows.push(row("Kept", Input::Command(GuestCommand::Kept)));
    rows.push(row("NotKept", Input::Command(GuestCommand::NotKept)));
    rows.push(row("Room 0", Input::Room((), 0)));
    rows.extend(waits());
    let show = Show { state: |guest: &Guest| guest.state_name().into(), sent: messages, all: Guest::STATES };
    assert_table("states_pairing_guest", states, rows, &show);
}

#[test]
fn pairing_host() {
    let [start, _, confirm, _] = said();
    let new = |tries| {
        let limits = PairLimits { connections: 2, tries, ..PairLimits::default() };
        Bench::new(Host::new(Time::ZERO, code(1), limits))
    };
    let accepted = |id, source| Input::Command(HostCommand::Accepted(ConnectionId(id), Source(source)));
    let met = |id| Input::Command(HostCommand::Met(ConnectionId(id), met(SERVER, CLIENT, 1)));
    let hear = |message: &PairMessage| Input::Received(ConnectionId(1), message.to_bytes());
    let introduced = |tries| new(tries).after(accepted(1, 1)).after(met(1));
    let answered = |tries| introduced(tries).after(hear(&start));
    let keeping = || answered(3).after(hear(&confirm));
    let kept = || Input::Command(HostCommand::Kept(towline::proto::pairing::Terms::new(8695, &Rights::ALL)));
    let states = vec![
        ("nobody is there", new(3)),
        ("one is in the TLS handshake", new(3).after(accepted(1, 1))),
        ("two are, the most", new(3).after(accepted(1, 1)).after(accepted(2, 2))),
        ("one has shown a key", introduced(3)),
        ("one has our element", answered(3)),
        ("one has, and one try is left", answered(1)),
        ("one has proved", keeping()),
        ("and is gone", keeping().after(Input::Ended(ConnectionId(1), End::Reset))),
        ("it is welcome", keeping().after(kept())),
        ("over", keeping().after(Input::Command(HostCommand::NotKept))),
    ];
    let mut rows = vec![
        row("Accepted", accepted(8, 1)),
        row("Accepted, another address", accepted(9, 9)),
        row("Met", met(1)),
        row("Met, nobody", met(7)),
    ];
    rows.extend(heard().iter().map(|(label, message)| row(label, hear(message))));
    rows.push(row("too long", Input::Received(ConnectionId(1), Bytes::from_static(&[3, 0xff, 0xff]))));
    rows.push(row("Done, another one", Input::Received(ConnectionId(7), PairMessage::Done.to_bytes())));
    rows.push(row("Ended, orderly", Input::Ended(ConnectionId(1), End::Orderly)));
    rows.push(row("Ended, reset", Input::Ended(ConnectionId(1), End::Reset)));
    rows.push(row("Ended, another one", Input::Ended(ConnectionId(7), End::Reset)));
    rows.push(row("Kept", kept()));
    rows.push(row("NotKept", Input::Command(HostCommand::NotKept)));
    rows.push(row("Room 0", Input::Room(ConnectionId(1), 0)));
    rows.extend(waits());
    let show = Show { state: |host: &Host| host.state_name().into(), sent: messages, all: Host::STATES };
    assert_table("states_pairing_host", states, rows, &show);
}
