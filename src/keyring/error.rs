//! What is wrong with a file of keys, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::identity::{ParseError, Problem};
use crate::net::diagnose::{self, Diagnosis};

/// Why a file of keys is not used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", .path.display().to_string().escape_debug(), .wrong)]
pub struct KeyringError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// What is wrong with a file of keys.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// It is not known where it would be.
    #[error("neither XDG_CONFIG_HOME nor HOME says where it is")]
    NoHome,
    /// The system says no; what to: "open", "make", …
    #[error("cannot {0} it: {1}")]
    System(&'static str, io::Error),
    /// The folder belongs to somebody else.
    #[error("its folder belongs to user {0}")]
    FolderOwner(u32),
    /// Others may write to the folder.
    #[error("others may write to its folder (mode {0:03o})")]
    FolderMode(u32),
    /// It is a symbolic link.
    #[error("it is a symbolic link")]
    Link,
    /// It is a folder, a device or the like.
    #[error("it is no regular file")]
    NotAFile,
    /// It belongs to somebody else.
    #[error("it belongs to user {0}")]
    Owner(u32),
    /// Others may read or write it.
    #[error("others may read it (mode {0:03o})")]
    Readable(u32),
    /// Others may write it.
    #[error("others may write to it (mode {0:03o})")]
    Writable(u32),
    /// It has more bytes than such files have.
    #[error("it is longer than such a file can be")]
    Long,
    /// It was there a moment ago.
    #[error("it was removed just now")]
    Vanished,
    /// It has another key for this server by now, in this line.
    #[error("line {0} has another key for this server")]
    OtherKey(usize),
    /// What it says is wrong.
    #[error("{0}")]
    Content(ParseError),
}

impl KeyringError {
    pub(super) fn new(path: impl Into<PathBuf>, wrong: Wrong) -> KeyringError {
        KeyringError { path: path.into(), wrong }
    }

    pub(super) fn about(path: &Path, problem: Problem) -> KeyringError {
        KeyringError::new(path, Wrong::Content(ParseError { line: 0, column: 0, problem }))
    }

    pub(super) fn parsing(path: &Path) -> impl FnOnce(ParseError) -> KeyringError {
        move |error| KeyringError::new(path, Wrong::Content(error))
    }

    pub(super) fn system<E: Into<io::Error>>(
        path: &Path,
        what: &'static str,
    ) -> impl FnOnce(E) -> KeyringError {
        move |error| KeyringError::new(path, Wrong::System(what, error.into()))
    }

    /// In words.
    pub fn diagnosis(&self) -> Diagnosis {
        let path = self.path.display().to_string().escape_debug().to_string();
        let folder =
            self.path.parent().unwrap_or(Path::new(".")).display().to_string().escape_debug().to_string();
        let tried = format!("cannot use {path}");
        let (why, next) = match &self.wrong {
            Wrong::System(_, error) => {
                let Diagnosis { why, next, .. } = diagnose::system(tried.clone(), error);
                (why, next)
            }
            Wrong::NoHome => (String::new(), "set HOME, or name the files (`--identity FILE`)".to_owned()),
            Wrong::FolderOwner(_) => (
                "whoever owns the folder could put another file there".to_owned(),
                format!("look at it (`ls -ld {folder}`), and keep the file in a folder of your own"),
            ),
            Wrong::FolderMode(_) => (
                "whoever may write to the folder could put another file there".to_owned(),
                format!("take that right away (`chmod go-w {folder}`)"),
            ),
            Wrong::Link => (
                "a link may be somebody else's, and none is followed to a file of keys".to_owned(),
                "name the file that it leads to, or put the file itself there".to_owned(),
            ),
            Wrong::NotAFile => (String::new(), format!("look at what stands there (`ls -ld {path}`)")),
            Wrong::Owner(_) => (
                "whoever owns it can change what it says".to_owned(),
                format!(
                    "run as that user, or make it your own (`sudo chown $USER {path}`) once you know what is in it"
                ),
            ),
            Wrong::Readable(_) => (
                "whoever has read the secret key can pass for this machine".to_owned(),
                format!(
                    "`chmod 600 {path}`; if others use this machine, make a new key (remove it, then `towline key`)"
                ),
            ),
            Wrong::Writable(_) => (
                "whoever may write to it decides who is trusted".to_owned(),
                format!("look at what it says, then `chmod go-w {path}`"),
            ),
            Wrong::Long => (String::new(), "look at what it is: no file of keys is that long".to_owned()),
            Wrong::Vanished | Wrong::OtherKey(_) => (
                "another process has changed it just now".to_owned(),
                "look at it, then try again".to_owned(),
            ),
            Wrong::Content(_) => (String::new(), String::new()),
        };
        Diagnosis { tried, said: self.wrong.to_string(), why, next, code: None }
    }
}
