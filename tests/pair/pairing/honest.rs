//! Both have the code.

use towline::proto::machine::{End, Input};
use towline::proto::pairing::{GuestCommand, GuestEnd, GuestEvent, HostCommand, HostEnd, HostEvent, Terms};
use towline::proto::{Right, Rights};
use towline::wire::{PairMessage, PairReason, RelPath};

use super::help::*;

#[test]
fn whoever_has_the_code_is_known_and_knows_however_the_bytes_come() {
    for piece in [1, 2, 7, usize::MAX] {
        let mut host = host();
        let (link, mut guest) = come_as_guest(&mut host, 1, code(1));
        converse(&mut host, link, &mut guest, piece);
        assert_eq!(host.events, [HostEvent::Proved(link, CLIENT, name())]);
        assert_eq!(guest.events, [GuestEvent::Proved(terms())]);
        assert_eq!(host.end, Some(HostEnd::Paired(true)));
        assert_eq!(guest.end, Some(GuestEnd::Paired(terms())));
    }
}

#[test]
fn a_client_learns_what_it_may_do_and_where() {
    let folder = RelPath::new("in/anna").expect("a path");
    let terms = Terms::new(9000, &Rights::of(&[Right::Read, Right::Overwrite]).below(folder));
    let may: Vec<&str> =
        Right::ALL.iter().filter(|right| terms.may(**right)).map(|right| right.name()).collect();
    assert_eq!((may, terms.port, terms.is_confined), (vec!["read", "overwrite"], 9000, true));
}

#[test]
fn a_code_is_for_one_pairing() {
    let mut host = host();
    let (first, mut one) = come_as_guest(&mut host, 1, code(1));
    let (second, mut other) = come_as_guest(&mut host, 2, code(1));
    // Both are at the point of making their guess as the first one does.
    for (link, guest) in [(first, &mut one), (second, &mut other)] {
        let start = guest.heard(());
        host.hear(link, start);
        let answer = host.heard(link);
        guest.hear((), answer);
    }
    let confirm = one.heard(());
    host.hear(first, confirm);
    assert_eq!(host.events.len(), 1);
    let [PairMessage::Refused(refused)] = host.messages(second)[..] else { panic!("it is told") };
    assert_eq!(refused.reason, PairReason::OVER);
    let confirm = other.heard(());
    host.hear(second, confirm);
    assert_eq!((host.events.len(), host.finished.clone()), (1, vec![second]));
    // Whoever comes now is not even met.
    accept(&mut host, 3, 3);
    assert_eq!(host.cut.len(), 1);
}

#[test]
fn a_key_that_could_not_be_kept_is_told_at_both_sides() {
    let mut host = host();
    let (link, mut guest) = come_as_guest(&mut host, 1, code(1));
    let start = guest.heard(());
    host.hear(link, start);
    let answer = host.heard(link);
    guest.hear((), answer);
    let confirm = guest.heard(());
    host.hear(link, confirm);
    host.step(Input::Command(HostCommand::NotKept));
    let said = host.heard(link);
    guest.hear((), said);
    assert_eq!(host.end, Some(HostEnd::NotKept));
    let Some(GuestEnd::Refused(refused)) = &guest.end else { panic!("{:?}", guest.end) };
    assert_eq!(refused.reason, PairReason::NOT_KEPT);

    let mut host = super::help::host();
    let (link, mut guest) = come_as_guest(&mut host, 1, code(1));
    for _ in 0..2 {
        let said = guest.heard(());
        host.hear(link, said);
        if !host.events.is_empty() {
            host.step(Input::Command(HostCommand::Kept(terms())));
        }
        let said = host.heard(link);
        guest.hear((), said);
    }
    guest.step(Input::Command(GuestCommand::NotKept));
    assert_eq!(guest.end, Some(GuestEnd::NotKept));
    let said = guest.heard(());
    host.hear(link, said);
    assert_eq!(
        host.end,
        Some(HostEnd::Paired(false)),
        "its key is kept, and the other side has said that it has not"
    );
}

#[test]
fn a_client_that_is_lost_after_its_proof_is_kept_all_the_same() {
    for is_early in [true, false] {
        let mut host = host();
        let (link, mut guest) = come_as_guest(&mut host, 1, code(1));
        let start = guest.heard(());
        host.hear(link, start);
        let answer = host.heard(link);
        guest.hear((), answer);
        let confirm = guest.heard(());
        host.hear(link, confirm);
        guest.step(Input::Ended((), End::Reset));
        assert_eq!(guest.end, Some(GuestEnd::Lost(true)));
        if is_early {
            host.step(Input::Ended(link, End::Reset));
            host.step(Input::Command(HostCommand::Kept(terms())));
        } else {
            host.step(Input::Command(HostCommand::Kept(terms())));
            host.step(Input::Ended(link, End::Reset));
        }
        assert_eq!(host.end, Some(HostEnd::Paired(false)));
    }
}
