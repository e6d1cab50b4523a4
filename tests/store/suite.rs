//! What holds for every implementation of the primitive operations.

use towline::proto::storage::{Lease, NameDone, NameOp, RootId};
use towline::store::blocks;
use towline::wire::{Code, Cv, FileKind, Modified, RESERVED, RelPath, RequestId};

use super::help::*;

macro_rules! suite {
    ($($test:ident)*) => {
        mod in_memory { $(#[test] fn $test() { super::$test::<crate::memory::Memory>() })* }
        #[cfg(feature = "net")]
        mod on_the_system { $(#[test] fn $test() { super::$test::<crate::system::Kernel>() })* }
        #[cfg(feature = "net")]
        mod on_the_system_by_a_walk { $(#[test] fn $test() { super::$test::<crate::system::Walk>() })* }
    };
}

suite! {
    what_is_uploaded_is_what_is_downloaded
    blocks_come_in_any_order_and_zeros_are_zeros
    times_have_nanoseconds_and_may_be_before_1970
    every_mode_is_set_exactly
    missing_folders_are_made_and_nothing_else_is_left
    a_folder_a_file_and_a_link_on_the_way_are_refused
    what_came_onto_the_way_meanwhile_is_refused_at_publishing
    the_old_file_is_whole_until_the_new_one_is_published
    a_newer_opener_fences_the_older
    of_two_offers_the_last_publisher_wins
    a_retry_is_answered_with_the_same_success_and_acts_once
    a_request_id_for_something_else_is_another_request
    a_source_is_a_regular_file
    a_source_that_changed_is_told
    links_lead_readers_beneath_the_root_only
    a_large_folder_is_read_in_pages
    the_reserved_folder_is_hidden_at_the_root_only
    paths_are_described
    what_is_removed_is_gone
    partials_of_a_crash_are_swept
    partials_of_the_living_are_not_swept
    a_reserved_folder_that_is_none_forbids_to_receive_but_not_to_serve
    a_reserved_folder_that_was_removed_is_made_again
    leases_end_once
}

const RESERVED_NAME: &str = ".towline";

fn partials<W: World>(world: &W) -> usize {
    use towline::store::{Files, Links};
    let files = world.files();
    let top = files.root().unwrap();
    let Ok(folder) = files.open_folder(&top, RESERVED, Links::None) else { return 0 };
    let mut listing = files.list(&folder).unwrap();
    let all = files.next_names(&mut listing, 1000).unwrap();
    all.iter().filter(|name| name.ends_with(b".partial")).count()
}

fn what_is_uploaded_is_what_is_downloaded<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    const MIB: usize = 1024 * 1024;
    for length in [0, 1, 65_535, 65_536, 65_537, MIB - 1, MIB, MIB + 1, 3 * MIB + 70_000] {
        let content = bytes(length);
        let hash = upload(&mut names, root, offer("a file", &content), &content).unwrap();
        assert_eq!(&hash.0, blake3::hash(&content).as_bytes(), "{length} bytes");
        assert!(world.get("a file").unwrap() == content, "{length} bytes");
        assert!(download(&mut names, root, "a file").unwrap() == (content, hash), "{length} bytes");
    }
    assert_eq!(names.leases().count(), 0);
    let described = stat(&mut names, root, "a file").unwrap();
    assert_eq!(described.modified, offer("a file", b"").modified);
    assert_eq!((described.kind, described.mode), (FileKind::File, 0o640));
}

fn blocks_come_in_any_order_and_zeros_are_zeros<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let mut content = bytes(3 * 1024 * 1024 + 5);
    content[1_048_576..2_097_152].fill(0);
    let (lease, _) = open(&mut names, root, offer("f", &content)).unwrap();
    let file = names.file(lease).unwrap();
    let mut cvs = Vec::new();
    for (i, extent) in extents(content.len()).into_iter().enumerate().rev() {
        let start = extent.offset as usize;
        let now = &content[start..start + extent.length as usize];
        if i == 1 {
            // What was written there before is gone.
            blocks::write(&*file, extent, rope(&bytes(now.len()))).unwrap();
            cvs.push(blocks::zero(&*file, extent).unwrap());
        } else {
            cvs.push(blocks::write(&*file, extent, rope(now)).unwrap());
        }
    }
    cvs.reverse();
    let hash = towline::proto::tree::merge_root(&cvs.concat());
    assert_eq!(&hash.0, blake3::hash(&content).as_bytes());
    drop(file);
    publish(&mut names, lease, 0, hash).unwrap();
    assert!(world.get("f").unwrap() == content);
}

fn times_have_nanoseconds_and_may_be_before_1970<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    for (seconds, nanoseconds) in [(0, 0), (1, 999_999_999), (-1, 1), (-86_400 * 365, 500_000_000)] {
        let modified = Modified { seconds, nanoseconds };
        let mut offer = offer("f", b"x");
        offer.modified = modified;
        upload(&mut names, root, offer, b"x").unwrap();
        assert_eq!(stat(&mut names, root, "f").unwrap().modified, modified);
    }
}

fn every_mode_is_set_exactly<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    for mode in [0, 0o400, 0o777, 0o666, 0o111] {
        let mut offer = offer("f", b"content");
        offer.mode = mode;
        upload(&mut names, root, offer, b"content").unwrap();
        assert_eq!(stat(&mut names, root, "f").unwrap().mode, mode);
    }
    let mut offer = offer("f", b"content");
    offer.mode = 0o4755;
    upload(&mut names, root, offer, b"content").unwrap();
    assert_eq!(stat(&mut names, root, "f").unwrap().mode, 0o755);
}

fn missing_folders_are_made_and_nothing_else_is_left<W: World>() {
    let world = W::default();
    world.put("there/already", b"");
    let (mut names, root) = store(&world, 1);
    assert_eq!(world.look(RESERVED_NAME), None, "nothing is written before it must be");
    upload(&mut names, root, offer("there/a/b/c", b"1"), b"1").unwrap();
    upload(&mut names, root, offer("there/a/d", b"22"), b"22").unwrap();
    assert_eq!(world.get("there/a/b/c").unwrap(), b"1");
    assert_eq!(world.get("there/a/d").unwrap(), b"22");
    assert_eq!(partials(&world), 0);
    assert_eq!(world.look(RESERVED_NAME).unwrap().mode, 0o700);
    let (lease, _) = open(&mut names, root, offer("there/e", b"3")).unwrap();
    assert_eq!(partials(&world), 1);
    names.close_root(root).unwrap();
    assert_eq!(world.look(RESERVED_NAME), None);
    assert_eq!(world.look("there/e"), None);
    assert!(names.file(lease).is_none());
    assert_eq!(code(open(&mut names, root, offer("x", b""))), Code::IO, "the root is closed");
}

fn a_folder_a_file_and_a_link_on_the_way_are_refused<W: World>() {
    let world = W::default();
    world.put_folder("folder");
    world.put("file", b"old");
    world.put_link("link to a folder", "folder");
    world.put_link("link to a file", "file");
    world.put_link("link to nothing", "nothing");
    let (mut names, root) = store(&world, 1);
    let refusals = [
        ("folder", Code::NOT_A_FILE),
        ("file/below", Code::NOT_A_FOLDER),
        ("file/further/below", Code::NOT_A_FOLDER),
        ("link to a folder", Code::OUTSIDE),
        ("link to a folder/file", Code::OUTSIDE),
        ("link to a folder/a/b/file", Code::OUTSIDE),
        ("link to a file", Code::OUTSIDE),
        ("link to nothing", Code::OUTSIDE),
        ("", Code::BAD_PATH),
    ];
    for (at, expected) in refusals {
        assert_eq!(code(open(&mut names, root, offer(at, b"new"))), expected, "{at}");
    }
    assert_eq!(names.leases().count(), 0);
    assert_eq!(partials(&world), 0);
    assert_eq!(world.get("file").unwrap(), b"old");
    assert_eq!(world.look("link to a file").unwrap().kind, FileKind::Link);
    assert_eq!(listed(&mut names, root, "folder"), [""; 0]);
}

fn what_came_onto_the_way_meanwhile_is_refused_at_publishing<W: World>() {
    let world = W::default();
    world.put_folder("elsewhere");
    let (mut names, root) = store(&world, 1);
    let paths = ["to be a folder", "swapped/f", "to be a file/f", "to be a link"];
    let leases = paths.map(|at| open(&mut names, root, offer(at, b"new")).unwrap().0);
    let hashes = leases.map(|lease| fill(&names, lease, b"new").unwrap());
    world.put_folder("to be a folder");
    world.put_link("swapped", "elsewhere");
    world.put("to be a file", b"old");
    world.put_link("to be a link", "to be a file");
    let expected = [Code::NOT_A_FILE, Code::OUTSIDE, Code::NOT_A_FOLDER, Code::OUTSIDE];
    for i in 0..leases.len() {
        assert_eq!(code(publish(&mut names, leases[i], 7, hashes[i])), expected[i], "{}", paths[i]);
        assert!(names.file(leases[i]).is_some(), "a failed publish keeps the lease");
        discard(&mut names, leases[i]).unwrap();
    }
    assert_eq!(partials(&world), 0);
    assert_eq!(world.get("to be a file").unwrap(), b"old");
    assert_eq!(listed(&mut names, root, "elsewhere"), [""; 0]);
}

fn the_old_file_is_whole_until_the_new_one_is_published<W: World>() {
    let world = W::default();
    world.put("f", b"old");
    let (mut names, root) = store(&world, 1);
    let (lease, _) = open(&mut names, root, offer("f", b"newer")).unwrap();
    let hash = fill(&names, lease, b"newer").unwrap();
    assert_eq!(world.get("f").unwrap(), b"old");
    discard(&mut names, lease).unwrap();
    assert_eq!(world.get("f").unwrap(), b"old");
    assert_eq!(partials(&world), 0);
    let (lease, _) = open(&mut names, root, offer("f", b"newer")).unwrap();
    fill(&names, lease, b"newer").unwrap();
    publish(&mut names, lease, 0, hash).unwrap();
    assert_eq!(world.get("f").unwrap(), b"newer");
}

fn a_newer_opener_fences_the_older<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let (old, first) = open(&mut names, root, offer("f", b"12345")).unwrap();
    let (new, second) = open(&mut names, root, offer("f", b"12345")).unwrap();
    assert_eq!((first, second), (1, 2));
    let hash = fill(&names, old, b"12345").unwrap();
    fill(&names, new, b"12345").unwrap();
    assert_eq!(code(publish(&mut names, old, 1, hash)), Code::SUPERSEDED);
    discard(&mut names, old).unwrap();
    assert_eq!(world.look("f"), None);
    publish(&mut names, new, 2, hash).unwrap();
    assert_eq!(world.get("f").unwrap(), b"12345");

    let (old, _) = open(&mut names, root, offer("f", b"12345")).unwrap();
    let (new, _) = open(&mut names, root, offer("f", b"12345")).unwrap();
    discard(&mut names, new).unwrap();
    assert_eq!(code(publish(&mut names, old, 3, hash)), Code::SUPERSEDED, "fenced for ever");
    discard(&mut names, old).unwrap();
    assert_eq!(open(&mut names, root, offer("f", b"12345")).unwrap().1, 1, "nobody is left to be fenced");
}

fn of_two_offers_the_last_publisher_wins<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let (one, _) = open(&mut names, root, offer("f", b"one")).unwrap();
    let (three, generation) = open(&mut names, root, offer("f", b"three")).unwrap();
    assert_eq!(generation, 1);
    let one_hash = fill(&names, one, b"one").unwrap();
    let three_hash = fill(&names, three, b"three").unwrap();
    publish(&mut names, three, 1, three_hash).unwrap();
    assert_eq!(world.get("f").unwrap(), b"three");
    publish(&mut names, one, 2, one_hash).unwrap();
    assert_eq!(world.get("f").unwrap(), b"one");
}

