//! Whoever does not have the code, or is between two who have.

use towline::proto::PairLimits;
use towline::proto::machine::Input;
use towline::proto::pairing::{GuestEnd, HostCommand, HostEnd, HostEvent};
use towline::time::Duration;
use towline::wire::{PairMessage, PairName, PairReason, PairWelcome};

use super::help::*;

fn refused(end: Option<GuestEnd>) -> (PairReason, u8) {
    match end {
        Some(GuestEnd::Refused(refused)) => (refused.reason, refused.left),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wrong_code_costs_a_try_and_the_right_one_still_pairs() {
    let mut host = host();
    assert_eq!(refused(guess_wrong(&mut host, 1)), (PairReason::WRONG_CODE, 2));
    assert_eq!(refused(guess_wrong(&mut host, 2)), (PairReason::WRONG_CODE, 1));
    pairs(&mut host, 3);
}

#[test]
fn after_three_wrong_guesses_the_code_is_dead_over_all_connections() {
    let mut host = host();
    let waiting = come(&mut host, 9);
    let left: Vec<u8> = (1..=3).map(|id| refused(guess_wrong(&mut host, id)).1).collect();
    assert_eq!((left, host.end), (vec![2, 1, 0], Some(HostEnd::UsedUp)));
    let [PairMessage::Refused(told)] = host.messages(waiting)[..] else { panic!("it is told") };
    assert_eq!(told.reason, PairReason::OVER);
    let wrong = |event: &&HostEvent| matches!(event, HostEvent::Wrong(..));
    assert_eq!(host.events.iter().filter(wrong).count(), 3);
    assert_eq!(host.deadline(), None);
}

#[test]
fn guesses_that_are_made_at_once_are_counted_one_by_one() {
    let mut host = host();
    let mut all: Vec<_> = (1..=5).map(|id| come_as_guest(&mut host, id, code(2))).collect();
    for (link, guest) in &mut all {
        let start = guest.heard(());
        host.hear(*link, start);
        let answer = host.heard(*link);
        guest.hear((), answer);
    }
    for (link, guest) in &mut all {
        let confirm = guest.heard(());
        host.hear(*link, confirm);
    }
    assert_eq!(host.events.len(), 3, "{:?}", host.events);
    assert_eq!(host.end, Some(HostEnd::UsedUp));
}

#[test]
fn a_code_that_is_too_old_is_dead() {
    let mut host = host_with(PairLimits { life: Duration::from_secs(5), ..PairLimits::default() });
    let link = come(&mut host, 1);
    host.elapse();
    assert_eq!((host.end, host.now.as_nanos()), (Some(HostEnd::Expired), 5_000_000_000));
    let [PairMessage::Refused(told)] = host.messages(link)[..] else { panic!("it is told") };
    assert_eq!(told.reason, PairReason::OVER);
}

/// Whoever is between has a session of its own with each, so that the exporters differ, or their keys.
#[test]
fn who_is_between_two_that_have_the_code_gets_nothing() {
    const BETWEEN: [u8; 32] = [0xee; 32];
    let cases = [
        ("other sessions", met(CLIENT, SERVER, 99)),
        ("another key of the server's", met(CLIENT, BETWEEN, 1)),
        ("another key of the client's", met(BETWEEN, SERVER, 1)),
    ];
    for (label, seen) in cases {
        let mut host = host();
        let link = come(&mut host, 1);
        let mut guest = guest(code(1), seen);
        converse(&mut host, link, &mut guest, usize::MAX);
        assert_eq!(refused(guest.end), (PairReason::WRONG_CODE, 2), "{label}");
        assert_eq!(host.events, [HostEvent::Wrong(link, 2)], "{label}");
        // The honest one comes to it all the same.
        pairs(&mut host, 2);
    }
}

/// A server that is none has the client's proof, for one guess, and no second one: the client does not go on.
#[test]
fn a_server_without_the_code_proves_nothing() {
    let mut host = host_with(PairLimits::default());
    let link = come(&mut host, 1);
    let mut guest = guest(code(2), met(CLIENT, SERVER, 1));
    let start = guest.heard(());
    host.hear(link, start);
    let answer = host.heard(link);
    guest.hear((), answer);
    let sent = guest.messages(());
    assert!(matches!(sent[..], [PairMessage::Confirm(..)]));
    let PairMessage::Confirm(mac, _) = sent[0] else { unreachable!() };
    // What it has seen of the client proves nothing the other way.
    let welcome = PairWelcome { mac, port: 8695, rights: 0x1f, is_confined: false };
    guest.hear_message((), &PairMessage::Welcome(welcome));
    assert_eq!((guest.end, guest.events.len()), (Some(GuestEnd::Unproved), 0));
}

#[test]
fn what_is_changed_of_the_last_words_proves_nothing() {
    type Change = fn(&mut PairWelcome);
    let changes: [Change; 4] = [
        |welcome| welcome.port += 1,
        |welcome| welcome.rights = 0x1f,
        |welcome| welcome.is_confined = true,
        |welcome| welcome.mac[31] ^= 1,
    ];
    for change in changes {
        let mut host = host();
        let (link, mut guest) = come_as_guest(&mut host, 1, code(1));
        let start = guest.heard(());
        host.hear(link, start);
        let answer = host.heard(link);
        guest.hear((), answer);
        let confirm = guest.heard(());
        host.hear(link, confirm);
        host.step(Input::Command(HostCommand::Kept(terms())));
        let [PairMessage::Welcome(mut welcome)] = host.messages(link)[..] else { panic!("it is welcome") };
        change(&mut welcome);
        guest.hear_message((), &PairMessage::Welcome(welcome));
        assert_eq!(guest.end, Some(GuestEnd::Unproved));
    }
}

#[test]
fn another_name_than_was_proved_is_a_wrong_guess() {
    let mut host = host();
    let (link, mut guest) = come_as_guest(&mut host, 1, code(1));
    let start = guest.heard(());
    host.hear(link, start);
    let answer = host.heard(link);
    guest.hear((), answer);
    let [PairMessage::Confirm(mac, _)] = guest.messages(())[..] else { panic!("it proves") };
    let name = PairName::new("root").expect("a name");
    host.hear_message(link, &PairMessage::Confirm(mac, name));
    assert_eq!(host.events, [HostEvent::Wrong(link, 2)]);
}

/// What one side says is sent back to it, as it is or as the other side's message.
#[test]
fn what_is_reflected_proves_nothing() {
    let mut guest = guest(code(1), met(CLIENT, SERVER, 1));
    let start = guest.heard(());
    guest.hear((), start);
    assert!(matches!(guest.end, Some(GuestEnd::Malformed(_))), "{:?}", guest.end);

    let mut guest = super::help::guest(code(1), met(CLIENT, CLIENT, 1));
    let [PairMessage::Start(_, element)] = guest.messages(())[..] else { panic!("it begins") };
    guest.hear_message((), &PairMessage::Answer(1, element));
    let [PairMessage::Confirm(mac, _)] = guest.messages(())[..] else { panic!("it goes on") };
    let welcome = PairWelcome { mac, port: 8695, rights: 1, is_confined: false };
    guest.hear_message((), &PairMessage::Welcome(welcome));
    assert_eq!(guest.end, Some(GuestEnd::Unproved));

    // The server's element comes back as the client's.
    let mut host = host();
    let link = come(&mut host, 1);
    let (_, mut other) = come_as_guest(&mut host, 2, code(2));
    let start = other.heard(());
    host.hear(link, start);
    let [PairMessage::Answer(_, element)] = host.messages(link)[..] else { panic!("it answers") };
    let third = come(&mut host, 3);
    host.hear_message(third, &PairMessage::Start(towline::proto::pairing::VERSIONS, element));
    assert_eq!(host.messages(third).len(), 1);
    host.hear_message(third, &PairMessage::Confirm([0; 32], name()));
    assert_eq!(host.events, [HostEvent::Wrong(third, 2)]);
}
