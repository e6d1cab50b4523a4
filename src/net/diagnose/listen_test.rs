use std::net::{Ipv4Addr, TcpListener};

use super::*;

const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8695);

fn said(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.raw_os_error())
}

#[test]
#[cfg(target_os = "linux")]
fn a_port_in_use_names_the_holder_and_its_pid() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let error = TcpListener::bind(address).unwrap_err();
    let PortUse::Listening { on, holders } = port_use(address, Transport::Tcp) else {
        panic!("nobody has it")
    };
    assert_eq!(on, address);
    assert_eq!(holders[0].pid, std::process::id());
    let diagnosis = listening(&Place::Tcp(address), "listen", &error);
    assert_eq!(diagnosis.tried, format!("cannot listen on {address}"));
    assert!(diagnosis.said.contains("in use"), "{diagnosis}");
    assert!(diagnosis.why.contains("this very process"), "{diagnosis}");
}

#[test]
fn each_use_of_a_port_is_told_apart() {
    let holders = vec![Holder {
        pid: 4242,
        name: "python3".into(),
        user: Some("me (1000)".into()),
        command: "python3 x.py".into(),
    }];
    let cases = [
        (
            PortUse::Listening { on: ADDRESS, holders },
            "port 8695 is held by python3, pid 4242 (user me (1000), `python3 x.py`)",
            "`kill 4242`",
        ),
        (PortUse::Hidden { on: ADDRESS, uid: 33 }, "a process of user www-data (33)", "sudo ss -ltnp"),
        (PortUse::TimeWait, "TIME_WAIT", "wait a minute"),
        (PortUse::Connected { on: ADDRESS }, "a connection of this machine", "ss -tnp"),
        (PortUse::Unseen, "bound there and does not listen", "try again"),
        (PortUse::Unknown, "another program", "lsof"),
    ];
    for (port_use, why, next) in cases {
        let found = in_use(ADDRESS, Transport::Tcp, &port_use);
        assert!(found.0.contains(why) && found.1.contains(next), "{port_use:?}: {found:?}");
    }
}

#[test]
fn an_address_of_another_machine() {
    let found =
        listening(&Place::Tcp("192.0.2.7:8695".parse().unwrap()), "listen", &said(Errno::ADDRNOTAVAIL));
    assert!(found.why.contains("192.0.2.7 is no address of this machine"), "{found}");
    assert!(found.next.contains(&local_addresses()[0]), "{found}");
}

#[test]
fn ports_below_1024_name_the_setting_in_force() {
    let (why, next) = denied(80, Some(1024));
    assert!(why.contains("below 1024") && why.contains("ip_unprivileged_port_start is 1024"), "{why}");
    assert!(next.contains("setcap") && next.contains("ip_unprivileged_port_start=80"), "{next}");
    assert!(denied(80, None).0.contains("below 1024"));
    assert!(denied(80, Some(80)).0.contains("security policy"));
    assert!(denied(8695, Some(1024)).0.contains("security policy"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_udp_port_and_a_unix_socket_name_their_holders_as_well() {
    let udp = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let place = Place::Udp(udp.local_addr().unwrap());
    let found = listening(&place, "echo", &said(Errno::ADDRINUSE));
    assert_eq!(found.tried, format!("cannot echo on {place}"));
    assert!(found.why.contains("this very process"), "{found}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _live = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let found = listening(&Place::Unix(path), "listen", &io::ErrorKind::AddrInUse.into());
    let pid = format!("pid {}", std::process::id());
    assert!(found.why.contains(&pid) && found.why.ends_with("answers at that socket"), "{found}");
}

#[test]
fn what_is_wrong_with_a_socket_path_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, error: io::Error| {
        listening(&Place::Unix(folder.path().join(name)), "listen", &error).why
    };
    assert!(at("none", io::ErrorKind::AddrInUse.into()).contains("none can tell"));
    assert!(at("file", io::ErrorKind::AlreadyExists.into()).contains("never removed"));
    assert!(at("none/socket", said(Errno::NOENT)).contains("folder that the socket is to be in"));
    assert!(at("socket", said(Errno::ACCESS)).contains("has no right to it"));
    let long =
        crate::net::listen_unix(&folder.path().join("x".repeat(200)), &Default::default()).unwrap_err();
    assert!(at("long", long).contains("at most 107 bytes"));
}
