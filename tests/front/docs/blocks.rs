//! The rules by which a block is tried:
//!
//! - A line that begins with `$ ` is typed into bash, in the session's folder; lines until the next one are what comes, standard error
//!   included. `towline` is the binary that was built.
//! - Times, rates and moments are matched by what they are; `[..]` stands for anything on a line, and `…` alone for any lines. Nothing
//!   else varies: sizes, counts and hashes are compared.
//! - An exit code other than 0 stands below in brackets: `[6]`.
//! - `$ towline serve …` runs until the session is over, and is waited for until it says all that stands there. A place without a port is
//!   a port of this session's, and so is 8695.
//! - A block behind `<!-- not tried: WHY -->` is not tried.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A block of a document.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) is_tried: bool,
    /// The number of its first line, and its lines.
    at: usize,
    lines: Vec<String>,
}

/// The blocks of a document.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut before = "";
    while let Some((at, line)) = lines.next() {
        if line == "```console" {
            let body = lines.by_ref().map(|(_, line)| line.to_owned()).take_while(|line| line != "```");
            let is_tried = !before.starts_with("<!-- not tried: ");
            blocks.push(Block { is_tried, at: at + 2, lines: body.collect() });
        }
        before = if line.is_empty() { before } else { line };
    }
    blocks
}

/// A shell's folder, and what runs in the background.
pub(crate) struct Session {
    folder: tempfile::TempDir,
    servers: Vec<(Child, BufReader<ChildStdout>)>,
    /// The port that stands for 8695.
    port: Option<String>,
}

impl Session {
    pub(crate) fn new() -> Session {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_towline"), folder.path().join("bin/towline")).unwrap();
        let work = folder.path().join("towline");
        std::fs::create_dir_all(work.join("shared")).unwrap();
        std::fs::create_dir(work.join("photos")).unwrap();
        std::fs::write(work.join("film.mkv"), super::super::help::bytes(20_000_000)).unwrap();
        for (name, length) in [("one.jpg", 30_000), ("two.jpg", 40_000)] {
            std::fs::write(work.join("photos").join(name), super::super::help::bytes(length)).unwrap();
        }
        Session { folder, servers: Vec::new(), port: None }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("towline")
    }

    /// Types what the block shows; gives what is not so.
    pub(crate) fn run(&mut self, block: &Block) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut at = 0;
        if !block.lines.first().is_some_and(|line| line.starts_with("$ ")) {
            wrong.push(format!("{}: a block begins with what is typed", block.at));
        }
        while at < block.lines.len() {
            let Some(typed) = block.lines[at].strip_prefix("$ ") else {
                at += 1;
                continue;
            };
            let answer = block.lines[at + 1..].iter().take_while(|line| !line.starts_with("$ "));
            let shown: Vec<String> = answer.cloned().collect();
            let came = if typed.starts_with("towline serve")
                && !shown.iter().any(|line| line.starts_with("towline: "))
            {
                self.serve(typed, &shown)
            } else {
                self.typed(typed)
            };
            if !matches(&shown, &came) {
                let (shown, came) = (shown.join("\n"), came.join("\n"));
                wrong.push(format!("{}: $ {typed}\n--- shown\n{shown}\n--- came\n{came}\n", block.at + at));
            }
            at += 1 + shown.len();
        }
        wrong
    }

    fn bash(&self, typed: &str) -> Command {
        let path = format!("{}:{}", self.folder.path().join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.arg("-c").arg(self.here(typed)).current_dir(self.work()).env("PATH", path);
        command.env("HOME", self.folder.path()).env("TMPDIR", self.folder.path()).stdin(Stdio::null());
        command
    }

    /// With the port of this session.
    fn here(&self, typed: &str) -> String {
        let Some(port) = &self.port else { return typed.to_owned() };
        let words = typed.split(' ').map(|word| match word.split_once("127.0.0.1") {
            Some(("", rest)) if !rest.starts_with(':') => format!("127.0.0.1:{port}{rest}"),
            Some(_) | None => word.replace(":8695", &format!(":{port}")),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// As a document would show it.
    fn as_shown(&self, line: &str) -> String {
        let line = line.replace(self.folder.path().to_str().unwrap(), "/home/you");
        match &self.port {
            Some(port) => {
                line.replace(&format!(":{port}"), ":8695").replace(&format!("port {port}"), "port 8695")
            }
            None => line,
        }
    }

    fn typed(&self, typed: &str) -> Vec<String> {
        let output = self.bash(&format!("{{ {typed}\n}} 2>&1")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines: Vec<String> = text.lines().map(|line| self.as_shown(line)).collect();
        match output.status.code() {
            Some(0) => {}
            code => lines.push(format!("[{}]", code.unwrap_or(-1))),
        }
        lines
    }

    /// Starts a server on a port of its own, and reads as many lines as are shown.
    fn serve(&mut self, typed: &str, shown: &[String]) -> Vec<String> {
        let typed = if typed.contains("--listen") {
            typed.to_owned()
        } else {
            format!("{typed} --listen 127.0.0.1:0")
        };
        let mut command = self.bash(&format!("exec {typed}"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut came = Vec::new();
        while came.len() < shown.len() {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                break;
            }
            if let Some(address) = line.trim_end().strip_prefix("listening on ") {
                self.port = address.rsplit(':').next().map(str::to_owned);
            }
            came.push(self.as_shown(line.trim_end()));
        }
        self.servers.push((child, lines));
        came
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for (child, _) in &mut self.servers {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A line with what varies replaced by what it is: a time or a rate by its kind, a moment likewise. What has no such unit is exact:
/// sizes, counts, percentages.
fn plain(line: &str) -> String {
    const UNITS: [&str; 7] = ["µs", "ms", "s", "bytes/s", "KiB/s", "MiB/s", "GiB/s"];
    let bare = |word: &str| word.trim_matches(['(', ')', ',', ';']).to_owned();
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut plain = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let is_unit = |at: usize| words.get(at).is_some_and(|word| UNITS.contains(&bare(word).as_str()));
        let is_number = |at: usize| bare(words[at]).parse::<f64>().is_ok();
        let core = bare(word);
        plain.push(match () {
            () if is_number(at) && is_unit(at + 1) => word.replace(&core, "N"),
            () if at > 0 && is_unit(at) && is_number(at - 1) => {
                word.replace(&core, if core.ends_with("/s") { "RATE" } else { "TIME" })
            }
            () if is_moment(&core) => word.replace(&core, "MOMENT"),
            () => (*word).to_owned(),
        });
    }
    plain.join(" ")
}

/// `2026-11-26T14:21:24Z`.
fn is_moment(word: &str) -> bool {
    let shape: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00Z"
}

/// True if what came is what is shown.
fn matches(shown: &[String], came: &[String]) -> bool {
    match (shown.split_first(), came.split_first()) {
        (None, None) => true,
        (Some((any, rest)), _) if any == "…" => {
            (0..=came.len()).any(|skipped| matches(rest, &came[skipped..]))
        }
        (Some((line, rest)), Some((found, others))) => {
            line_matches(&plain(line), &plain(found)) && matches(rest, others)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn line_matches(shown: &str, came: &str) -> bool {
    match shown.split_once("[..]") {
        None => shown == came,
        Some((before, rest)) => came.strip_prefix(before).is_some_and(|left| {
            (0..=left.len()).filter(|at| left.is_char_boundary(*at)).any(|at| line_matches(rest, &left[at..]))
        }),
    }
}
