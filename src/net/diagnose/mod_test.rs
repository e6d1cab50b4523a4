use super::*;
use crate::net::{Endpoint, HostPort};
use crate::proto::machine::{DialError, DialErrorKind};

fn said(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.raw_os_error())
}

fn dialled(kind: DialErrorKind, os: Option<Errno>) -> Diagnosis {
    let host = HostPort { host: "db8.example".into(), port: 8695 };
    dialing(&host.into(), &DialError { kind, os: os.map(Errno::raw_os_error) })
}

#[test]
fn the_four_parts_stand_on_three_lines() {
    let [tried, said, why, next] = ["cannot x", "no", "because", "do y"].map(str::to_owned);
    let diagnosis = Diagnosis { tried, said, why, next, code: None };
    assert_eq!(diagnosis.to_string(), "cannot x: no\n  why   because\n  next  do y");
    let bare = Diagnosis { why: String::new(), next: String::new(), ..diagnosis };
    assert_eq!(bare.to_string(), "cannot x: no");
}

#[test]
fn every_error_that_users_of_sockets_meet_has_a_cause_and_a_next_step() {
    let cases = [
        (Errno::CONNRESET, "broke the connection off", "other side's output"),
        (Errno::PIPE, "ended the connection before", "other side's output"),
        (Errno::TIMEDOUT, "stopped answering", "reachable"),
        (Errno::MFILE, "open at once", "do less at once"),
        (Errno::NFILE, "whole machine", "fs.file-max"),
        (Errno::NOSPC, "full", "df -h"),
        (Errno::DQUOT, "quota", "quota -s"),
        (Errno::ROFS, "read-only", "remount"),
        (Errno::ACCESS, "no right", "ls -ld"),
        (Errno::NOENT, "nothing of that name is on this machine", "spelling"),
    ];
    for (errno, why, next) in cases {
        let found = system("cannot write \"x\"", &said(errno));
        assert!(found.why.contains(why) && found.next.contains(next), "{found}");
        assert!(found.said.contains(&format!("os error {}", errno.raw_os_error())), "{found}");
        assert_eq!(found.tried, "cannot write \"x\"");
    }
}

#[test]
fn every_failure_to_dial_has_a_cause_and_a_next_step() {
    let cases = [
        (DialErrorKind::Refused, Some(Errno::CONNREFUSED), "nothing listens on port 8695", "towline serve"),
        (DialErrorKind::TimedOut, None, "firewall", "--timeout 30"),
        (DialErrorKind::TimedOut, Some(Errno::TIMEDOUT), "firewall", "ping db8.example"),
        (DialErrorKind::Unreachable, Some(Errno::NETUNREACH), "no route", "ip route"),
        (DialErrorKind::Unreachable, Some(Errno::HOSTUNREACH), "does not answer", "ip route"),
        (DialErrorKind::NameNotFound, None, "misspelt", "getent hosts db8.example"),
        (DialErrorKind::NotAllowed, Some(Errno::ACCESS), "firewall", "8695"),
        (DialErrorKind::NotAllowed, Some(Errno::ADDRNOTAVAIL), "no free port", "ss -s"),
        (DialErrorKind::Other, Some(Errno::MFILE), "open at once", "do less at once"),
    ];
    for (kind, os, why, next) in cases {
        let found = dialled(kind, os);
        assert_eq!(found.tried, "cannot connect to db8.example:8695");
        assert!(found.why.contains(why) && found.next.contains(next), "{kind:?}: {found}");
        assert!(!found.said.is_empty());
    }
}

#[test]
fn a_refused_dial_to_another_port_says_how_to_serve_there() {
    let host = HostPort { host: "h".into(), port: 9000 };
    let found = dialing(&Endpoint::from(host), &DialError { kind: DialErrorKind::Refused, os: None });
    assert!(found.next.contains("--listen ADDRESS:9000"), "{found}");
}