fn a_retry_is_answered_with_the_same_success_and_acts_once<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let (lease, _) = open(&mut names, root, offer("f", b"first")).unwrap();
    let hash = fill(&names, lease, b"first").unwrap();
    publish(&mut names, lease, 5, hash).unwrap();
    world.put("f", b"by somebody else since");
    let (lease, _) = open(&mut names, root, offer("f", b"first")).unwrap();
    assert_eq!(publish(&mut names, lease, 5, hash).unwrap(), NameDone::Published);
    assert_eq!(world.get("f").unwrap(), b"by somebody else since");
    assert!(names.file(lease).is_none());
    assert_eq!(partials(&world), 0);

    remove(&mut names, root, "f", 6).unwrap();
    world.put("f", b"again");
    assert_eq!(remove(&mut names, root, "f", 6).unwrap(), NameDone::Removed);
    assert_eq!(world.get("f").unwrap(), b"again");

    assert_eq!(code(remove(&mut names, root, "missing", 8)), Code::NOT_FOUND);
    world.put("missing", b"");
    remove(&mut names, root, "missing", 8).unwrap();
    assert_eq!(world.look("missing"), None, "only successes are remembered");
}

fn a_request_id_for_something_else_is_another_request<W: World>() {
    let world = W::default();
    world.put("a", b"");
    world.put("b", b"");
    let (mut names, root) = store(&world, 1);
    remove(&mut names, root, "a", 9).unwrap();
    remove(&mut names, root, "b", 9).unwrap();
    assert_eq!(world.look("b"), None);
    for id in [0, 0] {
        world.put("a", b"");
        remove(&mut names, root, "a", id).unwrap();
        assert_eq!(world.look("a"), None, "0 is never remembered");
    }
}

