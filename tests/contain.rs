//! What the kernel holds a process to.
#![cfg(all(feature = "cli", target_os = "linux"))]

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use towline::contain::{Access, Held, contain};

/// In a thread of its own, which alone is restricted; `false` where this kernel cannot.
fn contained(allowed: &[(std::path::PathBuf, Access)], test: impl FnOnce() + Send) -> bool {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| match contain(allowed).expect("it can be asked") {
            Held::NotAtAll => false,
            Held::Fully | Held::Partly => {
                test();
                true
            }
        });
        thread.join().expect("it does not panic")
    })
}

fn denied<T>(result: std::io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn a_contained_process_opens_nothing_outside_however_it_tries() {
    let (served, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = outside.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    fs::write(served.path().join("file"), "served").unwrap();
    std::os::unix::fs::symlink(&secret, served.path().join("link")).unwrap();
    let root = served.path().to_path_buf();
    let was_contained = contained(&[(root.clone(), Access::Write)], || {
        assert_eq!(fs::read(root.join("file")).unwrap(), b"served");
        fs::create_dir(root.join("folder")).unwrap();
        fs::write(root.join("folder/new"), "new").unwrap();
        fs::rename(root.join("folder/new"), root.join("moved")).unwrap();
        fs::remove_file(root.join("moved")).unwrap();
        assert!(denied(fs::read(&secret)));
        assert!(denied(fs::read(root.join("link"))), "over a link");
        assert!(denied(fs::read("/etc/passwd")));
        assert!(denied(fs::read_dir(outside.path())));
        assert!(denied(fs::write(outside.path().join("new"), "new")));
        assert!(denied(fs::remove_file(&secret)));
        assert!(denied(fs::File::options().write(true).truncate(true).open(&secret)));
        assert!(fs::rename(&secret, root.join("taken")).is_err());
        assert!(fs::hard_link(&secret, root.join("taken")).is_err());
        assert!(denied(Command::new("/bin/true").status()), "nothing is run");
    });
    assert_eq!(fs::read(&secret).unwrap(), b"secret", "the others may");
    if !was_contained {
        eprintln!("this kernel has no Landlock: nothing was shown");
    }
}

#[test]
fn a_folder_that_is_only_read_is_not_written() {
    let served = tempfile::tempdir().unwrap();
    fs::write(served.path().join("file"), "served").unwrap();
    let root = served.path().to_path_buf();
    contained(&[(root.clone(), Access::Read)], || {
        assert_eq!(fs::read(root.join("file")).unwrap(), b"served");
        assert!(denied(fs::write(root.join("file"), "changed")));
        assert!(denied(fs::write(root.join("new"), "new")));
        assert!(denied(fs::remove_file(root.join("file"))));
    });
    assert_eq!(fs::read(served.path().join("file")).unwrap(), b"served");
}

#[test]
fn a_contained_process_listens_and_connects_to_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let sockets = tempfile::tempdir().unwrap();
    let folder = sockets.path().to_path_buf();
    contained(&[(folder.clone(), Access::Sockets)], || {
        // An older kernel lets them.
        assert!(
            TcpStream::connect(at).map_or_else(|error| error.kind() == ErrorKind::PermissionDenied, |_| true)
        );
        TcpListener::bind("127.0.0.1:0").unwrap();
        std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
        fs::remove_file(folder.join("socket")).unwrap();
        assert!(denied(fs::write(folder.join("file"), "")));
    });
}

/// Every thread of the real server, however many it has started.
#[test]
fn every_thread_of_a_server_is_contained() {
    let served = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_towline"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .arg(served.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.find(|line| line.contains("contained")).unwrap();
    if !told.starts_with("not contained") {
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        // What goes with it, and what the kernel shows of it.
        let holds = |task: std::io::Result<fs::DirEntry>| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        };
        tasks.for_each(holds);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
