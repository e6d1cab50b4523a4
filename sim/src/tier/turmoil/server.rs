//! The server's host: waits until a server is wanted, takes the ports, serves until it is told to stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use towline::drive::{Disk, Door, Mode, Serve, ServerEvent, Stopper, stopper};
use towline::proto::listener::ListenEnd;
use towline::proto::op::Party;
use towline::proto::session::{Began, Event, SessionEnd};
use towline::wire::Code;

use super::net::TurmoilAccept;
use super::state::{Shared, lock};
use super::{ECHO_PORT, PORT, SERVER};
use crate::disk::{Power, PoweredFiles};
use crate::ledger::Rare;
use crate::outcome::Bound;

/// What the script tells a server's host.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// Finish what runs.
    Drain,
    /// Let another server begin on the same ports.
    Second,
}

/// What the host runs each time it is started.
pub(super) async fn run(shared: Shared) -> turmoil::Result {
    if lock(&shared).server.is_wanted {
        serve(&shared).await?;
    }
    // The host stays: what arrives for nobody is answered by its system.
    std::future::pending().await
}

async fn serve(shared: &Shared) -> turmoil::Result {
    let (orders, inbox) = unbounded_channel();
    let power = Power::new();
    let number = {
        let mut state = lock(shared);
        state.server.orders = Some(orders);
        state.server.power = power.clone();
        state.server.begun += 1;
        state.server.begun
    };
    let Ok(doors) = bind(shared, &power, false).await else { return Ok(()) };
    let partials = partials(shared);
    let disk: Disk<PoweredFiles> = Disk::new(u64::from(number), Mode::Inline);
    let root = disk.add_root(shared.server_files(&power)).await.map_err(|error| error.to_string())?;
    if partials > 0 && self::partials(shared) == 0 {
        let mut state = lock(shared);
        state.event(SERVER, &format!("sweeps {partials} partials"));
        state.reach(Rare::Swept);
    }
    {
        let mut state = lock(shared);
        state.server.disk = Some(disk.clone());
        state.server.serves = true;
    }
    let watching = (shared.clone(), power);
    let serve = Serve {
        doors,
        store: (Arc::new(disk), root),
        limits: shared.limits(),
        listen: shared.listen_limits(),
        echo_idle: shared.limits().idle,
        watch: Arc::new(move |event| watch(&watching.0, &watching.1, event)),
    };
    let (stopper, stop) = stopper();
    tokio::spawn(obey(shared.clone(), inbox, stopper));
    let end = serve.run(stop).await;
    let mut state = lock(shared);
    state.server.serves = false;
    state.event(SERVER, &format!("has stopped: {end:?}"));
    if end == ListenEnd::Aborted {
        state.reach(Rare::DrainCutOff);
    }
    Ok(())
}

async fn bind(shared: &Shared, power: &Power, second: bool) -> io::Result<Vec<(Door, TurmoilAccept)>> {
    let take = |port| TurmoilAccept::bind(port, shared.clone(), power.clone());
    let files = take(PORT).await;
    let error = files.as_ref().err().map(|error| match error.kind() {
        io::ErrorKind::AddrInUse => format!("address in use: {error}"),
        kind => format!("{kind:?}: {error}"),
    });
    {
        let mut state = lock(shared);
        let what =
            error.as_deref().map_or("takes its port".to_owned(), |error| format!("cannot begin: {error}"));
        state.event(if second { "server 2nd" } else { SERVER }, &what);
        if second && error.is_some() {
            state.reach(Rare::PortTaken);
        }
        state.outcome.bound.push(Bound { second, error });
    }
    Ok(vec![(Door::Files, files?), (Door::Echo, take(ECHO_PORT).await?)])
}

async fn obey(shared: Shared, mut inbox: UnboundedReceiver<Order>, stopper: Stopper) {
    while let Some(order) = inbox.recv().await {
        match order {
            Order::Drain => stopper.drain(),
            Order::Second => {
                let power = Power::new();
                // If it got the ports it would hold them for a while, to the first one's harm.
                if let Ok(doors) = bind(&shared, &power, true).await {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    drop(doors);
                }
            }
        }
    }
}

fn partials(shared: &Shared) -> usize {
    let names = super::names_in(&shared.files().0, b".towline");
    names.iter().filter(|name| name.ends_with(".partial")).count()
}

/// What a server without power says is not heard.
fn watch(shared: &Shared, power: &Power, event: ServerEvent) {
    if !power.is_on() {
        return;
    }
    let mut state = lock(shared);
    match event {
        ServerEvent::Accepted { connection, peer: _, door } => {
            state.server.connections.insert(connection);
            state.event(SERVER, &format!("accepts connection {connection} for {door:?}"));
        }
        ServerEvent::Closed { connection, end } => {
            state.server.connections.remove(&connection);
            state.server.uploads.retain(|(of, _)| *of != connection);
            state.event(SERVER, &format!("connection {connection} is over: {end:?}"));
            if matches!(&end, SessionEnd::Broken(failure) if failure.code == Code::IDLE_TIMEOUT) {
                state.reach(Rare::Silence);
            }
        }
        ServerEvent::EchoClosed { connection, end } => {
            state.server.connections.remove(&connection);
            state.event(SERVER, &format!("echo connection {connection} is over: {end:?}"));
        }
        ServerEvent::Session { connection, event: Event::Began(tag, began) } => {
            if let Began::Offer(path) = began {
                state.server.uploads.insert((connection, tag.0));
                state.event(SERVER, &format!("connection {connection} begins to receive {path}"));
            }
        }
        ServerEvent::Session { connection, event: Event::Finished(tag, result) } => {
            state.server.uploads.remove(&(connection, tag.0));
            if let Err(error) = result {
                let who = if error.by == Party::Link { "the link" } else { "a side" };
                state.event(
                    SERVER,
                    &format!("connection {connection} operation {} failed by {who}: {error}", tag.0),
                );
            }
        }
        ServerEvent::Session { .. } | ServerEvent::AcceptPaused(_) => {}
        ServerEvent::Draining { connections } => {
            state.event(SERVER, &format!("stops, with {connections} connections"));
        }
    }
}
