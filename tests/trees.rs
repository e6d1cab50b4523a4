//! The real binary with trees of folders: what a person sees, what a script sees, and what stands there afterwards.
#![cfg(all(feature = "cli", target_os = "linux"))]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A server of a folder, killed when the test is over, and a folder of the test's own.
struct World {
    server: Child,
    address: String,
    served: TempDir,
    here: TempDir,
}

impl World {
    fn new() -> World {
        let (served, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut server = Command::new(env!("CARGO_BIN_EXE_towline"))
            .arg("serve")
            .arg(served.path())
            .args(["--listen", "127.0.0.1:0", "--quiet"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let line =
            lines.find_map(|line| line.unwrap().split_once("listening on ").map(|(_, at)| at.to_owned()));
        World { server, address: line.unwrap(), served, here }
    }

    fn here(&self, path: &str) -> PathBuf {
        self.here.path().join(path)
    }

    fn there(&self, path: &str) -> PathBuf {
        self.served.path().join(path)
    }

    /// Runs to the end in the test's own folder, `@` being the server; gives the exit code, standard output and standard error.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let args = args.iter().map(|arg| match arg.strip_prefix('@') {
            Some(path) => format!("{}{path}", self.address),
            None => (*arg).to_owned(),
        });
        let output = Command::new(env!("CARGO_BIN_EXE_towline"))
            .args(args)
            .current_dir(self.here.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// The same, which must succeed; gives both outputs.
    fn does(&self, args: &[&str]) -> (String, String) {
        let (code, out, error) = self.run(args);
        assert_eq!(code, 0, "{args:?}: {out}{error}");
        (out, error)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn put(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Everything below a folder, but for what a server keeps there: kind, mode, time to the nanosecond, content or target.
fn tree(top: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![top.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(top).unwrap().as_os_str().as_bytes().escape_ascii().to_string();
            let about = fs::symlink_metadata(&path).unwrap();
            if name == ".towline" {
                continue;
            }
            let what = if about.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                let content = if about.is_dir() {
                    "/".into()
                } else {
                    fs::read(&path).unwrap().escape_ascii().to_string()
                };
                format!("{:o} {}.{} {content}", about.mode() & 0o777, about.mtime(), about.mtime_nsec())
            };
            if about.is_dir() {
                folders.push(path);
            }
            lines.push(format!("{name} {what}"));
        }
    }
    lines.sort();
    lines
}

fn fill(top: &Path) {
    put(&top.join("a.txt"), "hello");
    put(&top.join("sub/deep/b.txt"), "world");
    put(&top.join("sub/object.o"), "");
    fs::create_dir(top.join("empty")).unwrap();
    symlink("../a.txt", top.join("sub/link")).unwrap();
    symlink(".", top.join("loop")).unwrap();
    put(&top.join("new\nline \u{1b}[31m"), "odd");
    fs::set_permissions(top.join("a.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(top.join("empty"), fs::Permissions::from_mode(0o701)).unwrap();
}

#[test]
fn a_folder_goes_there_and_comes_back_the_same() {
    let world = World::new();
    fill(&world.here("dir"));
    let (out, error) = world.does(&["put", "-r", "dir", "@/backup/"]);
    assert_eq!(out, "");
    assert!(error.starts_with("sent 4 files, 13 bytes in "), "{error}");
    assert!(error.ends_with("; 4 folders made; 2 links made\n"), "{error}");
    assert_eq!(tree(&world.there("backup/dir")), tree(&world.here("dir")));

    let (_, error) = world.does(&["put", "-r", "dir", "@/backup/"]);
    assert!(error.contains("sent 0 files") && error.contains("; 6 unchanged (13 bytes)"), "{error}");

    let (_, error) = world.does(&["get", "-r", "@/backup/dir", "copy"]);
    assert!(error.starts_with("received 4 files, 13 bytes in "), "{error}");
    assert_eq!(tree(&world.here("copy")), tree(&world.here("dir")));
    let about = |path: &str| fs::metadata(world.here(path)).unwrap();
    assert_eq!(about("copy").modified().unwrap(), about("dir").modified().unwrap());
}

#[test]
fn where_things_go() {
    let world = World::new();
    put(&world.here("dir/f"), "f");
    put(&world.here("other"), "o");
    for (args, at) in [
        (["put", "-r", "dir", "@/a/"], "a/dir/f"),
        (["put", "-r", "dir", "@/b"], "b/f"),
        (["put", "-r", "dir/", "@/c/"], "c/f"),
        (["put", "-r", "dir/.", "@/d"], "d/f"),
        (["put", "-r", "other", "@/e/"], "e/other"),
        (["put", "-r", "dir", "@"], "dir/f"),
    ] {
        world.does(&args);
        assert!(world.there(at).is_file(), "{args:?}");
    }
    world.does(&["put", "-r", "dir", "other", "@/many"]);
    assert!(world.there("many/dir/f").is_file() && world.there("many/other").is_file());
    world.does(&["put", "dir/f", "other", "@/files"]);
    assert!(world.there("files/f").is_file() && world.there("files/other").is_file());

    fs::create_dir(world.here("in")).unwrap();
    for (args, at) in [
        (&["get", "-r", "@/many"][..], "many/dir/f"),
        (&["get", "-r", "@/many", "in"], "in/many/dir/f"),
        (&["get", "-r", "@/many", "new"], "new/dir/f"),
        (&["get", "-r", "@/many/", "in"], "in/dir/f"),
        (&["get", "-r", "@/", "all"], "all/many/dir/f"),
        (&["get", "@/many/other", "@/files/f", "deep/er"], "deep/er/f"),
    ] {
        world.does(args);
        assert!(world.here(at).is_file(), "{args:?}");
    }
    assert!(!world.here("all/.towline").exists());
}

#[test]
fn a_folder_needs_to_be_asked_for() {
    let world = World::new();
    put(&world.here("dir/f"), "f");
    put(&world.there("dir/f"), "f");
    let (code, _, error) = world.run(&["put", "dir", "@/x"]);
    assert!(code == 2 && error.contains("dir is a folder") && error.contains("add -r"), "{error}");
    let (code, _, error) = world.run(&["get", "@/dir", "x"]);
    assert!(code == 7 && error.contains("it is a folder"), "{error}");
    put(&world.here("one/name"), "1");
    put(&world.here("two/name"), "2");
    let (code, _, error) = world.run(&["put", "one/name", "two/name", "@/x/"]);
    assert!(code == 2 && error.contains("the same place"), "{error}");
    let (code, ..) = world.run(&["put", "--delete", "one/name", "@/x/"]);
    assert_eq!(code, 2);
    assert_eq!(tree(world.served.path()).len(), 2);
}

#[test]
fn patterns_deletion_and_a_dry_run() {
    let world = World::new();
    fill(&world.here("dir"));
    put(&world.there("dir/old/file"), "old");
    put(&world.there("dir/kept.o"), "kept");
    let args = ["put", "-r", "dir/", "@/dir", "--delete", "--exclude", "*.o", "--links", "skip", "-n"];
    let before = tree(world.served.path());
    let (out, error) = world.does(&args);
    // What goes is named where it stands.
    let out = out.replace(&world.address, "HOST");
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort();
    let expected = [
        "would make dir/empty/",
        "would make dir/sub/",
        "would make dir/sub/deep/",
        "would remove HOST/dir/old/",
        "would remove HOST/dir/old/file",
        "would send dir/a.txt",
        "would send dir/new\\nline \\u{1b}[31m",
        "would send dir/sub/deep/b.txt",
    ];
    assert_eq!(lines, expected);
    assert!(error.contains("left out dir/loop: it is a symbolic link"), "{error}");
    assert!(error.contains("would send 3 files (13 bytes)") && error.contains("1 excluded"), "{error}");
    assert_eq!(tree(world.served.path()), before);

    let (out, _) = world.does(&args[..args.len() - 1]);
    assert_eq!(out, "");
    assert!(!world.there("dir/old").exists() && world.there("dir/kept.o").exists());
    assert!(world.there("dir/sub/deep/b.txt").exists() && !world.there("dir/sub/object.o").exists());
}

#[test]
fn trees_are_compared_where_they_stand() {
    let world = World::new();
    fill(&world.here("dir"));
    world.does(&["put", "-r", "dir", "@/x/"]);
    let (out, error) = world.does(&["verify", "-r", "dir", "@/x/", "--links", "keep"]);
    assert_eq!(out, "");
    assert!(error.contains("equal in "), "{error}");

    put(&world.there("x/dir/a.txt"), "b");
    put(&world.there("x/dir/more/deep"), "");
    fs::remove_file(world.there("x/dir/sub/deep/b.txt")).unwrap();
    let before = tree(world.served.path());
    let (code, out, error) = world.run(&["verify", "-r", "dir/", "@/x/dir"]);
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort();
    assert_eq!(lines, ["differs dir/a.txt", "only here dir/sub/deep/b.txt", "only there dir/more/"]);
    assert!(error.contains("1 differ; 1 only here; 1 only there"), "{error}");
    assert_eq!((code, tree(world.served.path())), (14, before));

    let (code, out, _) = world.run(&["verify", "-r", "--json", "dir", "@/x/", "--exclude", "more"]);
    let objects: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |outcome: &str| objects.iter().filter(|object| object["outcome"] == outcome).count();
    assert_eq!((code, of("differs"), of("only-here"), of("only-there")), (14, 1, 1, 0));
    let summary = objects.last().unwrap();
    assert_eq!((&summary["differing"], &summary["failed"]), (&1.into(), &0.into()));

    let (code, _, error) = world.run(&["verify", "dir", "@/x/"]);
    assert_eq!(code, 2);
    assert!(error.contains("add -r"), "{error}");
}

#[test]
fn links_are_followed_if_that_is_asked_for_and_loops_are_told() {
    let world = World::new();
    put(&world.here("dir/sub/file"), "content");
    symlink("sub", world.here("dir/also")).unwrap();
    symlink("..", world.here("dir/sub/up")).unwrap();
    symlink("/etc/hostname", world.here("dir/out")).unwrap();
    let (code, _, error) = world.run(&["put", "-r", "dir", "@/x", "--links=follow"]);
    assert_eq!(code, 13, "{error}");
    assert!(error.contains("dir/sub/up: ") && error.contains("leads back to a folder"), "{error}");
    assert!(error.contains("failed dir/out: "), "{error}");
    assert_eq!(fs::read(world.there("x/also/file")).unwrap(), b"content");
    assert!(!world.there("x/out").exists());
}

#[test]
fn what_fails_does_not_stop_the_rest_and_is_told_at_the_end() {
    let world = World::new();
    put(&world.here("dir/a"), "a");
    put(&world.here("dir/b/within"), "b");
    put(&world.here("dir/c"), "c");
    put(&world.there("x/a/in the way"), "");
    put(&world.there("x/b"), "in the way");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        world.here("dir/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let (code, _, error) = world.run(&["put", "-r", "dir", "@/x"]);
    assert_eq!(code, 13, "{error}");
    for text in [
        "left out dir/pipe: it is a device, socket or pipe",
        "failed dir/a: not a regular file: a folder stands where the file is to be",
        "failed dir/b: not a folder: a file stands where the folder is to be",
        "2 entries failed",
        "sent 1 file, 1 bytes",
    ] {
        assert!(error.contains(text), "{text} is not in:\n{error}");
    }
    assert_eq!(fs::read(world.there("x/c")).unwrap(), b"c");
    let (code, _, error) = world.run(&["put", "-r", "missing", "@/x"]);
    assert!(code == 6 && error.contains("on this machine"), "{error}");
    let (code, _, error) = world.run(&["get", "-r", "@/missing", "x"]);
    assert!(code == 6 && error.contains("the server says"), "{error}");
    assert!(!world.here("x").exists());
}

/// Nothing is written through a link that stands at the receiver, on either side.
#[test]
fn links_at_the_receiver_are_not_followed() {
    let world = World::new();
    put(&world.here("dir/sub/file"), "new");
    put(&world.there("dir/sub/file"), "new");
    let victim = tempfile::tempdir().unwrap();
    put(&victim.path().join("file"), "old");
    fs::create_dir(world.there("x")).unwrap();
    fs::create_dir(world.here("x")).unwrap();
    symlink(victim.path(), world.there("x/sub")).unwrap();
    symlink(victim.path(), world.here("x/sub")).unwrap();
    for args in [["put", "-r", "dir/", "@/x"], ["get", "-r", "@/dir/", "x"]] {
        let (code, _, error) = world.run(&args);
        assert_eq!(code, 13, "{error}");
    }
    assert_eq!(tree(victim.path()).len(), 1);
    assert_eq!(fs::read(victim.path().join("file")).unwrap(), b"old");
}

/// One object for each entry, one for the whole, and nothing else on standard output.
#[test]
fn entries_are_objects_where_a_program_asks() {
    let world = World::new();
    put(&world.here("dir/a"), "abc");
    put(&world.here("dir/b/within"), "");
    put(&world.there("x/a/in the way"), "");
    let objects = |args: &[&str]| {
        let (code, out, _) = world.run(args);
        let parse = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("an object a line");
        (code, out.lines().map(parse).collect::<Vec<_>>())
    };
    let find = |all: &[serde_json::Value], path: &str| {
        all.iter().find(|object| object["path"] == path).cloned().unwrap_or_else(|| panic!("{path}: {all:?}"))
    };
    let (code, dry) = objects(&["put", "-r", "--dry-run", "--json", "dir", "@/y"]);
    assert_eq!((code, &find(&dry, "dir/a")["dry_run"]), (0, &true.into()));
    let (code, all) = objects(&["put", "-r", "--json", "dir", "@/x"]);
    assert_eq!(code, 13);
    let (failed, moved) = (find(&all, "dir/a"), find(&all, "dir/b/within"));
    assert_eq!((&failed["outcome"], &moved["outcome"]), (&"failed".into(), &"moved".into()));
    assert!(failed["why"].as_str().is_some_and(|why| why.contains("folder")), "{failed}");
    assert_eq!(moved["root"], blake3::hash(b"").to_string());
    assert_eq!(find(&all, "dir/b")["outcome"], "folder-made");
    let [.., summary, error] = &all[..] else { panic!("{all:?}") };
    assert_eq!(
        (&summary["type"], &summary["files"], &summary["failed"]),
        (&"summary".into(), &1.into(), &1.into())
    );
    assert!(summary["bytes_sent"].as_u64() > Some(100));
    assert_eq!((&error["type"], &error["exit"]), (&"error".into(), &13.into()));
    let (code, all) = objects(&["get", "-r", "--json", "@/x/b/", "back"]);
    assert_eq!((code, &all.last().unwrap()["unchanged"]), (0, &0.into()));
}

/// Small files are open until they are durable, hundreds for each connection.
#[cfg(target_os = "linux")]
#[test]
fn a_server_takes_as_many_files_as_the_system_grants() {
    let world = World::new();
    let limits = fs::read_to_string(format!("/proc/{}/limits", world.server.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit of files");
    let [soft, hard] = [3, 4].map(|at| line.split_whitespace().nth(at).unwrap());
    assert_eq!(soft, hard);
}
