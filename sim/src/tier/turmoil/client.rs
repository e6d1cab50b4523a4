//! The client's host: the plan's steps, one after another.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use towline::drive::{Completions, Disk, Jobs, Mode};
use towline::proto::client::{Event, JobError};
use towline::proto::machine::DialErrorKind;
use towline::proto::op::{OpEvent, Question};
use towline::proto::session::{Request, SessionEnd};
use towline::proto::storage::RootId;
use towline::wire::{Code, Get, RelPath, Remove, RequestId};

use super::CLIENT;
use super::net::TurmoilDial;
use super::state::{Shared, State, lock};
use crate::disk::{Power, PoweredFiles};
use crate::ledger::Rare;
use crate::outcome::{ContentId, Echoed, Ended, Job};
use crate::plan::{Content, Operation};
use crate::plant::Plant;

/// The only root of a client's store.
const ROOT: RootId = RootId(0);

/// What the host runs each time it is started.
pub(super) async fn run(shared: Shared) -> turmoil::Result {
    let power = Power::new();
    let (number, first) = {
        let mut state = lock(&shared);
        let client = &mut state.client;
        client.begun += 1;
        client.is_alive = true;
        client.power = power.clone();
        (client.begun - 1, client.next_step)
    };
    let plant = lock(&shared).plant;
    assert!(plant != Some(Plant::Panic), "planted");
    let disk: Disk<PoweredFiles> = Disk::new(1_000 + u64::from(number), Mode::Inline);
    disk.add_root(shared.client_files(&power)).await.map_err(|error| error.to_string())?;
    lock(&shared).client.disk = Some(disk.clone());
    let dialer = TurmoilDial { shared: shared.clone(), power: power.clone() };
    let watching = (shared.clone(), power);
    let jobs = Jobs::start(
        dialer.clone(),
        Completions::new(Arc::new(disk)),
        shared.limits(),
        shared.policy(),
        shared.plan().seed ^ u64::from(number),
        move |event| {
            if watching.1.is_on() {
                watch(&mut lock(&watching.0), number, event);
            }
        },
    );
    for step in first..shared.plan().steps.len() {
        {
            let mut state = lock(&shared);
            let operation = &shared.plan().steps[step].operation;
            state.event(CLIENT, &format!("step {step}: {operation:?}"));
            state.outcome.jobs.push(Job::begun(step, number));
        }
        carry_out(&shared, &jobs, &dialer, step, number).await;
        lock(&shared).client.next_step = step + 1;
    }
    jobs.close().await;
    {
        let mut state = lock(&shared);
        state.event(CLIENT, "has closed");
        state.client.is_done = true;
    }
    std::future::pending().await
}

async fn carry_out(shared: &Shared, jobs: &Jobs, dialer: &TurmoilDial, step: usize, number: u32) {
    let operation = &shared.plan().steps[step].operation;
    let ended = match request(operation, step, number) {
        None => {
            let Operation::RawEcho(content) = operation else { unreachable!("all else is a request") };
            raw_echo(shared, dialer, content).await
        }
        Some(request) => match jobs.carry_out(request).await {
            Ok(Ok(_)) => Ended::Done,
            Ok(Err(error)) => ended(&error),
            Err(stopped) => Ended::Failed(format!("{stopped:?}")),
        },
    };
    let content = |files: towline::store::memory::MemoryFiles, path: &str| {
        files.get(path).map(|bytes| ContentId::of(&bytes))
    };
    let (served, local) = shared.files();
    let (mut got, mut stood) = (None, None);
    match operation {
        Operation::Get { .. } => got = content(local, &format!("down-{step}")),
        Operation::Put { path, content: sent } if ended == Ended::Done => {
            stood = Some(content(served, path) == Some(lock(shared).outcome.id(sent)));
        }
        _ => {}
    }
    let mut state = lock(shared);
    state.event(CLIENT, &format!("step {step} is over: {ended:?}"));
    if let Some(job) = state.outcome.jobs.last_mut() {
        job.ended = Some(ended);
        job.got = got;
        job.stood = stood;
    }
}

fn ended(error: &JobError) -> Ended {
    match error {
        JobError::Dial(dial) if dial.kind == DialErrorKind::Refused => Ended::Refused(error.to_string()),
        JobError::Dial(_) | JobError::Session(_) | JobError::Operation(_) => Ended::Failed(error.to_string()),
    }
}

/// What the client machine is asked; `None` for what has a connection of its own.
fn request(operation: &Operation, step: usize, client: u32) -> Option<Request> {
    let path = |text: &str| RelPath::new(text).expect("the plan's paths are good");
    let id = RequestId(u128::from(client) << 64 | (step as u128 + 1));
    Some(match operation {
        Operation::Put { path: to, .. } => {
            Request::Put { root: ROOT, source: path(&format!("up-{step}")), path: path(to), request: id }
        }
        Operation::Get { path: from } => {
            let get = Get { path: path(from), version: 0 };
            Request::Fetch { root: ROOT, at: path(&format!("down-{step}")), get }
        }
        Operation::List => Request::Ask(Question::List(RelPath::ROOT)),
        Operation::Remove { path: at } => {
            Request::Ask(Question::Remove(Remove { request: id, path: path(at) }))
        }
        Operation::Echo(content) => Request::Ask(Question::Echo(Bytes::from(content.bytes()))),
        Operation::RawEcho(_) => return None,
    })
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
    let mut state = lock(shared);
    let done = matches!(result, Ok(Ok(())));
    state.event(CLIENT, &format!("a raw echo of {} bytes gave {}", request.len(), reply.len()));
    let place = "a raw echo".to_owned();
    state.outcome.echoes.push(Echoed { place, request, replies: vec![reply], done });
    match result {
        Ok(Ok(())) => Ended::Done,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Ended::Refused(error.to_string())
        }
        Ok(Err(error)) => Ended::Failed(error.to_string()),
        Err(_) => Ended::Failed("it takes too long".to_owned()),
    }
}

/// The client's machine has one job at a time: the last that began.
fn watch(state: &mut State, number: u32, event: &Event) {
    let waited = matches!(event, Event::Connected { .. })
        && state.outcome.jobs.last().is_some_and(|job| job.retries > 0)
        && state.server.begun == 1
        && !state.outcome.plan.server_at_start;
    if waited {
        state.reach(Rare::Waited);
    }
    let double = state.plant == Some(Plant::DoubleReply);
    let line = match event {
        Event::Retrying { attempt, delay, error, .. } => {
            if matches!(error, JobError::Session(SessionEnd::Broken(failure)) if failure.code == Code::IDLE_TIMEOUT)
            {
                state.reach(Rare::Silence);
            }
            Some(format!("attempt {attempt} failed, the next in {delay:?}: {error}"))
        }
        Event::Connected { version, .. } => Some(format!("speaks version {version}")),
        Event::Finished(..) | Event::Job(..) => None,
    };
    if let Some(line) = line {
        state.event(CLIENT, &line);
    }
    let Some(job) = state.outcome.jobs.last_mut().filter(|job| job.client == number) else { return };
    match event {
        Event::Retrying { .. } => {
            job.retries += 1;
            job.names.clear();
        }
        Event::Job(_, OpEvent::Entries(entries)) => {
            job.names.extend(entries.iter().map(|entry| entry.name.escape_ascii().to_string()));
        }
        Event::Finished(..) => job.replies += if double { 2 } else { 1 },
        Event::Connected { .. } | Event::Job(..) => {}
    }
}