fn a_source_is_a_regular_file<W: World>() {
    let world = W::default();
    world.put("folder/file", b"content");
    let (mut names, root) = store(&world, 1);
    assert_eq!(code(source(&mut names, root, "folder")), Code::NOT_A_FILE);
    assert_eq!(code(source(&mut names, root, "")), Code::NOT_A_FILE);
    assert_eq!(code(source(&mut names, root, "missing")), Code::NOT_FOUND);
    assert_eq!(code(source(&mut names, root, "folder/missing")), Code::NOT_FOUND);
    assert_eq!(code(source(&mut names, root, "folder/file/below")), Code::NOT_A_FOLDER);
    let (_, metadata, version) = source(&mut names, root, "folder/file").unwrap();
    assert_eq!((metadata.kind, metadata.length), (FileKind::File, 7));
    assert_ne!(version, 0);
    assert_eq!(source(&mut names, root, "folder/file").unwrap().2, version);
}

fn a_source_that_changed_is_told<W: World>() {
    let world = W::default();
    world.put("f", &bytes(100_000));
    let (mut names, root) = store(&world, 1);
    let (lease, _, version) = source(&mut names, root, "f").unwrap();
    assert_eq!(names.execute(NameOp::Recheck { lease }).unwrap(), NameDone::Unchanged);
    let file = names.file(lease).unwrap();
    let (mut buffer, extent) = (vec![0; 100_001], extents(100_001)[0]);
    assert_eq!(code(blocks::read(&*file, extent, &mut buffer)), Code::CHANGED, "it ends before");
    assert_eq!(code(blocks::read(&*file, extent, &mut buffer[1..])), Code::IO, "a caller's mistake");
    upload(&mut names, root, offer("f", b"another"), b"another").unwrap();
    assert_eq!(code(names.execute(NameOp::Recheck { lease })), Code::CHANGED);
    assert_ne!(source(&mut names, root, "f").unwrap().2, version);
}

