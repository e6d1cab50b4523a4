//! The side that does not serve: is given the code, and has one try with it.

use std::io::{self, BufRead, Read};

use super::super::exit::Exit;
use super::super::explain::CliError;
use super::super::key;
use super::super::output::{self, shown, typed};
use super::super::runtime;
use super::super::terminal;
use super::super::trust::is_this_machine;
use super::{Args, described};
use crate::drive::pairing;
use crate::identity::{HostName, PublicKey};
use crate::net::diagnose::{self, Diagnosis};
use crate::net::tls::{Identity, PairStream, TlsError};
use crate::net::{self, DEFAULT_PORT, Endpoint, HostPort, SocketOptions};
use crate::proto::machine::{DialError, DialErrorKind, TlsTrouble};
use crate::proto::pairing::{GuestEnd, PairCode, Terms, VERSIONS};
use crate::proto::{PairLimits, Right};
use crate::wire::{PairName, PairReason, PairRefused};

/// Most bytes of what is typed for a code.
const TYPED_MAX: u64 = 256;

pub(super) fn run(args: &Args, server: &HostPort) -> Result<(), CliError> {
    let code = code(args, server)?;
    let keyring = args.own.keyring(None, args.known_hosts.as_ref())?;
    let (identity, is_new) = keyring.identity_or_new().map_err(CliError::keyring)?;
    // What is wrong with the file is told before a try is used up.
    keyring.known(&HostName::new(&server.host, DEFAULT_PORT)).map_err(CliError::keyring)?;
    if is_new {
        output::note(&format!("made a key for this machine: {}", shown(&keyring.identity)));
    }
    let name = PairName::new(&key::name()).unwrap_or_else(|| PairName::new("somebody").expect("a name"));
    let mut failed = None;
    let runtime = runtime::start(&mut tokio::runtime::Builder::new_current_thread())?;
    let (end, theirs) = runtime.block_on(async {
        let stream = connect(args, server, &identity).await?;
        let theirs = stream.peer();
        let keep = |terms: Terms| {
            let name = HostName::new(&server.host, terms.port);
            failed = keyring.remember(&name, &theirs).err();
            failed.is_none()
        };
        let ours = identity.public().0;
        let end = pairing::guest(stream, ours, (code, name), &PairLimits::default(), keep).await;
        let end =
            end.map_err(|error| CliError::system("cannot get random numbers from the system", &error))?;
        Ok::<_, CliError>((end, theirs))
    })?;
    match (end, failed) {
        (GuestEnd::Paired(terms), _) => paired(args, server, &terms, &theirs, &shown(&keyring.known)),
        (_, Some(error)) => Err(CliError::keyring(error).in_the_middle_of(
            format!("cannot keep the key of {}, which has this machine's", server.host),
            "pair again, for a new code",
        )),
        (end, None) => Err(unpaired(server, &end)),
    }
}

/// What was typed on the command line, at a prompt, or comes from standard input.
fn code(args: &Args, server: &HostPort) -> Result<PairCode, CliError> {
    let text = match &args.code {
        Some(code) => code.clone(),
        None => {
            if terminal::has_somebody_to_ask() {
                output::note(&format!("The code that `towline pair` shows at {}:", server.host));
            }
            let mut line = String::new();
            let _nothing_is_none = io::stdin().lock().take(TYPED_MAX).read_line(&mut line);
            if line.trim().is_empty() {
                return Err(CliError::usage(
                    format!("cannot pair with {server}"),
                    "there is no code",
                    "none was typed, and none came from standard input",
                    "run `towline pair` on the other machine, and give the code that it shows here",
                ));
            }
            line
        }
    };
    PairCode::parse(&text).map_err(|bad| {
        CliError::usage(
            format!("cannot pair with {server}"),
            &format!("that is no code: {bad}"),
            "it was typed wrong; nothing was sent, and no try is used up",
            "type it again as it is shown there; capitals and '-' make no difference",
        )
    })
}

async fn connect(
    args: &Args,
    server: &HostPort,
    identity: &Identity,
) -> Result<PairStream<net::Stream>, CliError> {
    let endpoint = Endpoint::Tcp(server.clone());
    let connecting = async {
        let stream = net::connect(&endpoint, &SocketOptions::default()).await;
        let stream = stream.map_err(|error| unreached(&endpoint, &net::dial_error(&error)))?;
        PairStream::connect(stream, identity).await.map_err(|(error, _)| unmet(server, &error))
    };
    match args.timeout.0 {
        None => connecting.await,
        Some(limit) => tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_late| {
            Err(unreached(&endpoint, &DialError { kind: DialErrorKind::TimedOut, os: None }))
        }),
    }
}

fn unreached(at: &Endpoint, error: &DialError) -> CliError {
    let told = CliError::Told(Exit::Unreachable, Box::new(diagnose::dialing(at, error)));
    match error.kind {
        DialErrorKind::Refused => told.with_next(
            "run `towline pair` there, which waits on port 8697 unless told otherwise, and type what it shows; a code is for \
             one pairing, and for 10 minutes",
        ),
        DialErrorKind::TimedOut
        | DialErrorKind::Unreachable
        | DialErrorKind::NameNotFound
        | DialErrorKind::NotAllowed
        | DialErrorKind::Tls(_)
        | DialErrorKind::Other => told,
    }
}

