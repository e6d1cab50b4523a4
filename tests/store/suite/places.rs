//! Folders and links that are made, read and followed.

use towline::wire::{LinkTarget, MakeFolder, MakeLink, Resolved};

use super::*;

const THEN: Modified = Modified { seconds: 1_500_000_000, nanoseconds: 987_654_321 };

fn make_folder<W: World>(names: &mut Store<W>, root: RootId, at: &str, mode: u32) -> Result<(), Code> {
    let folder = MakeFolder { path: path(at), mode, modified: Some(THEN) };
    names.execute(NameOp::MakeFolder { root, folder }).map(|_| ()).map_err(|error| error.code)
}

fn make_link<W: World>(names: &mut Store<W>, root: RootId, at: &str, target: &str) -> Result<(), Code> {
    let target = LinkTarget::new(target.into()).expect("a target");
    let link = MakeLink { path: path(at), target };
    names.execute(NameOp::MakeLink { root, link }).map(|_| ()).map_err(|error| error.code)
}

fn read_link<W: World>(names: &mut Store<W>, root: RootId, at: &str) -> Result<Vec<u8>, Code> {
    match names.execute(NameOp::ReadLink { root, path: path(at) }) {
        Ok(NameDone::Target(target)) => Ok(target.as_bytes().to_vec()),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code),
    }
}

fn resolve<W: World>(names: &mut Store<W>, root: RootId, at: &str) -> Result<Resolved, Code> {
    match names.execute(NameOp::Resolve { root, path: path(at) }) {
        Ok(NameDone::Resolved(resolved)) => Ok(resolved),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code),
    }
}

pub(super) fn folders_are_made_with_mode_and_time_however_often<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    for mode in [0o750, 0o500, 0o777, 0o777] {
        make_folder::<W>(&mut names, root, "a/b/c", mode).unwrap();
        let made = world.look("a/b/c").unwrap();
        assert_eq!((made.kind, made.mode, made.modified), (FileKind::Folder, mode, THEN));
    }
    let folder = MakeFolder { path: path("new"), mode: 0o700, modified: None };
    names.execute(NameOp::MakeFolder { root, folder }).unwrap();
    assert_ne!(world.look("new").unwrap().modified, THEN);
    names.close_root(root).unwrap();
    assert_eq!(world.look(RESERVED_NAME), None, "nothing is needed there for it");
}

pub(super) fn a_folder_is_made_over_no_file_and_over_no_link<W: World>() {
    let world = W::default();
    world.put("file", b"content");
    world.put_folder("folder");
    world.put_link("link", "folder");
    let before = world.look("folder").unwrap();
    let (mut names, root) = store(&world, 1);
    assert_eq!(make_folder::<W>(&mut names, root, "file", 0o700), Err(Code::NOT_A_FOLDER));
    assert_eq!(make_folder::<W>(&mut names, root, "file/below", 0o700), Err(Code::NOT_A_FOLDER));
    assert_eq!(make_folder::<W>(&mut names, root, "link", 0o700), Err(Code::OUTSIDE));
    assert_eq!(make_folder::<W>(&mut names, root, "link/below", 0o700), Err(Code::OUTSIDE));
    assert_eq!(world.look("folder").unwrap(), before);
    assert_eq!(world.get("file").unwrap(), b"content");
}

pub(super) fn links_are_made_read_and_replaced_and_never_over_a_folder<W: World>() {
    let world = W::default();
    world.put("file", b"content");
    world.put("folder/kept", b"content");
    let (mut names, root) = store(&world, 1);
    for (at, target) in
        [("file", "../outside"), ("file", "/etc"), ("new/link", "nowhere\n"), ("loop", "loop")]
    {
        make_link::<W>(&mut names, root, at, target).unwrap();
        assert_eq!(read_link::<W>(&mut names, root, at).unwrap(), target.as_bytes());
        assert_eq!(world.look(at).unwrap().kind, FileKind::Link);
    }
    assert_eq!(make_link::<W>(&mut names, root, "folder", "x"), Err(Code::NOT_A_FILE));
    assert_eq!(make_link::<W>(&mut names, root, "loop/below", "x"), Err(Code::OUTSIDE));
    assert_eq!(read_link::<W>(&mut names, root, "folder"), Err(Code::NOT_A_FILE));
    assert_eq!(read_link::<W>(&mut names, root, "nothing"), Err(Code::NOT_FOUND));
    assert_eq!(world.get("folder/kept").unwrap(), b"content");
    assert_eq!(partials(&world), 0);
    names.close_root(root).unwrap();
    assert_eq!(world.look(RESERVED_NAME), None);
}

pub(super) fn what_a_path_leads_to_is_told_apart<W: World>() {
    let world = W::default();
    world.put("file", b"content");
    world.put_folder("folder");
    world.put_link("out", "/etc");
    let (mut names, root) = store(&world, 1);
    let file = resolve::<W>(&mut names, root, "file").unwrap();
    let folder = resolve::<W>(&mut names, root, "folder").unwrap();
    assert_eq!((file.metadata.kind, file.metadata.length), (FileKind::File, 7));
    assert_eq!(folder.metadata.kind, FileKind::Folder);
    assert_ne!(file.identity, folder.identity);
    assert_eq!(resolve::<W>(&mut names, root, "folder").unwrap(), folder);
    assert!(resolve::<W>(&mut names, root, "out").is_err());
    assert_eq!(resolve::<W>(&mut names, root, "nothing"), Err(Code::NOT_FOUND));
}
