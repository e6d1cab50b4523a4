//! What `serve` listens on: opens the sockets, and says why one could not be had.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::UnixListener;

use super::args;
use super::exit::Exit;
use super::explain::{self, CliError};
use crate::drive::{LocalMail, UdpMail};
use crate::net::diagnose::{self, Diagnosis};
use crate::net::{Listener, Place, SocketOptions, bind_udp, bind_unixgram, listen, listen_unix};
use crate::server::{Doors, Mailbox};

/// A place from the command line; an address without a port is taken to mean `port`.
pub(super) fn place(text: &str, port: u16) -> Result<Place, String> {
    let path = |path: &str| match path.len() {
        0 => Err("a path is needed, such as \"unix:/run/user/1000/echo\"".to_owned()),
        // sun_path of unix(7), with the zero byte at its end.
        108.. => Err(format!("the path has {} bytes, and the system takes at most 107", path.len())),
        _ => Ok(path.into()),
    };
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

/// Opens all sockets; gives also where they are, in the order in which they were named: files, then echo.
pub(super) fn open(
    files: &[SocketAddr],
    echo: &[Place],
) -> Result<(Doors, Vec<SocketAddr>, Vec<Place>), CliError> {
    let mut doors = Doors::default();
    let (mut files_at, mut echo_at) = (Vec::new(), Vec::new());
    for address in files {
        let (socket, at) = tcp(*address)?;
        doors.files.push(socket);
        files_at.push(at);
    }
    for place in echo {
        let failed = |error: &io::Error| failed(place, error);
        echo_at.push(match place {
            Place::Tcp(address) => {
                let (socket, at) = tcp(*address)?;
                doors.echo.push(socket);
                Place::Tcp(at)
            }
            Place::Udp(address) => {
                let socket = bind_udp(*address).map_err(|error| failed(&error))?;
                let at = socket.local_addr().map_err(|error| failed(&error))?;
                let mail = UdpMail::new(socket).map_err(|error| failed(&error))?;
                doors.mail.push((Place::Udp(at), Mailbox::Udp(mail)));
                Place::Udp(at)
            }
            Place::Unix(path) => {
                let (socket, file) =
                    listen_unix(path, SocketOptions::default().backlog).map_err(|error| failed(&error))?;
                let socket = UnixListener::from_std(socket).map_err(|error| failed(&error))?;
                doors.echo.push(Listener::Unix(socket, file));
                place.clone()
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

fn tcp(address: SocketAddr) -> Result<(Listener, SocketAddr), CliError> {
    let failed = |error: io::Error| explain::listening(address, &error);
    let socket = listen(address, &SocketOptions::default()).map_err(failed)?;
    let at = socket.local_addr().map_err(failed)?;
    Ok((Listener::Tcp(socket), at))
}

/// Why a socket could not be had.
fn failed(place: &Place, error: &io::Error) -> CliError {
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
    let (tried, said) = (format!("cannot echo on {place}"), error.to_string());
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
            ("unix:", "a path is needed"),
            ("udp://nowhere:7", "an address of this machine is needed"),
        ] {
            assert!(shown(text).unwrap_err().contains(expected), "{text}");
        }
        let long = format!("unixgram:/{}", "a".repeat(107));
        assert!(shown(&long).unwrap_err().contains("108 bytes"));
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
