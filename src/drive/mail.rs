//! Sockets of datagrams under the echo machine: batches come in and go out, as many as the system gives and takes at once.

mod many;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::net::{self, IpAddr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;

use bytes::Bytes;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use socket2::{SockAddr, SockRef};
use tokio::io::Interest;
use tokio::net::unix::SocketAddr;
use tokio::net::{UdpSocket, UnixDatagram};

use super::{Clock, ServerEvent, Traffic, Watch};
use crate::net::Place;
use crate::proto::datagram::{Address, Allowance, Datagram, DatagramEcho, LocalName, Peer, Unanswered};
use crate::proto::machine::{Bulk, Effect, Input, Machine, Out};

/// The longest datagram that any of these sockets carries, and what a batch of joined ones takes at most.
const LONGEST: usize = 64 * 1024;
/// What an echo may have in its outbox after a batch: more than a batch is never answered.
const ROOM: usize = BATCH_SIZE * LONGEST * 2;

/// A socket of datagrams.
pub trait Mail: Send {
    /// Its ends.
    type End: Peer + Send;

    /// Waits for datagrams, and takes as many as there are.
    fn receive(
        &mut self,
        inbox: &mut Vec<Datagram<Self::End>>,
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// Sends all of them in order; gives how many the system did not take.
    fn send(&mut self, outbox: &[Datagram<Self::End>]) -> impl Future<Output = u64> + Send;
}

/// What became of the datagrams at a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those that came in.
    pub received: u64,
    /// Those that went out again.
    pub answered: u64,
    /// Those that were not answered, by the reason.
    pub unanswered: BTreeMap<Unanswered, u64>,
    /// Answers that the system did not take: nobody is there any more, or does not read.
    pub untaken: u64,
    /// Errors that were told of the socket and passed.
    pub errors: u64,
}

/// So many errors without a datagram between them are those of a socket that is dead, whatever they are called.
const ERRORS_MAX: u32 = 64;

/// True for an error that says that there is no such socket. Of what was sent before, of one datagram, of a network that is down for now,
/// and of memory that is short, the socket tells as well; whoever comes next is answered all the same.
fn is_final(error: &io::Error) -> bool {
    let final_ones = [Errno::BADF, Errno::NOTSOCK, Errno::INVAL, Errno::OPNOTSUPP];
    error.raw_os_error().is_none_or(|os| final_ones.contains(&Errno::from_raw_os_error(os)))
}

/// Echoes what comes to `mail` until that is dead or this is dropped; then `watch` is told what became of it all.
/// `traffic` counts what comes and what is answered, headers included, also where the system does not take the answer.
pub async fn serve_mail<M: Mail>(
    place: Place,
    mut mail: M,
    allowance: Allowance,
    traffic: Traffic,
    watch: Watch,
) {
    let mut over = TellMailClosed { place, tally: Tally::default(), error: None, watch };
    let clock = Clock::start();
    let mut echo = DatagramEcho::new(allowance);
    let (mut inbox, mut outbox, mut out) = (Vec::new(), Vec::new(), Out::new());
    // Since the last datagram.
    let mut errors = 0;
    loop {
        if let Err(error) = mail.receive(&mut inbox).await {
            errors += 1;
            if is_final(&error) || errors > ERRORS_MAX {
                over.error = Some(error);
                return;
            }
            over.tally.errors += 1;
            // One that comes again and again holds up nobody else.
            tokio::task::yield_now().await;
            continue;
        }
        errors = 0;
        let now = clock.now();
        traffic.received(inbox.iter().map(Bulk::bulk).sum());
        over.tally.received += inbox.len() as u64;
        echo.step(now, Input::Room((), ROOM), &mut out);
        for datagram in inbox.drain(..) {
            echo.step(now, Input::Received((), datagram), &mut out);
        }
        for effect in out.drain() {
            match effect {
                Effect::Transmit((), answer) => outbox.push(answer),
                Effect::Event(why) => *over.tally.unanswered.entry(why).or_default() += 1,
                Effect::Dial(()) | Effect::Finish(()) | Effect::Hangup(()) => {}
                Effect::Store(..) | Effect::Close(()) => {}
            }
        }
        let untaken = mail.send(&outbox).await;
        over.tally.untaken += untaken;
        over.tally.answered += outbox.len() as u64 - untaken;
        traffic.sent(outbox.iter().map(Bulk::bulk).sum());
        outbox.clear();
    }
}

/// Tells whoever watches that a socket is served no more: also one that was cut off as the server stopped.
struct TellMailClosed {
    place: Place,
    tally: Tally,
    error: Option<io::Error>,
    watch: Watch,
}

impl Drop for TellMailClosed {
    fn drop(&mut self) {
        let (place, tally) = (self.place.clone(), std::mem::take(&mut self.tally));
        (self.watch)(ServerEvent::MailClosed { place, tally, error: self.error.take() });
    }
}

/// A UDP socket, with batches, joined datagrams (GRO and GSO) and the addresses that were asked, where the system has them.
pub struct UdpMail {
    socket: UdpSocket,
    state: UdpSocketState,
    bound: net::SocketAddr,
    buffers: Vec<Vec<u8>>,
    joined: Vec<u8>,
}

impl UdpMail {
    /// Takes a socket over.
    ///
    /// # Errors
    /// What the system says of its options.
    pub fn new(socket: UdpSocket) -> io::Result<UdpMail> {
        let bound = socket.local_addr()?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // That is for protocols that find the path's greatest datagram by themselves; an echo answers what came in pieces.
        if bound.is_ipv4() {
            sockopt::set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::WANT)?;
        } else {
            sockopt::set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::WANT)?;
        }
        let buffers = (0..BATCH_SIZE).map(|_| vec![0; LONGEST]).collect();
        Ok(UdpMail { socket, state, bound, buffers, joined: Vec::new() })
    }

    /// The same socket in the runtime that this is called in; that in which it was bound has to be there still.
    ///
    /// # Errors
    /// What the system says.
    pub fn adopted(self) -> io::Result<UdpMail> {
        Ok(UdpMail { socket: UdpSocket::from_std(self.socket.into_std()?)?, ..self })
    }

    async fn transmit(
        &self,
        first: &Datagram,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()> {
        let source = host(first.from);
        let transmit = Transmit {
            destination: self.destination(first.to),
            ecn: None,
            contents,
            segment_size,
            src_ip: Some(source).filter(|source| !source.is_unspecified()),
        };
        let send = || self.state.try_send(UdpSockRef::from(&self.socket), &transmit);
        self.socket.async_io(Interest::WRITABLE, send).await
    }

    /// Sends each by itself, several in a call; gives how many the system did not take.
    async fn transmit_each(&self, all: &[Datagram]) -> u64 {
        if self.bound.ip().is_unspecified() {
            // The answer comes from the address that was asked, which has to be said of each.
            let mut untaken = 0;
            for one in all {
                untaken += u64::from(self.transmit(one, &one.payload, None).await.is_err());
            }
            return untaken;
        }
        let (mut untaken, mut rest) = (0, all);
        while !rest.is_empty() {
            let send = || {
                let next = rest.iter().take(many::MOST);
                let each: Vec<_> = next.map(|one| (self.destination(one.to), &*one.payload)).collect();
                many::send(&self.socket, &each)
            };
            let taken = self.socket.async_io(Interest::WRITABLE, send).await;
            untaken += u64::from(taken.is_err());
            rest = &rest[taken.unwrap_or(1).clamp(1, rest.len())..];
        }
        untaken
    }

    /// As the socket's family writes it.
    fn destination(&self, to: Address) -> net::SocketAddr {
        net::SocketAddr::new(host(to), to.port)
    }
}

