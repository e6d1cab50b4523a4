//! The side that serves: shows a code, and waits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::super::args;
use super::super::doors;
use super::super::exit::Exit;
use super::super::explain::CliError;
use super::super::output::{self, Short, shown, typed};
use super::super::runtime;
use super::super::serve::{endpoint_for, others};
use super::{Args, PAIR_PORT, described, granted};
use crate::drive::pairing::{self, PairEvent};
use crate::identity::{Grant, PublicKey};
use crate::keyring::{Keyring, KeyringError};
use crate::net::diagnose::{Diagnosis, PortUse, Transport, port_use};
use crate::net::{DEFAULT_PORT, Endpoint, Place, SocketOptions};
use crate::proto::machine::TlsTrouble;
use crate::proto::pairing::{HostEnd, HostEvent, PairCode, Terms};
use crate::proto::{PairLimits, Rights};
use crate::wire::PairName;

/// What became of the key of whoever had the code.
struct Kept {
    key: PublicKey,
    grant: Grant,
    /// What stood in its line already.
    standing: Option<Grant>,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let rights = rights(args)?;
    let keyring = args.own.keyring(args.authorized_keys.as_ref(), None)?;
    let (identity, is_new) = keyring.identity_or_new().map_err(CliError::keyring)?;
    // What is wrong with the file is told before anybody has typed anything.
    keyring.authorized().map_err(CliError::keyring)?;
    let place =
        Place::Tcp(args.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, PAIR_PORT))));
    let limits = PairLimits { life: args.life, ..PairLimits::default() };
    let [a, b, c, d, e, ..] = args::random()?.to_le_bytes();
    let code = PairCode::drawn([a, b, c, d, e]);
    let (mut kept, mut failed) = (None, None);
    let runtime = runtime::start(&mut tokio::runtime::Builder::new_current_thread())?;
    let end = runtime.block_on(async {
        let (listener, held) = doors::stream(&place, "listen", &SocketOptions::default())?;
        if is_new {
            output::print(&format!("made a key for this machine: {}", shown(&keyring.identity)))?;
        }
        announce(args, &held.at, &rights, (&code, &limits))?;
        let keep = |key: [u8; 32], name: &PairName| {
            let name = args.name.as_ref().unwrap_or(name).as_str().to_owned();
            match keep(&keyring, PublicKey(key), Grant { name, rights: rights.clone() }) {
                Ok(found) => {
                    let in_force = found.standing.as_ref().unwrap_or(&found.grant);
                    let terms = Terms::new(args.serve_port, &in_force.rights);
                    kept = Some(found);
                    Some(terms)
                }
                Err(error) => {
                    failed = Some(error);
                    None
                }
            }
        };
        let told = |event: PairEvent| tell(&event, args.talk.verbose);
        let end = pairing::host(&listener, &identity, (code, limits.clone()), keep, told).await;
        end.map_err(|error| CliError::system("cannot get random numbers from the system", &error))
    })?;
    match (end, kept, failed) {
        (HostEnd::Paired(is_heard), Some(kept), _) => paired(args, &keyring, &kept, is_heard),
        (_, _, Some(error)) => Err(CliError::keyring(error)),
        (HostEnd::UsedUp, ..) => Err(dead(
            Exit::Untrusted,
            &format!("the code was guessed wrong {} times, and is dead", limits.tries),
            "somebody has typed it wrong, or has guessed; nobody was let in",
        )),
        (HostEnd::Expired | HostEnd::Paired(_) | HostEnd::NotKept, ..) => Err(dead(
            Exit::Busy,
            &format!("nobody has come with the code within {}, and it is dead", lasting(args.life)),
            "it was not typed at the other machine in time, or that one does not reach this one",
        )),
    }
}

fn rights(args: &Args) -> Result<Rights, CliError> {
    let rights = args.rights.clone().unwrap_or(Rights::ALL);
    let Some(folder) = &args.folder else { return Ok(rights) };
    match granted("somebody", "all", folder) {
        Ok(grant) => Ok(rights.below(grant.rights.folder().clone())),
        Err(said) => {
            let tried = format!("cannot confine anybody to \"{folder}\"");
            let next = "name a folder below the one that is served, such as in/photos";
            Err(CliError::usage(tried, &said, "a folder there begins at the one that is served", next))
        }
    }
}

fn keep(keyring: &Keyring, key: PublicKey, grant: Grant) -> Result<Kept, KeyringError> {
    let standing = keyring.authorize(&key, &grant)?;
    Ok(Kept { key, grant, standing })
}

