//! What only the operating system shows: pipes, sockets, links out of the root, permissions.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::{fs, path::Path};

use tempfile::TempDir;
use towline::proto::storage::{Existing, Lease, NameDone, NameOp, Owner};
use towline::store::os::{OsFiles, OsFolder};
use towline::store::{File, Files, Links, Lock, Names, Status};
use towline::wire::Code;

use super::help::*;

/// A temporary folder, beneath which the kernel keeps paths.
pub(crate) struct Kernel(TempDir);
/// A temporary folder, where each component is opened by itself.
#[derive(Default)]
pub(crate) struct Walk(Kernel);

impl Default for Kernel {
    fn default() -> Self {
        Kernel(TempDir::new().expect("a temporary folder"))
    }
}

impl Kernel {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn join(&self, path: &str) -> std::path::PathBuf {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }
}

impl World for Kernel {
    type Files = OsFiles;
    const FOLLOWS_LINKS: bool = cfg!(target_os = "linux");

    fn files(&self) -> OsFiles {
        OsFiles::open(self.path()).unwrap()
    }

    fn put(&self, path: &str, content: &[u8]) {
        fs::write(self.join(path), content).unwrap();
    }

    fn put_folder(&self, path: &str) {
        fs::create_dir_all(self.join(path)).unwrap();
    }

    fn put_link(&self, path: &str, target: &str) {
        symlink(target, self.join(path)).unwrap();
    }

    fn get(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.path().join(path)).ok()
    }

    fn look(&self, path: &str) -> Option<Status> {
        let files = self.files().without_kernel_help();
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = files.open_folder(&files.root().unwrap(), parent.as_bytes(), Links::None).ok()?;
        files.status(&folder, name.as_bytes()).ok()
    }
}

impl World for Walk {
    type Files = OsFiles;
    const FOLLOWS_LINKS: bool = false;