impl Mail for UdpMail {
    type End = Address;

    async fn receive(&mut self, inbox: &mut Vec<Datagram>) -> io::Result<()> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut slices: Vec<io::IoSliceMut<'_>> =
            self.buffers.iter_mut().map(|buffer| io::IoSliceMut::new(buffer)).collect();
        let (socket, state) = (&self.socket, &self.state);
        let receive = || state.recv(UdpSockRef::from(socket), &mut slices, &mut metas);
        let count = socket.async_io(Interest::READABLE, receive).await?;
        for (meta, buffer) in metas.iter().zip(&self.buffers).take(count) {
            let all = Bytes::copy_from_slice(&buffer[..meta.len]);
            let asked = meta.dst_ip.unwrap_or(self.bound.ip());
            let (from, to) = (address(meta.addr), address(net::SocketAddr::new(asked, self.bound.port())));
            // An empty datagram is one, too.
            for at in (0..meta.len.max(1)).step_by(meta.stride.max(1)) {
                let payload = all.slice(at.min(all.len())..(at + meta.stride).min(all.len()));
                inbox.push(Datagram { from, to, payload });
            }
        }
        Ok(())
    }

    async fn send(&mut self, outbox: &[Datagram]) -> u64 {
        let mut untaken = 0;
        let most = self.state.max_gso_segments().max(1);
        let is_one = |one: &Datagram, other: &Datagram| {
            (one.from, one.to) == (other.from, other.to) && one.payload.len() == other.payload.len()
        };
        // Those that have none like them beside them, so far.
        let mut alone = 0..0;
        for alike in outbox.chunk_by(is_one) {
            let length = alike[0].payload.len();
            let fit = (LONGEST - 1_024).checked_div(length).map_or(1, |fit| most.min(fit).max(1));
            if alike.len() == 1 || fit == 1 {
                alone.end += alike.len();
                continue;
            }
            untaken += self.transmit_each(&outbox[alone.clone()]).await;
            alone = alone.end + alike.len()..alone.end + alike.len();
            for group in alike.chunks(fit) {
                let mut joined = std::mem::take(&mut self.joined);
                joined.clear();
                group.iter().for_each(|datagram| joined.extend_from_slice(&datagram.payload));
                // Of a single one that is left over there are no segments.
                let segment = Some(length).filter(|_| group.len() > 1);
                let sent = self.transmit(&group[0], &joined, segment).await;
                self.joined = joined;
                untaken += if sent.is_err() { group.len() as u64 } else { 0 };
            }
        }
        untaken += self.transmit_each(&outbox[alone]).await;
        untaken
    }
}

