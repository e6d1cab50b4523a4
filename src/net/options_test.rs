use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::SockRef;

use super::*;
use crate::net::{Endpoint, HostPort, Listener, Place, bind_udp, bind_unixgram, connect};

fn parsed(text: &str) -> Result<SocketOptions, String> {
    text.parse().map_err(|error: OptionsError| error.to_string())
}

#[test]
fn what_is_shown_is_what_can_be_written() {
    let all = "reuse-address=off,reuse-port=on,nodelay=off,keepalive=60s/10s/5,receive-buffer=65536,send-buffer=131072,\
               backlog=5,congestion=cubic,ttl=9,user-timeout=30s";
    let options = parsed(all).unwrap();
    assert_eq!(options.to_string(), all);
    assert_eq!(options.asked().len(), OptionName::ALL.len());
    assert_eq!(parsed(&options.to_string()).unwrap(), options);
    assert_eq!(parsed("").unwrap(), SocketOptions::default());
    assert_eq!(parsed("reuse-port,keepalive").unwrap().to_string(), "reuse-port=on,keepalive=on");
    assert_eq!(
        parsed("receive-buffer=512K,send-buffer=1M").unwrap().to_string(),
        "receive-buffer=524288,send-buffer=1048576"
    );
    assert_eq!(parsed("user-timeout=1500ms").unwrap().to_string(), "user-timeout=1500ms");
    assert_eq!(
        parsed("user-timeout=none,keepalive=off").unwrap().to_string(),
        "keepalive=off,user-timeout=none"
    );
}

