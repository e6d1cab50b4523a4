//! Why a client could not do what it was asked.

use crate::drive::Stopped;
use crate::proto::client::JobError;
use crate::proto::storage::StoreError;
use crate::wire::PathError;

/// Why a client could not do what it was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// The job failed, here, on the way or at the server.
    #[error("{0}")]
    Job(#[from] JobError),
    /// A local folder cannot be used.
    #[error("{0}")]
    Local(#[from] StoreError),
    /// A local file's name cannot be used.
    #[error("{0}")]
    BadPath(#[from] PathError),
    /// A socket does not have the options that were asked for, or the system refuses them.
    #[error("{0}")]
    Options(String),
    /// The client was stopped meanwhile.
    #[error("the client was stopped")]
    Stopped,
}

impl ClientError {
    /// The system's number, where a connection could not be made and it gave one, as `connect_ex` gives it.
    pub fn os_code(&self) -> Option<i32> {
        match self {
            ClientError::Job(JobError::Dial(error)) => error.os,
            ClientError::Job(_) | ClientError::Local(_) | ClientError::BadPath(_) => None,
            ClientError::Options(_) | ClientError::Stopped => None,
        }
    }
}

impl From<Stopped> for ClientError {
    fn from(_: Stopped) -> ClientError {
        ClientError::Stopped
    }
}
