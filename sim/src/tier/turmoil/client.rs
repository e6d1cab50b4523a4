//! The client's host: the plan's steps, one after another.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use towline::drive::{Completions, Disk, Jobs, Mode};

use super::super::steps;
use super::net::TurmoilDial;
use super::state::{Shared, lock};
use crate::disk::{Power, PoweredFiles};
use crate::outcome::Ended;
use crate::plan::{Content, Operation};

/// What the host runs each time it is started.
pub(super) async fn run(shared: Shared) -> turmoil::Result {
    let power = Power::new();
    let (number, first) = {
        let mut state = lock(&shared);
        state.client.power = power.clone();
        state.facts.client_begins()
    };
    let disk: Disk<PoweredFiles> = Disk::new(1_000 + u64::from(number), Mode::Inline);
    disk.add_root(shared.client_files(&power)).await.map_err(|error| error.to_string())?;
    lock(&shared).client.disk = Some(disk.clone());
    let dialer = TurmoilDial { shared: shared.clone(), power: power.clone() };
    let watching = (shared.clone(), power);
    let jobs = Jobs::start(
        dialer.clone(),
        Completions::new(Arc::new(disk)),
        shared.plan().limits(),
        shared.plan().policy(),
        shared.plan().seed ^ u64::from(number),
        move |event| {
            if watching.1.is_on() {
                lock(&watching.0).facts.client_told(number, event);
            }
        },
    );
    for step in first..shared.plan().steps.len() {
        let operation = lock(&shared).facts.step_begins(step, number);
        let ended = match steps::request(&operation, step, number) {
            None => {
                let Operation::RawEcho(content) = operation else { unreachable!("all else is a request") };
                raw_echo(&shared, &dialer, &content).await
            }
            Some(request) => match jobs.carry_out(request).await {
                Ok(Ok(_)) => Ended::Done,
                Ok(Err(error)) => steps::ended(&error),
                Err(stopped) => Ended::Failed(format!("{stopped:?}")),
            },
        };
        lock(&shared).facts.step_is_over(step, ended, &shared.folders);
    }
    jobs.close().await;
    lock(&shared).facts.client_closed();
    std::future::pending().await
}

/// Sends all and reads until the end, for a limited time.
async fn raw_echo(shared: &Shared, dialer: &TurmoilDial, content: &Content) -> Ended {
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
    let limit = Duration::from_millis(shared.plan().bound_ms() / 2);
    let result = tokio::time::timeout(limit, talk).await;
    lock(shared).facts.raw_echo_is_over(request, reply, matches!(result, Ok(Ok(()))));
    match result {
        Ok(Ok(())) => Ended::Done,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Ended::Refused(error.to_string())
        }
        Ok(Err(error)) => Ended::Failed(error.to_string()),
        Err(_) => Ended::Failed("it takes too long".to_owned()),
    }
}
