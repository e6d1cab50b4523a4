//! A socket of datagrams that tells of errors.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rustix::io::Errno;
use tokio::net::UdpSocket;
use towline::drive::{Mail, ServerEvent, Tally, Traffic, UdpMail, serve_mail};
use towline::net::Place;
use towline::proto::datagram::{Address, Allowance, Datagram};

/// Gives what it was given to give, and then is dead.
struct Flaky {
    given: VecDeque<Result<u8, Errno>>,
    sent: Arc<Mutex<Vec<Bytes>>>,
}

fn address(port: u16) -> Address {
    Address { host: u128::from(std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped()), port }
}

impl Mail for Flaky {
    type End = Address;

    async fn receive(&mut self, inbox: &mut Vec<Datagram>) -> io::Result<()> {
        let payload = self.given.pop_front().unwrap_or(Err(Errno::BADF))?;
        inbox.push(Datagram { from: address(50_000), to: address(7_007), payload: vec![payload].into() });
        Ok(())
    }

    async fn send(&mut self, outbox: &[Datagram]) -> u64 {
        self.sent.lock().unwrap().extend(outbox.iter().map(|datagram| datagram.payload.clone()));
        0
    }
}

/// What was answered, what became of all, and the error that ended it.
async fn served(given: impl IntoIterator<Item = Result<u8, Errno>>) -> (Vec<Bytes>, Tally, Option<i32>) {
    let (sent, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(None)));
    let mail = Flaky { given: given.into_iter().collect(), sent: Arc::clone(&sent) };
    let told = Arc::clone(&over);
    let place = Place::Udp("127.0.0.1:7007".parse().unwrap());
    let watch = Arc::new(move |event| *told.lock().unwrap() = Some(event));
    serve_mail(place, mail, Allowance::default(), Traffic::default(), watch).await;
    let Some(ServerEvent::MailClosed { tally, error, .. }) = over.lock().unwrap().take() else {
        panic!("nothing is told")
    };
    let sent = sent.lock().unwrap().clone();
    (sent, tally, error.and_then(|error| error.raw_os_error()))
}

#[tokio::test]
async fn errors_that_pass_do_not_end_an_echo_of_datagrams() {
    let passing =
        [Errno::CONNREFUSED, Errno::NOBUFS, Errno::PERM, Errno::HOSTUNREACH, Errno::NETDOWN, Errno::NOMEM];
    let given = passing.into_iter().enumerate().flat_map(|(at, error)| [Err(error), Ok(at as u8)]);
    let (sent, tally, error) = served(given).await;
    assert_eq!(sent, (0..6).map(|at| Bytes::from(vec![at])).collect::<Vec<_>>());
    assert_eq!((tally.received, tally.answered, tally.errors), (6, 6, 6));
    assert_eq!(error, Some(Errno::BADF.raw_os_error()), "a socket that is none ends it");
}

#[tokio::test]
async fn an_error_that_never_passes_ends_it() {
    let (sent, tally, error) = served(std::iter::repeat_n(Err(Errno::NOBUFS), 1_000)).await;
    assert_eq!((sent.len(), tally.received, tally.errors), (0, 0, 64));
    assert_eq!(error, Some(Errno::NOBUFS.raw_os_error()));
}

/// Singles and such as are alike beside each other, in any order; one that cannot be sent costs none of the others.
#[tokio::test]
async fn each_answer_goes_to_its_own_address() {
    let mut mail = UdpMail::new(UdpSocket::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let mut peers = Vec::new();
    for _ in 0..3 {
        peers.push(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    }
    let ports: Vec<u16> = peers.iter().map(|peer| peer.local_addr().unwrap().port()).collect();
    let nobody = 0;
    let order = [0, 1, 1, 1, 2, 0, 9, 2, 2, 1, 9, 0].into_iter().chain((0..100).map(|at| at % 3));
    let datagram = |(at, peer): (usize, usize)| Datagram {
        from: address(50_000),
        to: address(ports.get(peer).copied().unwrap_or(nobody)),
        payload: vec![at as u8; 1 + at / 40].into(),
    };
    let order: Vec<(usize, usize)> = order.enumerate().collect();
    let outbox: Vec<Datagram> = order.iter().copied().map(datagram).collect();
    assert_eq!(mail.send(&outbox).await, 2, "to port 0 nothing can be sent");
    for (number, peer) in peers.iter().enumerate() {
        for (at, _) in order.iter().filter(|(_, peer)| *peer == number) {
            let mut buffer = [0; 9];
            let length = peer.recv(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], vec![*at as u8; 1 + at / 40], "to {number}");
        }
    }
}
