//! The server's host: waits until a server is wanted, takes the ports, serves until it is told to stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use towline::drive::{Door, Serve, ServerEvent, Stopper, Traffic, serve_mail, stopper};
use towline::net::Peer;
use towline::proto::Rights;
use towline::proto::datagram::Allowance;

use super::super::byzantine::STRANGERS;
use super::super::facts::SERVER;
use super::super::tripwire::Polled;
use super::sockets::NetworkAccept;
use super::state::{Shared, lock};
use super::store::Store;
use super::{Network, mail};
use crate::disk::Power;
use crate::plan::Host;
use crate::trace;

/// What the script tells a server's host.
#[derive(Clone, Copy, Debug)]
pub(in crate::tier) enum Order {
    /// Finish what runs.
    Drain,
    /// Stop at once.
    Abort,
    /// Let another server begin on the same ports.
    Second,
}

/// What the host runs each time it is started.
pub(in crate::tier) async fn run<N: Network>(shared: Shared, network: N) -> Result<(), String> {
    if lock(&shared).server.is_wanted {
        serve(&shared, &network).await?;
    }
    // The host stays: what arrives for nobody is answered by its system.
    std::future::pending().await
}

async fn serve<N: Network>(shared: &Shared, network: &N) -> Result<(), String> {
    let (orders, inbox) = unbounded_channel();
    let power = Power::new();
    let number = {
        let mut state = lock(shared);
        state.server.orders = Some(orders);
        state.server.power = power.clone();
        state.facts.server.begun += 1;
        state.facts.server.begun
    };
    let Ok(doors) = bind(shared, network, &power, false).await else { return Ok(()) };
    let Ok((mail, end)) = network.mail(Host::Server).await else { return Ok(()) };
    lock(shared).mail.served = Some(end.clone());
    let partials = shared.folders.served_partials();
    let opened = Store::open(shared, Host::Server, u64::from(number), N::STORE, &power).await;
    let Some((store, disk, root)) = opened else { return Ok(()) };
    {
        let mut state = lock(shared);
        state.facts.opened_store(partials, shared.folders.served_partials());
        state.facts.server.serves = true;
        state.server.disk = Some(disk.clone());
    }
    let watching = (shared.clone(), power.clone());
    let serve = Serve {
        doors,
        store: (Arc::new(store), root),
        rights: Rights::ALL,
        guard: None,
        limits: shared.plan().limits(),
        listen: shared.plan().listen_limits(),
        echo_idle: shared.plan().limits().idle,
        traffic: Traffic::default(),
        watch: Arc::new(move |event| watch(&watching.0, &watching.1, event)),
    };
    let (stopper, stop) = stopper();
    tokio::spawn(Polled::new(obey(shared.clone(), network.clone(), inbox, stopper)));
    let watching = Arc::clone(&serve.watch);
    let mail = mail::Shim::new(mail, Host::Server, shared.clone());
    let echo = serve_mail(end.place(), mail, Allowance::default(), Traffic::default(), watching);
    let mut echoes = JoinSet::new();
    echoes.spawn(Polled::new(echo));
    let end = serve.run(stop).await;
    echoes.shutdown().await;
    // As the library's server does: what could not be tidied up is left to the next start. A lease that is still open would
    // end with the folder, and is counted before.
    lock(shared).facts.outcome.leftovers.leases += disk.leases();
    let _ = disk.close_root(root).await;
    if power.is_on() {
        lock(shared).facts.stopped(end);
    }
    Ok(())
}

async fn bind<N: Network>(
    shared: &Shared,
    network: &N,
    power: &Power,
    second: bool,
) -> io::Result<Vec<(Door, NetworkAccept<N>)>> {
    let take = |door| NetworkAccept::bind(network.clone(), door, shared.clone(), power.clone());
    let files = take(Door::Files).await;
    let error = files.as_ref().err().map(|error| match error.kind() {
        io::ErrorKind::AddrInUse => format!("address in use: {error}"),
        kind => format!("{kind:?}: {error}"),
    });
    lock(shared).facts.bound(second, error);
    Ok(vec![(Door::Files, files?), (Door::Echo, take(Door::Echo).await?)])
}

async fn obey<N: Network>(shared: Shared, network: N, mut inbox: UnboundedReceiver<Order>, stopper: Stopper) {
    while let Some(order) = inbox.recv().await {
        match order {
            Order::Drain => stopper.drain(),
            Order::Abort => stopper.abort(),
            Order::Second => {
                let power = Power::new();
                // If it got the ports it would hold them for a while, to the first one's harm.
                if let Ok(doors) = bind(&shared, &network, &power, true).await {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    drop(doors);
                }
            }
        }
    }
}

/// What a server without power says is not heard.
fn watch(shared: &Shared, power: &Power, event: ServerEvent) {
    if !power.is_on() {
        return;
    }
    let state = &mut *lock(shared);
    let facts = &mut state.facts;
    match event {
        ServerEvent::Accepted { connection, peer, door } => {
            if let Peer::Ip(peer) = peer {
                state.peers.insert(connection, peer);
            }
            let door = match door {
                Door::Files | Door::Guarded => trace::Door::Files,
                Door::Echo => trace::Door::Echo,
            };
            facts.accepted(connection, door);
        }
        ServerEvent::Closed { connection, end } => {
            let peer = state.peers.remove(&connection);
            let place = peer.and_then(|peer| state.places.get(&peer));
            if let Some(stranger) = place.and_then(|place| place.client().checked_sub(STRANGERS)) {
                facts.visit_is_over(stranger, &end);
            }
            facts.closed(connection, &end);
        }
        ServerEvent::EchoClosed { connection, end } => facts.echo_closed(connection, &end),
        ServerEvent::Session { connection, event } => facts.served(connection, event),
        ServerEvent::AcceptPaused(_) | ServerEvent::AcceptResumed => {}
        // No door of a simulated server asks who comes.
        ServerEvent::Known { .. } | ServerEvent::Unknown { .. } | ServerEvent::NotMet { .. } => {}
        ServerEvent::MailClosed { tally, error, .. } => {
            let unanswered: u64 = tally.unanswered.values().sum();
            let counts = format!(
                "{} datagrams came, {} were answered, {unanswered} not",
                tally.received, tally.answered
            );
            facts.event(SERVER, &counts);
            if let Some(error) = error {
                facts.event(SERVER, &format!("its socket for datagrams failed: {error}"));
            }
        }
        ServerEvent::Draining { connections } => {
            facts.event(SERVER, &format!("stops, with {connections} connections"));
        }
    }
}
