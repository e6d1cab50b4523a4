//! A server and a client with keys of their own.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// What is needed where nobody is asked.
pub(crate) const UNTRUSTED: i32 = 16;

/// A user of a machine.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file of keys of this user's.
    pub(crate) fn keys(&self, name: &str) -> PathBuf {
        self.path("config/towline").join(name)
    }

    pub(crate) fn write_keys(&self, name: &str, text: &str) {
        DirBuilder::new().recursive(true).mode(0o700).create(self.path("config/towline")).unwrap();
        fs::write(self.keys(name), text).unwrap();
        fs::set_permissions(self.keys(name), Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
        command.args(args).stdin(Stdio::null()).current_dir(self.0.path());
        command.env("XDG_CONFIG_HOME", self.path("config")).env("USER", "somebody").env_remove("HOME");
        command
    }

    /// Runs to the end; gives the exit code, standard output and standard error.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        ended(self.command(args).output().unwrap())
    }

    /// Fails unless it ended well.
    pub(crate) fn does(&self, args: &[&str]) -> String {
        let (code, out, error) = self.run(args);
        assert_eq!(code, 0, "{args:?}: {error}");
        out
    }

    /// Fails unless the process ended with `code` and said each of `texts`.
    pub(crate) fn fails(&self, args: &[&str], code: i32, texts: &[&str]) {
        let (found, out, error) = self.run(args);
        assert_eq!(found, code, "{args:?}: {out}{error}");
        for text in texts {
            assert!(error.contains(text), "\"{text}\" is not in:\n{error}");
        }
    }

    /// The public key alone.
    pub(crate) fn key(&self) -> String {
        let shown = self.does(&["key"]);
        shown.lines().find(|line| line.starts_with("ed25519:")).unwrap().split(' ').next().unwrap().to_owned()
    }
}

pub(crate) fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A server that asks who comes; killed when the test is over, however it ends.
pub(crate) struct Served {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub(crate) home: Home,
    pub(crate) address: String,
    pub(crate) fingerprint: String,
}

impl Served {
    /// Knows those keys.
    pub(crate) fn start(authorized: &str) -> Served {
        Served::start_with(authorized, &[])
    }

    pub(crate) fn start_with(authorized: &str, args: &[&str]) -> Served {
        let home = Home::new();
        home.write_keys("authorized_keys", authorized);
        Served::at_home(home, args)
    }

    pub(crate) fn at_home(home: Home, args: &[&str]) -> Served {
        let served = home.path("served");
        fs::create_dir_all(&served).unwrap();
        let all = [&["serve", path_text(&served), "--listen", "127.0.0.1:0", "--tls", "-v"], args].concat();
        let mut child = home.command(&all).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut served = Served { child, lines, home, address: String::new(), fingerprint: String::new() };
        served.address = served.line_with("listening on ");
        served.fingerprint = served.line_with("has the fingerprint ");
        served
    }

    /// Reads to the next line that has `text` in it; gives what follows it there.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "ended without \"{text}\"");
            if let Some((_, rest)) = line.split_once(text) {
                return rest.trim_end().to_owned();
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path("served").join(name)
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.address)
    }

    /// Ends it; gives the home that it had.
    pub(crate) fn stop(mut self) -> Home {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.home, Home::new())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that knows one client, and the client, which has met it.
pub(crate) fn acquainted(rights: &str, args: &[&str]) -> (Served, Home) {
    let client = Home::new();
    let served = Served::start_with(&format!("{} somebody {rights}\n", client.key()), args);
    // It says who it is, and whether it may see anything is not the question here.
    client.does(&["echo", &served.address, "--tls", "--accept", &served.fingerprint, "--count", "1", "-q"]);
    (served, client)
}

pub(crate) fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}
