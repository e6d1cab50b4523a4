use super::*;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn kind_of(error: io::Error) -> DialErrorKind {
    dial_error(&error).kind
}

#[tokio::test]
async fn dials_what_listens_with_the_options_asked_for() {
    let options = SocketOptions::default();
    let listener = listen(LOOPBACK, &options).unwrap();
    let port = listener.local_addr().unwrap().port();
    let endpoint = HostPort { host: "127.0.0.1".into(), port };
    let (dialled, accepted) = tokio::join!(dial(&endpoint, &options), listener.accept());
    let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap().0);
    assert!(dialled.nodelay().unwrap());
    #[cfg(target_os = "linux")]
    for stream in [&dialled, &accepted] {
        assert!(stream.nodelay().unwrap(), "an accepted connection has it from its listener");
        let name = socket2::SockRef::from(stream).tcp_congestion().unwrap();
        assert!(name.starts_with(b"reno"), "{}", name.escape_ascii());
    }
    drop(accepted);
}

#[tokio::test]
async fn localhost_is_reached_when_only_one_of_its_addresses_listens() {
    let options = SocketOptions::default();
    let listener = listen(LOOPBACK, &options).unwrap();
    let port = listener.local_addr().unwrap().port();
    let endpoint = HostPort { host: "localhost".into(), port };
    assert!(dial(&endpoint, &options).await.is_ok());
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_refuses() {
    let options = SocketOptions::default();
    let listener = listen(LOOPBACK, &options).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = dial(&HostPort { host: "127.0.0.1".into(), port }, &options).await.unwrap_err();
    assert_eq!(kind_of(error), DialErrorKind::Refused);
}

#[tokio::test]
async fn a_name_that_cannot_be_is_not_found() {
    // RFC 6761: "invalid" never resolves; and a label of more than 63 bytes is not even asked for.
    let host = format!("{}.invalid", "x".repeat(64));
    let error = dial(&HostPort { host, port: 1 }, &SocketOptions::default()).await.unwrap_err();
    assert_eq!(kind_of(error), DialErrorKind::NameNotFound);
}

#[tokio::test]
async fn a_second_listener_on_the_port_is_refused() {
    let options = SocketOptions::default();
    let first = listen(LOOPBACK, &options).unwrap();
    let error = listen(first.local_addr().unwrap(), &options).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn errors_of_the_system_become_kinds_and_keep_their_number() {
    let cases = [
        (Errno::CONNREFUSED, DialErrorKind::Refused),
        (Errno::TIMEDOUT, DialErrorKind::TimedOut),
        (Errno::NETUNREACH, DialErrorKind::Unreachable),
        (Errno::HOSTUNREACH, DialErrorKind::Unreachable),
        (Errno::NETDOWN, DialErrorKind::Unreachable),
        (Errno::ACCESS, DialErrorKind::NotAllowed),
        (Errno::PERM, DialErrorKind::NotAllowed),
        (Errno::ADDRNOTAVAIL, DialErrorKind::NotAllowed),
        (Errno::NOENT, DialErrorKind::Refused),
        (Errno::NOTDIR, DialErrorKind::NotAllowed),
        (Errno::PROTOTYPE, DialErrorKind::NotAllowed),
        (Errno::AGAIN, DialErrorKind::Other),
        (Errno::MFILE, DialErrorKind::Other),
    ];
    for (errno, kind) in cases {
        let number = errno.raw_os_error();
        let expected = DialError { kind, os: Some(number) };
        assert_eq!(dial_error(&io::Error::from_raw_os_error(number)), expected, "{errno:?}");
    }
}

#[test]
fn the_more_telling_error_is_kept() {
    let error = |kind| io::Error::from(kind);
    let (refused, unreachable) = (io::ErrorKind::ConnectionRefused, io::ErrorKind::NetworkUnreachable);
    assert_eq!(more_telling(Some(error(refused)), error(unreachable)).kind(), refused);
    assert_eq!(more_telling(Some(error(unreachable)), error(refused)).kind(), refused);
    assert_eq!(more_telling(None, error(unreachable)).kind(), unreachable);
}
