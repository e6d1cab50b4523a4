use super::*;
use crate::net::HostPort;
use crate::proto::machine::DialError;

fn at() -> Endpoint {
    HostPort { host: "db8.example".into(), port: 8695 }.into()
}

fn parts(error: CliError) -> (Exit, Diagnosis) {
    match error {
        CliError::Told(exit, diagnosis) => (exit, *diagnosis),
        CliError::Complained(_) | CliError::OutputClosed => panic!("nothing is told"),
    }
}

fn job(error: JobError) -> (Exit, Diagnosis) {
    parts(CliError::job("cannot get x".into(), &at(), ClientError::Job(error)))
}

#[test]
fn every_code_has_a_cause_and_a_next_step_on_both_sides() {
    for (code, name, _) in Code::ALL {
        for place in [Where::Here, Where::There(&at())] {
            let (why, next) = advice(*code, place);
            assert!(!why.is_empty() && !next.is_empty(), "{name}");
        }
    }
    assert!(!advice(Code(0x2fff), Where::Here).1.is_empty(), "also one of the future");
}

#[test]
fn a_server_that_is_not_there() {
    let error = DialError { kind: DialErrorKind::Refused, os: Some(111) };
    let (exit, told) = job(JobError::Dial(error));
    assert_eq!(exit, Exit::Unreachable);
    assert_eq!(told.tried, "cannot connect to db8.example:8695");
    assert!(told.next.contains("towline serve"), "{told}");
}

#[test]
fn what_the_server_says_is_told_from_what_happens_here() {
    let failure = Failure::new(Code::NOT_FOUND, "cannot open \"x\": no such file or folder (os error 2)");
    let (exit, told) = job(JobError::Operation(OpError { by: Party::Peer, failure: failure.clone() }));
    assert_eq!(exit, Exit::NotFound);
    assert_eq!(told.said, "the server says: cannot open \"x\": no such file or folder (os error 2)");
    assert!(told.next.contains("towline ls db8.example:8695"), "{told}");
    let (exit, told) = job(JobError::Operation(OpError { by: Party::Us, failure }));
    assert_eq!(exit, Exit::NotFound);
    assert!(told.why.contains("on this machine"), "{told}");
}

#[test]
fn a_peers_text_cannot_steer_the_terminal() {
    let failure = Failure::new(Code::BUSY, "a\u{1b}[2J\nb");
    let (exit, told) = job(JobError::Session(SessionEnd::ByPeer(failure)));
    assert_eq!(exit, Exit::Busy);
    assert_eq!(told.said, "the server says: the server is busy: a\\u{1b}[2J\\nb");
}

#[test]
fn ends_of_the_connection() {
    let cases = [
        (SessionEnd::Orderly, Exit::Busy),
        (SessionEnd::Lost(End::Orderly), Exit::Lost),
        (SessionEnd::Lost(End::Reset), Exit::Lost),
        (SessionEnd::Broken(Code::NOT_TOWLINE.into()), Exit::Protocol),
        (SessionEnd::Broken(Code::IDLE_TIMEOUT.into()), Exit::Lost),
        (SessionEnd::ByPeer(Code::VERSION.into()), Exit::Protocol),
    ];
    for (end, exit) in cases {
        let (found, told) = job(JobError::Session(end.clone()));
        assert_eq!(found, exit, "{end:?}");
        assert!(!told.why.is_empty() && !told.next.is_empty(), "{told}");
        assert!(!in_short(&JobError::Session(end)).contains('\n'));
    }
}
