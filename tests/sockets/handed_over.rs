//! Sockets that whoever starts the server has bound for it, as systemd does (`sd_listen_fds(3)`). A parent in Python plays its part: it
//! binds, puts the socket at descriptor 3 and up, says so in the environment, and becomes the server.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Binds what its first argument says, one for each word, and becomes what follows. A process keeps its number when it becomes another
/// program, and so the number that it writes is the server's.
const PARENT: &str = r#"
import os, socket, sys
kinds, names, program = sys.argv[1].split(), sys.argv[2], sys.argv[3:]
sockets = []
for kind in kinds:
    kind, _, at = kind.partition(":")
    family = socket.AF_UNIX if kind.startswith("unix") else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM if kind.endswith("gram") else socket.SOCK_STREAM)
    made.bind(at if family == socket.AF_UNIX else ("127.0.0.1", 0))
    if kind in ("tcp", "unix"):
        made.listen(16)
    sockets.append(made)
# Out of the way first, since they may be where others are to be.
moved = [os.dup2(made.fileno(), 100 + at) for at, made in enumerate(sockets)]
for at, made in enumerate(moved):
    os.dup2(made, 3 + at, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES=names)
os.execv(program[0], program)
"#;

struct Handed {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Drop for Handed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parent(folder: &Path, kinds: &str, names: &str, args: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", PARENT, kinds, names, env!("CARGO_BIN_EXE_towline"), "serve", "files"]).args(args);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let files = folder.path().join("files");
    std::fs::create_dir(&files).expect("a new folder");
    std::fs::write(files.join("file"), "content").expect("it is written");
    // Whoever the server becomes is to be able to read it.
    for path in [folder.path(), &files] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("it is ours");
    }
    folder
}

impl Handed {
    fn start(folder: &Path, kinds: &str, names: &str, args: &[&str]) -> Handed {
        let mut child = parent(folder, kinds, names, args).spawn().expect("python3 is there");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        Handed { child, lines }
    }

    /// What follows `text` in the next line that has it.
    fn line_with(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).expect("text") == 0 {
                let mut said = String::new();
                let _any = self.child.stderr.take().expect("a pipe").read_to_string(&mut said);
                panic!("ended without \"{text}\": {said}");
            }
            if let Some((_, rest)) = line.split_once(text) {
                return rest.trim_end().to_owned();
            }
        }
    }

    fn stop(mut self) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("it runs");
        assert!(self.child.wait().expect("it ends").success());
    }
}

fn get(folder: &Path, from: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    let output = command.args(["get", from, "-"]).current_dir(folder).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_server_takes_over_sockets_of_both_kinds_and_leaves_their_files() {
    let folder = folder();
    let mut served = Handed::start(folder.path(), "tcp unix:socket", "towline-tcp:towline-unix", &[]);
    let at = served.line_with("listening on ");
    assert!(at.starts_with("127.0.0.1:"), "{at}");
    assert_eq!(served.line_with("listening on "), "unix:socket");
    assert_eq!(served.line_with("took over the socket at "), format!("{at} (towline-tcp)"));
    assert_eq!(served.line_with("took over the socket at "), "unix:socket (towline-unix)");
    assert_eq!(get(folder.path(), &format!("{at}/file")), "content");
    assert_eq!(get(folder.path(), "unix:./socket:/file"), "content");
    served.stop();
    assert!(folder.path().join("socket").exists(), "it is whose that bound it");
}

/// Within what the kernel holds it to, and as somebody else where that can be.
#[test]
fn a_server_that_gave_its_privileges_up_has_them_still() {
    let args: &[&str] = if rustix::process::geteuid().is_root() {
        &["--user", "nobody", "--read-only"]
    } else {
        println!("nobody else was become: only root can");
        &["--read-only"]
    };
    let folder = folder();
    let mut served = Handed::start(folder.path(), "tcp", "", args);
    let at = served.line_with("listening on ");
    assert_eq!(served.line_with("took over the socket at "), at, "without a name");
    assert_eq!(get(folder.path(), &format!("{at}/file")), "content");
    served.stop();
}

#[test]
fn what_cannot_be_taken_over_is_told() {
    let folder = folder();
    for (kinds, args, code, texts) in [
        (
            "tcp",
            &["--listen", "127.0.0.1:0"][..],
            2,
            &["1 sockets were handed over", "--listen was given as well"][..],
        ),
        (
            "udpgram",
            &[],
            11,
            &["cannot listen on socket 0 (\"odd\")", "it is no stream socket", "ListenStream="],
        ),
        ("unixgram:mail", &[], 11, &["it is no stream socket"]),
        ("tcpbound", &[], 11, &["it does not listen"]),
        ("tcp udpgram", &[], 11, &["cannot listen on socket 1"]),
    ] {
        let output = parent(folder.path(), kinds, "odd", args).output().expect("python3 is there");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(code), "{kinds}: {said}");
        for text in texts {
            assert!(said.contains(text), "{kinds}: \"{text}\" is not in:\n{said}");
        }
        let _none = std::fs::remove_file(folder.path().join("mail"));
    }
}

/// Variables that are somebody else's say nothing.
#[test]
fn what_was_handed_to_another_process_is_left_alone() {
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    command.args(["serve", "files", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
    command.env("LISTEN_PID", "1").env("LISTEN_FDS", "1");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let lines = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut served = Handed { child, lines };
    served.line_with("listening on 127.0.0.1:");
    served.stop();
}
