//! What `serve` listens on: opens the sockets, and says why one could not be had.

use std::io;
use std::path::Path;

use super::args;
use super::exit::Exit;
use super::explain::CliError;
use crate::drive::{LocalMail, UdpMail};
use crate::net::diagnose::{self, Diagnosis};
use crate::net::{Endpoint, Listener, Place, SocketOptions, bind_udp, bind_unixgram, socket_path};
use crate::server::{Doors, Mailbox};

/// A place from the command line; an address without a port is taken to mean `port`.
pub(super) fn place(text: &str, port: u16) -> Result<Place, String> {
    let path = |path: &str| socket_path(path.as_bytes()).map_err(|error| error.to_string());
    if let Some((scheme, rest)) = text.split_once("://") {
        return match scheme {
            "tcp" => args::listen_address(rest, port).map(Place::Tcp),
            "udp" => args::listen_address(rest, port).map(Place::Udp),
            _ => Err(format!(
                "\"{}://\" is no kind of socket: write tcp://ADDRESS, udp://ADDRESS, unix:PATH or unixgram:PATH",
                scheme.escape_debug()
            )),
        };
    }
    match (text.strip_prefix("unix:"), text.strip_prefix("unixgram:")) {
        (Some(rest), _) => path(rest).map(Place::Unix),
        (None, Some(rest)) => path(rest).map(Place::Unixgram),
        (None, None) => args::listen_address(text, port).map(Place::Tcp),
    }
}

/// A place for the protocol, which goes over streams. What a client could not name is refused here already.
pub(super) fn stream_place(text: &str, port: u16) -> Result<Place, String> {
    match place(text, port)? {
        Place::Tcp(address) => Ok(Place::Tcp(address)),
        Place::Unix(_) => match text.parse::<Endpoint>() {
            Ok(Endpoint::Unix(path)) => Ok(Place::Unix(path)),
            Ok(Endpoint::Tcp(_)) => Err("a path is needed".to_owned()),
            Err(error) => Err(error.to_string()),
        },
        Place::Udp(_) | Place::Unixgram(_) => {
            Err("files go over streams: write ADDRESS, tcp://ADDRESS or unix:PATH".to_owned())
        }
    }
}

/// Opens all sockets; gives also where they are, in the order in which they were named: files, then echo.
pub(super) fn open(files: &[Place], echo: &[Place]) -> Result<(Doors, Vec<Place>, Vec<Place>), CliError> {
    let mut doors = Doors::default();
    let (mut files_at, mut echo_at) = (Vec::new(), Vec::new());
    for place in files {
        let (socket, at) = stream(place, "listen")?;
        doors.files.push(socket);
        files_at.push(at);
    }
    for place in echo {
        let failed = |error: &io::Error| failed(place, "echo", error);
        echo_at.push(match place {
            Place::Tcp(_) | Place::Unix(_) => {
                let (socket, at) = stream(place, "echo")?;
                doors.echo.push(socket);
                at
            }
            Place::Udp(address) => {
                let socket = bind_udp(*address).map_err(|error| failed(&error))?;
                let at = socket.local_addr().map_err(|error| failed(&error))?;
                let mail = UdpMail::new(socket).map_err(|error| failed(&error))?;
                doors.mail.push((Place::Udp(at), Mailbox::Udp(mail)));
                Place::Udp(at)
            }
            Place::Unixgram(path) => {
                let (socket, file) = bind_unixgram(path).map_err(|error| failed(&error))?;
                let mail = LocalMail::new(socket).map_err(|error| failed(&error))?;
                doors.mail.push((place.clone(), Mailbox::Unix(mail, file)));
                place.clone()
            }
        });
    }
    Ok((doors, files_at, echo_at))
}

/// Listens at a place of streams; `what` is what for.
fn stream(place: &Place, what: &str) -> Result<(Listener, Place), CliError> {
    let listener =
        Listener::bind(place, &SocketOptions::default()).map_err(|error| failed(place, what, &error))?;
    let at = listener.local().map_err(|error| failed(place, what, &error))?;
    Ok((listener, at))
}

