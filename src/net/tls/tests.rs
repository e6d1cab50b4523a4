use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::identity::{Problem, PublicKey, SecretKey};
use crate::proto::machine::TlsTrouble;

fn identity(number: u8) -> Identity {
    Identity::new(&SecretKey([number; 32]))
}

type Met<S> = (Result<TlsStream<S>, (TlsError, S)>, Result<TlsStream<S>, (TlsError, S)>);

/// Client 1 meets server 2, and takes it for the one with `known`.
async fn meet(room: usize, known: PublicKey) -> Met<DuplexStream> {
    let (here, there) = duplex(room);
    let (client, server) = (ClientTls::new(&identity(1), known), ServerTls::new(&identity(2)));
    tokio::join!(TlsStream::connect(here, &client), TlsStream::accept(there, &server))
}

async fn pair(room: usize) -> (TlsStream<DuplexStream>, TlsStream<DuplexStream>) {
    let (client, server) = meet(room, identity(2).public()).await;
    (client.expect("a client"), server.expect("a server"))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let builder = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    builder.expect("a runtime").block_on(work)
}

fn trouble<S>(met: Result<TlsStream<S>, (TlsError, S)>) -> TlsTrouble {
    met.map(|_| ()).map_err(|(error, _)| error).expect_err("they do not meet").trouble()
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

/// RFC 8032, 7.1, the first test.
#[test]
fn a_public_key_is_computed_as_the_rfc_does() {
    let bytes = |hex: &str| -> [u8; 32] {
        core::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("digits"))
    };
    let secret = SecretKey(bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
    let public = PublicKey(bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
    assert_eq!(Identity::new(&secret).public(), public);
    assert!(Identity::of_pair(&secret, &public).is_ok());
    let another = Identity::of_pair(&secret, &identity(1).public());
    assert_eq!(another.map(|_| ()), Err(Problem::NotAPair));
}

#[test]
fn each_side_learns_the_key_of_the_other() {
    run(async {
        for room in [1, 7, 4096] {
            let (client, server) = pair(room).await;
            assert_eq!((client.peer(), server.peer()), (identity(2).public(), identity(1).public()));
        }
    });
}

async fn send_all<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut TlsStream<S>, bytes: &[u8], piece: usize) {
    for piece in bytes.chunks(piece) {
        stream.write_all(piece).await.expect("it is written");
    }
    stream.shutdown().await.expect("it is ended");
}

#[test]
fn what_is_written_is_what_is_read_both_ways_whatever_the_pieces() {
    run(async {
        for (room, piece, length) in
            [(3, 5, 1_000), (100, 20_000, 300_000), (70_000, 1, 3_000), (1 << 20, 262_144, 3_000_000)]
        {
            let bytes = pattern(length);
            let (mut client, mut server) = pair(room).await;
            let (mut there, mut here) = (Vec::new(), Vec::new());
            tokio::join!(
                async {
                    send_all(&mut client, &bytes, piece).await;
                    client.read_to_end(&mut here).await.expect("an orderly end");
                },
                async {
                    server.read_to_end(&mut there).await.expect("an orderly end");
                    // Half-closed: the other way goes on.
                    send_all(&mut server, &bytes, piece).await;
                }
            );
            assert!(there == bytes && here == bytes, "{room} {piece} {length}");
            assert!(client.write(b"more").await.is_err(), "what was ended takes nothing more");
        }
    });
}

#[test]
fn several_pieces_go_as_one() {
    run(async {
        let (mut client, mut server) = pair(1 << 20).await;
        let pieces: Vec<Vec<u8>> = [10, 40_000, 0, 16_384, 1, 70_000, 9].map(pattern).to_vec();
        let slices: Vec<io::IoSlice<'_>> = pieces.iter().map(|piece| io::IoSlice::new(piece)).collect();
        let count = client.write_vectored(&slices).await.expect("it is written");
        client.shutdown().await.expect("it is ended");
        let mut there = Vec::new();
        server.read_to_end(&mut there).await.expect("an orderly end");
        let all = pieces.concat();
        assert_eq!(count, all.len().min(128 * 1024), "all that goes at once");
        assert!(there == all[..count]);
    });
}

#[test]
fn an_end_that_nobody_said_is_an_error() {
    run(async {
        let (mut client, mut server) = pair(1 << 16).await;
        client.write_all(b"all but the end").await.expect("it is written");
        // The stream ends in order, and TLS does not.
        drop(client);
        let mut there = Vec::new();
        let cut = server.read_to_end(&mut there).await.expect_err("it was cut");
        assert_eq!((cut.kind(), &there[..]), (io::ErrorKind::UnexpectedEof, &b"all but the end"[..]));
    });
}

#[test]
fn a_record_that_was_changed_breaks_the_connection() {
    run(async {
        let (mut client, mut server) = pair(1 << 16).await;
        client.write_all(b"something").await.expect("it is written");
        // Below TLS, on the same stream, as whoever is on the way could do.
        server.write_all(b"x").await.expect("it is written");
        let mut raw = client.into_inner();
        let mut record = [0; 64];
        let count = raw.read(&mut record).await.expect("a record");
        record[count - 1] ^= 1;
        raw.write_all(&record[..count]).await.expect("it is written");
        let mut there = Vec::new();
        let error = server.read_to_end(&mut there).await.expect_err("it is noticed");
        assert_eq!((error.kind(), &there[..]), (io::ErrorKind::InvalidData, &b"something"[..]));
    });
}

#[test]
fn a_server_with_another_key_is_not_spoken_to() {
    run(async {
        let (client, server) = meet(4096, identity(3).public()).await;
        assert_eq!(trouble(client), TlsTrouble::WrongKey(identity(2).public().0));
        assert_eq!(trouble(server), TlsTrouble::Refused);
    });
}

#[test]
fn whoever_asks_for_a_key_shows_none() {
    run(async {
        let (here, there) = duplex(4096);
        let (asking, server) = (ClientTls::asking(&identity(1)), ServerTls::new(&identity(2)));
        let (client, server) =
            tokio::join!(TlsStream::connect(here, &asking), TlsStream::accept(there, &server));
        assert_eq!(trouble(client), TlsTrouble::WrongKey(identity(2).public().0));
        assert_eq!(trouble(server), TlsTrouble::Refused);
    });
}

/// What a client finds that is answered so.
async fn answered(answer: &[u8]) -> TlsTrouble {
    let (here, mut there) = duplex(4096);
    let client = ClientTls::new(&identity(1), identity(2).public());
    let answering = async {
        let mut greeting = [0; 100];
        there.read_exact(&mut greeting).await.expect("a greeting");
        there.write_all(answer).await.expect("it is written");
        drop(there);
    };
    let (client, ()) = tokio::join!(TlsStream::connect(here, &client), answering);
    trouble(client)
}

#[test]
fn a_client_tells_what_is_no_server_of_ours() {
    run(async {
        assert_eq!(answered(&crate::wire::PREAMBLE).await, TlsTrouble::Plaintext);
        assert_eq!(answered(b"HTTP/1.1 400 Bad Request\r\n").await, TlsTrouble::Foreign);
        assert_eq!(answered(b"").await, TlsTrouble::Cut);
        // Alerts: protocol_version (70) and no_application_protocol (120).
        assert_eq!(answered(&[21, 3, 3, 0, 2, 2, 70]).await, TlsTrouble::OldVersion);
        assert_eq!(answered(&[21, 3, 3, 0, 2, 2, 120]).await, TlsTrouble::NotTowline);
        assert_eq!(answered(&[21, 3, 3, 0, 2, 2, 40]).await, TlsTrouble::Refused);
    });
}

/// What a server finds that is greeted so.
async fn greeted(greeting: &[u8]) -> TlsTrouble {
    let (mut here, there) = duplex(1 << 16);
    here.write_all(greeting).await.expect("it is written");
    here.shutdown().await.expect("it is ended");
    trouble(TlsStream::accept(there, &ServerTls::new(&identity(2))).await)
}

#[test]
fn a_server_tells_what_is_no_client_of_ours() {
    run(async {
        assert_eq!(greeted(&crate::wire::PREAMBLE).await, TlsTrouble::Plaintext);
        assert_eq!(greeted(b"GET / HTTP/1.1\r\n\r\n").await, TlsTrouble::Foreign);
        assert_eq!(greeted(b"").await, TlsTrouble::Cut);
        assert_eq!(greeted(&[22, 3, 1, 0, 200, 1]).await, TlsTrouble::Cut);
    });
}

#[test]
fn a_client_without_a_key_is_refused() {
    run(async {
        let (here, there) = duplex(1 << 16);
        let (client, server) = (ClientTls::without_key(identity(2).public()), ServerTls::new(&identity(2)));
        let client = async {
            // TLS 1.3 lets a client finish before the server has looked at what it has shown.
            let mut client =
                TlsStream::connect(here, &client).await.map_err(|(error, _)| error).expect("a client");
            client.read(&mut [0; 16]).await.expect_err("the server has ended it")
        };
        let (_, server) = tokio::join!(client, TlsStream::accept(there, &server));
        assert_eq!(trouble(server), TlsTrouble::NoKey);
    });
}
