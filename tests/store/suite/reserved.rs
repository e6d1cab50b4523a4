//! The reserved folder, what a crash leaves in it, and leases.

use super::*;

pub(super) fn partials_of_a_crash_are_swept<W: World>() {
    let world = W::default();
    world.put("f", b"old");
    let (mut names, root) = store(&world, 1);
    for at in ["f", "g", "h/i"] {
        let lease = open(&mut names, root, offer(at, b"new")).unwrap();
        fill(&names, lease, b"new").unwrap();
    }
    assert_eq!(partials(&world), 3);
    drop(names); // as a crash does: nothing is tidied
    assert_eq!(partials(&world), 3);
    assert_eq!(world.get("f").unwrap(), b"old");
    let (mut names, root) = store(&world, 2);
    assert_eq!(partials(&world), 0);
    upload(&mut names, root, offer("f", b"new"), b"new").unwrap();
    names.close_root(root).unwrap();
    assert_eq!(world.look(RESERVED_NAME), None);
}

pub(super) fn partials_of_the_living_are_not_swept<W: World>() {
    let world = W::default();
    let (mut one, one_root) = store(&world, 1);
    let lease = open(&mut one, one_root, offer("f", b"new")).unwrap();
    let hash = fill(&one, lease, b"new").unwrap();
    let (mut two, two_root) = store(&world, 2);
    assert_eq!(partials(&world), 1);
    upload(&mut two, two_root, offer("f", b"new"), b"new").unwrap();
    two.close_root(two_root).unwrap();
    assert!(world.look(RESERVED_NAME).is_some(), "the other one still uses it");
    publish(&mut one, lease, hash).unwrap();
    one.close_root(one_root).unwrap();
    assert_eq!(world.look(RESERVED_NAME), None);
    assert_eq!(world.get("f").unwrap(), b"new");
}

pub(super) fn a_reserved_folder_that_is_none_forbids_to_receive_but_not_to_serve<W: World>() {
    for is_link in [true, false] {
        let world = W::default();
        world.put("f", b"content");
        world.put_folder("victim");
        if is_link {
            world.put_link(RESERVED_NAME, "victim");
        } else {
            world.put(RESERVED_NAME, b"mine");
        }
        let (mut names, root) = store(&world, 1);
        assert_eq!(download(&mut names, root, "f").unwrap().0, b"content");
        let expected = if is_link { Code::OUTSIDE } else { Code::NOT_A_FOLDER };
        assert_eq!(code(open(&mut names, root, offer("f", b"new"))), expected);
        assert_eq!(listed(&mut names, root, "victim"), [""; 0]);
        names.close_root(root).unwrap();
        assert!(world.look(RESERVED_NAME).is_some());
    }
}

pub(super) fn a_reserved_folder_that_was_removed_is_made_again<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let lost = open(&mut names, root, offer("f", b"lost")).unwrap();
    let hash = fill(&names, lost, b"lost").unwrap();
    // Another process that believes to be alone, or a person who tidies up.
    {
        use towline::store::{Files, Links};
        let files = world.files();
        let top = files.root().unwrap();
        let folder = files.open_folder(&top, RESERVED, Links::None).unwrap();
        let mut listing = files.list(&folder).unwrap();
        for name in files.next_names(&mut listing, 100).unwrap() {
            files.remove_file(&folder, &name).unwrap();
        }
        files.remove_folder(&top, RESERVED).unwrap();
    }
    upload(&mut names, root, offer("g", b"kept"), b"kept").unwrap();
    assert_eq!(world.get("g").unwrap(), b"kept");
    assert_eq!(code(publish(&mut names, lost, hash)), Code::IO);
    discard(&mut names, lost).unwrap();
    assert_eq!(world.look("f"), None);
}

pub(super) fn leases_end_once<W: World>() {
    let world = W::default();
    world.put("f", b"content");
    let (mut names, root) = store(&world, 1);
    let partial = open(&mut names, root, offer("g", b"x")).unwrap();
    let (reader, ..) = source(&mut names, root, "f").unwrap();
    assert_eq!(names.leases().collect::<Vec<_>>(), [partial, reader]);
    assert_eq!(code(discard(&mut names, reader)), Code::IO);
    assert_eq!(code(publish(&mut names, reader, Cv([0; 32]))), Code::IO);
    assert_eq!(code(names.execute(NameOp::Release { lease: partial })), Code::IO);
    assert_eq!(code(names.execute(NameOp::Recheck { lease: partial })), Code::IO);
    assert_eq!(code(names.execute(NameOp::ReadFolder { lease: partial, bytes: 9 })), Code::IO);
    names.leases().collect::<Vec<_>>().into_iter().for_each(|lease| names.abandon(lease));
    names.abandon(Lease(77));
    assert_eq!(names.leases().count(), 0);
    assert_eq!(code(discard(&mut names, partial)), Code::IO);
    assert_eq!(code(names.execute(NameOp::Release { lease: reader })), Code::IO);
    assert_eq!(partials(&world), 0);
    let nowhere = NameOp::Remove { root: RootId(9), path: RelPath::ROOT, request: RequestId(0) };
    assert_eq!(code(names.execute(nowhere)), Code::IO);
}
