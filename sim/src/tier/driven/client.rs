//! A client's host: the plan's steps, one after another, and several at once where the plan says so.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use towline::client::{Client, ClientConfig, ClientError, Places, Traffic};
use towline::drive::Completions;
use towline::harness::Side;
use towline::proto::client::Event;
use towline::wire::RelPath;

use super::super::facts::Place;
use super::super::files::source_of;
use super::super::{steps, trees};
use super::pipes::{Sink, Source};
use super::sockets::NetworkDial;
use super::state::{Shared, lock};
use super::store::Store;
use super::{Network, mail};
use crate::disk::{Power, PoweredFiles};
use crate::outcome::Ended;
use crate::plan::{Content, Host, Operation};

/// What the host runs each time it is started.
pub(in crate::tier) async fn run<N: Network>(shared: Shared, network: N, client: u32) -> Result<(), String> {
    let is_born = lock(&shared).facts.clients[client as usize].begun > 0;
    if !is_born {
        tokio::time::sleep(Duration::from_millis(shared.plan().clients[client as usize].begins_ms)).await;
    }
    let power = Power::new();
    let (number, first) = {
        let mut state = lock(&shared);
        state.clients[client as usize].power = power.clone();
        state.facts.client_begins(client)
    };
    let nonce = steps::store_of(client, number);
    let Some((store, disk, root)) = Store::open(&shared, Host::Client(client), nonce, N::STORE, &power).await
    else {
        return std::future::pending().await;
    };
    // Each job opens the folder by itself, as users' jobs do. What cannot be tidied up is left to the next.
    let _ = disk.close_root(root).await;
    lock(&shared).clients[client as usize].disk = Some(disk.clone());
    let dialer = NetworkDial { network, shared: shared.clone(), power: power.clone(), client };
    let watching = (shared.clone(), power.clone());
    let watch = move |event: &Event| {
        if watching.1.is_on() {
            lock(&watching.0).facts.client_told(client, number, event);
        }
    };
    let low = u128::from(client) << 48 | u128::from(number) << 32;
    let config = ClientConfig {
        limits: shared.plan().limits(),
        policy: shared.plan().policy(),
        seed: u128::from(steps::seed_of(shared.plan(), client, number)) << 64 | low,
        ..ClientConfig::default()
    };
    let library = Client::over(dialer.clone(), disk, Completions::new(Arc::new(store)), config, watch);
    let at = At { shared: shared.clone(), dialer, library, number };
    let before = passed(&shared, client);
    let mut next = first;
    loop {
        let group = lock(&shared).facts.group(client, next);
        if group.is_empty() {
            break;
        }
        at.carry_out_together(group).await;
        next = lock(&shared).facts.clients[client as usize].next_step;
    }
    counts(&shared, client, before, at.library.traffic());
    if shared.plan().clients[client as usize].leaves {
        lock(&shared).facts.client_leaves(client);
        drop(at);
    } else {
        at.library.close().await;
        lock(&shared).facts.client_closed(client);
    }
    std::future::pending().await
}

/// Bytes that a client's processes have said and heard over the protocol's connections.
fn passed(shared: &Shared, client: u32) -> (u64, u64) {
    let state = lock(shared);
    let is_its = |place: &Place| matches!(place, Place::Files(dial) if dial.client == client);
    let wires = state.wires.iter().filter(|(place, _)| is_its(place)).map(|(_, wire)| wire);
    wires.fold((0, 0), |(said, heard), wire| {
        (said + wire.said(Side::Client), heard + wire.heard(Side::Server))
    })
}

/// What the library counts is what passed since this process began.
fn counts(shared: &Shared, client: u32, before: (u64, u64), traffic: Traffic) {
    let now = passed(shared, client);
    let (said, heard) = (now.0 - before.0, now.1 - before.1);
    lock(shared).facts.counted(client, (said, heard), (traffic.sent, traffic.received));
}

/// What a life of a client works with.
struct At<N: Network> {
    shared: Shared,
    dialer: NetworkDial<N>,
    library: Client<PoweredFiles>,
    number: u32,
}

