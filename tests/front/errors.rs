//! Every message that a newcomer is likely to meet, and every exit code, as they are seen: standard error of the real binary.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use super::help::{Served, bytes};

/// What is tried in one folder, and what was said of it.
struct Tried {
    folder: tempfile::TempDir,
    /// What differs from run to run, and what stands for it.
    variable: Vec<(String, &'static str)>,
    told: String,
}

impl Tried {
    fn new() -> Tried {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("notes.txt"), "notes").unwrap();
        std::fs::write(path.join("-rf.txt"), "odd").unwrap();
        std::fs::create_dir(path.join("photos")).unwrap();
        let variable = vec![(path.to_str().unwrap().to_owned(), "HERE")];
        Tried { folder, variable, told: String::new() }
    }

    fn stands_for(&mut self, text: &str, name: &'static str) {
        self.variable.insert(0, (text.to_owned(), name));
    }

    fn run(&mut self, code: i32, typed: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
        let mut args: Vec<String> = typed.split(' ').skip(1).map(str::to_owned).collect();
        for (text, name) in &self.variable {
            args.iter_mut().for_each(|arg| *arg = arg.replace(name, text));
        }
        command.args(&args).current_dir(self.folder.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let mut said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{typed}\n{said}");
        for (text, name) in &self.variable {
            said = said.replace(text, name);
        }
        self.told += &format!("$ {typed}\n{said}[{code}]\n\n");
    }

    /// With what a server there says, or does not, to whoever connects.
    fn against(&mut self, server: Answer, code: i32, typed: &str) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let before = self.variable.len();
        self.stands_for(address.rsplit(':').next().unwrap(), "PORT");
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // Whoever is not understood goes away when they like.
            let mut greeting = [0; 8];
            let _read = stream.read(&mut greeting);
            match server {
                Answer::Http => drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
                Answer::Nothing => drop(stream.read_to_end(&mut Vec::new())),
                Answer::Hello | Answer::End => {
                    if matches!(server, Answer::Hello) {
                        stream.write_all(&greeting).unwrap();
                    }
                    // With something left unread its end is a reset, always.
                    while stream.peek(&mut [0; 2]).is_ok_and(|count| count == 0) {}
                }
            }
        });
        self.run(code, typed);
        answering.join().unwrap();
        self.variable.drain(..self.variable.len() - before);
    }

    /// Compares with the snapshot; times, pids and this machine's own addresses differ.
    fn are(self, name: &str) {
        insta::with_settings!({ filters => vec![
            (r"warning: this runs as root[^\n]*\n", ""),
            (r"held back by .*", "held back by WAITS"),
            (r"\d+\.\d+ ?(µs|ms|s)\b", "TIME"),
            (r"(\d+\.\d [KMG]iB|\d+ bytes)/s", "RATE"),
            (r"pid \d+", "pid PID"),
            (r"kill \d+", "kill PID"),
            (r"user [^\s(]+ \(\d+\)", "user USER"),
            (r"\(user USER, `[^`]*`\)", "(user USER, COMMAND)"),
            (r"addresses are [^)]*\)", "addresses are OWN)"),
            (r"of its own: .*", "of its own: OWN"),
            (r"from 127\.0\.0\.1:\d+ to (\S+): .*", "from OWN to $1: OPTIONS"),
            (r"connected to (\S+): protocol.*", "connected to $1: LIMITS"),
            // Which of both is seen depends on whether the client reads or writes first.
            (r"failed: (the connection broke|the server closed the connection);", "failed: GONE;"),
        ] }, { insta::assert_snapshot!(name, self.told) });
    }
}

/// How somebody who is no server of ours answers.
#[derive(Clone, Copy)]
enum Answer {
    Http,
    /// As one of ours, and then it is gone.
    Hello,
    Nothing,
    End,
}

