//! Errors of every layer, as a diagnosis for a person and an exit code for a script.

use std::io;

use super::addresses;
use super::exit::Exit;
use super::json;
use super::output::escaped;
use super::terminal;
use crate::client::ClientError;
use crate::net::Endpoint;
use crate::net::diagnose::{self, Diagnosis};
use crate::proto::client::JobError;
use crate::proto::machine::{DialErrorKind, End};
use crate::proto::op::{OpError, Party};
use crate::proto::session::SessionEnd;
use crate::proto::storage::StoreError;
use crate::wire::{Code, Failure};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) enum CliError {
    /// Something to say, and what to exit with.
    Told(Exit, Box<Diagnosis>),
    /// All has been said already, as it happened.
    Complained(Exit),
    /// Standard output was closed by whoever read it.
    OutputClosed,
}

impl CliError {
    /// What was asked for is refused before anything is tried.
    pub(super) fn usage(
        tried: impl Into<String>,
        said: &str,
        why: &str,
        next: impl Into<String>,
    ) -> CliError {
        let (tried, said, why, next) = (tried.into(), said.to_owned(), why.to_owned(), next.into());
        CliError::Told(Exit::Usage, Box::new(Diagnosis { tried, said, why, next, code: None }))
    }

    /// The system says no. `tried` begins with "cannot".
    pub(super) fn system(tried: impl Into<String>, error: &io::Error) -> CliError {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            io::ErrorKind::PermissionDenied => Exit::Refused,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Exit::Storage,
            io::ErrorKind::ReadOnlyFilesystem => Exit::Storage,
            _ => Exit::Failure,
        };
        CliError::Told(exit, Box::new(diagnose::system(tried, error)))
    }

    /// A folder or file here cannot be used.
    pub(super) fn local(tried: impl Into<String>, error: StoreError) -> CliError {
        let code = error.code;
        let failure = Failure::from(error);
        told(Exit::of(code), tried.into(), spoken(&failure), advice(code, Where::Here)).with_code(code)
    }

    /// A client's job failed.
    pub(super) fn job(tried: String, at: &Endpoint, error: ClientError) -> CliError {
        match error {
            // Which server it is says more than what was wanted of it.
            ClientError::Job(JobError::Dial(error)) => {
                let diagnosis = Box::new(diagnose::dialing(at, &error));
                let told = CliError::Told(Exit::Unreachable, diagnosis);
                match addresses::is_here(at).filter(|_| error.kind == DialErrorKind::NameNotFound) {
                    Some(here) => told.with_why(here).with_next(
                        "name the server first: HOST[:PORT][/PATH]; files of this machine are seen with `ls`",
                    ),
                    None => told,
                }
            }
            ClientError::Job(JobError::Session(end)) => session(tried, at, end),
            ClientError::Job(JobError::Operation(OpError { by, failure })) => {
                let exit = Exit::of(failure.code);
                let told = match by {
                    Party::Us => told(exit, tried, spoken(&failure), advice(failure.code, Where::Here)),
                    Party::Link => {
                        told(Exit::Lost, tried, spoken(&failure), advice(Code::LOST, Where::There(at)))
                    }
                    Party::Peer => {
                        let said = format!("the server says: {}", spoken(&failure));
                        told(exit, tried, said, advice(failure.code, Where::There(at)))
                    }
                };
                told.with_code(failure.code)
            }
            ClientError::Job(JobError::Overdue) => {
                let why = "the path or the server is slower than that, or hangs; what has arrived of a long file is kept";
                let next = "give it more time (`--operation-timeout`), and run it again to go on";
                let said = JobError::Overdue.to_string();
                told(Exit::Busy, tried, said, (why.into(), next.into()))
            }
            ClientError::Local(error) => CliError::local(tried, error),
            ClientError::BadPath(error) => {
                let next = "rename it, or choose another name".to_owned();
                told(Exit::Usage, tried, error.to_string(), (String::new(), next))
            }
            ClientError::Options(said) => {
                CliError::usage(tried, &said, "", "`towline serve --help` lists the options of sockets")
            }
            ClientError::Stopped => {
                let said = "the client was stopped meanwhile".to_owned();
                told(Exit::Failure, tried, said, (String::new(), "try again".into()))
            }
        }
    }

    /// What it exits with, if that is known here.
    pub(super) fn exit(&self) -> Option<Exit> {
        match self {
            CliError::Told(exit, _) | CliError::Complained(exit) => Some(*exit),
            CliError::OutputClosed => None,
        }
    }

    /// What could not be done was under way already, and is what matters.
    pub(super) fn in_the_middle_of(self, tried: String, then: &str) -> CliError {
        match self {
            CliError::Told(exit, diagnosis) => {
                let said = format!("{}: {}", diagnosis.tried, diagnosis.said);
                let next = format!("{}; then {then}", diagnosis.next);
                CliError::Told(exit, Box::new(Diagnosis { tried, said, next, ..*diagnosis }))
            }
            CliError::Complained(_) | CliError::OutputClosed => self,
        }
    }

    /// The same error with another next step, for who knows better than the code alone.
    pub(super) fn with_next(self, next: impl Into<String>) -> CliError {
        match self {
            CliError::Told(exit, diagnosis) => {
                CliError::Told(exit, Box::new(Diagnosis { next: next.into(), ..*diagnosis }))
            }
            CliError::Complained(_) | CliError::OutputClosed => self,
        }
    }

    fn with_why(self, why: String) -> CliError {
        match self {
            CliError::Told(exit, diagnosis) => {
                CliError::Told(exit, Box::new(Diagnosis { why, ..*diagnosis }))
            }
            CliError::Complained(_) | CliError::OutputClosed => self,
        }
    }

    fn with_code(self, code: Code) -> CliError {
        match self {
            CliError::Told(exit, diagnosis) => {
                CliError::Told(exit, Box::new(Diagnosis { code: Some(code), ..*diagnosis }))
            }
            CliError::Complained(_) | CliError::OutputClosed => self,
        }
    }

    /// Says it now, where the command goes on with the next of several. Gives what to exit with.
    pub(super) fn tell(self, is_json: bool) -> Option<Exit> {
        match self {
            CliError::Told(exit, diagnosis) => {
                terminal::tell(&diagnosis);
                if is_json {
                    // Whoever closed standard output is not told there.
                    let _ = json::error(exit, &diagnosis).print();
                }
                Some(exit)
            }
            CliError::Complained(exit) => Some(exit),
            CliError::OutputClosed => None,
        }
    }
}

