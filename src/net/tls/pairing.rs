//! TLS for a pairing: the same version and kind of key, another name of the protocol, and any key is taken, since the two sides do not know
//! each other yet. Who is there is proved by what follows, which needs the exporter; that of rustls has its buffered form alone.

use std::io::{self, Read, Write};

use rustls::{ClientConnection, Connection, Error, ServerConnection};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::setup::{ClientTls, Identity, ServerTls};
use super::stream::look_at_first;
use super::verify::key_of;
use super::{PAIR_ALPN, TlsError};
use crate::identity::PublicKey;

/// What the exporter's value is for (RFC 8446, 7.5); its context is empty.
const LABEL: &[u8] = b"EXPORTER-towline-pair";
/// Bytes that are read at once: a handshake has about a thousand, and what follows less.
const READ: usize = 4096;

/// A connection on which both sides have shown a key.
pub struct PairStream<S> {
    stream: S,
    connection: Connection,
    peer: PublicKey,
    exporter: [u8; 32],
}

impl<S> std::fmt::Debug for PairStream<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PairStream").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> PairStream<S> {
    /// The server's side of a handshake. Has no deadline of its own.
    ///
    /// # Errors
    /// See [`TlsError`]; the stream is given back, for what may be said over it all the same.
    pub async fn accept(stream: S, identity: &Identity) -> Result<PairStream<S>, (TlsError, S)> {
        match ServerConnection::new(ServerTls::new(identity).speaking(PAIR_ALPN)) {
            Ok(connection) => handshake(stream, connection.into()).await,
            Err(error) => Err((error.into(), stream)),
        }
    }

    /// The client's side of a handshake. Has no deadline of its own.
    ///
    /// # Errors
    /// See [`TlsError`]; the stream is given back.
    pub async fn connect(stream: S, identity: &Identity) -> Result<PairStream<S>, (TlsError, S)> {
        let config = ClientTls::unknown(identity, PAIR_ALPN);
        match ClientConnection::new(config, ClientTls::name()) {
            Ok(connection) => handshake(stream, connection.into()).await,
            Err(error) => Err((error.into(), stream)),
        }
    }

    /// The key of whoever is at the other end.
    pub fn peer(&self) -> PublicKey {
        self.peer
    }

    /// What both ends of this very session know, and nobody who is between two sessions can make alike.
    pub fn exporter(&self) -> [u8; 32] {
        self.exporter
    }

    /// What has come; nothing, where the other side has said that nothing more comes. May be called off at any time.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` where the connection was cut; `InvalidData` where what came is no TLS.
    pub async fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut plain = vec![0; READ];
        loop {
            match self.connection.reader().read(&mut plain) {
                Ok(count) => {
                    plain.truncate(count);
                    return Ok(plain);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let mut came = [0; READ];
            let count = self.stream.read(&mut came).await?;
            take(&mut self.connection, &came[..count])
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    /// Sends it.
    ///
    /// # Errors
    /// What the system says.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connection.writer().write_all(bytes)?;
        send(&mut self.stream, &mut self.connection).await
    }

    /// Says that nothing more comes from this side.
    ///
    /// # Errors
    /// What the system says.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.connection.send_close_notify();
        send(&mut self.stream, &mut self.connection).await?;
        self.stream.shutdown().await
    }
}

async fn handshake<S>(mut stream: S, mut connection: Connection) -> Result<PairStream<S>, (TlsError, S)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match shake(&mut stream, &mut connection).await {
        Ok((peer, exporter)) => Ok(PairStream { stream, connection, peer, exporter }),
        Err(error) => {
            // The peer is told why, if it still listens.
            let _unheard = send(&mut stream, &mut connection).await;
            Err((error, stream))
        }
    }
}

async fn shake<S>(stream: &mut S, connection: &mut Connection) -> Result<(PublicKey, [u8; 32]), TlsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut came, mut is_begun) = ([0; READ], false);
    loop {
        send(stream, connection).await?;
        if !connection.is_handshaking() {
            break;
        }
        let count = match stream.read(&mut came).await {
            Ok(0) => return Err(TlsError::Cut),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(TlsError::Cut),
            read => read?,
        };
        if !std::mem::replace(&mut is_begun, true) {
            look_at_first(&came[..count])?;
        }
        take(connection, &came[..count])?;
    }
    let shown = connection.peer_certificates().and_then(|shown| shown.first());
    let peer = shown.and_then(key_of).ok_or(TlsError::NoKey)?;
    if connection.alpn_protocol() != Some(PAIR_ALPN) {
        return Err(TlsError::NotTowline);
    }
    Ok((peer, connection.export_keying_material([0; 32], LABEL, None)?))
}