/// A step that is being carried out.
type Step<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl<N: Network> At<N> {
    /// Begins steps in their order, and waits for all. Jobs are numbered as they are begun, which takes its time where folders
    /// are opened on threads: so the next one begins once the one before it has its number, or has ended without.
    async fn carry_out_together(&self, steps: Vec<usize>) {
        let mut next = steps.into_iter();
        let mut open: Vec<(u64, Step<'_>)> = Vec::new();
        poll_fn(|cx| {
            loop {
                open.retain_mut(|(_, step)| step.as_mut().poll(cx).is_pending());
                if open.last().is_some_and(|(begun, _)| self.library.begun() == *begun) {
                    return Poll::Pending;
                }
                match next.next() {
                    Some(step) => open.push((self.library.begun(), Box::pin(self.carry_out(step)))),
                    None if open.is_empty() => return Poll::Ready(()),
                    None => return Poll::Pending,
                }
            }
        })
        .await;
    }

    /// Carries out one step, or gives it up.
    async fn carry_out(&self, step: usize) {
        let (shared, client) = (&self.shared, self.dialer.client);
        let operation = lock(shared).facts.step_begins(client, self.number, step);
        let ended = match operation {
            Operation::RawEcho(content) => raw_echo(shared, &self.dialer, &content).await,
            Operation::DatagramEcho { .. } => {
                mail::echo(shared, &self.dialer.network, client, step, &operation).await
            }
            operation => {
                let job = self.ask_or_move(step, &operation);
                let result = match shared.plan().step(client, step).and_then(|step| step.give_up_ms) {
                    // What is dropped is cancelled.
                    Some(ms) => tokio::time::timeout(Duration::from_millis(ms), job).await.ok(),
                    None => Some(job.await),
                };
                match result {
                    Some(Ok(ended)) => ended,
                    Some(Err(ClientError::Job(error))) => steps::ended(&error),
                    Some(Err(error)) => Ended::Failed(error.to_string()),
                    None => Ended::GivenUp,
                }
            }
        };
        // A process without power does nothing more; the script takes it away.
        if !self.dialer.power.is_on() {
            return std::future::pending().await;
        }
        lock(shared).facts.step_is_over(client, step, ended, &shared.folders);
    }

    async fn ask_or_move(&self, step: usize, operation: &Operation) -> Result<Ended, ClientError> {
        let Some(tree) = trees::tree(operation, step, self.dialer.client, self.number) else {
            return self.ask(step, operation).await.map(|()| Ended::Done);
        };
        let host = Host::Client(self.dialer.client);
        let folders = vec![self.shared.files(host, &self.dialer.power)];
        let items = tree.items.into_iter().map(|item| (0, item.from, item.to)).collect();
        let places = Places { folders, items };
        let summary = self.library.move_trees(tree.direction, places, tree.options).await?;
        Ok(trees::whole_tree(&summary))
    }

    /// Asks the library as users do.
    async fn ask(&self, step: usize, operation: &Operation) -> Result<(), ClientError> {
        let path = |text: &str| RelPath::new(text).expect("the plan's paths are good");
        let host = Host::Client(self.dialer.client);
        let folder = || self.shared.files(host, &self.dialer.power);
        let library = &self.library;
        match operation {
            Operation::Put { path: to, .. } => {
                library.put_from(folder(), path(&source_of(step)), path(to)).await.map(drop)
            }
            Operation::Get { path: from } => {
                library.get_to(path(from), folder(), path(&format!("down-{step}"))).await.map(drop)
            }
            Operation::Compare { path: with, .. } => {
                // What it found is told by the event.
                library.compare_from(folder(), path(&source_of(step)), path(with)).await.map(drop)
            }
            Operation::Print { path: of, part, room } => {
                let sink = Sink::new(*room);
                let result = library.print(path(of), part.span(), sink.clone()).await;
                lock(&self.shared).facts.printed(self.dialer.client, step, &sink.taken());
                result.map(drop)
            }
            Operation::Pour { path: to, content, fails_at } => {
                let modified = steps::poured_at(self.dialer.client, step);
                let source = Source::new(content.bytes(), *fails_at);
                library.pour(source, path(to), steps::MODE, modified).await.map(drop)
            }
            Operation::List => {
                let entries = library.list(RelPath::ROOT).await?;
                lock(&self.shared).facts.listed(self.dialer.client, step, &entries);
                Ok(())
            }
            Operation::Stat { path: at } => library.stat(path(at)).await.map(drop),
            Operation::Remove { path: at } => library.remove(path(at)).await,
            Operation::Echo(content) => library.echo(Bytes::from(content.bytes())).await.map(drop),
            // Carried out in their own ways.
            Operation::RawEcho(_) | Operation::DatagramEcho { .. } => Err(ClientError::Stopped),
            Operation::PutTree { .. } | Operation::GetTree { .. } => Err(ClientError::Stopped),
        }
    }
}

/// Sends all and reads until the end, for a limited time.
async fn raw_echo<N: Network>(shared: &Shared, dialer: &NetworkDial<N>, content: &Content) -> Ended {
    let request = content.bytes();
    let mut reply = Vec::new();
    let talk = async {
        let (mut read, mut write) = tokio::io::split(dialer.echo().await?);
        let send = async {
            write.write_all(&request).await?;
            write.shutdown().await
        };
        let (sent, received) = tokio::join!(biased; send, read.read_to_end(&mut reply));
        sent.and(received.map(|_| ()))
    };
    let limit = Duration::from_millis(shared.plan().echo_limit_ms());
    let result = tokio::time::timeout(limit, talk).await;
    let is_whole = reply.len() >= request.len();
    lock(shared).facts.raw_echo_is_over(
        dialer.client,
        request,
        reply,
        is_whole && matches!(result, Ok(Ok(()))),
    );
    match result {
        // A server that goes away ends its streams, too: an end says nothing of completeness.
        Ok(Ok(())) if !is_whole => Ended::Failed("ended early".to_owned()),
        Ok(Ok(())) => Ended::Done,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Ended::Refused(error.to_string())
        }
        Ok(Err(error)) => Ended::Failed(error.to_string()),
        Err(_) => Ended::Failed("it takes too long".to_owned()),
    }
}