/// The code that the server answered with, if it is that what failed.
pub(super) fn code_of(error: &ClientError) -> Option<Code> {
    match error {
        ClientError::Job(JobError::Operation(OpError { by: Party::Peer, failure })) => Some(failure.code),
        ClientError::Job(_) | ClientError::Local(_) | ClientError::BadPath(_) => None,
        ClientError::Options(_) | ClientError::Stopped => None,
    }
}

/// A failure on one line, for a retry that is about to happen.
pub(super) fn in_short(error: &JobError) -> String {
    match error {
        JobError::Dial(error) => match (error.os, error.kind) {
            (Some(os), _) => io::Error::from_raw_os_error(os).to_string(),
            (None, DialErrorKind::TimedOut) => "no answer in time".into(),
            (None, _) => JobError::Dial(*error).to_string(),
        },
        JobError::Session(SessionEnd::Broken(failure)) => spoken(failure),
        JobError::Session(SessionEnd::ByPeer(failure)) => format!("the server says: {}", spoken(failure)),
        JobError::Session(SessionEnd::Orderly | SessionEnd::Lost(_)) => error.to_string(),
        JobError::Operation(error) => spoken(&error.failure),
        JobError::Overdue => error.to_string(),
    }
}

fn told(exit: Exit, tried: String, said: String, (why, next): (String, String)) -> CliError {
    CliError::Told(exit, Box::new(Diagnosis { tried, said, why, next, code: None }))
}

