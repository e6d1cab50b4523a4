//! Whom to trust: this machine's key, servers that were met, and what is done at first contact.

use std::io::{self, BufRead};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::exit::Exit;
use super::explain::CliError;
use super::output;
use super::terminal;
use crate::client::{ClientError, server_key};
use crate::identity::{Fingerprint, HostName, PublicKey};
use crate::keyring::{Keyring, KeyringError};
use crate::net::diagnose::{self, Diagnosis};
use crate::net::tls::{ClientTls, Identity};
use crate::net::{Endpoint, HostPort, SocketOptions};
use crate::proto::client::JobError;
use crate::proto::machine::{DialError, DialErrorKind, TlsTrouble};

/// How soon a server that is not there yet is asked again for its key.
const AGAIN: Duration = Duration::from_millis(200);

/// Which file is this machine's key.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Own {
    /// This machine's key [default: identity.key in ~/.config/towline, or in $XDG_CONFIG_HOME/towline]
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

impl Own {
    /// The files of keys, with these in place of the usual ones.
    pub(super) fn keyring(
        &self,
        authorized: Option<&PathBuf>,
        known: Option<&PathBuf>,
    ) -> Result<Keyring, CliError> {
        let or_usual = |named: Option<&PathBuf>, usual: fn(Keyring) -> PathBuf| match named {
            Some(named) => Ok(named.clone()),
            None => Keyring::usual().map(usual).map_err(CliError::keyring),
        };
        let identity = or_usual(self.identity.as_ref(), |usual| usual.identity)?;
        let authorized = or_usual(authorized, |usual| usual.authorized)?;
        let known = or_usual(known, |usual| usual.known)?;
        Ok(Keyring { identity, authorized, known })
    }
}

/// How a client sees that its server is the right one.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Trust {
    /// Encrypt and show keys also to a server on this machine (127.0.0.1, ::1, localhost), where plaintext is spoken otherwise
    #[arg(long, conflicts_with = "insecure_plaintext")]
    tls: bool,

    /// Speak to a server on another machine although nothing is encrypted and nobody shows who they are
    #[arg(long)]
    insecure_plaintext: bool,

    /// Trust a server that was never met if its key has this fingerprint, as `towline key` shows it there
    #[arg(long, value_name = "FINGERPRINT")]
    accept: Option<Fingerprint>,

    #[command(flatten)]
    own: Own,

    /// Servers that were met [default: known_hosts beside the key's usual place]
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,
}

/// What was found out about a server before it is spoken to.
#[derive(Clone, Debug)]
pub(super) struct Trusted {
    /// How to speak to it.
    pub(super) tls: ClientTls,
    keyring: Keyring,
    name: HostName,
}

impl Trust {
    /// True where what goes to the server is encrypted. Decided by what was typed alone, never by what a name resolves to or
    /// what a server offers: so nobody on the way can talk a client out of it.
    fn encrypts(&self, server: &Endpoint) -> bool {
        match server {
            Endpoint::Unix(_) => self.tls,
            Endpoint::Tcp(_) if self.insecure_plaintext => false,
            Endpoint::Tcp(host) => self.tls || !is_this_machine(host),
        }
    }

