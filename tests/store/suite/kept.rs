//! Partials that are kept: who finds them, what they are believed, and when they go.

use towline::proto::storage::{BlockSet, Existing, Lease, NameDone, NameOp, Owner, RootId};
use towline::store::{Files, Names, kept, remove_kept};
use towline::wire::{Attempt, Modified, Offer, Start};

use super::{World, partials};
use crate::help::*;

const BLOCK: usize = 64 * 1024;
const LENGTH: usize = 20 * BLOCK;

fn content() -> Vec<u8> {
    bytes(LENGTH)
}

fn begin<F: Files>(names: &mut Names<F>, root: RootId, offer: Offer) -> (Lease, BlockSet, BlockSet) {
    match names
        .execute(NameOp::OpenPartial { root, offer, existing: Existing::Replace, owner: Owner::ANYBODY })
        .expect("it is opened")
    {
        NameDone::Partial { lease, held, basis, .. } => (lease, held, basis),
        other => panic!("{other:?}"),
    }
}

fn keep<F: Files>(names: &mut Names<F>, lease: Lease, blocks: u32) {
    let held = first(blocks);
    assert_eq!(names.execute(NameOp::Keep { lease, held }), Ok(NameDone::Released));
}

pub(super) fn a_partial_is_found_by_the_next_process<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let (lease, held, _) = begin(&mut names, root, offer("a/f", &content()));
    assert!(held.is_empty());
    fill(&names, lease, &content()).unwrap();
    keep(&mut names, lease, 7);
    names.close_root(root).unwrap();
    let listed = kept(&world.files()).unwrap();
    assert_eq!((listed.len(), listed[0].held, listed[0].length), (1, 7 * BLOCK as u64, LENGTH as u64));

    let (mut names, root) = store(&world, 2);
    let (lease, held, _) = begin(&mut names, root, offer("a/f", &content()));
    assert_eq!(held, first(7));
    assert!(!remove_kept(&world.files(), &listed[0]).unwrap(), "it is in use");
    let (other, held, basis) = begin(&mut names, root, offer("a/f", &content()));
    assert!(held.is_empty(), "the second one has a file of its own");
    assert_eq!(basis, first(7), "and may copy");
    discard(&mut names, other).unwrap();
    let hash = fill(&names, lease, &content()).unwrap();
    publish(&mut names, lease, hash).unwrap();
    assert!(world.get("a/f").unwrap() == content());
    names.close_root(root).unwrap();
    assert_eq!(world.look(".towline"), None, "nothing is left");
}

/// A file that has changed at its source has the same place: what is whole in both lengths may be of use.
pub(super) fn a_partial_serves_a_source_that_changed<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let (lease, ..) = begin(&mut names, root, offer("f", &content()));
    keep(&mut names, lease, 20);
    let longer =
        Offer { modified: Modified { seconds: 9, nanoseconds: 9 }, ..offer("f", &bytes(LENGTH + 5)) };
    let (lease, held, _) = begin(&mut names, root, longer);
    assert_eq!(held, first(20));
    keep(&mut names, lease, 21);
    let (lease, held, _) = begin(&mut names, root, offer("f", &bytes(LENGTH - 5)));
    assert_eq!(held, first(19), "the last block was whole, and is cut now");
    discard(&mut names, lease).unwrap();
    assert_eq!(partials(&world), 0);
}

pub(super) fn afresh_looks_at_nothing<W: World>() {
    let world = W::default();
    world.put("f", &content());
    let (mut names, root) = store(&world, 1);
    let (lease, _, basis) = begin(&mut names, root, offer("f", &content()));
    assert_eq!(basis, first(20), "the version that stands there");
    keep(&mut names, lease, 20);
    let attempt = Attempt { start: Start::Afresh, ..Attempt::default() };
    let (lease, held, basis) = begin(&mut names, root, Offer { attempt, ..offer("f", &content()) });
    assert!(held.is_empty() && basis.is_empty());
    discard(&mut names, lease).unwrap();
    assert_eq!(partials(&world), 0, "the one that was kept is gone with it");
}

