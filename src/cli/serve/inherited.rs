//! Sockets that whoever started the server has bound for it: systemd's socket activation (`sd_listen_fds(3)`). They take the place of
//! `--listen`. The variables that tell of them stay in the environment, since taking them out is not safe in every program; they name this
//! process alone, and it starts no other.

use super::super::exit::Exit;
use super::super::explain::CliError;
use super::super::output;
use super::Args;
use crate::net::diagnose::Diagnosis;
use crate::net::{Inherited, Place};

/// More were not meant: each is one place to listen.
const MOST: u32 = 64;

/// What was handed over, with its name where it has one. Looked for before anything is opened, so that no number is somebody else's.
pub(super) fn take(args: &Args) -> Result<Vec<(Option<String>, Inherited)>, CliError> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u32>());
    if number("LISTEN_PID") != Some(Ok(std::process::id())) {
        return Ok(Vec::new());
    }
    let count = match number("LISTEN_FDS") {
        None | Some(Ok(0)) => return Ok(Vec::new()),
        Some(Ok(count)) if count <= MOST => count,
        Some(_) => {
            return Err(refused(
                "LISTEN_FDS is no number of sockets",
                "whoever started this says how many it hands over",
                "start it by systemd, or take LISTEN_PID and LISTEN_FDS out of its environment",
            ));
        }
    };
    if !args.listen.is_empty() || args.no_files {
        let flag = if args.no_files { "--no-files" } else { "--listen" };
        return Err(refused(
            &format!("{count} sockets were handed over, and {flag} was given as well"),
            "what is handed over is for files, in place of --listen",
            &format!(
                "leave {flag} out (also of the configuration), or switch the socket unit off (`systemctl disable --now towline.socket`)"
            ),
        ));
    }
    let handed_over = sd_listen_fds::get()
        .map_err(|error| refused(&error.to_string(), "", "start it by systemd, or without LISTEN_FDS"))?;
    let looked_at = handed_over.into_iter().enumerate().map(|(number, (name, descriptor))| {
        let inherited = Inherited::new(descriptor.into_std()).map_err(|error| {
            let called = name.as_ref().map(|name| format!(" (\"{}\")", output::escaped(name.as_bytes())));
            CliError::Told(
                Exit::CannotListen,
                Box::new(Diagnosis {
                    tried: format!(
                        "cannot listen on socket {number}{} that was handed over",
                        called.unwrap_or_default()
                    ),
                    said: error.to_string(),
                    why: "files go over streams: TCP, or a Unix socket with a name".to_owned(),
                    next: "write ListenStream= into the socket unit, and Accept=no".to_owned(),
                    code: None,
                }),
            )
        })?;
        Ok((name, inherited))
    });
    looked_at.collect()
}

fn refused(said: &str, why: &str, next: &str) -> CliError {
    CliError::usage("cannot serve", said, why, next)
}

/// What to say of them.
pub(super) fn told(inherited: &[(Option<String>, Inherited)]) -> Vec<String> {
    let line = |(name, socket): &(Option<String>, Inherited)| {
        let name = name.as_ref().map(|name| format!(" ({})", output::escaped(name.as_bytes())));
        format!("took over the socket at {}{}", socket.place(), name.unwrap_or_default())
    };
    inherited.iter().map(line).collect()
}

/// Where they are; where there are none, what was asked for.
pub(super) fn places(inherited: &[(Option<String>, Inherited)], asked: Vec<Place>) -> Vec<Place> {
    if inherited.is_empty() {
        asked
    } else {
        inherited.iter().map(|(_, socket)| socket.place().clone()).collect()
    }
}