/// What answers is no pairing.
fn unmet(server: &HostPort, error: &TlsError) -> CliError {
    let next = "run `towline pair` there, and type what it shows, with the port that it waits on";
    let (said, why) = match error.trouble() {
        TlsTrouble::NotTowline | TlsTrouble::Plaintext => (
            format!("what answers on port {} does not pair", server.port),
            "that is the port of a server of files (`towline serve`), or of another service",
        ),
        TlsTrouble::Foreign => (
            format!("what answers on port {} does not pair, and does not speak TLS", server.port),
            "another service listens there",
        ),
        TlsTrouble::Cut => (
            "the other side ended the connection at once".to_owned(),
            "somebody else was paired just now, or too many connect to it",
        ),
        TlsTrouble::OldVersion | TlsTrouble::NoKey | TlsTrouble::Refused => {
            (error.to_string(), "what answers there is another program, or another version of this one")
        }
        TlsTrouble::WrongKey(_) | TlsTrouble::Failed => (error.to_string(), ""),
    };
    told(Exit::Protocol, server, &said, why, next)
}

/// Why it came to nothing.
fn unpaired(server: &HostPort, end: &GuestEnd) -> CliError {
    let again = "run `towline pair` there again, for a new code";
    let lost = match end {
        GuestEnd::Refused(refused) => return turned_away(server, refused),
        GuestEnd::Unproved => {
            return told(
                Exit::Untrusted,
                server,
                "what answers there has not proved that it has the code",
                "another machine answers in its place; it was let in nowhere, and has had one guess at the code",
                "stop `towline pair` there, look at what is between, and pair again with a new code",
            );
        }
        GuestEnd::Malformed(error) => {
            let said = format!("what it sends is no pairing: {error}");
            let why = "another version of it answers, or bytes were changed on the way";
            return told(
                Exit::Protocol,
                server,
                &said,
                why,
                "compare `towline --version` on both sides, and pair again",
            );
        }
        GuestEnd::TooSlow => "it did not answer in time",
        GuestEnd::Lost(false) => "the connection was lost",
        GuestEnd::Lost(true) => {
            "the connection was lost at the last step: it may have kept this machine's key, and its own is not kept here"
        }
        GuestEnd::NotKept | GuestEnd::Paired(_) => "its key could not be kept",
    };
    told(Exit::Lost, server, lost, "the path or the other machine failed; to pair twice harms nothing", again)
}

fn turned_away(server: &HostPort, refused: &PairRefused) -> CliError {
    let again = "run `towline pair` there again, for a new code";
    let PairRefused { reason, left, versions } = *refused;
    match reason {
        PairReason::WRONG_CODE => {
            let why =
                "it is the code of another pairing, or somebody between the two machines would read along";
            let next = match left {
                0 => format!("{again}: this one is dead"),
                1 => "type the code that is shown there now; 1 guess is left".to_owned(),
                left => format!("type the code that is shown there now; {left} guesses are left"),
            };
            told(Exit::Untrusted, server, "it has another code", why, &next)
        }
        PairReason::OVER => {
            let why = "it was used, guessed at too often, or is too old";
            told(Exit::Refused, server, "its code is not taken any more", why, again)
        }
        PairReason::VERSION => {
            let (lowest, highest) = versions;
            let said = format!(
                "it pairs by the versions {lowest} to {highest}, and here {} to {} are spoken",
                VERSIONS.lowest, VERSIONS.highest
            );
            told(
                Exit::Protocol,
                server,
                &said,
                "one of the two is older",
                "bring both to one version of towline",
            )
        }
        PairReason::NOT_KEPT => {
            let why = "its authorized_keys cannot be written; it says more there";
            told(Exit::Refused, server, "it could not keep this machine's key", why, again)
        }
        PairReason::TOO_SLOW => {
            told(Exit::Lost, server, "it says that it was not answered in time", "", again)
        }
        other => {
            let said = format!("it says that this is no pairing ({other:?})");
            told(Exit::Protocol, server, &said, "", "compare `towline --version` on both sides")
        }
    }
}

fn told(exit: Exit, server: &HostPort, said: &str, why: &str, next: &str) -> CliError {
    let tried = format!("cannot pair with {server}");
    let (said, why, next) = (said.to_owned(), why.to_owned(), next.to_owned());
    CliError::Told(exit, Box::new(Diagnosis { tried, said, why, next, code: None }))
}

/// Who was met, and what to do next.
fn paired(
    args: &Args,
    server: &HostPort,
    terms: &Terms,
    theirs: &PublicKey,
    file: &str,
) -> Result<(), CliError> {
    let at = HostPort { host: server.host.clone(), port: terms.port };
    output::print(&format!("paired with {at}, whose key has the fingerprint {}", theirs.fingerprint()))?;
    output::print(&format!("its key is in {file}; this machine may {} there", described(terms)))?;
    if args.talk.quiet {
        return Ok(());
    }
    let program = typed(std::env::args_os().take(1));
    let tls = if is_this_machine(&at) { " --tls" } else { "" };
    // As it is looked up later: by this name, and at this port.
    let text = at.to_string();
    let at = text.strip_suffix(&format!(":{DEFAULT_PORT}")).unwrap_or(&text);
    let lines = [
        (Right::Write, format!("  {program} put FILE {at}{tls}\n")),
        (Right::List, format!("  {program} ls {at}{tls}\n")),
        (Right::Read, format!("  {program} get {at}/FILE{tls}\n")),
    ];
    let lines: String =
        lines.into_iter().filter(|(right, _)| terms.may(*right)).map(|(_, line)| line).collect();
    output::print_all(format!("\nOnce files are served there:\n{lines}").trim_end())
}
