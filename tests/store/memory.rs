//! What only a disk in memory shows: the order of the primitives, a full disk, and a failure at every step.

use std::collections::BTreeSet;

use towline::store::memory::{MemoryFiles, Primitive};
use towline::store::{FileError, FileErrorKind, Status};
use towline::wire::Code;

use super::help::*;

#[derive(Default)]
pub(crate) struct Memory(pub(crate) MemoryFiles);

impl World for Memory {
    type Files = MemoryFiles;
    const FOLLOWS_LINKS: bool = true;

    fn files(&self) -> MemoryFiles {
        self.0.clone()
    }

    fn put(&self, path: &str, content: &[u8]) {
        self.0.put(path, content);
    }

    fn put_folder(&self, path: &str) {
        self.0.put_folder(path);
    }

    fn put_link(&self, path: &str, target: &str) {
        self.0.put_link(path, target);
    }

    fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path)
    }

    fn look(&self, path: &str) -> Option<Status> {
        self.0.look(path)
    }
}

/// The steps that change something or make it durable, without what differs between partials.
fn changes(world: &Memory) -> Vec<String> {
    let changes = |step: &towline::store::memory::Step| match step.primitive {
        Primitive::OpenFolder | Primitive::OpenFile | Primitive::Status | Primitive::List => false,
        Primitive::NextNames | Primitive::FreeSpace | Primitive::FileStatus => false,
        Primitive::NextData | Primitive::ReadAt => false,
        Primitive::CreateFile | Primitive::OpenOwn | Primitive::CreateFolder | Primitive::Rename => true,
        Primitive::RemoveFile | Primitive::RemoveFolder | Primitive::SyncFolder | Primitive::WriteAt => true,
        Primitive::Zero | Primitive::SetLen | Primitive::SetMode | Primitive::SetModified => true,
        Primitive::Sync | Primitive::Lock | Primitive::SyncFileSystem => true,
        Primitive::SetFolderMode | Primitive::SetFolderModified | Primitive::CreateLink => true,
        Primitive::ReadLink => false,
    };
    let text = |step: towline::store::memory::Step| {
        let path = if step.path.ends_with(".partial") { "PARTIAL" } else { &step.path };
        format!("{:?} {path}", step.primitive)
    };
    world.0.take_log().into_iter().filter(changes).map(text).collect()
}

#[test]
fn a_file_is_durable_before_its_name_and_its_name_before_the_answer() {
    let world = Memory::default();
    let (mut names, root) = store(&world, 1);
    assert_eq!(changes(&world), [""; 0], "a root is added without a change");
    let lease = open(&mut names, root, offer("a/b/f", b"content")).unwrap();
    let opened = [
        "CreateFolder .towline",
        "OpenOwn .towline/lock",
        "Lock .towline/lock",
        "Lock .towline/lock",
        "CreateFile PARTIAL",
        "SetLen PARTIAL",
    ];
    assert_eq!(changes(&world), opened);
    let hash = fill(&names, lease, b"content").unwrap();
    publish(&mut names, lease, hash).unwrap();
    let published = [
        "WriteAt PARTIAL",
        "SetMode PARTIAL",
        "SetModified PARTIAL",
        "CreateFolder a",
        "CreateFolder a/b",
        "Sync PARTIAL",
        "SyncFolder ",
        "SyncFolder a",
        "Rename a/b/f",
        "SyncFolder a/b",
    ];
    assert_eq!(changes(&world), published);
    upload(&mut names, root, offer("a/b/f", b"more"), b"more").unwrap();
    let again = [
        "CreateFile PARTIAL",
        "SetLen PARTIAL",
        "WriteAt PARTIAL",
        "SetMode PARTIAL",
        "SetModified PARTIAL",
        "Sync PARTIAL",
        "Rename a/b/f",
        "SyncFolder a/b",
    ];
    assert_eq!(changes(&world), again, "the folders are known to be durable");
    remove(&mut names, root, "a/b/f", 0).unwrap();
    assert_eq!(changes(&world), ["RemoveFile a/b/f", "SyncFolder a/b"]);
    remove(&mut names, root, "a/b", 0).unwrap();
    assert_eq!(changes(&world), ["RemoveFolder a/b", "SyncFolder a"]);
    names.close_root(root).unwrap();
    let closed = ["Lock .towline/lock", "RemoveFile .towline/lock", "RemoveFolder .towline"];
    assert_eq!(changes(&world), closed);
}