/// An address at which nobody listens, and nobody else will: whoever has it keeps it to the end.
fn nobody() -> (TcpListener, String) {
    use std::os::fd::AsFd;
    let held = TcpListener::bind("127.0.0.9:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    // What is shut down refuses, and keeps its port.
    rustix::net::shutdown(held.as_fd(), rustix::net::Shutdown::Both).unwrap();
    (held, address)
}

#[test]
fn what_was_typed_is_wrong() {
    let mut tried = Tried::new();
    for typed in [
        "towline put notes.txt",
        "towline put photos 127.0.0.1:1",
        "towline put 127.0.0.1/notes.txt notes.txt",
        "towline put 127.0.0.1 notes.txt",
        "towline get notes.txt 127.0.0.1/notes.txt",
        "towline put notes.txt https://example.org/notes.txt",
        "towline get http://example.org/notes.txt",
        "towline ls http://example.org",
        "towline ls example.org:99999",
        "towline ls example.org:0",
        "towline ls ::1",
        "towline get you@example.org:/notes.txt",
        "towline put notes.txt example.org:texts/notes.txt",
        "towline ls example.org/../etc",
        "towline get example.org",
        "towline rm example.org",
        "towline ls",
        "towline get",
        "towline put -rf.txt 127.0.0.1",
        "towline put notes.txt example.org --recursiv",
        "towline pu notes.txt example.org",
        "towline serve --listen example.org",
        "towline serve --listen 127.0.0.1:99999",
        "towline serve --echo 0.0.0.0:0",
        "towline verify photos 127.0.0.1:1",
        "towline get --range 5-1 example.org/notes.txt -",
        "towline echo ftp://example.org",
        "towline echo example.org --duration none",
        "towline explain EADRINUSE",
        "towline explain foo",
        "towline upload notes.txt example.org",
        "towline -v ls example.org",
        "towline ls example.org --port 9000",
        "towline ls ./photos",
        "towline get notes.txt",
        "towline get host:notes.txt",
        "towline put notes.txt 127.0.0.1:1 127.0.0.1:2",
        "towline put notes.txt example.org --retries many",
        "towline put notes.txt example.org -j 65",
        "towline echo example.org --size 64X",
        "towline echo example.org --flood --rate 5",
        "towline ls example.org -q -v",
        "towline ls one two",
        "towline rm -r example.org/x",
        "towline serve --listen",
        "towline completions tcsh",
    ] {
        let code = if typed.starts_with("towline put 127") { 6 } else { 2 };
        tried.run(code, typed);
    }
    tried.are("typed");
}

#[test]
fn what_is_here_is_not_as_it_should_be() {
    let mut tried = Tried::new();
    tried.run(6, "towline put missing.txt 127.0.0.1:1");
    tried.run(6, "towline hash missing.txt");
    tried.run(7, "towline hash photos");
    tried.run(6, "towline serve missing --listen 127.0.0.1:0");
    tried.run(7, "towline serve notes.txt --listen 127.0.0.1:0");
    tried.run(11, "towline serve --listen 192.0.2.77:9 --insecure-plaintext");
    tried.run(11, "towline serve --listen unix:missing/socket");
    tried.run(6, "towline partials missing");
    tried.are("here");
}

#[test]
fn the_server_is_not_there() {
    let mut tried = Tried::new();
    let (_held, address) = nobody();
    tried.stands_for(&address, "127.0.0.9:PORT");
    tried.stands_for(address.rsplit(':').next().unwrap(), "PORT");
    tried.run(3, "towline ls 127.0.0.9:PORT --retries 0");
    tried.run(3, "towline put notes.txt 127.0.0.9:PORT --retries 1 --quiet");
    tried.run(3, "towline ls nowhere.invalid --retries 0");
    tried.run(3, "towline ls unix:missing --retries 0");
    tried.run(3, "towline ls unix:notes.txt/ --retries 0");
    tried.run(3, "towline ls 127.0.0.9:PORT --retries 0 -v");
    tried.run(3, "towline echo tcp://127.0.0.9:PORT");
    tried.are("unreachable");
}

#[test]
fn the_server_says_no() {
    let mut tried = Tried::new();
    let served = Served::start();
    std::fs::create_dir(served.path("folder")).unwrap();
    std::fs::write(served.path("folder/file"), "there").unwrap();
    std::fs::write(served.path("file"), bytes(100)).unwrap();
    std::os::unix::fs::symlink("/", served.path("away")).unwrap();
    let address = served.at("");
    tried.stands_for(&address, "127.0.0.1:PORT");
    tried.stands_for(address.rsplit(':').next().unwrap(), "PORT");
    tried.stands_for(Path::new(env!("CARGO_BIN_EXE_towline")).to_str().unwrap(), "towline");
    tried.run(6, "towline get 127.0.0.1:PORT/missing");
    tried.run(7, "towline get 127.0.0.1:PORT/folder");
    tried.run(6, "towline rm 127.0.0.1:PORT/missing -v");
    tried.run(7, "towline put notes.txt 127.0.0.1:PORT/folder");
    tried.run(7, "towline put notes.txt 127.0.0.1:PORT/file/notes.txt");
    tried.run(7, "towline put notes.txt 127.0.0.1:PORT/away/notes.txt");
    tried.run(7, "towline rm 127.0.0.1:PORT/folder");
    tried.run(7, "towline get --range 500- 127.0.0.1:PORT/file -");
    tried.run(6, "towline get 127.0.0.1:PORT/file missing/folder/");
    tried.run(14, "towline verify notes.txt 127.0.0.1:PORT/file");
    tried.run(13, "towline put -r notes.txt photos missing 127.0.0.1:PORT/new");
    tried.run(10, "towline serve photos --listen 127.0.0.1:PORT");
    tried.run(15, "towline echo 127.0.0.1:PORT --count 3 --fail-if p50>0ns --json");
    tried.are("server");
}

#[test]
fn the_server_lets_you_do_less() {
    let mut tried = Tried::new();
    for less in ["--read-only", "--drop-box"] {
        let served = Served::start_with(&[less]);
        std::fs::write(served.path("file"), "there").unwrap();
        let address = served.at("");
        let before = tried.variable.len();
        tried.stands_for(&address, "127.0.0.1:PORT");
        tried.told += &format!("{less}\n\n");
        tried.run(if less == "--read-only" { 7 } else { 0 }, "towline put notes.txt 127.0.0.1:PORT/new");
        tried.run(7, "towline put notes.txt 127.0.0.1:PORT/file");
        tried.run(7, "towline rm 127.0.0.1:PORT/file");
        tried.run(if less == "--read-only" { 0 } else { 7 }, "towline ls 127.0.0.1:PORT");
        tried.run(if less == "--read-only" { 14 } else { 7 }, "towline verify notes.txt 127.0.0.1:PORT/file");
        tried.run(7, "towline put -r photos 127.0.0.1:PORT/");
        tried.variable.drain(..tried.variable.len() - before);
        assert_eq!(std::fs::read_to_string(served.path("file")).unwrap(), "there");
        assert_eq!(served.path("new").exists(), less == "--drop-box");
    }
    tried.are("less");
}

#[test]
fn somebody_else_answers() {
    let mut tried = Tried::new();
    tried.against(Answer::Http, 5, "towline ls 127.0.0.1:PORT --retries 0");
    tried.against(Answer::End, 4, "towline ls 127.0.0.1:PORT --retries 0");
    tried.against(Answer::Hello, 3, "towline put notes.txt 127.0.0.1:PORT --retries 1");
    tried.against(Answer::Hello, 3, "towline ls 127.0.0.1:PORT --retries 1");
    tried.against(Answer::Nothing, 4, "towline ls 127.0.0.1:PORT --retries 0 --handshake-timeout 0.2");
    tried.against(Answer::Nothing, 8, "towline ls 127.0.0.1:PORT --retries 0 --operation-timeout 0.2");
    tried.are("somebody");
}

/// Nothing can be written to `/dev/full`: the disk below it is always full.
#[test]
fn standard_output_is_on_a_full_disk() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    let output = command
        .args(["explain"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    assert_eq!(output.status.code(), Some(9));
    insta::assert_snapshot!("full", String::from_utf8(output.stderr).unwrap());
}
