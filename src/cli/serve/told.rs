//! Why a server does not begin, or ended otherwise than well, in words.

use super::super::exit::Exit;
use super::super::explain::CliError;
use crate::net::diagnose::Diagnosis;
use crate::net::{DEFAULT_PORT, Place};

pub(super) fn cut_off() -> CliError {
    let diagnosis = Diagnosis {
        tried: "stopped before everything had finished".into(),
        said: "what was under way was cut off".into(),
        why: "the time to drain was over, or a second signal came".into(),
        next: "clients try again by themselves; give more time with `--drain SECONDS`".into(),
        code: None,
    };
    CliError::Told(Exit::CutOff, Box::new(diagnosis))
}

/// An address beyond this machine, at which whoever reaches it `can` do something.
pub(super) fn refused(place: &Place, can: &str) -> CliError {
    let port = match place {
        Place::Tcp(address) | Place::Udp(address) if address.port() != 0 => address.port(),
        Place::Tcp(_) | Place::Udp(_) | Place::Unix(_) | Place::Unixgram(_) => DEFAULT_PORT,
    };
    let why = format!(
        "whoever reaches that address could {can}: nothing is encrypted, and nobody is asked who they are"
    );
    CliError::usage(
        format!("cannot listen on {place}"),
        "refused without --insecure-plaintext",
        &why,
        format!(
            "listen on 127.0.0.1 and reach it through ssh (`ssh -L {port}:127.0.0.1:{port} THIS-HOST`), or add \
             --insecure-plaintext on a network that you trust"
        ),
    )
}