#[test]
fn what_is_no_option_says_what_there_is() {
    let cases = [
        ("no-delay=on", "\"no-delay\" is no option of sockets: there are reuse-address, reuse-port, nodelay"),
        ("nodelay=maybe", "nodelay=maybe cannot be: write nodelay=on|off"),
        ("nodelay,nodelay=off", "nodelay is given twice"),
        ("ttl=0", "ttl=0 cannot be"),
        ("ttl=256", "ttl=256 cannot be"),
        ("ttl=+1", "ttl=+1 cannot be"),
        ("backlog=-1", "backlog=-1 cannot be"),
        ("receive-buffer=0", "receive-buffer=0 cannot be"),
        ("send-buffer=2000M", "send-buffer=2000M cannot be"),
        ("send-buffer=4096M", "send-buffer=4096M cannot be"),
        ("keepalive=60s", "keepalive=60s cannot be: write keepalive=on|off|IDLE/INTERVAL/PROBES"),
        ("keepalive=0.5/1/1", "keepalive=0.5/1/1 cannot be"),
        ("keepalive=1/1/128", "keepalive=1/1/128 cannot be"),
        ("keepalive=1/1/1/1", "keepalive=1/1/1/1 cannot be"),
        ("congestion=", "congestion= cannot be"),
        ("congestion=a\u{1b}", "congestion=a\\u{1b} cannot be"),
        ("user-timeout=0", "user-timeout=0 cannot be: write user-timeout=DURATION|none"),
        ("user-timeout=1h30", "user-timeout=1h30 cannot be"),
    ];
    for (text, expected) in cases {
        let error = parsed(text).unwrap_err();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn an_option_that_a_socket_does_not_have_is_refused_and_named() {
    let nodelay = parsed("nodelay=on").unwrap();
    let error = nodelay.check(&[SocketUse::UnixDial]).unwrap_err().to_string();
    let expected = "nodelay is no option of a Unix socket that connects: only a TCP socket that listens or a TCP socket that \
                    connects have it";
    assert_eq!(error, expected);
    assert!(nodelay.check(&[SocketUse::UnixListen, SocketUse::TcpListen]).is_ok(), "one of them has it");
    assert_eq!(nodelay.of(SocketUse::UnixListen), SocketOptions::default());
    assert_eq!(nodelay.of(SocketUse::TcpListen), nodelay);
    let folder = tempfile::tempdir().unwrap();
    let error = crate::net::listen_unix(&folder.path().join("socket"), &nodelay).unwrap_err();
    assert!(error.to_string().contains("nodelay is no option of"), "{error}");
    for name in OptionName::ALL {
        assert!(!name.sockets().is_empty() && !name.help().is_empty(), "{name:?}");
    }
}

/// The system's answer to each option that was set, on every kind of socket; Linux doubles buffers.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn options_are_set_and_read_back_on_both_ends_of_tcp() {
    let options = parsed(
        "nodelay=off,keepalive=60s/10s/5,receive-buffer=64K,send-buffer=32K,congestion=reno,ttl=9,user-timeout=30s",
    )
    .unwrap();
    for host in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
        let listening = SocketOptions { reuse_port: Some(true), backlog: Some(7), ..options.clone() };
        let Ok(listener) = Listener::bind(&Place::Tcp(SocketAddr::new(host, 0)), &listening) else {
            assert!(host.is_ipv6(), "IPv4 is always there");
            continue;
        };
        let held = "nodelay=off,keepalive=60s/10s/5,receive-buffer=131072,send-buffer=65536";
        let expected =
            format!("reuse-address=on,reuse-port=on,{held},backlog=7,congestion=reno,ttl=9,user-timeout=30s");
        assert_eq!(listener.in_force(&listening).unwrap().to_string(), expected);
        let Ok(Place::Tcp(address)) = listener.local() else { panic!("it is TCP") };
        let endpoint = Endpoint::from(HostPort { host: host.to_string(), port: address.port() });
        let dialled = connect(&endpoint, &options).await.unwrap();
        let (accepted, peer) = std::future::poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        let expected = format!("{held},congestion=reno,ttl=9,user-timeout=30s");
        for stream in [&dialled, &accepted] {
            assert_eq!(
                stream.in_force().unwrap().to_string(),
                expected,
                "an accepted one has them from its listener"
            );
        }
        assert_eq!(dialled.peer().unwrap(), Some(Place::Tcp(address)));
        assert_eq!(dialled.local().unwrap(), accepted.peer().unwrap());
        assert_eq!(Some(peer.to_string()), dialled.local().unwrap().map(|place| place.to_string()));
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn options_are_set_and_read_back_on_sockets_of_datagrams_and_unix() {
    let buffers = parsed("receive-buffer=64K,send-buffer=32K").unwrap();
    let doubled = "receive-buffer=131072,send-buffer=65536";
    let options = SocketOptions { ttl: Some(3), reuse_port: Some(true), ..buffers.clone() };
    let udp = bind_udp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &options).unwrap();
    let found = in_force(SockRef::from(&udp), SocketUse::Udp, &options).unwrap();
    assert_eq!(found.to_string(), format!("reuse-port=on,{doubled},ttl=3"));
    assert!(bind_udp(udp.local_addr().unwrap(), &options).is_ok(), "both say that they share");
    assert!(bind_udp(udp.local_addr().unwrap(), &buffers).is_err(), "this one does not");

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (letters, _file) = bind_unixgram(&at("letters"), &buffers).unwrap();
    let found = in_force(SockRef::from(&letters), SocketUse::Unixgram, &buffers).unwrap();
    assert_eq!(found.to_string(), doubled);
    let place = Place::Unix(at("socket"));
    let listener = Listener::bind(&place, &buffers).unwrap();
    assert_eq!(listener.in_force(&buffers).unwrap().to_string(), format!("{doubled},backlog={BACKLOG}"));
    let dialled = connect(&Endpoint::Unix(at("socket")), &buffers).await.unwrap();
    assert_eq!(dialled.in_force().unwrap().to_string(), doubled);
    assert_eq!((dialled.peer().unwrap(), dialled.local().unwrap()), (Some(place), None));
}

#[test]
#[cfg(target_os = "linux")]
fn what_the_system_refuses_is_told_with_what_it_has() {
    let error = try_out(SocketUse::TcpDial, &parsed("congestion=nothing").unwrap()).unwrap_err();
    assert!(error.to_string().contains("congestion=nothing: No such file"), "{error}");
    assert!(error.to_string().contains("(it has ") && error.to_string().contains("reno"), "{error}");
    assert!(try_out(SocketUse::Unixgram, &SocketOptions::default()).is_ok());
}

#[test]
fn durations_have_units() {
    let cases =
        [("2.5", 2500), ("0", 0), ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1.5h", 5_400_000)];
    for (text, millis) in cases {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }
    for text in ["", "x", "-1", "NaN", "inf", "1e300", "s", ".5", "1 s", "1d"] {
        assert!(parse_duration(text).is_err(), "{text}");
    }
}
