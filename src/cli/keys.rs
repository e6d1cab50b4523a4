//! Whom `serve` lets in where it asks: its key, the keys that may come, and what happens when those change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::explain::CliError;
use super::output::{self, shown};
use super::terminal::Line;
use super::trust::{Own, is_this_machine};
use crate::keyring::Keyring;
use crate::net::{Endpoint, Place};
use crate::server::Guard;

/// Flags of a server that asks who comes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Keys {
    /// Encrypt, and ask who comes, also where only this machine can connect; elsewhere that is so anyway
    #[arg(long)]
    tls: bool,

    #[command(flatten)]
    own: Own,

    /// Who may come, a line for each: KEY NAME RIGHTS [FOLDER], with quota=SIZE and rate=SIZE/s among the rights; read again on SIGHUP [default: authorized_keys beside the key's
    /// usual place]
    #[arg(long, value_name = "FILE")]
    authorized_keys: Option<PathBuf>,
}

/// A server that asks who comes, and the files that say whom it knows.
pub(super) struct Secured {
    pub(super) guard: Arc<Guard>,
    keyring: Keyring,
    is_new: bool,
}

impl Keys {
    /// The places that are open to anybody, and those where whoever comes is asked.
    pub(super) fn split(&self, places: Vec<Place>, is_insecure: bool) -> (Vec<Place>, Vec<Place>) {
        places.into_iter().partition(|place| match place {
            Place::Unix(_) | Place::Unixgram(_) | Place::Udp(_) => true,
            Place::Tcp(_) => is_insecure || (place.is_local() && !self.tls),
        })
    }

    /// Whether the files of keys are as they have to be; makes none.
    pub(super) fn check(&self) -> Result<(), CliError> {
        let keyring = self.own.keyring(self.authorized_keys.as_ref(), None)?;
        keyring.identity().map_err(CliError::keyring)?;
        keyring.authorized().map(|_| ()).map_err(CliError::keyring)
    }

    /// Reads the keys, and makes one for this machine where it has none.
    pub(super) fn secure(&self) -> Result<Secured, CliError> {
        let keyring = self.own.keyring(self.authorized_keys.as_ref(), None)?;
        let (identity, is_new) = keyring.identity_or_new().map_err(CliError::keyring)?;
        let authorized = keyring.authorized().map_err(CliError::keyring)?;
        Ok(Secured { guard: Arc::new(Guard::new(&identity, authorized)), keyring, is_new })
    }
}

impl Secured {
    /// What whoever is to connect has to know.
    pub(super) fn announce(&self) -> Result<(), CliError> {
        if self.is_new {
            output::print(&format!("made a key for this machine: {}", shown(&self.keyring.identity)))?;
        }
        output::print(&format!(
            "encrypted; this server's key has the fingerprint {}",
            self.guard.public().fingerprint()
        ))?;
        output::print(&self.who_may_come())?;
        // By now the process is who it stays, and reaches what it will reach.
        match self.keyring.authorized() {
            Ok(_) => Ok(()),
            Err(error) => output::print(&format!(
                "warning: {} cannot be read again on SIGHUP: {}; this runs as user {}, who has to be able to read it",
                shown(&self.keyring.authorized),
                error.wrong,
                rustix::process::geteuid().as_raw(),
            )),
        }
    }

    /// Where the file of those who may come is, which is read again.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        let folder = self.keyring.authorized.parent().filter(|folder| !folder.as_os_str().is_empty());
        Some(folder.unwrap_or(Path::new(".")).to_path_buf()).filter(|folder| folder.is_dir())
    }

    fn who_may_come(&self) -> String {
        let file = shown(&self.keyring.authorized);
        match self.guard.authorized() {
            0 => format!(
                "nobody may come yet: put lines that `towline key` shows elsewhere into {file}, then `kill -HUP` this"
            ),
            1 => format!("1 key may come, by {file}"),
            keys => format!("{keys} keys may come, by {file}"),
        }
    }

    /// Reads again who may come; what cannot be read changes nothing. Gives what there is to say.
    pub(super) fn reload(&self) -> Vec<String> {
        match self.keyring.authorized() {
            Ok(authorized) => {
                let ended = match self.guard.replace(authorized) {
                    0 => String::new(),
                    1 => "; 1 session was ended, since its key is gone or has other rights".to_owned(),
                    ended => format!(
                        "; {ended} sessions were ended, since their keys are gone or have other rights"
                    ),
                };
                vec![format!("read again: {}{ended}", self.who_may_come())]
            }
            Err(error) => {
                let mut told = error.diagnosis();
                told.tried = format!("the keys stay as they were: {}", told.tried);
                Line::all_of(&told).iter().map(ToString::to_string).collect()
            }
        }
    }
}

/// What a client has to say beside the address of a server's first door, where it would not speak as the server does by itself.
pub(super) fn to_speak(first: &Endpoint, is_guarded: bool) -> &'static str {
    match first {
        Endpoint::Tcp(host) => match (is_this_machine(host), is_guarded) {
            (true, true) => " --tls",
            (false, false) => " --insecure-plaintext",
            (true, false) | (false, true) => "",
        },
        Endpoint::Unix(_) => "",
    }
}