fn session(tried: String, at: &Endpoint, end: SessionEnd) -> CliError {
    let (code, said) = match &end {
        SessionEnd::Orderly => (Code::DRAINING, "the server said goodbye first".to_owned()),
        SessionEnd::Lost(End::Orderly) => {
            (Code::LOST, "the server closed the connection without a goodbye".into())
        }
        SessionEnd::Lost(End::Reset) => (Code::LOST, "the connection broke".into()),
        SessionEnd::Broken(failure) => (failure.code, spoken(failure)),
        SessionEnd::ByPeer(failure) => (failure.code, format!("the server says: {}", spoken(failure))),
    };
    told(Exit::of(code), tried, said, advice(code, Where::There(at))).with_code(code)
}

/// What its code means and its text, unless the text says it all. Escaped: it may come from a peer.
pub(super) fn spoken(failure: &Failure) -> String {
    let (code, text) = (failure.code.describe(), escaped(failure.text.as_bytes()));
    match text.is_empty() {
        true => code.to_owned(),
        false if text.starts_with("cannot ") || text.starts_with(code) => text,
        false => format!("{code}: {text}"),
    }
}

/// Which side a failure is about.
#[derive(Clone, Copy)]
enum Where<'a> {
    Here,
    There(&'a Endpoint),
}

/// Why a failure with this code usually happens, and what to do next.
fn advice(code: Code, place: Where<'_>) -> (String, String) {
    let (why, next) = match place {
        Where::Here => match super::errno::errno_of(code) {
            Some(errno) => return diagnose::usually(errno),
            None => local_advice(code),
        },
        Where::There(at) if code == Code::NOT_FOUND => {
            let next = format!("look at what is there (`towline ls {at}`); paths begin at the served folder");
            return ("nothing of that name is below the folder that is served".into(), next);
        }
        Where::There(at) if code == Code::NOT_TOWLINE => {
            let why = format!(
                "something else than towline listens on {at} (a web server?), or another version of it"
            );
            return (why, "check the port, and what listens there".into());
        }
        Where::There(_) => remote_advice(code),
    };
    let (why, next) = if next.is_empty() { common_advice(code) } else { (why, next) };
    (why.to_owned(), next.to_owned())
}

fn local_advice(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::NOT_A_FILE => (
            "a file is needed here, and this is a folder, a device or the like",
            "name a file, or with -r a folder",
        ),
        Code::NOT_A_FOLDER => ("something on the way there is no folder", "check the path (`ls -ld`)"),
        Code::OUTSIDE => (
            "a symbolic link or a mount point is in the way, and none is followed when something is written",
            "name the place that it leads to",
        ),
        Code::QUOTA => QUOTA_IS_USED_UP,
        _ => ("", ""),
    }
}

fn remote_advice(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::NOT_A_FILE => (
            "something that is no file stands there: a folder, a link or a device",
            "name a file; a folder's names are shown by `towline ls`",
        ),
        Code::NOT_A_FOLDER => {
            ("a file stands where the path has a folder", "check the path with `towline ls`")
        }
        Code::OUTSIDE => (
            "a symbolic link or a mount point is in the way at the server, and none is followed out of the served \
             folder or for writing",
            "serve the folder that it leads to",
        ),
        Code::DENIED => (
            "the user that runs the server has no right to it",
            "change owner or mode there, or serve as a user who may",
        ),
        Code::NO_SPACE => (
            "the server's disk is full, or what it keeps free would be used up",
            "make room there, then try again: nothing was lost",
        ),
        Code::READ_ONLY => {
            ("the server's file system is mounted read-only", "serve another folder there, or remount it")
        }
        Code::IO => (
            "the server's disk, or its driver, reported an error",
            "look at the server's output and its system's log",
        ),
        Code::TOO_MANY_FILES => (
            "the server may have no more files and sockets open",
            "raise its limit (`ulimit -n` before the start), or try again later",
        ),
        Code::QUOTA => QUOTA_IS_USED_UP,
        _ => ("", ""),
    }
}