fn announce(
    args: &Args,
    at: &Place,
    rights: &Rights,
    (code, limits): (&PairCode, &PairLimits),
) -> Result<(), CliError> {
    output::print(&format!("waiting on {at}"))?;
    output::print(&format!("code {}", code.shown()))?;
    if args.talk.quiet {
        return Ok(());
    }
    let hint = match (&args.rights, &args.folder) {
        (None, None) => " (--rights read,list and --folder FOLDER say less)",
        (Some(_), _) | (_, Some(_)) => "",
    };
    let may = described(&Terms::new(args.serve_port, rights));
    output::print_all(&format!(
        "\nOn the other machine, which asks for the code:\n  towline pair {}\nIt may then {may}{hint}.",
        to_type(&endpoint_for(at)),
    ))?;
    let others = others(at);
    if !others.is_empty() {
        output::print(&format!("This machine is also reached as {}.", others.join(", ")))?;
    }
    output::print_all(&format!(
        "The code is good for {}, for one machine, and for {} wrong guesses. Ctrl-C stops.\n",
        lasting(limits.life),
        limits.tries
    ))
}

/// A time without a rest of no seconds.
fn lasting(time: std::time::Duration) -> String {
    let text = Short(time).to_string();
    text.strip_suffix(" 0 s").map_or(text.clone(), str::to_owned)
}

/// An address without the port that is meant anyway.
fn to_type(at: &Endpoint) -> String {
    let text = at.to_string();
    text.strip_suffix(&format!(":{PAIR_PORT}")).map_or(text.clone(), str::to_owned)
}

fn tell(event: &PairEvent, is_verbose: bool) {
    match event {
        PairEvent::Host(peer, HostEvent::Wrong(_, left)) => {
            let left = match left {
                0 => "none is".to_owned(),
                1 => "1 is".to_owned(),
                left => format!("{left} are"),
            };
            output::note(&format!("a wrong code from {peer}; of the guesses {left} left"));
        }
        PairEvent::Host(_, HostEvent::Proved(..)) => {}
        // As many as anybody likes to send, so that they are for who asks.
        _ if !is_verbose => {}
        PairEvent::Host(peer, HostEvent::Malformed(_, error)) => {
            output::note(&format!("what {peer} sends is no pairing: {error}"));
        }
        PairEvent::Host(peer, HostEvent::OtherVersion(_, versions)) => {
            let (lowest, highest) = (versions.lowest, versions.highest);
            output::note(&format!(
                "{peer} pairs by the versions {lowest} to {highest}, and none of them is spoken here"
            ));
        }
        PairEvent::NotMet(peer, error) => match error.trouble() {
            TlsTrouble::Plaintext | TlsTrouble::NotTowline => {
                output::note(&format!("{peer} wants files, and this port is for pairing alone"));
            }
            TlsTrouble::Cut
            | TlsTrouble::Foreign
            | TlsTrouble::WrongKey(_)
            | TlsTrouble::OldVersion
            | TlsTrouble::NoKey
            | TlsTrouble::Refused
            | TlsTrouble::Failed => output::note(&format!("{peer} was not met: {error}")),
        },
    }
}

/// Who was paired, and what to do next.
fn paired(args: &Args, keyring: &Keyring, kept: &Kept, is_heard: bool) -> Result<(), CliError> {
    let Kept { key, grant, standing } = kept;
    let file = shown(&keyring.authorized);
    let now = standing.as_ref().unwrap_or(grant);
    let may = described(&Terms::new(args.serve_port, &now.rights));
    output::print(&format!("paired with {}, whose key has the fingerprint {}", now.name, key.fingerprint()))?;
    match standing {
        None => output::print(&format!("it may {may}, by a line in {file}"))?,
        Some(standing) if standing.rights == grant.rights => {
            output::print(&format!("it may {may}, as it stood in {file} already"))?;
        }
        Some(_) => output::print(&format!(
            "its key stood in {file} already, and what it may do stays as it is there: {may}; to change that, change the line"
        ))?,
    }
    if !is_heard {
        output::note(
            "it was not heard that the other machine has kept this one's key: if it says that it has not, pair again",
        );
    }
    if args.talk.quiet {
        return Ok(());
    }
    let ip = args.listen.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |listen| listen.ip());
    output::print_all(&next(SocketAddr::new(ip, args.serve_port)))
}

/// What makes it count: a server that runs reads its keys again, and one that does not is started.
fn next(at: SocketAddr) -> String {
    if let PortUse::Listening { holders, .. } = port_use(at, Transport::Tcp)
        && let Some(server) = holders.iter().find(|holder| holder.name == "towline")
    {
        return format!(
            "\nA server runs at that port. For it to read its keys again:\n  kill -HUP {}",
            server.pid
        );
    }
    let at_port = if at.port() == DEFAULT_PORT { at.ip().to_string() } else { at.to_string() };
    let tls = if at.ip().to_canonical().is_loopback() { " --tls" } else { "" };
    let program = typed(std::env::args_os().take(1));
    format!("\nTo serve this folder to it:\n  {program} serve --listen {at_port}{tls}")
}

fn dead(exit: Exit, said: &str, why: &str) -> CliError {
    let diagnosis = Diagnosis {
        tried: "cannot pair".to_owned(),
        said: said.to_owned(),
        why: why.to_owned(),
        next: "run `towline pair` again, for a new code".to_owned(),
        code: None,
    };
    CliError::Told(exit, Box::new(diagnosis))
}
