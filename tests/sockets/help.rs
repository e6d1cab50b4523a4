//! A server in a folder of its own, and what runs beside it.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A child that is gone when the test is over, however it ends.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `towline serve`, which runs in a folder that is not the one that it serves.
pub(crate) struct Served {
    child: Running,
    lines: Lines<BufReader<ChildStdout>>,
    /// Where it listens and echoes, in order, as it says.
    pub(crate) places: Vec<String>,
    folder: TempDir,
}

impl Served {
    /// Serves a new folder with `args`, and waits until it has said `places` times where it is to be had.
    pub(crate) fn start(args: &[&str], places: usize) -> Served {
        Served::start_in(args, places, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn start_in(args: &[&str], places: usize, environment: &[(&str, &str)]) -> Served {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("files")).expect("a new folder");
        let files: &[&str] = if args.contains(&"--no-files") { &[] } else { &["files"] };
        let mut child = Command::new(env!("CARGO_BIN_EXE_towline"))
            .arg("serve")
            .args(files)
            .args(args)
            .envs(environment.iter().copied())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut served = Served { child: Running(child), lines, places: Vec::new(), folder };
        while served.places.len() < places {
            let line = served.line();
            let place = ["listening on ", "echoing on "].iter().find_map(|text| line.strip_prefix(text));
            served.places.extend(place.map(str::to_owned));
        }
        served
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        self.lines.next().expect("it goes on").expect("text")
    }

    /// The next line with `text` in it.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        loop {
            let line = self.line();
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// A path in the folder that it runs in.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path below the folder that it serves.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("files").join(name)
    }

    /// Runs `towline` in the server's folder.
    pub(crate) fn towline(&self, args: &[&str]) -> Told {
        towline_in(self.folder.path(), args)
    }

    /// Stops it in order; gives what it still had to say.
    pub(crate) fn stop(mut self) -> (Vec<String>, TempDir) {
        kill_process(Pid::from_child(&self.child.0), Signal::INT).expect("it runs");
        let rest = self.lines.by_ref().map_while(Result::ok).collect();
        assert!(self.child.0.wait().expect("it ends").success());
        (rest, self.folder)
    }

    /// Kills it, as a crash would; gives its folder, with what it left there.
    pub(crate) fn crash(mut self) -> TempDir {
        self.child.0.kill().expect("it runs");
        self.child.0.wait().expect("it ends");
        self.folder
    }
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Told {
    /// Fails unless all went well.
    #[track_caller]
    pub(crate) fn well(self) -> Told {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Fails unless it ended with `code` and complained with each of `texts`.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, texts: &[&str]) -> Told {
        assert_eq!(self.code, Some(code), "{self:?}");
        for text in texts {
            assert!(self.error.contains(text), "\"{text}\" is not in:\n{}", self.error);
        }
        self
    }
}

impl From<Output> for Told {
    fn from(output: Output) -> Told {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Told { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
    }
}

/// Runs `towline` in `folder` to its end.
pub(crate) fn towline_in(folder: &Path, args: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    command.args(args).current_dir(folder).stdin(Stdio::null()).output().expect("the binary starts").into()
}

/// Bytes that differ from place to place.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 251 + at % 251) as u8).collect()
}
