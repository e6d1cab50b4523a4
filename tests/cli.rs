//! The real binary, end to end: every command, and every error that a person is likely to meet first. Each test has a
//! server of its own on a free port and folders of its own, and ends only the processes that it started.
#![cfg(all(feature = "cli", target_os = "linux"))]

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn towline(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    command.args(args).stdin(Stdio::null());
    command
}

/// A server of a folder of its own; killed when the test is over, however it ends.
struct Served {
    child: Child,
    lines: BufReader<ChildStdout>,
    address: String,
    echo: String,
    folder: TempDir,
}

impl Served {
    fn start() -> Served {
        Served::start_with(Path::new(env!("CARGO_BIN_EXE_towline")), |_| {})
    }

    /// The server is `program`, prepared by `prepare`.
    fn start_with(program: &Path, prepare: impl FnOnce(&mut Command)) -> Served {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg(folder.path()).args(["--listen", "127.0.0.1:0", "--echo", "127.0.0.1:0"]);
        prepare(command.stdin(Stdio::null()).stdout(Stdio::piped()));
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut served = Served { child, lines, address: String::new(), echo: String::new(), folder };
        served.address = served.line_with("listening on ");
        served.echo = served.line_with("echoing on ");
        served
    }

    /// Reads to the next line that has `text` in it; gives what follows it there.
    fn line_with(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "ended without \"{text}\"");
            if let Some((_, rest)) = line.split_once(text) {
                return rest.trim_end().to_owned();
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs to the end; gives the exit code, standard output and standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    ended(towline(args).output().unwrap())
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Fails unless the process ended with `code` and said each of `texts`.
fn fails(args: &[&str], code: i32, texts: &[&str]) {
    let (found, _, error) = run(args);
    assert_eq!(found, code, "{error}");
    for text in texts {
        assert!(error.contains(text), "\"{text}\" is not in:\n{error}");
    }
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_file_goes_there_and_comes_back() {
    let (served, here) = (Served::start(), tempfile::tempdir().unwrap());
    let (source, copy) = (here.path().join("notes.txt"), here.path().join("copy.txt"));
    let bytes: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(&source, &bytes).unwrap();
    let hash = blake3::hash(&bytes);

    let (code, out, error) = run(&["put", path_text(&source), &served.at("/sub/")]);
    assert_eq!((code, out), (0, format!("{hash}  {}\n", source.display())), "{error}");
    assert!(error.starts_with("sent 1.1 MiB in "), "{error}");
    assert_eq!(std::fs::read(served.path("sub/notes.txt")).unwrap(), bytes);

    let (code, out, error) = run(&["get", &served.at("/sub/notes.txt"), path_text(&copy), "--quiet"]);
    assert_eq!((code, out), (0, format!("{hash}  {}\n", copy.display())), "{error}");
    assert_eq!(error, "");
    assert_eq!(std::fs::read(&copy).unwrap(), bytes);
}

#[test]
fn folders_are_listed_in_order_and_files_are_shown() {
    let served = Served::start();
    std::fs::write(served.path("b.txt"), "hello").unwrap();
    std::fs::write(served.path("forged\nfile"), "").unwrap();
    std::fs::create_dir(served.path("a")).unwrap();
    let (code, out, error) = run(&["ls", &served.address]);
    assert_eq!(code, 0, "{error}");
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split_ascii_whitespace().collect()).collect();
    let shown: Vec<_> = lines.iter().map(|line| (line[0], line[1], line[3])).collect();
    assert_eq!(shown, [("folder", "-", "a/"), ("file", "5", "b.txt"), ("file", "0", "forged\\nfile")]);
    let (code, file, _) = run(&["ls", &served.at("/b.txt")]);
    assert_eq!((code, file.lines().count()), (0, 1));
    assert!(file.ends_with("b.txt\n"), "{file}");
}

#[test]
fn files_and_empty_folders_are_removed() {
    let served = Served::start();
    std::fs::create_dir(served.path("a")).unwrap();
    std::fs::write(served.path("a/b"), "").unwrap();
    fails(&["rm", &served.at("/a")], 7, &["not empty", "remove what is in it first"]);
    assert_eq!(run(&["rm", &served.at("/a/b")]).0, 0);
    assert_eq!(run(&["rm", &served.at("/a")]).0, 0);
    assert!(!served.path("a").exists());
    fails(&["rm", &served.at("/a")], 6, &["the server says", "towline ls"]);
    fails(&["rm", &served.at("/")], 2, &["no path is named"]);
}

#[test]
fn round_trips_are_counted() {
    let served = Served::start();
    let (code, out, error) = run(&["echo", &served.address, "--count", "3", "--size", "65536"]);
    assert_eq!(code, 0, "{error}");
    assert!(out.starts_with("3 sent, 3 received, 65536 bytes each\n0 lost, 0 duplicated, "), "{out}");
}

#[test]
fn raw_echo_answers_any_client() {
    let served = Served::start();
    let mut stream = TcpStream::connect(&served.echo).unwrap();
    stream.write_all(b"Hello, world").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"Hello, world");
}

#[test]
fn a_destination_that_is_a_folder_gets_a_hint_and_stays() {
    let (served, here) = (Served::start(), tempfile::tempdir().unwrap());
    let source = here.path().join("x");
    std::fs::write(&source, "x").unwrap();
    std::fs::create_dir(served.path("a")).unwrap();
    let to = served.at("/a");
    let hint = format!("{to}/");
    fails(&["put", path_text(&source), &to], 7, &["a folder stands there", "add '/'", &hint]);
    assert!(served.path("a").is_dir());
}

#[test]
fn what_is_missing_is_told_by_the_side_that_misses_it() {
    let (served, here) = (Served::start(), tempfile::tempdir().unwrap());
    let missing = here.path().join("missing");
    let there = served.at("/missing");
    fails(&["get", &there, path_text(&missing)], 6, &["the server says", "no such file or folder"]);
    assert!(!missing.exists());
    fails(&["put", path_text(&missing), &there], 6, &["No such file", "on this machine"]);
    fails(&["serve", path_text(&missing), "--listen", "127.0.0.1:0"], 6, &["cannot serve", "mkdir"]);
}

#[test]
fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
    let told = ["Connection refused", "the host is up, and nothing listens", "towline serve"];
    fails(&["ls", &free.to_string()], 3, &told);
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let (here, free) = (tempfile::tempdir().unwrap(), TcpListener::bind("127.0.0.3:0").unwrap());
    // No other test uses this address, so that the port stays free.
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let mut client = towline(&["ls", &address, "--wait", "60"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(client.stderr.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("attempt 1") && first.contains("Connection refused"), "{first}");
    let dir = path_text(here.path());
    let mut server = towline(&["serve", dir, "--listen", &address]).stdout(Stdio::null()).spawn().unwrap();
    let code = client.wait().unwrap().code();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(code, Some(0));
}

#[test]
fn a_port_in_use_names_its_holder_and_the_first_server_goes_on() {
    let served = Served::start();
    let pid = format!("is held by towline, pid {}", served.child.id());
    let dir = path_text(served.folder.path());
    fails(&["serve", dir, "--listen", &served.address], 10, &["in use", &pid, "choose another port"]);
    assert_eq!(run(&["ls", &served.address]).0, 0);
}

#[test]
fn an_echo_beyond_loopback_is_refused_unless_it_is_spelled_out() {
    let args = ["serve", "--no-files", "--echo", "0.0.0.0:0"];
    fails(&args, 2, &["--insecure-plaintext", "nothing is encrypted"]);
}

#[test]
fn sigterm_ends_a_server_in_order() {
    let mut served = Served::start();
    served.signal(Signal::TERM);
    served.line_with("stopping: nothing is under way");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_second_signal_does_not_wait() {
    let mut served = Served::start();
    // A client that says nothing holds a draining server up, until its handshake is due.
    let mut silent = TcpStream::connect(&served.address).unwrap();
    silent.write_all(&towline::wire::PREAMBLE).unwrap();
    assert_eq!(run(&["ls", &served.address]).0, 0);
    served.line_with("ls /: listed");
    served.signal(Signal::INT);
    let line = served.line_with("stopping: ");
    served.signal(Signal::INT);
    let code = served.child.wait().unwrap().code();
    // A session before its handshake has nothing to finish: the drain may have been over already.
    assert!(matches!(code, Some(0 | 12)), "{code:?} after {line}");
}

#[test]
fn a_reader_that_has_read_enough_is_told_nothing() {
    let served = Served::start();
    std::fs::write(served.path("a"), "").unwrap();
    let mut child =
        towline(&["ls", &served.address]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let (code, _, error) = ended(child.wait_with_output().unwrap());
    assert_eq!((code, error.as_str()), (141, ""));
}

#[test]
fn another_protocol_is_answered_and_told() {
    let mut served = Served::start();
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(!answer.is_empty());
    drop(stream);
    served.line_with("dropped: the peer does not speak towline");
}

/// Permissions bind nobody who is root: there the server runs as an ordinary user, from a copy that such a one may run.
#[test]
fn what_an_ordinary_user_may_not_touch_is_denied_and_stays() {
    const NOBODY: u32 = 65_534;
    let bin = tempfile::tempdir().unwrap();
    let program = bin.path().join("towline");
    std::fs::copy(env!("CARGO_BIN_EXE_towline"), &program).unwrap();
    std::fs::set_permissions(bin.path(), Permissions::from_mode(0o755)).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    let served = Served::start_with(&program, |command| {
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
    });
    let (secret, closed) = (served.path("secret"), served.path("closed"));
    std::fs::write(&secret, b"mine").unwrap();
    std::fs::create_dir(&closed).unwrap();
    std::fs::write(closed.join("old"), b"old").unwrap();
    std::fs::set_permissions(&secret, Permissions::from_mode(0o000)).unwrap();
    std::fs::set_permissions(&closed, Permissions::from_mode(0o500)).unwrap();

    let here = tempfile::tempdir().unwrap();
    let (source, copy) = (here.path().join("new"), here.path().join("copy"));
    std::fs::write(&source, b"new").unwrap();
    fails(&["get", &served.at("/secret"), path_text(&copy)], 7, &["ermission denied"]);
    fails(&["put", path_text(&source), &served.at("/closed/old")], 7, &["ermission denied"]);
    fails(&["rm", &served.at("/closed/old")], 7, &["ermission denied"]);
    assert!(!copy.exists());
    std::fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    assert_eq!(std::fs::read(closed.join("old")).unwrap(), b"old");
}

/// Carries one connection to `to`, but of what the client says only so many bytes, and then ends it. Gives its address.
fn cut_after(bytes: u64, to: &str) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, to) = (listener.local_addr().unwrap().to_string(), to.to_owned());
    let thread = std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let server = TcpStream::connect(to).unwrap();
        let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let replies = std::thread::spawn(move || {
            let _ended = std::io::copy(&mut answers, &mut back);
        });
        std::io::copy(&mut (&client).take(bytes), &mut &server).unwrap();
        // What has gone out arrives before the end does.
        server.shutdown(Shutdown::Write).unwrap();
        replies.join().unwrap();
        let _gone = client.shutdown(Shutdown::Both);
    });
    (address, thread)
}

