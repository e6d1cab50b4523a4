//! What is not what the exchange consists of: it is bounded, costs no try, and holds up nobody.

use towline::proto::pairing::{GuestEnd, HostEvent, VERSIONS};
use towline::wire::{DecodeError, PairMessage, PairReason, VersionRange};

use super::help::*;

/// RFC 7748, 6.1 and what is known of edwards25519: all points of small order, encodings that are not canonical, and what is no point.
fn wrong_elements() -> Vec<[u8; 32]> {
    let hex = [
        // The identity, and the points of order 2, 4 and 8.
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        // The identity with a sign, and y = p + 1, which is 1 again.
        "0100000000000000000000000000000000000000000000000000000000000080",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        // y = 2 is on no point of the curve.
        "0200000000000000000000000000000000000000000000000000000000000000",
    ];
    let bytes = |hex: &str| {
        core::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("digits"))
    };
    hex.into_iter().map(bytes).collect()
}

#[test]
fn elements_that_are_not_of_the_group_are_refused_at_both_sides() {
    let mut host = host();
    for (at, element) in wrong_elements().into_iter().enumerate() {
        let link = come(&mut host, at as u64);
        host.hear_message(link, &PairMessage::Start(VERSIONS, element));
        let [PairMessage::Refused(refused)] = host.messages(link)[..] else { panic!("{element:02x?}") };
        assert_eq!((refused.reason, refused.left), (PairReason::MALFORMED, 3), "{element:02x?}");

        let mut guest = guest(code(1), met(CLIENT, SERVER, at as u8));
        guest.heard(());
        guest.hear_message((), &PairMessage::Answer(1, element));
        let expected = GuestEnd::Malformed(DecodeError::Value("no element of the group"));
        assert_eq!(guest.end, Some(expected), "{element:02x?}");
        assert!(!guest.messages(()).iter().any(|sent| matches!(sent, PairMessage::Confirm(..))));
    }
    pairs(&mut host, 99);
}

#[test]
fn versions_that_are_not_spoken_are_told_and_cost_no_try() {
    let mut host = host();
    let link = come(&mut host, 1);
    let offered = VersionRange { lowest: 2, highest: 9 };
    host.hear_message(link, &PairMessage::Start(offered, [9; 32]));
    let [PairMessage::Refused(refused)] = host.messages(link)[..] else { panic!("it is told") };
    assert_eq!((refused.reason, refused.left, refused.versions), (PairReason::VERSION, 3, (1, 1)));
    assert_eq!(host.events, [HostEvent::OtherVersion(link, offered)]);
    let mut guest = guest(code(1), met(CLIENT, SERVER, 2));
    guest.hear_message((), &PairMessage::Answer(2, [9; 32]));
    assert!(matches!(guest.end, Some(GuestEnd::Malformed(_))), "a version that was not offered");
    pairs(&mut host, 2);
}

/// Whoever offers more than this side speaks is answered in what both speak, and the proofs cover what was offered.
#[test]
fn what_was_offered_is_proved() {
    let mut host = host();
    let (link, mut guest) = come_as_guest(&mut host, 1, code(1));
    let [PairMessage::Start(_, element)] = guest.messages(())[..] else { panic!("it begins") };
    host.hear_message(link, &PairMessage::Start(VersionRange { lowest: 1, highest: 9 }, element));
    let answer = host.heard(link);
    guest.hear((), answer);
    let confirm = guest.heard(());
    host.hear(link, confirm);
    assert_eq!(host.events, [HostEvent::Wrong(link, 2)], "somebody has changed what was offered");
}

#[test]
fn what_is_too_long_is_refused_by_its_header_and_nothing_of_it_is_held() {
    let mut host = host();
    let link = come(&mut host, 1);
    host.hear(link, vec![3, 129, 0]);
    let [PairMessage::Refused(refused)] = host.messages(link)[..] else { panic!("it is told") };
    assert_eq!((refused.reason, refused.left), (PairReason::MALFORMED, 3));
    assert_eq!(host.events, [HostEvent::Malformed(link, DecodeError::TooLong(129, 128))]);
    // What follows goes nowhere.
    host.hear(link, vec![0; 1 << 20]);
    assert_eq!((host.events.len(), host.heard(link)), (1, Vec::new()));
}

#[test]
fn rubbish_of_any_kind_costs_no_try() {
    let whole = PairMessage::Confirm([7; 32], name()).to_bytes();
    let mut longer = whole.to_vec();
    longer[1] += 1;
    longer.push(0);
    let cases: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0, 0, 0],
        vec![7, 0, 0],
        vec![5, 1, 0, 0],
        vec![1, 0, 0],
        [&[1, 36, 0, 0, 0, 1, 0][..], &[9; 32]].concat(),
        [&[1, 36, 0, 2, 0, 1, 0][..], &[9; 32]].concat(),
        PairMessage::Done.to_bytes().to_vec(),
        // A guess before its time is none, since there is nothing to be proved yet.
        whole.to_vec(),
        longer,
    ];
    let mut host = host();
    for (at, bytes) in cases.iter().enumerate() {
        let link = come(&mut host, at as u64);
        host.hear(link, bytes.clone());
        let [PairMessage::Refused(refused)] = host.messages(link)[..] else { panic!("{bytes:02x?}") };
        assert_eq!((refused.reason, refused.left), (PairReason::MALFORMED, 3), "{bytes:02x?}");
    }
    // A name that no line could have makes no guess either, whatever the proof.
    let (link, mut guest) = come_as_guest(&mut host, 50, code(1));
    let start = guest.heard(());
    host.hear(link, start);
    host.heard(link);
    host.hear(link, [&[3, 37, 0][..], &[7; 32], &[3, 0], b"a b"].concat());
    let [PairMessage::Refused(refused)] = host.messages(link)[..] else { panic!("it is told") };
    assert_eq!((refused.reason, refused.left), (PairReason::MALFORMED, 3));
    pairs(&mut host, 51);
}

/// Any byte of each message of either side, changed: nobody is paired who was not, nothing panics, and the host goes on.
#[test]
fn no_byte_can_be_changed_on_the_way() {
    for target in 0..4 {
        for at in 0.. {
            let mut host = host();
            let (link, mut guest) = come_as_guest(&mut host, 1, code(1));
            let is_there = changed(&mut host, link, &mut guest, (target, at));
            if !is_there {
                break;
            }
            assert!(!matches!(guest.end, Some(GuestEnd::Paired(_))), "message {target}, byte {at}");
        }
    }
}

/// Changes a byte of the message of that number; false if it has none there.
fn changed(
    host: &mut Side<towline::proto::pairing::Host>,
    link: towline::proto::listener::ConnectionId,
    guest: &mut Side<towline::proto::pairing::Guest>,
    (target, at): (usize, usize),
) -> bool {
    use towline::proto::machine::Input;
    use towline::proto::pairing::{GuestCommand, GuestEvent, HostCommand, HostEvent};
    for message in 0..4 {
        let is_of_client = message % 2 == 0;
        let mut bytes = if is_of_client { guest.heard(()) } else { host.heard(link) };
        if message == target {
            let Some(byte) = bytes.get_mut(at) else { return false };
            *byte ^= 1;
        }
        if is_of_client {
            host.hear(link, bytes);
            if host.events.iter().any(|event| matches!(event, HostEvent::Proved(..))) {
                host.step(Input::Command(HostCommand::Kept(terms())));
            }
        } else {
            guest.hear((), bytes);
            if guest.events.iter().any(|event| matches!(event, GuestEvent::Proved(_))) {
                guest.step(Input::Command(GuestCommand::Kept));
            }
        }
    }
    true
}
