//! The chain below an error, for `-v`: from what failed down to the protocol's code and the system's number.

use std::io;

use crate::client::ClientError;
use crate::proto::client::JobError;
use crate::proto::machine::{DialError, End};
use crate::proto::op::{OpError, Party};
use crate::proto::session::SessionEnd;
use crate::wire::{Code, Failure};

/// Its causes, from the nearest to the last.
pub(super) fn of(error: &ClientError) -> Vec<String> {
    match error {
        ClientError::Job(JobError::Dial(DialError { kind, os })) => {
            let system =
                os.map(|os| format!("the system's error {os}: {}", io::Error::from_raw_os_error(os)));
            std::iter::once(format!("a connection that could not be made ({kind:?})")).chain(system).collect()
        }
        ClientError::Job(JobError::Session(end)) => session(end),
        ClientError::Job(JobError::Operation(OpError { by, failure })) => {
            let whose = match by {
                Party::Us => "an operation that failed here",
                Party::Peer => "an operation that the server gave up",
                Party::Link => "an operation that a lost connection ended",
            };
            with(whose, failure)
        }
        ClientError::Job(JobError::Overdue) => vec!["an operation that was called off in time".to_owned()],
        ClientError::Local(error) => with("the files here", &Failure::from(error.clone())),
        ClientError::BadPath(error) => vec![format!("a name that the protocol does not have: {error}")],
        ClientError::Options(said) => vec![format!("options of sockets: {said}")],
        ClientError::Stopped => vec!["a client that was stopped".to_owned()],
    }
}

fn session(end: &SessionEnd) -> Vec<String> {
    match end {
        SessionEnd::Orderly => vec!["a session that the server ended with a goodbye".to_owned()],
        SessionEnd::Lost(End::Orderly) => {
            vec!["a connection that was closed without a goodbye (FIN)".to_owned()]
        }
        SessionEnd::Lost(End::Reset) => vec!["a connection that was reset (RST)".to_owned()],
        SessionEnd::Broken(failure) => with("a session that this side ended", failure),
        SessionEnd::ByPeer(failure) => with("a session that the server ended", failure),
    }
}

fn with(what: &str, failure: &Failure) -> Vec<String> {
    let code: Code = failure.code;
    let name = code.name().unwrap_or("a code of another version");
    let said = Some(&failure.text).filter(|text| !text.is_empty()).map(|text| format!("it said: {text}"));
    [what.to_owned(), format!("{name} ({:#06x}: {})", code.0, code.describe())]
        .into_iter()
        .chain(said)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::machine::DialErrorKind;

    #[test]
    fn a_chain_ends_with_what_is_known_best() {
        let dial = JobError::Dial(DialError { kind: DialErrorKind::Refused, os: Some(111) });
        let refused = of(&ClientError::Job(dial));
        assert_eq!(refused.len(), 2);
        assert!(refused[1].starts_with("the system's error 111: "), "{refused:?}");
        let failure = Failure::new(Code::NOT_FOUND, "cannot open");
        let failed = of(&ClientError::Job(JobError::Operation(OpError { by: Party::Peer, failure })));
        assert!(
            failed[0].contains("the server gave up") && failed[1].starts_with("NOT_FOUND (0x"),
            "{failed:?}"
        );
        assert_eq!(failed[2], "it said: cannot open");
        let ended = of(&ClientError::Job(JobError::Session(SessionEnd::Lost(End::Reset))));
        assert_eq!(ended, ["a connection that was reset (RST)"]);
    }
}
