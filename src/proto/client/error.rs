//! Why a job failed, and whether it may go well another time.

use crate::probe::{Bug, planted};
use crate::proto::machine::{DialError, DialErrorKind, End, TlsTrouble};
use crate::proto::op::{OpError, Party};
use crate::proto::session::SessionEnd;
use crate::time::Duration;
use crate::wire::{Class, Code};

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JobError {
    /// The server could not be reached.
    Dial(DialError),
    /// The connection ended before the job did.
    Session(SessionEnd),
    /// The job itself failed.
    Operation(OpError),
    /// It took longer than the application gave it.
    Overdue,
}

impl core::fmt::Display for JobError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            JobError::Dial(error) => write!(f, "the server could not be reached ({:?})", error.kind),
            JobError::Session(SessionEnd::Orderly) => write!(f, "the server ended the connection"),
            JobError::Session(SessionEnd::Lost(End::Orderly)) => {
                write!(f, "the server closed the connection")
            }
            JobError::Session(SessionEnd::Lost(End::Reset)) => write!(f, "the connection broke"),
            JobError::Session(SessionEnd::Broken(failure)) => write!(f, "{failure}"),
            JobError::Session(SessionEnd::ByPeer(failure)) => write!(f, "the server says: {failure}"),
            JobError::Operation(error) => write!(f, "{error}"),
            JobError::Overdue => write!(f, "it took longer than it was given"),
        }
    }
}

impl core::error::Error for JobError {}

impl JobError {
    /// True if trying again may help: the connection, or something that passes.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            JobError::Dial(error) => match error.kind {
                DialErrorKind::Refused | DialErrorKind::TimedOut | DialErrorKind::Unreachable => true,
                DialErrorKind::Other => true,
                DialErrorKind::NameNotFound | DialErrorKind::NotAllowed => false,
                // Another connection may live longer; what the server speaks, and who it is, stays.
                DialErrorKind::Tls(trouble) => trouble == TlsTrouble::Cut,
            },
            JobError::Session(SessionEnd::Orderly | SessionEnd::Lost(_)) => !planted(Bug::DoNotRetryLoss),
            JobError::Session(SessionEnd::Broken(failure) | SessionEnd::ByPeer(failure)) => {
                failure.code.class() == Class::Retryable || may_be_damage(failure.code)
            }
            JobError::Operation(error) => {
                let is_retryable = error.failure.code.class() == Class::Retryable;
                // An input that was read further than it is kept.
                let is_spent = error.by == Party::Us && error.failure.code == Code::LOST;
                error.by == Party::Link
                    || (is_retryable && !is_spent)
                    // A block that is wrong where there is no asking for it again.
                    || (error.by == Party::Us && error.failure.code == Code::CHECKSUM)
            }
            JobError::Overdue => false,
        }
    }

    /// How long the peer asked to wait.
    pub(super) fn delay(&self) -> Duration {
        let failure = match self {
            JobError::Operation(error) => &error.failure,
            JobError::Session(SessionEnd::ByPeer(failure)) => failure,
            JobError::Overdue | JobError::Dial(_) | JobError::Session(SessionEnd::Orderly) => {
                return Duration::ZERO;
            }
            JobError::Session(SessionEnd::Lost(_) | SessionEnd::Broken(_)) => return Duration::ZERO,
        };
        Duration::from_millis(u64::from(failure.delay_ms))
    }
}

/// Silence, and what a frame that was damaged on the way looks like: the next connection may be better.
fn may_be_damage(code: Code) -> bool {
    let silence = [Code::IDLE_TIMEOUT, Code::HANDSHAKE_TIMEOUT];
    let damage = [Code::CHECKSUM, Code::MALFORMED, Code::TOO_LONG, Code::UNKNOWN_KIND];
    silence.contains(&code) || damage.contains(&code)
}