#[test]
fn a_folder_that_was_there_is_made_durable_once() {
    let world = Memory::default();
    world.put_folder("a/b");
    let (mut names, root) = store(&world, 1);
    upload(&mut names, root, offer("a/b/f", b"1"), b"1").unwrap();
    let synced = |world: &Memory| -> Vec<String> {
        changes(world).into_iter().filter(|step| step.starts_with("SyncFolder")).collect()
    };
    assert_eq!(synced(&world), ["SyncFolder ", "SyncFolder a", "SyncFolder a/b"]);
    upload(&mut names, root, offer("a/b/g", b"1"), b"1").unwrap();
    assert_eq!(synced(&world), ["SyncFolder a/b"]);
}

#[test]
fn a_full_disk_is_told_before_data_moves_or_in_the_middle() {
    let world = Memory::default();
    world.put("f", b"old");
    world.0.set_capacity(1024 * 1024);
    let (mut names, root) = store(&world, 1);
    let content = bytes(2 * 1024 * 1024);
    let error = open(&mut names, root, offer("f", &content)).unwrap_err();
    assert_eq!(error.code, Code::NO_SPACE);
    assert!(error.text.contains("2097152") && error.text.contains("1044480 may be used"), "{}", error.text);

    let content = bytes(700_000);
    let one = open(&mut names, root, offer("f", &content)).unwrap();
    let two = open(&mut names, root, offer("g", &content)).unwrap();
    fill(&names, one, &content).unwrap();
    assert_eq!(code(fill(&names, two, &content)), Code::NO_SPACE);
    discard(&mut names, two).unwrap();
    discard(&mut names, one).unwrap();
    assert_eq!(world.get("f").unwrap(), b"old");
    upload(&mut names, root, offer("f", &content), &content).expect("the room was given back");
}

#[test]
fn a_mount_below_the_root_is_refused_for_writing() {
    let world = Memory::default();
    world.0.put_mount("mount");
    world.0.put_other("mount/device");
    let (mut names, root) = store(&world, 1);
    assert_eq!(code(open(&mut names, root, offer("mount/f", b"x"))), Code::OUTSIDE);
    assert_eq!(code(remove(&mut names, root, "mount/device", 1)), Code::OUTSIDE);
    assert_eq!(listed(&mut names, root, "mount"), ["device"]);
    assert_eq!(code(source(&mut names, root, "mount/device")), Code::NOT_A_FILE);
    world.0.put_other("device");
    assert_eq!(code(open(&mut names, root, offer("device", b"x"))), Code::NOT_A_FILE);
}

/// Another process tidied up and came back, between our opening of the lock file and our lock on it: then two processes
/// hold the locks of two files, and each believes to be alone.
#[test]
fn a_lock_on_a_file_that_lost_its_name_is_no_lock() {
    for passes in 0..2 {
        let world = Memory::default();
        let (mut one, one_root) = store(&world, 1);
        world.0.replace_before(Primitive::Lock, passes, ".towline/lock");
        let lease = open(&mut one, one_root, offer("f", b"x")).unwrap();
        let hash = fill(&one, lease, b"x").unwrap();
        let (_two, _) = store(&world, 2);
        publish(&mut one, lease, hash).expect("the other one did not sweep our partial");
    }
}

/// The same, found by the one who would sweep: what belongs to the new lock's holder is looked at only under that lock.
#[test]
fn nothing_is_swept_under_a_lock_that_lost_its_name() {
    let world = Memory::default();
    world.put(".towline/lock", b"");
    world.0.replace_before(Primitive::FileStatus, 0, ".towline/lock");
    world.0.replace_before(Primitive::Lock, 0, ".towline/another's.partial");
    let _ = store(&world, 1);
    let log = world.0.take_log();
    let swept =
        log.iter().position(|step| step.primitive == Primitive::RemoveFile).expect("a sweep, in the end");
    assert_eq!(log[..swept].iter().filter(|step| step.primitive == Primitive::OpenOwn).count(), 2);
}

#[test]
fn after_a_failed_sync_no_second_sync_is_believed() {
    for primitive in [Primitive::Sync, Primitive::SyncFolder] {
        let world = Memory::default();
        let (mut names, root) = store(&world, 1);
        let lease = open(&mut names, root, offer("f", b"x")).unwrap();
        let hash = fill(&names, lease, b"x").unwrap();
        world.0.fail(primitive, 0, FileError { kind: FileErrorKind::Other, os: Some(5) });
        let first = publish(&mut names, lease, hash).unwrap_err();
        assert_eq!((first.code, first.os), (Code::IO, Some(5)));
        world.0.take_log();
        assert_eq!(publish(&mut names, lease, hash).unwrap_err(), first);
        assert_eq!(changes(&world), [""; 0]);
        discard(&mut names, lease).unwrap();
        upload(&mut names, root, offer("f", b"x"), b"x").unwrap();
        assert_eq!(world.get("f").unwrap(), b"x");
    }
}