fn links_lead_readers_beneath_the_root_only<W: World>() {
    let world = W::default();
    world.put("folder/file", b"content");
    world.put_link("folder/inside", "../folder/file");
    world.put_link("inside", "folder");
    world.put_link("outside", "../..");
    world.put_link("absolute", "/");
    world.put_link("loop", "loop");
    let (mut names, root) = store(&world, 1);
    if W::FOLLOWS_LINKS {
        assert_eq!(download(&mut names, root, "inside/inside").unwrap().0, b"content");
        assert_eq!(listed(&mut names, root, "inside"), ["file", "inside"]);
    } else {
        assert_eq!(code(download(&mut names, root, "inside/inside")), Code::OUTSIDE);
        assert_eq!(code(download(&mut names, root, "folder/inside")), Code::OUTSIDE);
    }
    for at in ["outside", "absolute", "loop", "outside/x", "absolute/etc"] {
        assert_eq!(code(source(&mut names, root, at)), Code::OUTSIDE, "{at}");
        assert_eq!(code(list(&mut names, root, at, 1000)), Code::OUTSIDE, "{at}");
    }
    assert_eq!(code(stat(&mut names, root, "outside/x")), Code::OUTSIDE);
    assert_eq!(stat(&mut names, root, "outside").unwrap().kind, FileKind::Link);
    assert_eq!(stat(&mut names, root, "outside").unwrap().length, 0);
}