/// Why a socket could not be had.
fn failed(place: &Place, what: &str, error: &io::Error) -> CliError {
    let is_in_use = error.kind() == io::ErrorKind::AddrInUse;
    let exit = if is_in_use { Exit::AddressInUse } else { Exit::CannotListen };
    let parent =
        |path: &Path| path.parent().is_none_or(|parent| parent.as_os_str().is_empty() || parent.is_dir());
    let (why, next) = match place {
        Place::Unix(_) | Place::Unixgram(_) if is_in_use => (
            "somebody answers at that socket, or none can tell whether anybody does".to_owned(),
            "use what runs there, stop it, or choose another path; a file that a crash left behind is replaced".to_owned(),
        ),
        Place::Unix(_) | Place::Unixgram(_) if error.kind() == io::ErrorKind::AlreadyExists => (
            "a socket takes a name of its own, and what stands there is never removed".to_owned(),
            "choose another path".to_owned(),
        ),
        Place::Unix(path) | Place::Unixgram(path) if !parent(path) => (
            "the folder that the socket is to be in is not there".to_owned(),
            "make it (`mkdir`), or choose another path".to_owned(),
        ),
        Place::Udp(address) if is_in_use => (
            "another socket has that port".to_owned(),
            format!(
                "`ss -lunp 'sport = :{}'` names its owner; choose another port (port 0 takes any that is free)",
                address.port()
            ),
        ),
        Place::Tcp(address) | Place::Udp(address) => causes(diagnose::listening(*address, error)),
        Place::Unix(_) | Place::Unixgram(_) => causes(diagnose::system("", error)),
    };
    let (tried, said) = (format!("cannot {what} on {place}"), error.to_string());
    CliError::Told(exit, Box::new(Diagnosis { tried, said, why, next, code: None }))
}

fn causes(Diagnosis { why, next, .. }: Diagnosis) -> (String, String) {
    (why, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_schemes_and_plain_addresses_are_tcp() {
        let shown = |text| place(text, 7).map(|place| place.to_string());
        let cases = [
            ("127.0.0.1", "127.0.0.1:7"),
            ("tcp://[::1]:9", "[::1]:9"),
            ("udp://localhost", "udp://127.0.0.1:7"),
            ("unix:/run/echo", "unix:/run/echo"),
            ("unixgram:echo", "unixgram:echo"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text).as_deref(), Ok(expected));
        }
        for (text, expected) in [
            ("http://localhost", "no kind of socket"),
            ("unix:", "the path of the socket is missing"),
            ("udp://nowhere:7", "an address of this machine is needed"),
        ] {
            assert!(shown(text).unwrap_err().contains(expected), "{text}");
        }
        let long = format!("unixgram:/{}", "a".repeat(107));
        assert!(shown(&long).unwrap_err().contains("108 bytes"));
    }

    #[test]
    fn files_are_served_over_streams_with_a_name_that_clients_can_write() {
        let shown = |text| stream_place(text, 8695).map(|place| place.to_string());
        assert_eq!(shown("localhost").as_deref(), Ok("127.0.0.1:8695"));
        assert_eq!(shown("unix:/run/towline").as_deref(), Ok("unix:/run/towline"));
        for text in ["udp://127.0.0.1", "unixgram:here"] {
            assert!(shown(text).unwrap_err().contains("over streams"), "{text}");
        }
        assert!(shown("unix:a:b").unwrap_err().contains("cannot be named"));
        assert!(shown("unix:8695").unwrap_err().contains("unix:./8695"));
    }

    #[test]
    fn a_port_in_use_has_its_own_exit_code() {
        let place = Place::Tcp("127.0.0.1:1".parse().unwrap());
        let exit = |kind| match failed(&place, "listen", &io::Error::from(kind)) {
            CliError::Told(exit, _) => exit,
            CliError::Complained(_) | CliError::OutputClosed => panic!("nothing is told"),
        };
        assert_eq!(exit(io::ErrorKind::AddrInUse), Exit::AddressInUse);
        assert_eq!(exit(io::ErrorKind::PermissionDenied), Exit::CannotListen);
        assert_eq!(exit(io::ErrorKind::AddrNotAvailable), Exit::CannotListen);
    }

    #[test]
    fn what_cannot_be_had_is_explained() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes");
        std::fs::write(&file, "kept").unwrap();
        for (path, expected) in
            [(file, "never removed"), (folder.path().join("none/echo"), "the folder that the socket")]
        {
            let Err(CliError::Told(Exit::CannotListen, told)) = open(&[], &[Place::Unix(path)]) else {
                panic!("it listens")
            };
            assert!(told.why.contains(expected), "{told}");
        }
    }
}
