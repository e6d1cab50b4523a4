//! Whoever says nothing has a deadline, and whoever comes in numbers has a cap: neither costs a try, nor holds up the honest one.

use towline::proto::PairLimits;
use towline::proto::listener::ConnectionId;
use towline::proto::machine::{End, Input};
use towline::proto::pairing::{GuestEnd, HostCommand, HostEnd};
use towline::wire::{PairMessage, PairReason};

use super::help::*;

#[test]
fn a_client_that_falls_silent_at_any_step_is_cut_and_costs_no_try() {
    let mut host = host();
    // In the TLS handshake, behind it, and behind the server's element.
    let handshake = accept(&mut host, 1, 1);
    let idle = come(&mut host, 2);
    let (begun, mut guest) = come_as_guest(&mut host, 3, code(1));
    let start = guest.heard(());
    host.hear(begun, start);
    host.heard(begun);
    // And in the middle of a message.
    let (half, mut other) = come_as_guest(&mut host, 4, code(1));
    let start = other.heard(());
    host.hear(half, start[..20].to_vec());
    host.elapse();
    assert_eq!(host.now.as_nanos(), 10_000_000_000);
    assert_eq!((host.cut.clone(), host.finished.clone()), (vec![handshake], vec![idle, begun, half]));
    for link in [idle, begun, half] {
        let [PairMessage::Refused(told)] = host.messages(link)[..] else { panic!("it is told") };
        assert_eq!((told.reason, told.left), (PairReason::TOO_SLOW, 3));
    }
    assert!(host.events.is_empty());
    pairs(&mut host, 5);
}

#[test]
fn a_client_that_falls_silent_after_the_welcome_is_not_waited_for() {
    let mut host = host();
    let (link, mut guest) = come_as_guest(&mut host, 1, code(1));
    let start = guest.heard(());
    host.hear(link, start);
    let answer = host.heard(link);
    guest.hear((), answer);
    let confirm = guest.heard(());
    host.hear(link, confirm);
    host.step(Input::Command(HostCommand::Kept(terms())));
    host.elapse();
    assert_eq!((host.end, host.now.as_nanos()), (Some(HostEnd::Paired(false)), 10_000_000_000));
}

#[test]
fn a_server_that_falls_silent_is_given_up_by_its_client_at_any_step() {
    let mut guest = guest(code(1), met(CLIENT, SERVER, 1));
    guest.elapse();
    assert_eq!((guest.end, guest.now.as_nanos()), (Some(GuestEnd::TooSlow), 10_000_000_000));

    let mut host = host();
    let (link, mut guest) = come_as_guest(&mut host, 1, code(1));
    let start = guest.heard(());
    host.hear(link, start);
    let answer = host.heard(link);
    guest.hear((), answer);
    guest.elapse();
    assert_eq!(guest.end, Some(GuestEnd::TooSlow));
    // Lost is not late.
    let mut guest = super::help::guest(code(1), met(CLIENT, SERVER, 1));
    guest.step(Input::Ended((), End::Orderly));
    assert_eq!(guest.end, Some(GuestEnd::Lost(false)));
}

#[test]
fn many_that_stall_give_way_and_the_honest_one_pairs() {
    let mut host = host_with(PairLimits { connections: 3, ..PairLimits::default() });
    let honest = accept(&mut host, 1, 7);
    // All from one address: the oldest of them goes, and never the honest one's.
    for id in 2..200 {
        let link = accept(&mut host, id, 8);
        introduce(&mut host, link);
    }
    assert_eq!(host.cut.len() + host.finished.len(), 199 - 3);
    assert!(!host.cut.contains(&ConnectionId(1)));
    introduce(&mut host, honest);
    let mut guest = guest(code(1), met(CLIENT, SERVER, 1));
    converse(&mut host, honest, &mut guest, usize::MAX);
    assert_eq!(guest.end, Some(GuestEnd::Paired(terms())));
    assert_eq!(host.end, Some(HostEnd::Paired(true)));
}

#[test]
fn a_handshake_that_fails_is_forgotten() {
    let mut host = host();
    let link = accept(&mut host, 1, 1);
    host.step(Input::Ended(link, End::Reset));
    introduce(&mut host, link);
    host.hear(link, PairMessage::Done.to_bytes());
    assert_eq!(host.heard(link), Vec::<u8>::new());
    pairs(&mut host, 2);
}
