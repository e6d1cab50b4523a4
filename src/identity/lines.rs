//! What the files of keys have in common: lines of UTF-8, `#` for comments, and limits.

use core::fmt;

/// Most bytes of a file.
pub const FILE_MAX: usize = 4 * 1024 * 1024;
/// Most bytes of a line.
pub const LINE_MAX: usize = 8 * 1024;
/// Most lines that say something.
pub const LINES_MAX: usize = 20_000;

/// What is wrong with a file of keys, and where. [`Display`](fmt::Display) says also what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// From 1; 0 where it is about the file.
    pub line: usize,
    /// The byte of the line, from 1; 0 where it is about all of it.
    pub column: usize,
    /// What.
    pub problem: Problem,
}

/// What may be wrong in a file of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is longer than [`FILE_MAX`].
    FileLong,
    /// More lines than [`LINES_MAX`].
    TooManyLines,
    /// A line is longer than [`LINE_MAX`].
    LineLong,
    /// Bytes that are no text.
    NotText,
    /// A character that no line of text has.
    Control,
    /// A key is needed, which begins with this.
    NoKey(&'static str),
    /// A secret key where a public one belongs.
    SecretKey,
    /// A key has a character that no key has.
    KeyCharacter,
    /// A key has so many characters.
    KeyLength(usize),
    /// A key ends in a character that no key ends in.
    KeyLeftOver,
    /// A file of a key has no such line.
    Missing(&'static str),
    /// A file of a key has such a line twice.
    Twice(&'static str),
    /// A line of a key's file begins with something else.
    Unknown,
    /// The secret and the public key are not of one pair.
    NotAPair,
    /// The name of a key's owner is missing.
    NoName,
    /// The name has other characters than names have, or too many.
    BadName,
    /// The rights are missing.
    NoRights,
    /// There is no right of this name; the nearest ones.
    BadRight(String),
    /// A right is named twice.
    RightTwice(String),
    /// A quota or a rate is no number of bytes, or too small; which one, and what it is.
    BadSize(&'static str, String),
    /// The folder is not a path below the root.
    BadFolder(String),
    /// A key stands in an earlier line, with another name, other rights or another folder.
    KeyAgain(usize),
    /// The host is missing, or none.
    BadHost,
    /// What follows the `:` of a host is no port.
    BadPort,
    /// More than belongs on a line.
    MoreThanThat,
    /// A host stands in an earlier line with another key.
    HostAgain(usize),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => {}
            (line, 0) => write!(f, "line {line}: ")?,
            (line, column) => write!(f, "line {line}, column {column}: ")?,
        }
        self.problem.fmt(f)
    }
}

impl core::error::Error for ParseError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::FileLong => write!(f, "the file is longer than {} MiB: is it another one?", FILE_MAX >> 20),
            Problem::TooManyLines => write!(f, "more than {LINES_MAX} lines: remove what is not needed any more"),
            Problem::LineLong => write!(f, "more than {LINE_MAX} bytes: is the end of a line missing?"),
            Problem::NotText => f.write_str("this is no text (UTF-8): is it another file?"),
            Problem::Control => f.write_str("a control character: type the line anew"),
            Problem::NoKey(super::key::SECRET) => f.write_str(
                "a secret key is needed here: the file is damaged; restore it, or remove it and make a new key with \
                 `towline key`, which others have to be told",
            ),
            Problem::NoKey(prefix) => write!(
                f,
                "a key is needed here, which begins with \"{prefix}\": copy it as `towline key` shows it"
            ),
            Problem::SecretKey => f.write_str(
                "this is a secret key, which never leaves its own file: put the public one here (`towline key` shows \
                 it), and since this one was copied, make that machine a new one",
            ),
            Problem::KeyCharacter => f.write_str(
                "no key has this character: the key is damaged, copy it again as `towline key` shows it",
            ),
            Problem::KeyLength(length) => write!(
                f,
                "the key has {length} characters behind its \":\", and keys have {}: copy the whole of it",
                super::base64::LENGTH
            ),
            Problem::KeyLeftOver => {
                f.write_str("no key ends in this character: the key is damaged, copy it again as `towline key` shows it")
            }
            Problem::Missing(what) => write!(
                f,
                "there is no line \"{what} …\": the file is damaged; restore it, or remove it and make a new key with \
                 `towline key`, which others have to be told"
            ),
            Problem::Twice(what) => write!(f, "a second line \"{what} …\": remove the one that does not belong here"),
            Problem::Unknown => f.write_str("a line is \"secret KEY\", \"public KEY\", or a comment that begins with \"#\""),
            Problem::NotAPair => f.write_str(
                "the public key does not belong to the secret one: one of the two is damaged; restore the file, or remove \
                 it and make a new key with `towline key`, which others have to be told",
            ),
            Problem::NoName => f.write_str("the name of whoever has the key is missing: write KEY NAME RIGHTS [FOLDER]"),
            Problem::BadName => f.write_str("a name has letters, digits and \"-_.@+\", 64 bytes at the most: choose another"),
            Problem::NoRights => f.write_str(
                "the rights are missing: write KEY NAME RIGHTS [FOLDER], with RIGHTS out of read, write, list, remove and overwrite, \
                 with \",\" between them, or \"all\"",
            ),
            Problem::BadRight(right) => bad_right(f, right),
            Problem::RightTwice(right) => write!(f, "\"{right}\" stands here twice: remove one"),
            Problem::BadSize(name, text) => bad_size(f, name, text),
            Problem::BadFolder(why) => {
                write!(f, "this is no folder below the served one ({why}): write it without \"/\" at the beginning, such as in/photos")
            }
            Problem::KeyAgain(line) => write!(
                f,
                "the key of line {line} again, with another name, other rights or another folder: remove one of the two lines"
            ),
            Problem::BadHost => f.write_str("a host is needed here, as it is dialled: write HOST[:PORT] KEY"),
            Problem::BadPort => f.write_str("a port is a number from 1 to 65535: write HOST[:PORT] KEY"),
            Problem::MoreThanThat => f.write_str("more than belongs on a line: a comment has a line of its own, which begins with \"#\""),
            Problem::HostAgain(line) => write!(
                f,
                "the host of line {line} again, with another key: only one of them is right; ask who runs it, and remove the other"
            ),
        }
    }
}

