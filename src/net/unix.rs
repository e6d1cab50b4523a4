//! Unix sockets: names in the file system that a server takes, and gives back.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::net::UnixStream;

use super::options::{self, BACKLOG, SocketOptions, SocketUse};

/// The file of a socket. It is removed when this is dropped, if it is still the one that was made.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    made: Option<(u64, u64)>,
}

impl SocketFile {
    /// Of a socket that has just been bound to `path`.
    fn made(path: &Path) -> SocketFile {
        let identity = fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()));
        SocketFile { path: path.to_path_buf(), made: identity }
    }

    /// Of a socket that another process has made: it stays when this is dropped.
    pub(super) fn of_another(path: &Path) -> SocketFile {
        SocketFile { path: path.to_path_buf(), made: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path).ok().map(|found| (found.dev(), found.ino()));
        if found.is_some() && found == self.made {
            // Who starts next finds that nobody answers, and replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at `path`. A socket that stands there and that nobody answers at is replaced; a live one, or anything else, never.
///
/// # Errors
/// `AddrInUse` where somebody answers; `AlreadyExists` where something else than a socket stands there; otherwise what the
/// system says.
pub fn listen_unix(path: &Path, options: &SocketOptions) -> io::Result<(UnixListener, SocketFile)> {
    let socket = bind(path, SocketUse::UnixListen, options)?;
    let file = SocketFile::made(path);
    socket.listen(i32::try_from(options.backlog.unwrap_or(BACKLOG)).unwrap_or(i32::MAX))?;
    Ok((socket.into(), file))
}

/// Connects to the stream socket at `path`.
///
/// # Errors
/// `WouldBlock` where the server has as many connections waiting as it has room for; otherwise what the system says.
pub fn dial_unix(path: &Path, options: &SocketOptions) -> io::Result<UnixStream> {
    let socket = open(SocketUse::UnixDial, options)?;
    // The connection stands at once, or there is none: nothing of it is waited for.
    socket.connect(&SockAddr::unix(path)?)?;
    UnixStream::from_std(socket.into())
}

/// A datagram socket at `path`, as [`listen_unix`].
///
/// # Errors
/// As [`listen_unix`].
pub fn bind_unixgram(path: &Path, options: &SocketOptions) -> io::Result<(UnixDatagram, SocketFile)> {
    let socket = bind(path, SocketUse::Unixgram, options)?;
    let file = SocketFile::made(path);
    Ok((socket.into(), file))
}

/// A socket that is neither bound nor connected.
fn open(of: SocketUse, options: &SocketOptions) -> io::Result<Socket> {
    let kind = if of == SocketUse::Unixgram { Type::DGRAM } else { Type::STREAM };
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    socket.set_nonblocking(true)?;
    options::set(SockRef::from(&socket), of, options)?;
    Ok(socket)
}

fn bind(path: &Path, of: SocketUse, options: &SocketOptions) -> io::Result<Socket> {
    let socket = open(of, options)?;
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
        done => return done.map(|()| socket),
    }
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        let text = "something else than a socket stands there";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    if somebody_answers(path) {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    // Between the look and this another server may take the name: its file would go, and it would not be reached any more. Two
    // that start at the same moment at one path after a crash have no better way of telling who is first.
    fs::remove_file(path)?;
    socket.bind(&address).map(|()| socket)
}

/// True unless it is sure that nobody listens there: of either kind, since a stream socket does not answer a datagram one.
fn somebody_answers(path: &Path) -> bool {
    let is_dead = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    // EPROTOTYPE, which has no kind, says that there is a socket of the other type; only its own type can tell whether it lives.
    // Without blocking: who has no room for one more connection lives, and would keep us waiting.
    let connect = |kind| {
        let socket = Socket::new(Domain::UNIX, kind, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    !(connect(Type::STREAM).is_err_and(is_dead) || connect(Type::DGRAM).is_err_and(is_dead))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(backlog: u32) -> SocketOptions {
        SocketOptions { backlog: Some(backlog), ..SocketOptions::default() }
    }

    #[test]
    fn a_stale_file_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        for is_stream in [true, false] {
            let bind = |path: &Path| match is_stream {
                true => listen_unix(path, &backlog(8)).map(|(_socket, file)| file),
                false => bind_unixgram(path, &SocketOptions::default()).map(|(_socket, file)| file),
            };
            // A crash leaves the file, and no socket.
            std::mem::forget(bind(&path).unwrap());
            let again = bind(&path).unwrap();
            drop(again);
            assert!(!path.exists(), "it is removed with the server");
            let (live, _file) = listen_unix(&path, &backlog(8)).unwrap();
            assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
            drop(live);
        }
        let (live, file) = bind_unixgram(&path, &SocketOptions::default()).unwrap();
        assert_eq!(listen_unix(&path, &backlog(8)).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop((live, file));
    }

    #[test]
    fn a_live_one_that_has_no_room_for_more_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (_live, _file) = listen_unix(&path, &backlog(0)).unwrap();
        let _waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
        assert_eq!(listen_unix(&path, &backlog(8)).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn what_is_no_socket_stays_and_so_does_another_ones_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        fs::write(&path, "kept").unwrap();
        assert_eq!(listen_unix(&path, &backlog(8)).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"kept");

        let path = folder.path().join("socket");
        let (_socket, file) = listen_unix(&path, &backlog(8)).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another one's").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"another one's");
    }
}