fn address(of: net::SocketAddr) -> Address {
    let host = match of.ip() {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    };
    Address { host, port: of.port() }
}

fn host(of: Address) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(of.host)).to_canonical()
}

/// A Unix datagram socket.
pub struct LocalMail {
    socket: UnixDatagram,
    name: LocalName,
    buffer: Vec<u8>,
}

impl LocalMail {
    /// Takes a socket over that does not block.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(socket: std::os::unix::net::UnixDatagram) -> io::Result<LocalMail> {
        let socket = UnixDatagram::from_std(socket)?;
        let name = name_of(&socket.local_addr()?);
        Ok(LocalMail { socket, name, buffer: vec![0; LONGEST] })
    }

    /// The same socket in the runtime that this is called in; that in which it was bound has to be there still.
    ///
    /// # Errors
    /// What the system says.
    pub fn adopted(self) -> io::Result<LocalMail> {
        Ok(LocalMail { socket: UnixDatagram::from_std(self.socket.into_std()?)?, ..self })
    }
}

impl Mail for LocalMail {
    type End = LocalName;

    async fn receive(&mut self, inbox: &mut Vec<Datagram<LocalName>>) -> io::Result<()> {
        let (count, from) = self.socket.recv_from(&mut self.buffer).await?;
        let payload = Bytes::copy_from_slice(&self.buffer[..count]);
        inbox.push(Datagram { from: name_of(&from), to: self.name.clone(), payload });
        Ok(())
    }

    /// Who does not read is not waited for: all others would wait as well.
    async fn send(&mut self, outbox: &[Datagram<LocalName>]) -> u64 {
        let socket = SockRef::from(&self.socket);
        let send = |answer: &Datagram<LocalName>| {
            socket.send_to(&answer.payload, &SockAddr::unix(OsStr::from_bytes(&answer.to.0))?)
        };
        outbox.iter().filter(|answer| send(answer).is_err()).count() as u64
    }
}

/// As the system writes it: an abstract name begins with a zero byte, which no path has (unix(7)).
fn name_of(address: &SocketAddr) -> LocalName {
    match (address.as_pathname(), address.as_abstract_name()) {
        (Some(path), _) => LocalName(Bytes::copy_from_slice(path.as_os_str().as_bytes())),
        (None, Some(name)) => LocalName([&[0], name].concat().into()),
        (None, None) => LocalName(Bytes::new()),
    }
}
