//! A client's host: the plan's steps, one after another.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use towline::drive::{Completions, Jobs};

use super::super::steps;
use super::Network;
use super::sockets::NetworkDial;
use super::state::{Shared, lock};
use super::store::Store;
use crate::disk::Power;
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
    let Some((store, disk, _)) = Store::open(&shared, Host::Client(client), nonce, &power).await else {
        return std::future::pending().await;
    };
    lock(&shared).clients[client as usize].disk = Some(disk);
    let dialer = NetworkDial { network, shared: shared.clone(), power: power.clone(), client };
    let watching = (shared.clone(), power.clone());
    let jobs = Jobs::start(
        dialer.clone(),
        Completions::new(Arc::new(store)),
        shared.plan().limits(),
        shared.plan().policy(),
        steps::seed_of(shared.plan(), client, number),
        move |event| {
            if watching.1.is_on() {
                lock(&watching.0).facts.client_told(client, number, event);
            }
        },
    );
    for step in first.. {
        let Some(operation) = lock(&shared).facts.step_begins(client, number, step) else { break };
        let ended = match (steps::request(&operation, step, client, number), operation) {
            (None, Operation::RawEcho(content)) => raw_echo(&shared, &dialer, &content).await,
            // Plans with datagrams are not for the tiers that come here: see `Tier::cannot`.
            (None, operation) => Ended::Failed(format!("{operation:?} is not on this tier")),
            (Some(request), _) => match jobs.carry_out(request).await {
                Ok(Ok(_)) => Ended::Done,
                Ok(Err(error)) => steps::ended(&error),
                Err(stopped) => Ended::Failed(format!("{stopped:?}")),
            },
        };
        // A process without power does nothing more; the script takes it away.
        if !power.is_on() {
            return std::future::pending().await;
        }
        lock(&shared).facts.step_is_over(client, step, ended, &shared.folders);
    }
    jobs.close().await;
    lock(&shared).facts.client_closed(client);
    std::future::pending().await
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
