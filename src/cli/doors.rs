//! What `serve` listens on: opens the sockets, and says why one could not be had.

use std::io;

use socket2::SockRef;

use super::args::{self, Sockets};
use super::exit::Exit;
use super::explain::CliError;
use crate::drive::{LocalMail, UdpMail};
use crate::net::{Endpoint, Inherited, Listener, Place, SocketOptions, bind_udp, bind_unixgram, socket_path};
use crate::net::{diagnose, options};
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

/// The sockets of a server, and what they came to.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) doors: Doors,
    pub(super) files: Vec<Held>,
    pub(super) echo: Vec<Held>,
    /// What there is to say of how they were had.
    pub(super) told: Vec<String>,
}

/// Where a socket is, and what holds of it.
pub(super) struct Held {
    pub(super) at: Place,
    pub(super) options: SocketOptions,
}

impl Held {
    /// What holds of it, and where that is not what was `asked` for.
    pub(super) fn line(&self, asked: &SocketOptions) -> String {
        let mut line = format!("socket options on {}: {}", self.at, self.options);
        for (name, asked, held) in asked.differing(&self.options) {
            line.push_str(&format!("; {} is {held} where {asked} was asked for", name.name()));
        }
        line
    }
}

/// Opens all sockets, but those for files that were `inherited`; gives also where they are, those who ask who comes first, then the others for files, then echo.
pub(super) fn open(
    (files, guarded): (&[Place], &[Place]),
    echo: &[Place],
    sockets: &Sockets,
    mut inherited: Vec<Inherited>,
) -> Result<Opened, CliError> {
    let all = files.iter().chain(guarded).chain(echo);
    sockets.check(&all.map(Place::listening).collect::<Vec<_>>())?;
    let mut opened = Opened::default();
    for place in guarded {
        let (socket, held) = for_files(place, &sockets.options, &mut inherited)?;
        opened.doors.guarded.push(socket);
        opened.files.push(held);
    }
    for place in files {
        let (socket, held) = for_files(place, &sockets.options, &mut inherited)?;
        opened.doors.files.push(socket);
        opened.files.push(held);
    }
    for place in echo {
        let failed = |error: &io::Error| failed(place, "echo", error);
        let options = &sockets.options.of(place.listening());
        let doors = &mut opened.doors;
        let in_force = |socket: SockRef<'_>, at: Place| {
            let options =
                options::in_force(socket, place.listening(), options).map_err(|error| failed(&error))?;
            Ok::<Held, CliError>(Held { at, options })
        };
        opened.echo.push(match place {
            Place::Tcp(_) | Place::Unix(_) => {
                let (socket, held) = stream(place, "echo", &sockets.options)?;
                doors.echo.push(socket);
                held
            }
            Place::Udp(address) => {
                let socket = bind_udp(*address, options).map_err(|error| failed(&error))?;
                let at = Place::Udp(socket.local_addr().map_err(|error| failed(&error))?);
                let held = in_force(SockRef::from(&socket), at.clone())?;
                let mail = UdpMail::new(socket).map_err(|error| failed(&error))?;
                doors.mail.push((at, Mailbox::Udp(mail)));
                held
            }
            Place::Unixgram(path) => {
                let (socket, file) = bind_unixgram(path, options).map_err(|error| failed(&error))?;
                let held = in_force(SockRef::from(&socket), place.clone())?;
                let mail = LocalMail::new(socket).map_err(|error| failed(&error))?;
                doors.mail.push((place.clone(), Mailbox::Unix(mail, file)));
                held
            }
        });
    }
    Ok(opened)
}

/// Listens for the protocol, on what was inherited for that place where something was.
fn for_files(
    place: &Place,
    options: &SocketOptions,
    inherited: &mut Vec<Inherited>,
) -> Result<(Listener, Held), CliError> {
    let of_place = options.of(place.listening());
    match inherited.iter().position(|socket| socket.place() == place) {
        Some(found) => {
            let listener = inherited.swap_remove(found).listener(&of_place);
            describe(place, "listen", &of_place, listener)
        }
        None => stream(place, "listen", options),
    }
}

/// Listens at a place of streams; `what` is what for.
pub(super) fn stream(
    place: &Place,
    what: &str,
    options: &SocketOptions,
) -> Result<(Listener, Held), CliError> {
    let options = &options.of(place.listening());
    describe(place, what, options, Listener::bind(place, options))
}

fn describe(
    place: &Place,
    what: &str,
    options: &SocketOptions,
    listener: io::Result<Listener>,
) -> Result<(Listener, Held), CliError> {
    let listener = listener.map_err(|error| failed(place, what, &error))?;
    let held = listener.local().and_then(|at| Ok(Held { at, options: listener.in_force(options)? }));
    held.map(|held| (listener, held)).map_err(|error| failed(place, what, &error))
}

/// Why a socket could not be had.
fn failed(place: &Place, what: &str, error: &io::Error) -> CliError {
    let exit = if error.kind() == io::ErrorKind::AddrInUse { Exit::AddressInUse } else { Exit::CannotListen };
    CliError::Told(exit, Box::new(diagnose::listening(place, what, error)))
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
        let none = Sockets { options: SocketOptions::default() };
        for (path, expected) in
            [(file, "never removed"), (folder.path().join("none/echo"), "the folder that the socket")]
        {
            let Err(CliError::Told(Exit::CannotListen, told)) =
                open((&[], &[]), &[Place::Unix(path)], &none, Vec::new())
            else {
                panic!("it listens")
            };
            assert!(told.why.contains(expected), "{told}");
        }
    }
}
