//! Sources, folders, paths and removals.

use super::*;

pub(super) fn a_source_is_a_regular_file<W: World>() {
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

pub(super) fn a_source_that_changed_is_told<W: World>() {
    let world = W::default();
    world.put("f", &bytes(100_000));
    let (mut names, root) = store(&world, 1);
    let (lease, _, version) = source(&mut names, root, "f").unwrap();
    assert_eq!(names.execute(NameOp::Recheck { lease }).unwrap(), NameDone::Unchanged);
    let file = names.open(lease).unwrap().file;
    let (mut buffer, extent) = (vec![0; 100_001], extents(100_001)[0]);
    assert_eq!(code(blocks::read(&*file, extent, &mut buffer)), Code::CHANGED, "it ends before");
    assert_eq!(code(blocks::read(&*file, extent, &mut buffer[1..])), Code::IO, "a caller's mistake");
    upload(&mut names, root, offer("f", b"another"), b"another").unwrap();
    assert_eq!(code(names.execute(NameOp::Recheck { lease })), Code::CHANGED);
    assert_ne!(source(&mut names, root, "f").unwrap().2, version);
}

pub(super) fn links_lead_readers_beneath_the_root_only<W: World>() {
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

pub(super) fn a_large_folder_is_read_in_pages<W: World>() {
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

pub(super) fn the_reserved_folder_is_hidden_at_the_root_only<W: World>() {
    let world = W::default();
    world.put("sub/.towline/file", b"");
    let (mut names, root) = store(&world, 1);
    let _open = open(&mut names, root, offer("f", b"content")).unwrap();
    assert!(world.look(RESERVED_NAME).is_some());
    assert_eq!(listed(&mut names, root, ""), ["sub"]);
    assert_eq!(listed(&mut names, root, "sub"), [".towline"]);
}

pub(super) fn paths_are_described<W: World>() {
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

pub(super) fn what_is_removed_is_gone<W: World>() {
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
