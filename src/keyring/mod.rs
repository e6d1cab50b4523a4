//! Files of keys on this machine: where they are, and how they are opened and made. May import `wire`, `identity` and `net`.
//!
//! | file | what |
//! |---|---|
//! | `place` | where they are, unless told otherwise |
//! | `opened` | a file that is opened so that nobody else can have had a hand in it |
//! | `made` | files that are made, or get a line more |
//! | `error` | [`KeyringError`]: what was tried, what is wrong, what to do |
//!
//! A file of keys is opened by a handle of its folder, no link is followed, and owner and mode are looked at through what is open: what
//! was checked is what is read. The folder has to be this user's as well, or somebody could put another file there.

mod error;
mod made;
mod opened;
mod place;

use std::path::{Path, PathBuf};

pub use error::{KeyringError, Wrong};
pub use place::folder;

use crate::identity::{
    AuthorizedKeys, Grant, HostName, KnownHosts, PublicKey, parse_key_file, write_key_file,
};
use crate::net::DEFAULT_PORT;
use crate::net::tls::Identity;
use opened::Secrecy;

/// Names of the files in their folder.
const IDENTITY: &str = "identity.key";
const AUTHORIZED: &str = "authorized_keys";
const KNOWN: &str = "known_hosts";

/// This machine's key, and the files beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    /// The file of this machine's own key.
    pub identity: PathBuf,
    /// Who may come to a server here.
    pub authorized: PathBuf,
    /// Which keys servers had.
    pub known: PathBuf,
}

impl Keyring {
    /// The files where they are unless told otherwise: in [`folder`].
    ///
    /// # Errors
    /// Where the environment does not say where that is.
    pub fn usual() -> Result<Keyring, KeyringError> {
        let folder = folder()?;
        Ok(Keyring {
            identity: folder.join(IDENTITY),
            authorized: folder.join(AUTHORIZED),
            known: folder.join(KNOWN),
        })
    }

    /// This machine's key; `None` where it has none yet.
    ///
    /// # Errors
    /// If its file is not as it should be.
    pub fn identity(&self) -> Result<Option<Identity>, KeyringError> {
        let path = &self.identity;
        let Some(bytes) = opened::read(path, Secrecy::Secret)? else { return Ok(None) };
        let (secret, public) = parse_key_file(&bytes).map_err(KeyringError::parsing(path))?;
        let identity = Identity::of_pair(&secret, &public);
        identity.map(Some).map_err(|problem| KeyringError::about(path, problem))
    }

    /// This machine's key, which is made where there is none; true if it was.
    ///
    /// # Errors
    /// If its file is not as it should be, or cannot be made.
    pub fn identity_or_new(&self) -> Result<(Identity, bool), KeyringError> {
        if let Some(identity) = self.identity()? {
            return Ok((identity, false));
        }
        let path = &self.identity;
        let secret = Identity::generate().map_err(KeyringError::system(path, "make"))?;
        let identity = Identity::new(&secret);
        let is_made = made::create(path, write_key_file(&secret, &identity.public()).as_bytes())?;
        if is_made {
            return Ok((identity, true));
        }
        // Another process was quicker.
        let gone = || KeyringError::new(path, Wrong::Vanished);
        Ok((self.identity()?.ok_or_else(gone)?, false))
    }

    /// Who may come to a server here; nobody where there is no such file.
    ///
    /// # Errors
    /// If the file is not as it should be.
    pub fn authorized(&self) -> Result<AuthorizedKeys, KeyringError> {
        let path = &self.authorized;
        let Some(bytes) = opened::read(path, Secrecy::Own)? else { return Ok(AuthorizedKeys::default()) };
        AuthorizedKeys::parse(&bytes).map_err(KeyringError::parsing(path))
    }

    /// Lets one more key come; one that stands in a line already stays as it is there. Gives what stands there, if anything did.
    ///
    /// # Errors
    /// If the file is not as it should be, or cannot be written.
    pub fn authorize(&self, key: &PublicKey, grant: &Grant) -> Result<Option<Grant>, KeyringError> {
        let (path, mut standing) = (&self.authorized, None);
        made::append(path, &AuthorizedKeys::line(key, grant), |bytes| {
            let authorized = AuthorizedKeys::parse(bytes).map_err(KeyringError::parsing(path))?;
            standing = authorized.get(key).cloned();
            Ok(standing.is_none())
        })?;
        Ok(standing)
    }

    /// The key that a server had, and the line in which it stands.
    ///
    /// # Errors
    /// If the file is not as it should be.
    pub fn known(&self, host: &HostName) -> Result<Option<(PublicKey, usize)>, KeyringError> {
        Ok(self.known_hosts()?.get(host))
    }

    /// Remembers the key of a server that was met.
    ///
    /// # Errors
    /// If the file is not as it should be, or cannot be written, or has another key for this host by now.
    pub fn remember(&self, host: &HostName, key: &PublicKey) -> Result<(), KeyringError> {
        made::append(&self.known, &KnownHosts::line(host, key), |bytes| {
            match parse_known(&self.known, bytes)?.get(host) {
                Some((known, _)) if known == *key => Ok(false),
                Some((_, line)) => Err(KeyringError::new(&self.known, Wrong::OtherKey(line))),
                None => Ok(true),
            }
        })
    }

    fn known_hosts(&self) -> Result<KnownHosts, KeyringError> {
        let Some(bytes) = opened::read(&self.known, Secrecy::Own)? else { return Ok(KnownHosts::default()) };
        parse_known(&self.known, &bytes)
    }
}

fn parse_known(path: &Path, bytes: &[u8]) -> Result<KnownHosts, KeyringError> {
    KnownHosts::parse(bytes, DEFAULT_PORT).map_err(KeyringError::parsing(path))
}

#[cfg(test)]
mod tests;
