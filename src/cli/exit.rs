//! The exit codes, in one place. `towline --help` shows the table.

use std::process::ExitCode;

use crate::wire::{Class, Code};

macro_rules! exits {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        /// How the process ends.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Exit {
            $(#[doc = $text] $name = $value,)*
        }

        impl Exit {
            /// Every exit code, with what it means.
            pub(super) const ALL: &'static [(Exit, &'static str)] = &[$((Exit::$name, $text),)*];
        }
    };
}

exits! {
    Success = 0, "done";
    Failure = 1, "failed in another way than those below";
    Usage = 2, "the command line is wrong, or asks for what is refused";
    Unreachable = 3, "the server could not be reached";
    Lost = 4, "the connection was lost or fell silent";
    Protocol = 5, "the two sides do not understand each other";
    NotFound = 6, "no such file or folder, here or there";
    Refused = 7, "it cannot be done, and would fail again";
    Busy = 8, "it cannot be done now, and may succeed later";
    Storage = 9, "a disk failed, is full or cannot be written, here or there";
    AddressInUse = 10, "another program listens on the address";
    CannotListen = 11, "the address cannot be listened on";
    CutOff = 12, "the server was stopped before everything had finished";
    Partial = 13, "some entries of a tree failed, and the rest is done";
    Differs = 14, "the two files or trees that were compared differ";
    Beyond = 15, "what was measured is beyond what --fail-if allows";
    Untrusted = 16, "a key is not known, is another one than is known, or its file cannot be used";
    Interrupted = 130, "stopped by Ctrl-C (SIGINT)";
    OutputClosed = 141, "whoever read standard output closed it, as SIGPIPE ends other programs";
    Terminated = 143, "stopped by SIGTERM";
}

impl Exit {
    /// What a failure with this code means for whoever started the process.
    pub(super) fn of(code: Code) -> Exit {
        match (code, code.class()) {
            (Code::NOT_FOUND, _) => Exit::NotFound,
            (Code::HANDSHAKE_TIMEOUT | Code::IDLE_TIMEOUT | Code::LOST, _) => Exit::Lost,
            (_, Class::Protocol) => Exit::Protocol,
            (_, Class::Permanent) => Exit::Refused,
            (_, Class::Retryable) => Exit::Busy,
            (_, Class::Storage) => Exit::Storage,
            (_, Class::Unknown) => Exit::Failure,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// For `--help`.
pub(super) fn table() -> String {
    let lines = Exit::ALL.iter().map(|(exit, text)| format!("\n  {:>3}  {text}", *exit as u8));
    format!("Exit codes:{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_map_by_what_they_mean() {
        let cases = [
            (Code::NOT_FOUND, Exit::NotFound),
            (Code::NOT_TOWLINE, Exit::Protocol),
            (Code::IDLE_TIMEOUT, Exit::Lost),
            (Code::LOST, Exit::Lost),
            (Code::DENIED, Exit::Refused),
            (Code::BUSY, Exit::Busy),
            (Code::NO_SPACE, Exit::Storage),
            (Code::QUOTA, Exit::Storage),
            (Code(0x1fff), Exit::Protocol),
            (Code(0x2fff), Exit::Refused),
            (Code(0x3fff), Exit::Busy),
            (Code(0x4fff), Exit::Storage),
            (Code(0xffff), Exit::Failure),
        ];
        for (code, exit) in cases {
            assert_eq!(Exit::of(code), exit, "{code:?}");
        }
    }

    #[test]
    fn values_are_fixed_for_ever() {
        let values: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| *exit as u8).collect();
        assert_eq!(values, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 130, 141, 143]);
        assert!(table().contains("\n   10  another program listens"), "{}", table());
    }
}