    fn files(&self) -> OsFiles {
        self.0.files().without_kernel_help()
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

/// Permissions bind nobody who is root.
fn is_root(test: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        println!("skipped: {test}: root is denied nothing");
    }
    is_root
}

#[test]
fn the_system_s_files_may_be_used_by_several_threads() {
    fn check<T: Send + Sync>() {}
    check::<OsFiles>();
    check::<OsFolder>();
    check::<<OsFiles as Files>::File>();
    fn check_send<T: Send>() {}
    check_send::<Names<OsFiles>>();
}

#[test]
fn a_root_that_is_none_is_explained() {
    let world = Kernel::default();
    world.put("file", b"");
    let missing = OsFiles::open(world.path().join("missing")).unwrap_err();
    assert_eq!(missing.code, Code::NOT_FOUND);
    assert!(missing.text.contains("missing"), "{missing}");
    assert_eq!(OsFiles::open(world.path().join("file")).unwrap_err().code, Code::NOT_A_FOLDER);
}

/// rsync CVE-2026-29518: a parent directory swapped for a link between two uses of its path.
#[test]
fn a_parent_swapped_for_a_link_leads_nowhere() {
    let outside = TempDir::new().unwrap();
    for kernel in [true, false] {
        let world = Kernel::default();
        world.put("folder/f", b"old");
        let files = if kernel { world.files() } else { world.files().without_kernel_help() };
        let mut names = Names::new(1);
        let root = names.add_root(files).unwrap();
        let lease = open(&mut names, root, offer("folder/f", b"new")).unwrap();
        let hash = fill(&names, lease, b"new").unwrap();
        fs::rename(world.path().join("folder"), world.path().join("aside")).unwrap();
        symlink(outside.path(), world.path().join("folder")).unwrap();
        assert_eq!(code(publish(&mut names, lease, hash)), Code::OUTSIDE);
        assert_eq!(code(open(&mut names, root, offer("folder/g", b"new"))), Code::OUTSIDE);
        assert_eq!(code(source(&mut names, root, "folder/f")), Code::OUTSIDE);
        assert_eq!(code(list(&mut names, root, "folder", 100)), Code::OUTSIDE);
        assert_eq!(code(stat(&mut names, root, "folder/f")), Code::OUTSIDE);
        assert_eq!(code(remove(&mut names, root, "folder/f", 1)), Code::OUTSIDE);
        discard(&mut names, lease).unwrap();
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        assert_eq!(world.get("aside/f").unwrap(), b"old");
    }
}

#[test]
fn a_pipe_and_a_socket_are_no_files_and_nobody_waits_for_them() {
    let world = Kernel::default();
    let made = std::process::Command::new("mkfifo").arg(world.path().join("pipe")).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(world.path().join("socket")).unwrap();
    let (mut names, root) = store(&world, 1);
    for at in ["pipe", "socket"] {
        assert_eq!(code(source(&mut names, root, at)), Code::NOT_A_FILE, "{at}");
        assert_eq!(code(open(&mut names, root, offer(at, b"x"))), Code::NOT_A_FILE, "{at}");
    }
    remove(&mut names, root, "pipe", 1).unwrap();
}

#[test]
fn a_lock_that_is_a_pipe_is_refused() {
    let world = Kernel::default();
    world.put_folder(".towline");
    let made = std::process::Command::new("mkfifo").arg(world.path().join(".towline/lock")).status().unwrap();
    assert!(made.success());
    let (mut names, root) = store(&world, 1);
    assert_eq!(code(open(&mut names, root, offer("f", b"x"))), Code::NOT_A_FILE);
}

#[test]
#[cfg(target_os = "linux")]
fn a_mount_below_the_root_is_refused() {
    let files = OsFiles::open("/").unwrap();
    let device = |name: &[u8]| files.status(&files.root().unwrap(), name).map(|status| status.device);
    if device(b"") == device(b"proc") || device(b"proc").is_err() {
        println!("skipped: a_mount_below_the_root_is_refused: nothing is mounted at /proc");
        return;
    }
    for files in [OsFiles::open("/").unwrap(), OsFiles::open("/").unwrap().without_kernel_help()] {
        let mut names = Names::new(1);
        let root = names.add_root(files).unwrap();
        assert_eq!(code(open(&mut names, root, offer("proc/towline", b"x"))), Code::OUTSIDE);
        assert_eq!(code(open(&mut names, root, offer("proc/sys/towline", b"x"))), Code::OUTSIDE);
        assert_eq!(code(remove(&mut names, root, "proc/version", 1)), Code::OUTSIDE);
        assert_eq!(stat(&mut names, root, "proc/version").unwrap().kind, towline::wire::FileKind::File);
    }
}

#[test]
fn what_the_system_denies_is_told() {
    if is_root("what_the_system_denies_is_told") {
        return;
    }
    let world = Kernel::default();
    world.put("secret", b"");
    world.put("closed/f", b"old");
    fs::set_permissions(world.path().join("secret"), fs::Permissions::from_mode(0o000)).unwrap();
    let (mut names, root) = store(&world, 1);
    assert_eq!(code(source(&mut names, root, "secret")), Code::DENIED);
    let lease = open(&mut names, root, offer("closed/f", b"new")).unwrap();
    let hash = fill(&names, lease, b"new").unwrap();
    fs::set_permissions(world.path().join("closed"), fs::Permissions::from_mode(0o500)).unwrap();
    let error = publish(&mut names, lease, hash).unwrap_err();
    assert_eq!((error.code, error.os), (Code::DENIED, Some(13)));
    assert_eq!(code(remove(&mut names, root, "closed/f", 2)), Code::DENIED);
    fs::set_permissions(world.path().join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(world.get("closed/f").unwrap(), b"old");
    publish(&mut names, lease, hash).expect("it was not the file that failed");
    names.close_root(root).unwrap();

    fs::set_permissions(world.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let (mut names, root) = store(&world, 1);
    assert_eq!(download(&mut names, root, "closed/f").unwrap().0, b"new", "it can be served");
    assert_eq!(code(open(&mut names, root, offer("g", b"x"))), Code::DENIED);
    fs::set_permissions(world.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_lock_is_held_until_its_file_is_dropped() {
    let world = Kernel::default();
    let files = world.files();
    let top = files.root().unwrap();
    let open = || files.open_own(&top, b"lock").unwrap();
    let (one, two) = (open(), open());
    assert!(one.lock(Lock::Shared).unwrap() && two.lock(Lock::Shared).unwrap());
    assert!(!open().lock(Lock::TryExclusive).unwrap());
    drop(one);
    assert!(two.lock(Lock::TryExclusive).unwrap());
    assert!(!open().lock(Lock::TryExclusive).unwrap());
    drop(two);
    assert!(open().lock(Lock::TryExclusive).unwrap());
}

#[test]
fn a_name_that_no_person_would_choose_is_carried() {
    use std::os::unix::ffi::OsStrExt;
    let world = Kernel::default();
    let (mut names, root) = store(&world, 1);
    let name = [b"\xff\n \\".as_slice(), &[b'x'; 251]].concat();
    let mut offer = offer("f", b"content");
    offer.path = towline::wire::RelPath::new(&name).unwrap();
    upload(&mut names, root, offer, b"content").unwrap();
    let entries = list(&mut names, root, "", 65_536).unwrap().concat();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].name, name);
    assert_eq!(fs::read(world.path().join(std::ffi::OsStr::from_bytes(&name))).unwrap(), b"content");
}

#[test]
fn a_name_that_vanishes_while_listing_is_left_out() {
    let world = Kernel::default();
    ["a", "b", "c"].iter().for_each(|name| world.put(name, b""));
    let (mut names, root) = store(&world, 1);
    let NameDone::Folder { lease } = names.execute(NameOp::OpenFolder { root, path: path("") }).unwrap()
    else {
        panic!("not a folder's lease")
    };
    let first = names.execute(NameOp::ReadFolder { lease, bytes: 1 }).unwrap();
    let NameDone::Entries { entries, last: false } = first else { panic!("{first:?}") };
    for name in ["a", "b", "c"].iter().filter(|name| name.as_bytes() != entries[0].name) {
        fs::remove_file(world.path().join(name)).unwrap();
    }
    // One more was read to see whether it fits; the other is gone.
    let NameDone::Entries { entries, last: true } =
        names.execute(NameOp::ReadFolder { lease, bytes: 1000 }).unwrap()
    else {
        panic!("not the last page")
    };
    assert!(entries.len() <= 1);
}

/// Whoever is alone sweeps and tidies, and nobody loses a partial to another who only believed to be alone.
#[test]
fn processes_that_come_and_go_do_not_hurt_each_other() {
    let world = Kernel::default();
    std::thread::scope(|scope| {
        for nonce in 0..4_u64 {
            let world = &world;
            scope.spawn(move || {
                for round in 0..20 {
                    let content = bytes(1000 + round);
                    let at = format!("{nonce}/f");
                    let (mut names, root) = store(world, nonce);
                    upload(&mut names, root, offer(&at, &content), &content).expect("an upload");
                    assert!(world.get(&at).unwrap() == content);
                    names.close_root(root).expect("a tidy end");
                }
            });
        }
    });
    let (mut names, root) = store(&world, 9);
    assert_eq!(listed(&mut names, root, ""), ["0", "1", "2", "3"]);
    names.close_root(root).unwrap();
    assert_eq!(world.look(".towline"), None);
}

/// As after a crash that brought back the name of a partial that had been published: it has two names, and one of them is
/// the file that was acknowledged.
#[test]
fn a_partial_that_has_another_name_is_not_written_to() {
    let content = bytes(1_500_000);
    for in_a_new_process in [false, true] {
        let world = Kernel::default();
        let (mut names, root) = store(&world, 1);
        let (offer, owner) = (offer("f", &content), Owner::ANYBODY);
        let open = NameOp::OpenPartial { root, offer, existing: Existing::Replace, owner };
        let NameDone::Partial { lease, .. } = names.execute(open.clone()).unwrap() else { panic!("another") };
        fill(&names, lease, &content).unwrap();
        names.execute(NameOp::Keep { lease, held: first(9) }).unwrap();
        let folder = fs::read_dir(world.path().join(".towline")).unwrap();
        let partial = folder.map(|entry| entry.unwrap().path());
        let partial = partial.filter(|path| path.extension().is_some_and(|end| end == "partial")).last();
        fs::hard_link(partial.expect("it is kept"), world.path().join("f")).unwrap();
        if in_a_new_process {
            drop(names);
            (names, _) = store(&world, 2);
        }
        let NameDone::Partial { lease, held, basis, .. } = names.execute(open).unwrap() else {
            panic!("another")
        };
        assert!(held.is_empty() && basis.len() == 23, "the file that stands there is as good");
        assert_eq!(upload_into(&names, lease, b"else"), 4);
        assert!(world.get("f").unwrap() == content, "it was not written to");
        discard(&mut names, lease).unwrap();
    }
}

/// Writes at the beginning of a partial.
fn upload_into(names: &Names<OsFiles>, lease: Lease, content: &[u8]) -> usize {
    let file = names.open(lease).expect("an open lease").file;
    file.write_at(0, &[::bytes::Bytes::copy_from_slice(content)]).unwrap()
}

/// As far as the file system of the temporary folder knows of holes: those of Linux do.
#[cfg(target_os = "linux")]
#[test]
fn holes_are_found_zeros_are_hashed_without_them_and_copies_keep_them() {
    use std::os::unix::fs::MetadataExt;
    use towline::proto::storage::{BlockDone, BlockOp};
    use towline::store::blocks;

    const MIB: u64 = 1 << 20;
    let world = Kernel::default();
    let file = fs::File::create(world.path().join("f")).unwrap();
    file.set_len(40 * MIB).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes(100_000), 5 * MIB + 300_000).unwrap();
    let (mut names, root) = store(&world, 1);
    let (lease, ..) = source(&mut names, root, "f").unwrap();
    let open = names.open(lease).unwrap();
    assert!(matches!(open.file.next_data(0), Ok(Some(at)) if (4 * MIB..=5 * MIB + 300_000).contains(&at)));
    assert_eq!(open.file.next_data(6 * MIB), Ok(None));
    let mut holes = 0;
    for shape in extents(40 << 20) {
        let mut buffer = vec![0; shape.length as usize];
        let read = blocks::read(&*open.file, shape, &mut buffer).unwrap();
        let op = BlockOp::Read { lease, shape, holes: true };
        let told = blocks::carry_out(&open, op, |file, shape| {
            let mut buffer = vec![0; shape.length as usize];
            Ok((::bytes::Bytes::new(), blocks::read(file, shape, &mut buffer)?))
        });
        match told.unwrap() {
            BlockDone::Hole { cvs } => {
                assert_eq!(cvs, read);
                holes += 1;
            }
            BlockDone::Read { cvs, .. } => assert_eq!((cvs, shape.offset), (read, 5 * MIB)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(holes, 39);
    // The file is the basis of its own next version.
    let next = offer("f", &vec![0; 40 << 20]);
    let lease = self::open(&mut names, root, next).unwrap();
    let copy = names.open(lease).unwrap();
    for shape in extents(40 << 20) {
        let op = BlockOp::Copy { lease, shape };
        blocks::carry_out(&copy, op, |file, shape| {
            let mut buffer = vec![0; shape.length as usize];
            let cvs = blocks::read(file, shape, &mut buffer)?;
            Ok((::bytes::Bytes::from(buffer), cvs))
        })
        .unwrap();
    }
    publish(&mut names, lease, towline::wire::Cv([0; 32])).unwrap();
    let copied = fs::metadata(world.path().join("f")).unwrap();
    assert_eq!(copied.len(), 40 * MIB);
    assert!(copied.blocks() * 512 <= 2 * MIB, "{} bytes are taken", copied.blocks() * 512);
    file.set_len(MIB).unwrap();
}