const QUOTA_IS_USED_UP: (&str, &str) = (
    "the server lets no more be stored in that folder (its quota)",
    "remove there what is not needed (`towline rm`), or ask whoever runs the server for more (--quota, or quota= in \
     its authorized_keys): nothing was lost",
);

/// What is the same wherever it happens.
fn common_advice(code: Code) -> (&'static str, &'static str) {
    let versions = "compare `towline --version` on both sides";
    match code {
        Code::NOT_TOWLINE | Code::VERSION | Code::CRITICAL | Code::UNSUPPORTED => {
            ("the other side is another program, or a version of this one that knows other things", versions)
        }
        Code::UNEXPECTED => (
            "one of the two sides has a defect or is another version, or what answers there sends back what it is sent",
            "compare `towline --version` on both sides; an echo is measured by `towline echo tcp://HOST:PORT`",
        ),
        Code::MALFORMED | Code::TOO_LONG | Code::UNKNOWN_KIND | Code::CREDIT => {
            ("one of the two sides has a defect, or is another version", versions)
        }
        Code::CHECKSUM | Code::ROOT_MISMATCH | Code::BLOCK_DAMAGED => (
            "bytes change on the way: a bad cable, network card, memory or disk",
            "try again; if it happens again, test memory and disk on both machines",
        ),
        Code::HANDSHAKE_TIMEOUT | Code::IDLE_TIMEOUT => (
            "the other side accepts connections and says nothing: it is overloaded, suspended, or another program",
            "check the other machine, then try again",
        ),
        Code::LOST => (
            "the other side was stopped or lost its network, or a firewall cut the connection",
            "check that it is up (`towline ls`), then try again",
        ),
        Code::BAD_PATH => (
            "paths have no '.', '..', empty or overlong names, and never lead into '.towline'",
            "choose another path",
        ),
        Code::NOT_EMPTY => ("only empty folders are removed", "remove what is in it first"),
        Code::FILE_TOO_LONG => ("the file is longer than the protocol or the file system allows", "split it"),
        Code::RANGE => {
            ("the file is shorter than it was thought to be", "look how long it is (`towline ls`)")
        }
        Code::NOT_ALLOWED => (
            "whoever runs the server has given you other rights than this needs",
            "ask them for it, or do what you may",
        ),
        Code::EXISTS => (
            "whoever runs the server lets you bring new files, and not replace those that are there",
            "send it under another name: HOST[:PORT]/NAME",
        ),
        Code::UNKNOWN_KEY => (
            "whoever runs the server has not put your key into its authorized_keys, or has taken it out",
            "give them the line that `towline key` shows here, and try again once it is there",
        ),
        Code::TLS_NEEDED => (
            "the server lets in only those who encrypt and show a key, and this connection does neither",
            "connect without --insecure-plaintext, or, to a server on this machine, with --tls",
        ),
        Code::TOO_SLOW => (
            "the server waited for the other side of a transfer, which neither read nor sent enough: a program that was stopped, or \
             a path that is nearly dead",
            "try again: it goes on where it was; the server's --floor says how much is enough",
        ),
        Code::LISTING_TOO_LONG => {
            ("the folder has millions of names, or the server is not to be trusted", "list a folder below it")
        }
        Code::CANCELLED => ("somebody gave it up", "start it again"),
        Code::SUPERSEDED => ("the same file is being sent by another process", "let that one finish"),
        Code::BUSY | Code::TOO_MANY_OPERATIONS => {
            ("the server has as many connections or operations as it allows", "try again later")
        }
        Code::DRAINING => {
            ("the server is being stopped", "try again once it runs again (`--wait 60` waits for it)")
        }
        Code::CHANGED => ("somebody writes to the file", "try again when nobody does"),
        _ => ("", "try again; if it fails again, look at the other side's output"),
    }
}

#[cfg(test)]
#[path = "explain_test.rs"]
mod tests;
