//! The one place from which anything goes to standard output or standard error. What goes there is a [`Line`], and a line is
//! escaped as it is made: whatever a peer put into a name, a text or a message, it steers no terminal and forges no line.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::explain::CliError;
use crate::net::diagnose::Diagnosis;
use crate::wire::Escaped;

/// How wide a terminal is that does not say.
const WIDTH: u16 = 80;

/// One line, fit for a terminal and a log. Escaping twice changes nothing, so that text may be escaped before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line(String);

impl Line {
    /// A text of any origin, as one line.
    pub(super) fn new(text: &str) -> Line {
        Line(Escaped(text.as_bytes()).to_string())
    }

    /// As it is where standard output is no terminal, since a program reads it; the caller sees that it is one line.
    fn exact(text: &str) -> Line {
        if io::stdout().is_terminal() { Line::new(text) } else { Line(text.to_owned()) }
    }

    /// An error: what was tried and said, then why and what next, each on a line of its own.
    pub(super) fn all_of(diagnosis: &Diagnosis) -> Vec<Line> {
        let Diagnosis { tried, said, why, next, code: _ } = diagnosis;
        let more = [("why", why), ("next", next)].into_iter().filter(|(_, text)| !text.is_empty());
        let more = more.map(|(label, text)| Line::new(&format!("  {label:<5} {text}")));
        std::iter::once(Line::new(&format!("{tried}: {said}"))).chain(more).collect()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prints one line to standard output, at once.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    put_out(&Line::new(text))
}

/// The same for text of ours that has several lines.
pub(super) fn print_all(text: &str) -> Result<(), CliError> {
    text.split('\n').try_for_each(print)
}

/// A line whose form is another program's, such as that of `b3sum`.
pub(super) fn print_exact(text: &str) -> Result<(), CliError> {
    put_out(&Line::exact(text))
}

fn put_out(line: &Line) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(CliError::OutputClosed),
        Err(error) => Err(CliError::system("cannot write to standard output", &error)),
    }
}

/// Standard output for the bytes of a file that was asked for, which are nobody's to change.
pub(super) fn raw() -> io::StdoutLock<'static> {
    io::stdout().lock()
}

/// True where a person sees what is asked, and can answer.
pub(super) fn has_somebody_to_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Prints one line to standard error, for a person who may not be there.
pub(super) fn note(text: &str) {
    put_err(&Line::new(text), "");
}

/// Prints what went wrong, on one line.
pub(super) fn complain(text: &str) {
    put_err(&Line::new(text), &ours());
}

/// Prints an error.
pub(super) fn tell(diagnosis: &Diagnosis) {
    for (number, line) in Line::all_of(diagnosis).iter().enumerate() {
        let before = if number == 0 { ours() } else { String::new() };
        put_err(line, &before);
    }
}

fn put_err(line: &Line, before: &str) {
    let _ = writeln!(io::stderr().lock(), "{before}{line}");
}

/// Who complains.
fn ours() -> String {
    if has_colours() { "\x1b[1;31mtowline:\x1b[0m ".to_owned() } else { "towline: ".to_owned() }
}

/// A name or text of any origin, fit for a terminal.
pub(super) fn escaped(bytes: &[u8]) -> String {
    Escaped(bytes).to_string()
}

/// A local path, fit for a terminal.
pub(super) fn shown(path: &Path) -> String {
    escaped(path.as_os_str().as_encoded_bytes())
}

/// True where standard error is a terminal on which a line can be drawn again.
pub(super) fn can_draw() -> bool {
    io::stderr().is_terminal() && is_capable()
}

/// True where standard output is a terminal.
pub(super) fn is_read_by_a_person() -> bool {
    io::stdout().is_terminal()
}

/// Colours are for a terminal that has them, and for whoever wants them (<https://no-color.org>).
pub(super) fn has_colours() -> bool {
    can_draw() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `TERM=dumb` says that there is nothing but lines.
fn is_capable() -> bool {
    env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Columns of the terminal at standard error, as of now: it may be resized.
pub(super) fn width() -> u16 {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    size.map_or(WIDTH, |size| if size.ws_col == 0 { WIDTH } else { size.ws_col })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What steers: controls, line ends, directions of text, what is invisible.
    const HOSTILE: &str =
        "a\x1b[2J\r\n\tb\u{9b}31m\u{202e}fdp\u{2066}\u{85}\u{2028}\u{feff}\u{200b}\u{e0041}";

    fn is_plain(line: &Line) -> bool {
        !line.0.chars().any(|c| c.is_control() || !c.is_ascii())
    }

    #[test]
    fn a_line_is_one_line_and_steers_nothing() {
        let line = Line::new(HOSTILE);
        assert!(is_plain(&line), "{line}");
        assert_eq!(Line::new(&line.0), line, "once more changes nothing");
        assert_eq!(Line::new("ünïcødé 文件 🗎").0, "ünïcødé 文件 🗎");
    }

    #[test]
    fn an_error_has_as_many_lines_as_parts_whatever_is_in_them() {
        let text = || HOSTILE.to_owned();
        let diagnosis = Diagnosis { tried: text(), said: text(), why: text(), next: text(), code: None };
        let lines = Line::all_of(&diagnosis);
        assert!(lines.len() == 3 && lines.iter().all(is_plain), "{lines:?}");
        let short = Diagnosis { why: String::new(), ..diagnosis };
        assert_eq!(Line::all_of(&short).len(), 2);
    }
}