#[test]
fn what_the_system_says_is_told_by_its_code() {
    let codes = [
        (FileErrorKind::Denied, Code::DENIED),
        (FileErrorKind::ReadOnly, Code::READ_ONLY),
        (FileErrorKind::NoSpace, Code::NO_SPACE),
        (FileErrorKind::TooManyFiles, Code::TOO_MANY_FILES),
        (FileErrorKind::BadName, Code::BAD_PATH),
        (FileErrorKind::TooLong, Code::FILE_TOO_LONG),
        (FileErrorKind::Outside, Code::OUTSIDE),
        (FileErrorKind::Busy, Code::OUTSIDE),
        (FileErrorKind::Other, Code::IO),
    ];
    for (kind, expected) in codes {
        for primitive in [Primitive::CreateFile, Primitive::SetLen, Primitive::Rename] {
            let world = Memory::default();
            let (mut names, root) = store(&world, 1);
            world.0.fail(primitive, 0, FileError { kind, os: Some(5) });
            let error = upload(&mut names, root, offer("some/f", b"x"), b"x").unwrap_err();
            assert_eq!((error.code, error.os), (expected, Some(5)), "{primitive:?} {kind:?}");
            assert!(error.text.contains("\"some/f\"") && error.text.contains("os error 5"), "{}", error.text);
        }
    }
}

/// Fails each primitive of an upload, each time it occurs, with each kind of error that it may have: the file at the
/// path is always the old one or the new one, whole, nothing is left, and it works the next time.
#[test]
fn whatever_fails_the_file_is_the_old_or_the_new_one() {
    let failed_at: BTreeSet<Primitive> =
        [1_000_000, 1_500_000].into_iter().flat_map(|length| fail_everywhere(&bytes(length))).collect();
    let essential = [
        Primitive::CreateFile,
        Primitive::Lock,
        Primitive::OpenOwn,
        Primitive::Rename,
        Primitive::SetLen,
        Primitive::SetMode,
        Primitive::SetModified,
        Primitive::Sync,
        Primitive::SyncFolder,
        Primitive::WriteAt,
    ];
    assert!(essential.iter().all(|primitive| failed_at.contains(primitive)), "{failed_at:?}");
}

/// The primitives whose failure an upload of `new` reports.
fn fail_everywhere(new: &[u8]) -> BTreeSet<Primitive> {
    let old = bytes(1000);
    let kinds =
        [FileErrorKind::Other, FileErrorKind::NoSpace, FileErrorKind::NotFound, FileErrorKind::Denied];
    let mut failed_at = BTreeSet::new();
    for primitive in ALL {
        for kind in kinds {
            for passes in 0.. {
                let world = Memory::default();
                world.put("a/f", &old);
                world.0.fail(primitive, passes, FileError::new(kind));
                let attempt = upload_in_new_process(&world, new);
                let now = world.get("a/f").unwrap();
                assert!(now == old || now == new, "{primitive:?} {passes} {kind:?}: a mixture");
                assert!(
                    attempt.is_err() || now == new,
                    "{primitive:?} {passes} {kind:?}: acknowledged and lost"
                );
                if attempt.is_err() {
                    failed_at.insert(primitive);
                }
                let occurred = world.0.take_log().iter().filter(|step| step.primitive == primitive).count();
                world.0.heal();
                upload_in_new_process(&world, new).expect("nothing fails any more");
                assert!(world.get("a/f").unwrap() == new);
                assert_eq!(world.look(".towline"), None, "{primitive:?} {passes} {kind:?}");
                if occurred <= passes {
                    break;
                }
            }
        }
    }
    failed_at
}

const ALL: [Primitive; 16] = [
    Primitive::OpenFolder,
    Primitive::CreateFile,
    Primitive::OpenOwn,
    Primitive::CreateFolder,
    Primitive::Rename,
    Primitive::RemoveFile,
    Primitive::RemoveFolder,
    Primitive::Status,
    Primitive::FreeSpace,
    Primitive::WriteAt,
    Primitive::SetLen,
    Primitive::SetMode,
    Primitive::SetModified,
    Primitive::Sync,
    Primitive::SyncFolder,
    Primitive::Lock,
];

fn upload_in_new_process(world: &Memory, content: &[u8]) -> Result<(), towline::proto::storage::StoreError> {
    let mut names = towline::store::Names::new(7);
    let root = names.add_root(world.files())?;
    let uploaded = upload(&mut names, root, offer("a/f", content), content);
    let _left_for_the_next = names.close_root(root);
    uploaded.map(|_| ())
}