fn a_large_folder_is_read_in_pages<W: World>() {
    const COUNT: usize = 5_000;
    let world = W::default();
    for i in 0..COUNT {
        world.put(&format!("many/file {i}"), b"");
    }
    let (mut names, root) = store(&world, 1);
    let pages = list(&mut names, root, "many", 4_096).unwrap();
    assert!(pages.len() > 30, "{} pages", pages.len());
    for page in &pages {
        assert!(page.iter().map(|entry| entry.encoded_len()).sum::<usize>() <= 4_096);
    }
    let mut all: Vec<_> = pages.concat().into_iter().map(|entry| entry.name).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), COUNT);
    let pages = list(&mut names, root, "many", 0).unwrap();
    assert!(pages.iter().rev().skip(1).all(|page| page.len() == 1), "at least one entry a page");
    assert_eq!(code(list(&mut names, root, "many/file 1", 1)), Code::NOT_A_FOLDER);
    assert_eq!(code(list(&mut names, root, "few", 1)), Code::NOT_FOUND);
}

fn the_reserved_folder_is_hidden_at_the_root_only<W: World>() {
    let world = W::default();
    world.put("sub/.towline/file", b"");
    let (mut names, root) = store(&world, 1);
    let _open = open(&mut names, root, offer("f", b"content")).unwrap();
    assert!(world.look(RESERVED_NAME).is_some());
    assert_eq!(listed(&mut names, root, ""), ["sub"]);
    assert_eq!(listed(&mut names, root, "sub"), [".towline"]);
}

fn paths_are_described<W: World>() {
    let world = W::default();
    world.put("folder/file", b"content");
    world.put_link("folder/link", "file");
    let (mut names, root) = store(&world, 1);
    assert_eq!(stat(&mut names, root, "").unwrap().kind, FileKind::Folder);
    let folder = stat(&mut names, root, "folder").unwrap();
    assert_eq!((folder.kind, folder.length), (FileKind::Folder, 0));
    assert_eq!(stat(&mut names, root, "folder/file").unwrap().length, 7);
    assert_eq!(stat(&mut names, root, "folder/link").unwrap().kind, FileKind::Link);
    assert_eq!(code(stat(&mut names, root, "folder/missing")), Code::NOT_FOUND);
    assert_eq!(code(stat(&mut names, root, "missing/missing")), Code::NOT_FOUND);
    assert_eq!(code(stat(&mut names, root, "folder/file/missing")), Code::NOT_A_FOLDER);
    let long = vec!["x".repeat(200); 20].join("/");
    assert_eq!(code(stat(&mut names, root, &long)), Code::NOT_FOUND);
    let error = names.execute(NameOp::Stat { root, path: path("a\x1b[31m") }).unwrap_err();
    assert!(!error.text.contains('\x1b') && error.text.contains("cannot look at"), "{}", error.text);
}

