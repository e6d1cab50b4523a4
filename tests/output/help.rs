//! The binary, and a server of a folder of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use tempfile::TempDir;

/// Runs towline to its end, with `input` on its standard input.
pub(crate) fn towline_with(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // Whoever fails before it has read all closes its end.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}

/// Runs towline to its end.
pub(crate) fn towline(args: &[&str]) -> Output {
    towline_with(args, b"")
}

/// What a run printed, which must have gone well.
pub(crate) fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a run complained of, which must have failed with `code`.
pub(crate) fn complaint(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A server; killed when the test is over, however it ends.
pub(crate) struct Served {
    child: Child,
    /// Kept open: a server whose lines nobody reads would stop.
    _lines: BufReader<ChildStdout>,
    address: String,
    folder: PathBuf,
    /// Removed with the server, if it is its own.
    _own: Option<TempDir>,
}

impl Served {
    /// Of a folder of its own, which goes with it.
    pub(crate) fn start() -> Served {
        Served::start_with(&[])
    }

    pub(crate) fn start_with(args: &[&str]) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let mut served = Served::of_with(folder.path(), args);
        served._own = Some(folder);
        served
    }

    /// Of a folder that stays.
    fn of_with(folder: &Path, args: &[&str]) -> Served {
        let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
        command.arg("serve").arg(folder).args(["--quiet", "--listen", "127.0.0.1:0"]).args(args);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on ") {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the server ended");
        }
        let address = line.split_once("listening on ").unwrap().1.trim_end().to_owned();
        Served { child, _lines: lines, address, folder: folder.to_path_buf(), _own: None }
    }

    /// A file below the served folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Ends it without a word (SIGKILL). Nothing where it has ended.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// `HOST:PORT` and `path`.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Bytes that differ from place to place.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i / 251 + i % 251) as u8).collect()
}
