//! What is kept of an upload is its sender's alone.

use towline::proto::storage::{BlockSet, Existing, Lease, NameDone, NameOp, Owner, RootId};
use towline::store::Names;
use towline::store::memory::MemoryFiles;

use crate::help::{bytes, fill, first, offer};

const LENGTH: usize = 20 * 64 * 1024;

fn open(names: &mut Names<MemoryFiles>, root: RootId, owner: Owner) -> (Lease, BlockSet, BlockSet) {
    let (offer, existing) = (offer("f", &bytes(LENGTH)), Existing::Replace);
    match names.execute(NameOp::OpenPartial { root, offer, existing, owner }).expect("it is opened") {
        NameDone::Partial { lease, held, basis, .. } => (lease, held, basis),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_partial_of_one_owner_is_nobody_elses() {
    let mut names = Names::new(1);
    let root = names.add_root(MemoryFiles::new()).expect("memory can be read");
    let (alice, bob) = (Owner([1; 32]), Owner([2; 32]));
    let (lease, held, _) = open(&mut names, root, alice);
    assert!(held.is_empty());
    fill(&names, lease, &bytes(LENGTH)).expect("it is written");

    // Neither while it is filled, as something to copy, nor once it is kept.
    for kept in [false, true] {
        if kept {
            assert_eq!(names.execute(NameOp::Keep { lease, held: first(7) }), Ok(NameDone::Released));
        }
        for other in [bob, Owner::ANYBODY] {
            let (another, held, basis) = open(&mut names, root, other);
            assert!(held.is_empty() && basis.is_empty(), "{other:?} {kept}");
            assert_eq!(names.execute(NameOp::Discard { lease: another }), Ok(NameDone::Released));
        }
    }
    let (_, held, _) = open(&mut names, root, alice);
    assert_eq!(held, first(7), "its owner goes on with it");
}