/// Hands over what was read; nothing stands for the end. What comes behind the other side's last word is not taken.
fn take(connection: &mut Connection, mut came: &[u8]) -> Result<(), Error> {
    loop {
        let taken = connection.read_tls(&mut came).map_err(|error| Error::General(error.to_string()))?;
        connection.process_new_packets()?;
        if taken == 0 || came.is_empty() {
            return Ok(());
        }
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, connection: &mut Connection) -> io::Result<()> {
    let mut bytes = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut bytes)?;
    }
    stream.write_all(&bytes).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;
    use crate::identity::SecretKey;
    use crate::net::tls::TlsStream;
    use crate::proto::machine::TlsTrouble;

    fn identity(number: u8) -> Identity {
        Identity::new(&SecretKey([number; 32]))
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        let builder = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        builder.expect("a runtime").block_on(work)
    }

    #[test]
    fn both_ends_of_a_session_know_the_same_and_no_two_sessions_do() {
        run(async {
            let mut exporters = Vec::new();
            for room in [4096, 64, 4096] {
                let (here, there) = duplex(room);
                let (client, server) = (identity(1), identity(2));
                let (client, server) =
                    tokio::join!(PairStream::connect(here, &client), PairStream::accept(there, &server));
                let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
                assert_eq!((client.peer(), server.peer()), (identity(2).public(), identity(1).public()));
                assert_eq!(client.exporter(), server.exporter());
                exporters.push(client.exporter());
                let (sent, came) = tokio::join!(client.write(b"hello"), server.read());
                assert_eq!((sent.expect("it is sent"), came.expect("it comes")), ((), b"hello".to_vec()));
                let (sent, came) = tokio::join!(server.finish(), client.read());
                assert_eq!((sent.expect("it is said"), came.expect("it ends")), ((), Vec::new()));
            }
            exporters.sort_unstable();
            exporters.dedup();
            assert_eq!(exporters.len(), 3);
        });
    }

    /// Whoever goes on talking after its last word is not listened to, and nothing waits for it.
    #[test]
    fn what_comes_behind_the_last_word_is_nothing() {
        run(async {
            let (here, there) = duplex(4096);
            let (client, server) = (identity(1), identity(2));
            let (client, server) =
                tokio::join!(PairStream::connect(here, &client), PairStream::accept(there, &server));
            let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
            client.connection.send_close_notify();
            let mut bytes = Vec::new();
            client.connection.write_tls(&mut bytes).expect("memory");
            client.stream.write_all(&[&bytes[..], b"and more"].concat()).await.expect("room");
            assert_eq!(server.read().await.expect("it ends"), Vec::<u8>::new());
        });
    }

    #[test]
    fn a_port_that_pairs_and_a_port_that_serves_tell_each_other_apart() {
        run(async {
            let (here, there) = duplex(4096);
            let (client, tls) = (identity(1), ServerTls::new(&identity(2)));
            let (client, server) =
                tokio::join!(PairStream::connect(here, &client), TlsStream::accept(there, &tls));
            assert_eq!(client.expect_err("no").0.trouble(), TlsTrouble::NotTowline);
            assert_eq!(server.expect_err("no").0.trouble(), TlsTrouble::NotTowline);

            let (here, there) = duplex(4096);
            let (tls, server) = (ClientTls::new(&identity(1), identity(2).public()), identity(2));
            let (client, server) =
                tokio::join!(TlsStream::connect(here, &tls), PairStream::accept(there, &server));
            assert_eq!(client.expect_err("no").0.trouble(), TlsTrouble::NotTowline);
            assert_eq!(server.expect_err("no").0.trouble(), TlsTrouble::NotTowline);
        });
    }

    #[test]
    fn what_is_no_tls_is_told_by_its_first_byte_and_a_cut_is_none() {
        for (bytes, trouble) in [
            (&crate::wire::PREAMBLE[..], TlsTrouble::Plaintext),
            (b"GET / HTTP/1.1\r\n", TlsTrouble::Foreign),
            (&[22, 3, 1, 0xff, 0xff, 0, 0], TlsTrouble::Failed),
            (b"", TlsTrouble::Cut),
        ] {
            run(async {
                let (mut here, there) = duplex(4096);
                here.write_all(bytes).await.expect("room");
                here.shutdown().await.expect("an end");
                let error = PairStream::accept(there, &identity(2)).await.expect_err("no").0;
                assert_eq!(error.trouble(), trouble, "{bytes:02x?}: {error}");
            });
        }
    }
}
