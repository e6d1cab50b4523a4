//! Requests that come again in another process.

use super::*;

pub(super) fn a_retry_in_a_new_process_acts_once<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let hash = upload(&mut names, root, attempt(5, 0, offer("a/f", b"first")), b"first").unwrap();
    names.close_root(root).unwrap();
    assert!(world.look(RESERVED_NAME).is_some(), "it is remembered");

    let (mut names, root) = store(&world, 2);
    world.put("a/f", b"by somebody else since");
    let again = open(&mut names, root, attempt(5, 1, offer("a/f", b"first"))).unwrap();
    assert_eq!(publish(&mut names, again, hash).unwrap(), NameDone::Published);
    assert_eq!(world.get("a/f").unwrap(), b"by somebody else since");
    remove(&mut names, root, "a/f", 6).unwrap();
    drop(names); // as a crash does

    let (mut names, root) = store(&world, 3);
    world.put("a/f", b"put again");
    assert_eq!(remove(&mut names, root, "a/f", 6).unwrap(), NameDone::Removed);
    assert_eq!(world.get("a/f").unwrap(), b"put again");
    upload(&mut names, root, attempt(5, 2, offer("a/g", b"first")), b"first").unwrap();
    assert_eq!(world.get("a/g").unwrap(), b"first", "the same id for another path");
    remove(&mut names, root, "a/f", 7).expect("another request");
    assert_eq!(world.look("a/f"), None);
}

/// A server that stops still has connections while the next one has new ones.
pub(super) fn processes_that_live_at_once_share_what_they_remember<W: World>() {
    let world = W::default();
    let (mut one, one_root) = store(&world, 1);
    let (mut two, two_root) = store(&world, 2);
    let hash = upload(&mut one, one_root, attempt(5, 1, offer("f", b"first")), b"first").unwrap();
    remove(&mut two, two_root, "f", 6).unwrap();
    let late = open(&mut two, two_root, attempt(5, 2, offer("f", b"first"))).unwrap();
    assert_eq!(publish(&mut two, late, hash).unwrap(), NameDone::Published);
    assert_eq!(world.look("f"), None, "it was published, and removed");
    world.put("f", b"put again");
    assert_eq!(remove(&mut one, one_root, "f", 6).unwrap(), NameDone::Removed);
    assert_eq!(world.get("f").unwrap(), b"put again");
    one.close_root(one_root).unwrap();
    two.close_root(two_root).unwrap();
}

pub(super) fn attempts_are_remembered_with_what_they_did<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    upload(&mut names, root, attempt(5, 2, offer("f", b"newer")), b"newer").unwrap();
    drop(names);
    let (mut names, root) = store(&world, 2);
    let late = open(&mut names, root, attempt(5, 1, offer("f", b"older")));
    assert_eq!(code(late), Code::SUPERSEDED);
}

pub(super) fn what_needs_no_memory_leaves_none<W: World>() {
    let world = W::default();
    world.put("g", b"");
    let (mut names, root) = store(&world, 1);
    upload(&mut names, root, offer("f", b"content"), b"content").unwrap();
    remove(&mut names, root, "f", 0).unwrap();
    assert_eq!(code(remove(&mut names, root, "missing", 8)), Code::NOT_FOUND);
    assert_eq!(world.look(".towline/requests"), None);
    names.close_root(root).unwrap();
    assert_eq!(world.look(RESERVED_NAME), None);
}