#[test]
fn a_transfer_that_breaks_off_goes_on() {
    let (served, here) = (Served::start(), tempfile::tempdir().unwrap());
    let source = here.path().join("film");
    let bytes: Vec<u8> = (0..2_000_000u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(&source, &bytes).unwrap();
    let folder = path_text(served.folder.path());

    let (through, proxy) = cut_after(5_000_000, &served.address);
    fails(&["put", path_text(&source), &format!("{through}/film"), "--retries", "0"], 4, &["connection"]);
    proxy.join().unwrap();
    let (code, out, _) = run(&["partials", folder]);
    assert!(code == 0 && out.contains(" of 7.6 MiB") && out.ends_with("  film\n"), "{out}");
    let (code, out, _) = run(&["partials", "--json", folder]);
    assert!(
        code == 0 && out.contains("\"bytes_of\":8000000") && out.contains("\"outcome\":\"kept\""),
        "{out}"
    );

    let (code, _, error) = run(&["put", path_text(&source), &served.at("/film")]);
    assert!(code == 0 && error.contains(" of 7.6 MiB were there already"), "{error}");
    assert_eq!(std::fs::read(served.path("film")).unwrap(), bytes);
    assert_eq!(run(&["partials", folder]), (0, String::new(), String::new()));

    // The other way, and what differs from the version that stands there.
    let copy = here.path().join("copy");
    let mut older = bytes.clone();
    older[6_000_000] ^= 1;
    std::fs::write(&copy, &older).unwrap();
    let (code, _, error) = run(&["get", &served.at("/film"), path_text(&copy)]);
    assert!(code == 0 && error.starts_with("received 64.0 KiB in "), "{error}");
    assert_eq!(std::fs::read(&copy).unwrap(), bytes);
    let (code, _, error) = run(&["get", &served.at("/film"), path_text(&copy), "--no-resume"]);
    assert!(code == 0 && error.starts_with("received 7.6 MiB in "), "{error}");

    let (through, proxy) = cut_after(5_000_000, &served.address);
    fails(&["put", path_text(&source), &format!("{through}/other"), "--retries", "0"], 4, &[]);
    proxy.join().unwrap();
    let (code, out, _) = run(&["partials", folder, "--remove"]);
    assert!(code == 0 && out.starts_with("removed  ") && out.ends_with("  other\n"), "{out}");
    assert_eq!(run(&["partials", folder]).1, "");
}
