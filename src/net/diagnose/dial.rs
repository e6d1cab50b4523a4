//! Why a server could not be reached.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::io::Errno;

use super::causes::{self, Cause};
use super::{Diagnosis, explain, local, local_addresses};
use crate::net::{Endpoint, HostPort};
use crate::proto::machine::{DialError, DialErrorKind, TlsTrouble};
use crate::wire::Escaped;

/// What the system said, or where it said nothing, the kind of error in words.
pub fn said(error: &DialError) -> String {
    match error.os {
        Some(os) => io::Error::from_raw_os_error(os).to_string(),
        None => own_words(error.kind).to_owned(),
    }
}

/// Explains a failure to connect.
pub fn dialing(endpoint: &Endpoint, error: &DialError) -> Diagnosis {
    let said = said(error);
    let errno = error.os.map(Errno::from_raw_os_error);
    let (why, next) = match (endpoint, error.kind) {
        (Endpoint::Tcp(host), kind) => over_tcp(host, kind, errno),
        (Endpoint::Unix(_), DialErrorKind::Tls(trouble)) => over_tls(trouble).told(&[]),
        (Endpoint::Unix(path), _) => over_unix(path, errno),
    };
    Diagnosis { tried: format!("cannot connect to {endpoint}"), said, why, next, code: None }
}

fn over_tcp(host: &HostPort, kind: DialErrorKind, errno: Option<Errno>) -> (String, String) {
    let port = host.port.to_string();
    let listen = match host.port {
        crate::net::DEFAULT_PORT => String::new(),
        port => format!(" with `--listen ADDRESS:{port}`"),
    };
    let addresses = local_addresses().join(", ");
    let cause = match kind {
        DialErrorKind::Refused => &causes::REFUSED,
        DialErrorKind::TimedOut => silent(host.host.parse().ok().and_then(local::neighbour)),
        DialErrorKind::Unreachable => match errno {
            Some(Errno::NETUNREACH | Errno::NETDOWN) => &causes::NO_ROUTE,
            Some(Errno::HOSTUNREACH) => &causes::HOST_SILENT,
            Some(_) | None => &causes::UNREACHABLE,
        },
        DialErrorKind::NameNotFound => &causes::NAME_UNKNOWN,
        DialErrorKind::NotAllowed => match errno {
            Some(Errno::ADDRNOTAVAIL) => &causes::NO_OWN_PORT,
            Some(_) | None => &causes::FIREWALL_HERE,
        },
        DialErrorKind::Tls(trouble) => over_tls(trouble),
        DialErrorKind::Other => return explain(errno),
    };
    cause.told(&[("host", &host.host), ("port", &port), ("listen", &listen), ("addresses", &addresses)])
}

/// A host of this machine's own networks has been asked for its card's address just before; others are a router's business.
fn silent(neighbour: Option<local::Neighbour>) -> &'static Cause {
    match neighbour {
        Some(local::Neighbour::Answers) => &causes::TIMED_OUT_UP,
        Some(local::Neighbour::Silent) => &causes::TIMED_OUT_GONE,
        None => &causes::TIMED_OUT,
    }
}

/// What stands at the path is looked at: an error number says little of it.
fn over_unix(path: &Path, errno: Option<Errno>) -> (String, String) {
    let shown = |path: &Path| Escaped(path.as_os_str().as_bytes()).to_string();
    let found = std::fs::metadata(path).map(|found| found.file_type());
    // Without a '/' at its end, behind which nothing would be found.
    let parts = path.components().as_path().ancestors();
    let file = parts.into_iter().find(|part| part.exists() && !part.is_dir());
    let cause = match errno {
        Some(Errno::CONNREFUSED) if found.is_ok_and(|found| !found.is_socket()) => &causes::SOCKET_IS_FILE,
        Some(Errno::CONNREFUSED) => &causes::SOCKET_STALE,
        Some(Errno::NOENT) => &causes::SOCKET_MISSING,
        Some(Errno::NOTDIR) if file.is_some() => &causes::SOCKET_BELOW_FILE,
        Some(Errno::ACCESS | Errno::PERM) => &causes::SOCKET_DENIED,
        Some(Errno::PROTOTYPE) => &causes::SOCKET_OF_LETTERS,
        Some(Errno::AGAIN) => &causes::SOCKET_FULL,
        other => return explain(other),
    };
    cause.told(&[("path", &shown(path)), ("file", &file.map(shown).unwrap_or_default())])
}

/// Where the system gave no number.
fn own_words(kind: DialErrorKind) -> &'static str {
    match kind {
        DialErrorKind::Refused => "connection refused",
        DialErrorKind::TimedOut => "no answer in time",
        DialErrorKind::Unreachable => "no way to the host",
        DialErrorKind::NameNotFound => "the name does not resolve",
        DialErrorKind::NotAllowed => "not allowed from here",
        DialErrorKind::Tls(trouble) => own_words_of_tls(trouble),
        DialErrorKind::Other => "the connection could not be made",
    }
}

fn over_tls(trouble: TlsTrouble) -> &'static Cause {
    match trouble {
        TlsTrouble::Cut => &causes::TLS_CUT,
        TlsTrouble::Plaintext => &causes::TLS_PLAINTEXT,
        TlsTrouble::Foreign => &causes::TLS_FOREIGN,
        TlsTrouble::WrongKey(_) => &causes::TLS_WRONG_KEY,
        TlsTrouble::NotTowline => &causes::TLS_NOT_TOWLINE,
        TlsTrouble::OldVersion => &causes::TLS_OLD,
        TlsTrouble::NoKey => &causes::TLS_NO_KEY,
        TlsTrouble::Refused | TlsTrouble::Failed => &causes::TLS_REFUSED,
    }
}

fn own_words_of_tls(trouble: TlsTrouble) -> &'static str {
    match trouble {
        TlsTrouble::Cut => "the server ended the connection in the TLS handshake",
        TlsTrouble::Plaintext => "the server speaks towline without TLS",
        TlsTrouble::Foreign => "what answers there does not speak TLS",
        TlsTrouble::WrongKey(_) => "the server has another key than the one that is known",
        TlsTrouble::NotTowline => "what answers there speaks TLS, and is no towline",
        TlsTrouble::OldVersion => "what answers there does not speak TLS 1.3",
        TlsTrouble::NoKey => "what answers there shows no raw public key",
        TlsTrouble::Refused => "the server ended the TLS handshake",
        TlsTrouble::Failed => "the TLS handshake failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_that_is_up_is_told_from_one_that_is_not() {
        assert_eq!(silent(None), &causes::TIMED_OUT);
        assert_eq!(silent(Some(local::Neighbour::Answers)), &causes::TIMED_OUT_UP);
        assert_eq!(silent(Some(local::Neighbour::Silent)), &causes::TIMED_OUT_GONE);
    }
}