fn bad_right(f: &mut fmt::Formatter<'_>, right: &str) -> fmt::Result {
    write!(
        f,
        "there is no right \"{}\": write some out of read, write, list, remove and overwrite, or \"all\", and perhaps \
         quota=SIZE and rate=SIZE/s, with \",\" and no blank between them",
        right.escape_debug()
    )
}

fn bad_size(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    write!(
        f,
        "\"{}\" is no {name}: write a number of bytes with K, M, G or T behind it, such as quota=10G or rate=5M/s \
         (1K/s at the least)",
        text.escape_debug()
    )
}

/// A word of a line, and where it begins (a byte, from 0).
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) at: usize,
    pub(super) text: &'a str,
}

/// A line that says something.
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: usize,
    text: &'a str,
    /// Where the rest begins.
    at: usize,
}

impl<'a> Line<'a> {
    /// The next word, if there is one.
    pub(super) fn word(&mut self) -> Option<Word<'a>> {
        self.skip();
        let rest = &self.text[self.at..];
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        let word = Word { at: self.at, text: &rest[..end] };
        self.at += end;
        (end > 0).then_some(word)
    }

    /// All that is left, without blanks around it.
    pub(super) fn rest(&mut self) -> Option<Word<'a>> {
        self.skip();
        let text = self.text[self.at..].trim_end_matches([' ', '\t']);
        let word = Word { at: self.at, text };
        self.at = self.text.len();
        (!text.is_empty()).then_some(word)
    }

    /// An error of this line at a byte of it, from 0.
    pub(super) fn error(&self, at: usize, problem: Problem) -> ParseError {
        ParseError { line: self.number, column: at + 1, problem }
    }

    /// An error where the line goes on, or ends.
    pub(super) fn error_here(&self, problem: Problem) -> ParseError {
        self.error(self.at.min(self.text.len()), problem)
    }

    fn skip(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }
}

/// The lines that say something.
pub(super) fn lines(bytes: &[u8]) -> Result<Vec<Line<'_>>, ParseError> {
    if bytes.len() > FILE_MAX {
        return Err(ParseError { line: 0, column: 0, problem: Problem::FileLong });
    }
    let mut found = Vec::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let error = |column, problem| ParseError { line: at + 1, column, problem };
        // As editors of other systems write them.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > LINE_MAX {
            return Err(error(0, Problem::LineLong));
        }
        let text =
            core::str::from_utf8(line).map_err(|bad| error(bad.valid_up_to() + 1, Problem::NotText))?;
        if let Some(control) = text.find(|c: char| c.is_control() && c != '\t') {
            return Err(error(control + 1, Problem::Control));
        }
        if text.trim_start_matches([' ', '\t']).chars().next().is_none_or(|first| first == '#') {
            continue;
        }
        if found.len() == LINES_MAX {
            return Err(error(0, Problem::TooManyLines));
        }
        found.push(Line { number: at + 1, text, at: 0 });
    }
    Ok(found)
}
