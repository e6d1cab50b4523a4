//! The machine at which a code is shown.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};

use super::Home;

/// `towline pair`, waiting; killed when the test is over, however it ends.
pub(crate) struct Waiting {
    pub(crate) child: Child,
    lines: BufReader<ChildStdout>,
    errors: ChildStderr,
    pub(crate) address: String,
    pub(crate) code: String,
}

impl Waiting {
    pub(crate) fn start(home: &Home, args: &[&str]) -> Waiting {
        let all = [&["pair", "--listen", "127.0.0.1:0"], args].concat();
        let mut command = home.command(&all);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (lines, errors) = (BufReader::new(child.stdout.take().unwrap()), child.stderr.take().unwrap());
        let mut waiting = Waiting { child, lines, errors, address: String::new(), code: String::new() };
        waiting.address = waiting.line_with("waiting on ");
        waiting.code = waiting.line_with("code ");
        waiting
    }

    pub(crate) fn line_with(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "ended without \"{text}\"");
            if let Some((_, rest)) = line.split_once(text) {
                return rest.trim_end().to_owned();
            }
        }
    }

    /// The exit code, and the rest of what it printed.
    pub(crate) fn ended(mut self) -> (i32, String, String) {
        let (mut out, mut error) = (String::new(), String::new());
        self.lines.read_to_string(&mut out).unwrap();
        self.errors.read_to_string(&mut error).unwrap();
        (self.child.wait().unwrap().code().unwrap(), out, error)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
