//! Why a probe could not be made, or measured nothing.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use rustix::io::Errno;

use super::course::{Ended, Trouble};
use super::target::Target;
use crate::cli::exit::Exit;
use crate::cli::explain::CliError;
use crate::cli::output::Short;
use crate::cli::trust::Trusted;
use crate::net::diagnose::{self, Diagnosis};
use crate::net::{self, Endpoint};
use crate::proto::machine::{DialErrorKind, End};
use crate::proto::prober::verdict::{Breach, ParseError};
use crate::proto::prober::{Counts, ProbeEnd, SettingsError};

fn told(exit: Exit, tried: String, said: String, why: String, next: String) -> CliError {
    CliError::Told(exit, Box::new(Diagnosis { tried, said, why, next, code: None }))
}

fn measuring(target: &Target) -> String {
    format!("cannot measure {target}")
}

/// What was asked for cannot be.
pub(super) fn settings(error: &SettingsError) -> CliError {
    let (why, next) = match error {
        SettingsError::TooSmall(_) => (
            "of datagrams, and of calls of the protocol, each carries its number and its time (8 bytes each), since they may be \
             lost, doubled or out of order",
            "ask for more (`--size 64`); over a stream one byte will do",
        ),
        SettingsError::TooLarge(_) => ("a probe is handed over in one piece", "ask for less"),
        SettingsError::NoTimeout => ("everything would be lost", "give some time, such as `--timeout 1`"),
        SettingsError::NoShare => ("", "ask for at least one connection"),
    };
    CliError::usage("cannot begin", &error.to_string(), why, next)
}

/// A connection could not be made.
pub(super) fn connecting(target: &Target, trusted: Option<&Trusted>, trouble: Trouble) -> CliError {
    let error = match trouble {
        Trouble::Client(error) => {
            if let Some(changed) = trusted.and_then(|trusted| trusted.told_by(&error)) {
                return changed;
            }
            let at = endpoint(target);
            return CliError::job(format!("cannot echo with {at}"), &at, *error);
        }
        Trouble::System(error) => error,
    };
    let kind = net::dial_error(&error);
    let mut diagnosis = diagnose::dialing(&endpoint(target), &kind);
    diagnosis.tried = format!("cannot connect to {target}");
    if kind.os.is_none() && kind.kind == DialErrorKind::Other {
        diagnosis.said = error.to_string();
    }
    if kind.kind == DialErrorKind::Refused && !is_something_else(target) {
        diagnosis.next = format!(
            "start an echo server there (`towline serve --no-files --echo {}`), or say `--wait 60` here to wait for it",
            place(target)
        );
    }
    if error.raw_os_error() == Some(Errno::PROTOTYPE.raw_os_error()) {
        let (is, other) = match target {
            Target::Unixgram(_) => ("a stream socket", "unix:PATH"),
            Target::Unix(_) | Target::Session(_) | Target::Tcp(_) | Target::Udp(_) => {
                ("a socket of datagrams", "unixgram:PATH")
            }
        };
        diagnosis.why = format!("what listens there is {is}");
        diagnosis.next = format!("write {other}");
    }
    CliError::Told(Exit::Unreachable, Box::new(diagnosis))
}

fn endpoint(target: &Target) -> Endpoint {
    match target {
        Target::Session(endpoint) => endpoint.clone(),
        Target::Tcp(host) | Target::Udp(host) => Endpoint::Tcp(host.clone()),
        Target::Unix(path) | Target::Unixgram(path) => Endpoint::Unix(path.clone()),
    }
}

/// What a server there would be told to echo on.
fn place(target: &Target) -> String {
    match target {
        Target::Tcp(host) => format!("tcp://ADDRESS:{}", host.port),
        Target::Udp(host) => format!("udp://ADDRESS:{}", host.port),
        Target::Session(_) | Target::Unix(_) | Target::Unixgram(_) => target.to_string(),
    }
}

/// True where a file that is no socket has the name.
fn is_something_else(target: &Target) -> bool {
    match target {
        Target::Unix(path) | Target::Unixgram(path) => {
            std::fs::metadata(path).is_ok_and(|found| !found.file_type().is_socket())
        }
        Target::Session(_) | Target::Tcp(_) | Target::Udp(_) => false,
    }
}

/// What went wrong with a connection that stood, if anything did.
pub(super) fn ending(target: &Target, trusted: Option<&Trusted>, ended: Vec<Ended>) -> Option<CliError> {
    ended.into_iter().find_map(|Ended { end, error }| match (end, error) {
        (_, Some(Trouble::System(error))) => Some(broken(target, &error)),
        (_, Some(trouble @ Trouble::Client(_))) => Some(connecting(target, trusted, trouble)),
        (ProbeEnd::Done | ProbeEnd::Stopped, None) => None,
        (ProbeEnd::Ended(End::Orderly), None) => Some(told(
            Exit::Lost,
            measuring(target),
            "the other side closed the connection".into(),
            "an echo keeps it open: that one is none, has a limit, or was stopped (inetd's `stream tcp nowait` with `cat` keeps it)".into(),
            "look at the server's output; what was measured until then stands above".into(),
        )),
        (ProbeEnd::Ended(End::Reset), None) => {
            Some(broken(target, &io::Error::from_raw_os_error(Errno::CONNRESET.raw_os_error())))
        }
        (ProbeEnd::Refused, None) => Some(refused(target)),
        (ProbeEnd::Unasked, None) => Some(told(
            Exit::Protocol,
            measuring(target),
            "more came than was sent".into(),
            "something else than an echo listens there: one that greets, or answers in its own way".into(),
            "check the port, and what listens there; a server of towline's is probed without a scheme, through its protocol".into(),
        )),
    })
}