    /// Finds out whether a server is to be trusted, and how to speak to it; `None` for one that is spoken to in plaintext. Asks a
    /// person where that is needed.
    pub(super) async fn in_server(
        &self,
        server: &Endpoint,
        options: &SocketOptions,
        (timeout, wait): (Option<Duration>, Option<Duration>),
    ) -> Result<Option<Trusted>, CliError> {
        if !self.encrypts(server) {
            return match &self.accept {
                None => Ok(None),
                Some(_) => Err(CliError::usage(
                    format!("cannot accept a key of {server}"),
                    "no keys are shown there",
                    "what is on this machine is spoken to in plaintext",
                    "leave --accept out, or add --tls for a server that was started with it",
                )),
            };
        }
        let Endpoint::Tcp(host) = server else {
            let why = "who may connect to a Unix socket is who may write to its file";
            let tried = format!("cannot encrypt what goes to {server}");
            return Err(CliError::usage(
                tried,
                "Unix sockets are spoken to in plaintext",
                why,
                "leave --tls out",
            ));
        };
        let name = HostName::new(&host.host, host.port);
        let keyring = self.own.keyring(None, self.known_hosts.as_ref())?;
        let known = keyring.known(&name).map_err(CliError::keyring)?;
        if let (Some((key, line)), Some(accepted)) = (known, self.accept)
            && key.fingerprint() != accepted
        {
            return Err(other_key(&name, &keyring, (key, line), &accepted.to_string()));
        }
        let key = match known {
            Some((key, _)) => key,
            None => match first_seen(server, options, (timeout, wait)).await {
                Ok(key) => {
                    self.decide(&name, &key)?;
                    keyring.remember(&name, &key).map_err(CliError::keyring)?;
                    key
                }
                Err(error @ DialError { kind: DialErrorKind::Tls(_) | DialErrorKind::TimedOut, .. }) => {
                    return Err(CliError::Told(
                        Exit::Unreachable,
                        Box::new(diagnose::dialing(server, &error)),
                    ));
                }
                // It is not there: that is told as it always is.
                Err(_) => {
                    let tls = ClientTls::asking(&nobody()?);
                    return Ok(Some(Trusted { tls, keyring, name }));
                }
            },
        };
        let (identity, is_new) = keyring.identity_or_new().map_err(CliError::keyring)?;
        if is_new {
            output::note(&format!("made a key for this machine: {}", output::shown(&keyring.identity)));
        }
        Ok(Some(Trusted { tls: ClientTls::new(&identity, key), keyring, name }))
    }

    /// Whether a key that was never seen is the right one.
    fn decide(&self, name: &HostName, key: &PublicKey) -> Result<(), CliError> {
        let found = key.fingerprint();
        match self.accept {
            Some(accepted) if accepted == found => return Ok(()),
            Some(accepted) => {
                let said = format!("its key has the fingerprint {found}, and {accepted} was to be accepted");
                return Err(distrust(
                    name,
                    &said,
                    "the fingerprint is another server's, or another machine answers in its place",
                    "compare it with what `towline key` shows at the server",
                ));
            }
            None => {}
        }
        if !terminal::has_somebody_to_ask() {
            let said = format!(
                "it was never met from here, and nobody is there to ask; its key has the fingerprint {found}"
            );
            let next = format!(
                "compare that with what `towline key` shows at the server, then add --accept {found}"
            );
            return Err(distrust(name, &said, "whoever answers there could be anybody", &next));
        }
        output::note(&format!("{name} was never met from here. Its key has the fingerprint"));
        output::note(&format!("    {found}"));
        output::note("Compare that with what `towline key` shows at the server. Is it the same (yes, no)?");
        let mut answer = String::new();
        let _nothing_is_no = io::stdin().lock().read_line(&mut answer);
        match answer.trim() {
            "yes" => Ok(()),
            _ => Err(distrust(name, "its key is not trusted", "the answer was not \"yes\"", "")),
        }
    }
}

impl Trusted {
    /// The words for an error that is that the server has shown another key than the one that is known.
    pub(super) fn told_by(&self, error: &ClientError) -> Option<CliError> {
        let ClientError::Job(JobError::Dial(dial)) = error else { return None };
        let DialErrorKind::Tls(TlsTrouble::WrongKey(found)) = dial.kind else { return None };
        Some(self.changed(found))
    }

    fn changed(&self, found: [u8; 32]) -> CliError {
        let found = PublicKey(found).fingerprint().to_string();
        match self.keyring.known(&self.name) {
            Ok(Some(known)) => other_key(&self.name, &self.keyring, known, &found),
            // It came up after it was looked for.
            Ok(None) => {
                let said = format!("it was never met from here; its key has the fingerprint {found}");
                distrust(&self.name, &said, "", "try again, now that it is there")
            }
            Err(error) => CliError::keyring(error),
        }
    }
}