fn what_is_removed_is_gone<W: World>() {
    let world = W::default();
    world.put("folder/file", b"content");
    world.put_link("link", "folder/file");
    world.put_link("link to the folder", "folder");
    let (mut names, root) = store(&world, 1);
    assert_eq!(code(remove(&mut names, root, "folder", 1)), Code::NOT_EMPTY);
    assert_eq!(code(remove(&mut names, root, "", 2)), Code::BAD_PATH);
    assert_eq!(code(remove(&mut names, root, "link to the folder/file", 3)), Code::OUTSIDE);
    assert_eq!(code(remove(&mut names, root, "missing/file", 4)), Code::NOT_FOUND);
    remove(&mut names, root, "link", 5).unwrap();
    assert_eq!(world.look("link"), None);
    assert_eq!(world.get("folder/file").unwrap(), b"content");
    remove(&mut names, root, "folder/file", 6).unwrap();
    remove(&mut names, root, "folder", 7).unwrap();
    assert_eq!(world.look("folder"), None);
    // A folder made again is made durable again: nothing of the old one is believed.
    upload(&mut names, root, offer("folder/file", b"x"), b"x").unwrap();
    assert_eq!(world.get("folder/file").unwrap(), b"x");
}

fn partials_of_a_crash_are_swept<W: World>() {
    let world = W::default();
    world.put("f", b"old");
    let (mut names, root) = store(&world, 1);
    for at in ["f", "g", "h/i"] {
        let (lease, _) = open(&mut names, root, offer(at, b"new")).unwrap();
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

fn partials_of_the_living_are_not_swept<W: World>() {
    let world = W::default();
    let (mut one, one_root) = store(&world, 1);
    let (lease, _) = open(&mut one, one_root, offer("f", b"new")).unwrap();
    let hash = fill(&one, lease, b"new").unwrap();
    let (mut two, two_root) = store(&world, 2);
    assert_eq!(partials(&world), 1);
    upload(&mut two, two_root, offer("f", b"new"), b"new").unwrap();
    two.close_root(two_root).unwrap();
    assert!(world.look(RESERVED_NAME).is_some(), "the other one still uses it");
    publish(&mut one, lease, 0, hash).unwrap();
    one.close_root(one_root).unwrap();
    assert_eq!(world.look(RESERVED_NAME), None);
    assert_eq!(world.get("f").unwrap(), b"new");
}

fn a_reserved_folder_that_is_none_forbids_to_receive_but_not_to_serve<W: World>() {
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

fn a_reserved_folder_that_was_removed_is_made_again<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let (lost, _) = open(&mut names, root, offer("f", b"lost")).unwrap();
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
    assert_eq!(code(publish(&mut names, lost, 1, hash)), Code::IO);
    discard(&mut names, lost).unwrap();
    assert_eq!(world.look("f"), None);
}

fn leases_end_once<W: World>() {
    let world = W::default();
    world.put("f", b"content");
    let (mut names, root) = store(&world, 1);
    let (partial, _) = open(&mut names, root, offer("g", b"x")).unwrap();
    let (reader, ..) = source(&mut names, root, "f").unwrap();
    assert_eq!(names.leases().collect::<Vec<_>>(), [partial, reader]);
    assert_eq!(code(discard(&mut names, reader)), Code::IO);
    assert_eq!(code(publish(&mut names, reader, 0, Cv([0; 32]))), Code::IO);
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