/// The system's word on a connection that stood.
fn broken(target: &Target, error: &io::Error) -> CliError {
    let mut diagnosis = diagnose::system(measuring(target), error);
    let mut exit = Exit::Lost;
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MSGSIZE) => {
            exit = Exit::Usage;
            diagnosis.why = match target {
                Target::Unixgram(_) | Target::Unix(_) => {
                    "a datagram of a Unix socket has to fit into its send buffer (net.core.wmem_default)"
                        .into()
                }
                Target::Udp(_) | Target::Tcp(_) | Target::Session(_) => {
                    "the datagram is longer than the system sends, or than the path takes unfragmented".into()
                }
            };
            diagnosis.next = "ask for less (`--size 1400` fits into one packet nearly everywhere)".into();
        }
        Some(Errno::CONNREFUSED | Errno::NOTCONN) if matches!(target, Target::Unixgram(_)) => {
            exit = Exit::Unreachable;
            diagnosis.why = "the server's socket was closed: it ended".into();
            diagnosis.next = "start it again".into();
        }
        Some(_) | None => {}
    }
    CliError::Told(exit, Box::new(diagnosis))
}

fn refused(target: &Target) -> CliError {
    let (port, host) = match target {
        Target::Udp(host) | Target::Tcp(host) => (host.port.to_string(), host.host.clone()),
        Target::Session(_) | Target::Unix(_) | Target::Unixgram(_) => (String::new(), String::new()),
    };
    told(
        Exit::Unreachable,
        measuring(target),
        io::Error::from_raw_os_error(Errno::CONNREFUSED.raw_os_error()).to_string(),
        format!("the host is up, and answers with ICMP that nothing listens on its UDP port {port}"),
        format!(
            "start an echo server there (`towline serve --no-files --echo udp://ADDRESS:{port}`); `ss -lun` on {host} shows \
             what listens"
        ),
    )
}

/// Nobody ever answered.
pub(super) fn silent(target: &Target, counts: &Counts, timeout: Duration) -> CliError {
    let (why, next) = match target {
        Target::Udp(host) => (
            "UDP says nothing where nobody answers: a firewall drops it, the host is not up, the server is no echo, or takes what \
             is sent for a loop (a reserved source port) or an attack (more than its share)",
            format!(
                "try `towline echo tcp://{host}` or `ping {}`, and look at what the server counts",
                host.host
            ),
        ),
        Target::Unixgram(_) => (
            "the server is no echo, or cannot reach the probe's own socket, which only this user may enter",
            "run the probe as the server's user, or as root".to_owned(),
        ),
        Target::Tcp(_) | Target::Unix(_) => (
            "the server takes connections and says nothing: it is no echo (discard, RFC 863?), is suspended, or serves one \
             connection at a time and has another one",
            "look at what listens there, and give more time with `--timeout`".to_owned(),
        ),
        Target::Session(_) => (
            "the server has greeted and answers nothing more: it is suspended or overloaded",
            "look at its output, and give more time with `--timeout`".to_owned(),
        ),
    };
    let said = match counts.corrupted {
        0 => format!("none of {} probes was answered within {}", counts.sent, Short(timeout)),
        wrong => format!(
            "none of {} probes was answered by what was sent, and {wrong} by something else",
            counts.sent
        ),
    };
    let exit = if counts.corrupted == 0 { Exit::Unreachable } else { Exit::Protocol };
    let why = if counts.corrupted == 0 {
        why
    } else {
        "something else than an echo listens there, or bytes change on the way"
    };
    told(exit, measuring(target), said, why.to_owned(), next)
}

/// What was measured is beyond what was allowed.
pub(super) fn beyond(target: &Target, breaches: &[Breach]) -> CliError {
    let one = |breach: &Breach| match &breach.measured {
        Some(measured) => format!("{} (it is {measured})", breach.condition),
        None => format!("{} (nothing was measured)", breach.condition),
    };
    let said = breaches.iter().map(one).collect::<Vec<_>>().join(", ");
    told(Exit::Beyond, format!("{target} fails as asked (--fail-if)"), said, String::new(), String::new())
}

/// A mistake in `--fail-if`, with what stands on both sides of it.
pub(super) fn condition(text: &str, error: &ParseError) -> String {
    let (before, behind): (String, String) =
        (text.chars().take(error.at).collect(), text.chars().skip(error.at).collect());
    let at = match (before.is_empty(), behind.is_empty()) {
        (true, true) => return format!("expected {}", error.expected),
        (true, false) => format!("before \"{behind}\""),
        (false, true) => format!("at the end, behind \"{before}\""),
        (false, false) => format!("before \"{behind}\", behind \"{before}\""),
    };
    format!("expected {} {at}", error.expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_a_condition_is_told_by_what_stands_on_both_sides() {
        let told = |text: &str, at| condition(text, &ParseError { at, expected: "a number" });
        assert_eq!(told("", 0), "expected a number");
        assert_eq!(told("p99", 0), "expected a number before \"p99\"");
        assert_eq!(told("p99>", 4), "expected a number at the end, behind \"p99>\"");
        assert_eq!(told("p99>x", 4), "expected a number before \"x\", behind \"p99>\"");
    }
}