pub(super) fn what_is_too_small_or_empty_is_not_kept<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    for (length, blocks) in [(1 << 20, 16), (LENGTH, 0)] {
        let (lease, ..) = begin(&mut names, root, offer("f", &bytes(length)));
        keep(&mut names, lease, blocks);
        assert_eq!(partials(&world), 0, "{length}");
    }
}

/// A lease that nobody ends is kept as it was last noted.
pub(super) fn an_abandoned_partial_is_kept_as_it_was_noted<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let (lease, ..) = begin(&mut names, root, offer("f", &content()));
    names.execute(NameOp::Note { lease, held: first(2) }).unwrap();
    names.execute(NameOp::Note { lease, held: first(5) }).unwrap();
    names.abandon(lease);
    let (lease, held, _) = begin(&mut names, root, offer("f", &content()));
    assert_eq!(held, first(5));
    discard(&mut names, lease).unwrap();
    let (lease, ..) = begin(&mut names, root, offer("f", &content()));
    names.abandon(lease);
    assert_eq!(partials(&world), 0, "nothing was noted");
}

pub(super) fn what_was_kept_can_be_removed<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    for at in ["f", "folder/f"] {
        let (lease, ..) = begin(&mut names, root, offer(at, &content()));
        keep(&mut names, lease, 3);
    }
    let listed = kept(&world.files()).unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|entry| remove_kept(&world.files(), entry).unwrap()));
    assert_eq!(kept(&world.files()).unwrap(), []);
    assert_eq!(partials(&world), 0);
}

/// All four names are taken: a fifth receives all the same, and leaves nothing.
pub(super) fn one_too_many_has_a_file_that_is_not_kept<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let leases: Vec<Lease> = (0..5).map(|_| begin(&mut names, root, offer("f", &content())).0).collect();
    for lease in &leases {
        keep(&mut names, *lease, 1);
    }
    assert_eq!(kept(&world.files()).unwrap().len(), 4);
    let (lease, ..) = begin(&mut names, root, offer("f", &content()));
    let hash = fill(&names, lease, &content()).unwrap();
    publish(&mut names, lease, hash).unwrap();
    assert_eq!(partials(&world), 0, "what was kept for a file that is there now is of no use");
}

/// Who was cut off has come again, and was done before it showed that the first connection was lost.
pub(super) fn what_breaks_off_after_its_file_was_published_is_not_kept<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let (first, ..) = begin(&mut names, root, offer("f", &content()));
    let (second, ..) = begin(&mut names, root, offer("f", &content()));
    let hash = fill(&names, second, &content()).unwrap();
    publish(&mut names, second, hash).unwrap();
    let (third, ..) = begin(&mut names, root, offer("f", &content()));
    keep(&mut names, first, 3);
    assert_eq!(kept(&world.files()).unwrap(), []);
    keep(&mut names, third, 3);
    assert_eq!(kept(&world.files()).unwrap().len(), 1, "what was begun later goes on");
}

/// An attempt that had something in hand when it heard that its request was carried out long ago.
pub(super) fn what_was_done_already_leaves_nothing<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let (lease, ..) = begin(&mut names, root, attempt(5, 1, offer("f", &content())));
    let hash = fill(&names, lease, &content()).unwrap();
    publish(&mut names, lease, hash).unwrap();
    let (lease, ..) = begin(&mut names, root, attempt(5, 2, offer("f", &content())));
    names.execute(NameOp::Note { lease, held: first(3) }).unwrap();
    assert_eq!(publish(&mut names, lease, hash), Ok(NameDone::Published));
    assert_eq!(partials(&world), 0);
}

/// A file that has shrunk at its source comes in one breath, without looking for what was kept of it.
pub(super) fn what_was_kept_goes_when_a_short_file_is_published_there<W: World>() {
    let world = W::default();
    for process in 1..3 {
        let (mut names, root) = store(&world, process);
        let (lease, ..) = begin(&mut names, root, offer("f", &content()));
        keep(&mut names, lease, 3);
        if process == 2 {
            names.close_root(root).unwrap();
            (names, _) = store(&world, 3);
        }
        upload(&mut names, root, offer("f", b"short"), b"short").unwrap();
        assert_eq!(partials(&world), 0, "{process}");
    }
}
