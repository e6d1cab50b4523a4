//! Datagrams behind the shim: what comes in may be lost, doubled or late, each by itself, as the plan says, or forged. On the
//! server the library's own echo answers; a client sends and counts.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::task::Poll;

use bytes::Bytes;
use rand::RngExt;
use tokio::time::{Duration, Instant, sleep_until};
use towline::drive::Mail;
use towline::net::Place;
use towline::proto::backoff::SplitMix;
use towline::proto::datagram::{self, Address, LocalName, Peer, Unanswered};

use super::super::datagrams;
use super::super::facts::{SERVER, client_name};
use super::Network;
use super::state::{Shared, lock};
use crate::outcome::Ended;
use crate::plan::{Datagrams, Forged, Host, Operation};
use crate::streams::{Part, Streams};

/// A datagram on any kind of socket.
pub(in crate::tier) type Datagram = datagram::Datagram<End>;

/// An end of its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tier) enum End {
    /// UDP's.
    Ip(Address),
    /// A Unix datagram socket's.
    Local(LocalName),
}

impl Peer for End {
    fn objection(&self, to: &End) -> Option<Unanswered> {
        match (self, to) {
            (End::Ip(from), End::Ip(to)) => from.objection(to),
            (End::Local(from), End::Local(to)) => from.objection(to),
            (End::Ip(_), End::Local(_)) | (End::Local(_), End::Ip(_)) => Some(Unanswered::NoSource),
        }
    }

    fn source(&self) -> Option<u128> {
        match self {
            End::Ip(address) => address.source(),
            End::Local(name) => name.source(),
        }
    }
}

impl End {
    /// As the library names it.
    pub(super) fn place(&self) -> Place {
        match self {
            End::Ip(address) => Place::Udp(socket_address(*address)),
            End::Local(name) => Place::Unixgram(OsStr::from_bytes(&name.0).into()),
        }
    }

    /// UDP's, if it is.
    pub(in crate::tier) fn ip(&self) -> Option<Address> {
        match self {
            End::Ip(address) => Some(*address),
            End::Local(_) => None,
        }
    }

    /// A Unix socket's, if it is.
    pub(in crate::tier) fn local(&self) -> Option<LocalName> {
        match self {
            End::Ip(_) => None,
            End::Local(name) => Some(name.clone()),
        }
    }

    /// A UDP socket's.
    pub(in crate::tier) fn udp(at: SocketAddr) -> End {
        let host = match at.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        End::Ip(Address { host: host.into(), port: at.port() })
    }
}

/// As the system writes it.
pub(in crate::tier) fn socket_address(Address { host, port }: Address) -> SocketAddr {
    SocketAddr::new(IpAddr::from(Ipv6Addr::from(host)).to_canonical(), port)
}

/// How long a client still listens when all that it sent has come back: what comes twice comes soon.
const STILL: Duration = Duration::from_millis(100);

/// A socket behind the shim.
pub(super) struct Shim<M> {
    inner: M,
    host: Host,
    shared: Shared,
    random: Part,
    fresh: Vec<Datagram>,
    /// What has arrived and is not there yet, by when it is.
    late: BTreeMap<(Instant, u64), Datagram>,
    arrived: u64,
}

impl<M: Mail<End = End>> Shim<M> {
    pub(super) fn new(inner: M, host: Host, shared: Shared) -> Shim<M> {
        let number = {
            let mail = &mut lock(&shared).mail;
            mail.sockets += 1;
            mail.sockets
        };
        let random = Part::new(Streams::new(shared.plan().seed), Streams::BYTES, "driven datagrams", number);
        Shim { inner, host, shared, random, fresh: Vec::new(), late: BTreeMap::new(), arrived: 0 }
    }

    fn name(&self) -> &'static str {
        match self.host {
            Host::Server => SERVER,
            Host::Client(client) => client_name(client),
        }
    }

    /// One has come over the network.
    fn arrives(&mut self, datagram: Datagram) {
        let Datagrams { lost_percent, doubled_percent, late_percent } = self.shared.plan().datagrams;
        let random = self.random.random();
        let is_lost = random.random_ratio(lost_percent, 100);
        let copies = 1 + usize::from(random.random_ratio(doubled_percent, 100));
        let mut delays = Vec::new();
        for _ in 0..copies {
            let is_late = random.random_ratio(late_percent, 100);
            delays.push(if is_late { random.random_range(1..=1_000) } else { 0 });
        }
        let tell = |what: &str| {
            let words = format!("datagram {} {what}", datagrams::number(&datagram.payload));
            lock(&self.shared).facts.event(self.name(), &words);
        };
        if is_lost {
            return tell("is lost");
        }
        if copies > 1 {
            tell("is doubled");
        }
        for delay in delays {
            let at = Instant::now() + Duration::from_millis(delay);
            self.late.insert((at, self.arrived), datagram.clone());
            self.arrived += 1;
        }
    }

    /// Takes what is there by now.
    fn take_due(&mut self, inbox: &mut Vec<Datagram>) {
        let now = Instant::now();
        while let Some(first) = self.late.first_entry().filter(|first| first.key().0 <= now) {
            inbox.push(first.remove());
        }
    }
}