impl CliError {
    /// A file of keys cannot be used.
    pub(super) fn keyring(error: KeyringError) -> CliError {
        CliError::Told(Exit::Untrusted, Box::new(error.diagnosis()))
    }
}

fn other_key(name: &HostName, keyring: &Keyring, (known, line): (PublicKey, usize), found: &str) -> CliError {
    let known = known.fingerprint();
    let said = format!("its key has changed: it has the fingerprint {found}, and {known} is known");
    let next = format!(
        "compare {found} with what `towline key` shows at the server, by a way that you trust; if it is the same, remove \
         line {line} of {} and connect again",
        output::shown(&keyring.known)
    );
    let why = "the server was set up anew or was given another key, or another machine answers in its place and would read \
               what you send; nothing was sent";
    distrust(name, &said, why, &next)
}

fn distrust(name: &HostName, said: &str, why: &str, next: &str) -> CliError {
    let diagnosis = Diagnosis {
        tried: format!("cannot trust {name}"),
        said: said.to_owned(),
        why: why.to_owned(),
        next: next.to_owned(),
        code: None,
    };
    CliError::Told(Exit::Untrusted, Box::new(diagnosis))
}

/// A key that belongs to nobody, for asking: nothing of it is shown.
fn nobody() -> Result<Identity, CliError> {
    let secret = Identity::generate();
    Ok(Identity::new(
        &secret.map_err(|error| CliError::system("cannot get random numbers from the system", &error))?,
    ))
}

/// The key that a server has shown that was never met, where one comes up in time.
async fn first_seen(
    server: &Endpoint,
    options: &SocketOptions,
    (timeout, wait): (Option<Duration>, Option<Duration>),
) -> Result<PublicKey, DialError> {
    let Ok(asking) = nobody() else { return Err(DialError { kind: DialErrorKind::Other, os: None }) };
    let give_up = wait.map(|wait| Instant::now() + wait);
    loop {
        let asked = server_key(server, options, &asking);
        let seen = match timeout {
            None => asked.await,
            Some(limit) => match tokio::time::timeout(limit, asked).await {
                Ok(seen) => seen,
                Err(_elapsed) => Err(DialError { kind: DialErrorKind::TimedOut, os: None }),
            },
        };
        match seen {
            Err(DialError {
                kind: DialErrorKind::Refused | DialErrorKind::Unreachable | DialErrorKind::TimedOut,
                ..
            }) if give_up.is_some_and(|give_up| Instant::now() + AGAIN < give_up) => {
                tokio::time::sleep(AGAIN).await;
            }
            seen => return seen,
        }
    }
}

/// True of addresses that lead nowhere else, by what they say themselves.
pub(super) fn is_this_machine(host: &HostPort) -> bool {
    match host.host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_follows_from_what_was_typed() {
        let encrypts = |trust: &Trust, server: &str| trust.encrypts(&server.parse().expect("an address"));
        let (usual, tls) = (Trust::default(), Trust { tls: true, ..Trust::default() });
        let plain = Trust { insecure_plaintext: true, ..Trust::default() };
        for here in ["localhost", "LOCALHOST:9", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::ffff:127.0.0.1]"] {
            assert!(!encrypts(&usual, here) && encrypts(&tls, here) && !encrypts(&plain, here), "{here}");
        }
        for there in
            ["example.org", "192.0.2.7", "localhost.example.org", "0.0.0.0", "[::]", "[fe80::1%eth0]"]
        {
            assert!(encrypts(&usual, there) && encrypts(&tls, there) && !encrypts(&plain, there), "{there}");
        }
        assert!(!encrypts(&usual, "unix:/run/towline"));
    }
}