/// Waits until a host's process reads.
async fn reading(shared: &Shared, host: Host) {
    poll_fn(|cx| {
        let state = &mut *lock(shared);
        if !state.not_reading.contains(&host) {
            return Poll::Ready(());
        }
        state.held.push(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

/// Waits for what the script forges, which arrives at the server.
async fn forged(shared: &Shared, host: Host) -> Datagram {
    poll_fn(|cx| {
        let state = &mut *lock(shared);
        if host == Host::Server
            && let Some(datagram) = state.mail.forged.pop_front()
        {
            return Poll::Ready(datagram);
        }
        state.held.push(cx.waker().clone());
        Poll::Pending
    })
    .await
}

impl<M: Mail<End = End>> Mail for Shim<M> {
    type End = End;

    async fn receive(&mut self, inbox: &mut Vec<Datagram>) -> io::Result<()> {
        loop {
            reading(&self.shared, self.host).await;
            self.take_due(inbox);
            if !inbox.is_empty() {
                return Ok(());
            }
            let due = self.late.first_key_value().map(|((at, _), _)| *at);
            let next = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                datagram = forged(&self.shared, self.host) => inbox.push(datagram),
                received = self.inner.receive(&mut self.fresh) => {
                    received?;
                    std::mem::take(&mut self.fresh).into_iter().for_each(|datagram| self.arrives(datagram));
                }
                () = next => {}
            }
        }
    }

    /// What goes to nobody who asked is an answer to what was forged: it is told, and goes nowhere.
    async fn send(&mut self, outbox: &[Datagram]) -> u64 {
        let is_asked_for = |answer: &Datagram| {
            self.host != Host::Server || lock(&self.shared).mail.clients.contains(&answer.to)
        };
        let (asked, not_asked): (Vec<_>, Vec<_>) = outbox.iter().cloned().partition(is_asked_for);
        for answer in not_asked {
            let words = format!("answers a forged datagram: to {:?}", answer.to);
            let facts = &mut lock(&self.shared).facts;
            facts.event(SERVER, &words);
            facts.outcome.forged_answers.push(words);
        }
        self.inner.send(&asked).await
    }
}

/// One arrives at the server that is not of whom it says, or not for the server alone.
pub(super) fn forge(forged: Forged, shared: &Shared) {
    let state = &mut *lock(shared);
    let Some(End::Ip(served)) = state.mail.served else { return };
    let (from, to) = datagrams::ends(forged, served);
    state.facts.event("fault", &datagrams::told(datagrams::FORGED, from, to));
    let payload = Bytes::from_static(datagrams::FORGED);
    state.mail.forged.push_back(Datagram { from: End::Ip(from), to: End::Ip(to), payload });
}

/// What a client's `number`th datagram of a step says: its number in 8 bytes, then noise.
fn payload(seed: u64, step: usize, number: u32, length: usize) -> Vec<u8> {
    let mut payload = u64::from(number).to_le_bytes().to_vec();
    let mut noise = SplitMix(seed ^ u64::from(number) << 20 ^ step as u64);
    while payload.len() < length {
        payload.push(noise.next_u64() as u8);
    }
    payload
}

/// A client sends, and listens until nothing more is to come.
pub(super) async fn echo<N: Network>(
    shared: &Shared,
    network: &N,
    client: u32,
    step: usize,
    operation: &Operation,
) -> Ended {
    let Operation::DatagramEcho { count, length, gap_ms } = *operation else { return Ended::Done };
    let host = Host::Client(client);
    let (mail, end) = match network.mail(host).await {
        Ok(opened) => opened,
        Err(error) => return Ended::Failed(format!("no socket for datagrams: {error}")),
    };
    let mut mail = Shim::new(mail, host, shared.clone());
    {
        let mut state = lock(shared);
        state.mail.clients.push(end.clone());
        state.facts.datagrams_begin(client, step);
    }
    let (mut sent, mut heard, mut due) = (0, 0, Instant::now());
    let mut inbox = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = sleep_until(due) => {
                if sent == count {
                    break;
                }
                let payload = payload(shared.plan().seed, step, sent, length as usize);
                sent += 1;
                lock(shared).facts.datagram_sent(client, &payload);
                // Where no server is, one is lost.
                let served = lock(shared).mail.served.clone();
                if let Some(to) = served {
                    mail.send(&[Datagram { from: end.clone(), to, payload: Bytes::from(payload) }]).await;
                }
                let last = Duration::from_millis(Operation::DATAGRAM_WAIT_MS);
                due = Instant::now() + if sent == count { last } else { Duration::from_millis(gap_ms) };
            }
            received = mail.receive(&mut inbox) => {
                if let Err(error) = received {
                    return Ended::Failed(format!("the socket for datagrams: {error}"));
                }
                for datagram in inbox.drain(..) {
                    heard += 1;
                    lock(shared).facts.datagram_heard(client, &datagram.payload);
                }
                if sent == count && heard >= count {
                    due = due.min(Instant::now() + STILL);
                }
            }
        }
    }
    lock(shared).facts.datagrams_are_over(client, None);
    Ended::Done
}
