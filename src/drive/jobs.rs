//! The client machine as a handle: asks, and waits for the answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Clock, Completions, Dial, Pool, Run, Traffic};
use crate::proto::Limits;
use crate::proto::client::{Client, Command, Event, JobError, JobId, RetryPolicy};
use crate::proto::machine::Out;
use crate::proto::op::OpDone;
use crate::proto::session::Request;
use crate::proto::tree_job::TreeRequest;

/// The client's driver has ended, so nothing more can be asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// A running client. Dropped, it cancels what it was asked and closes its connection.
pub struct Jobs {
    commands: UnboundedSender<Command>,
    waiting: Arc<Mutex<Waiting>>,
    task: Option<JoinHandle<()>>,
    traffic: Traffic,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    answers: BTreeMap<JobId, oneshot::Sender<Result<OpDone, JobError>>>,
}

impl Jobs {
    /// Starts a client on the current tokio runtime; `on_event` is told everything, in order.
    pub fn start<D>(
        dialer: D,
        store: Completions,
        limits: Limits,
        policy: RetryPolicy,
        seed: u64,
        on_event: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Jobs
    where
        D: Dial + Send + 'static,
        D::Stream: Send + 'static,
    {
        let (commands, inbox) = unbounded_channel();
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let clock = Clock::start();
        let client = Client::new(clock.now(), limits, policy, seed);
        let run = Run::new(clock, client, Out::new(), dialer, Pool::new(256 * 1024, 8));
        let answers = Arc::clone(&waiting);
        let traffic = Traffic::default();
        let counted = traffic.clone();
        let task = tokio::spawn(async move {
            let run = run.with_store(store).with_commands(inbox).with_traffic(counted);
            run.to_end(|event| {
                on_event(&event);
                if let Event::Finished(job, result) = event
                    && let Some(answer) = lock(&answers).answers.remove(&job)
                {
                    // Whoever asked may have stopped waiting.
                    let _ = answer.send(result);
                }
            })
            .await;
            lock(&answers).answers.clear();
        });
        Jobs { commands, waiting, task: Some(task), traffic }
    }

    /// What has gone over the client's connections so far.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Jobs that were begun so far.
    pub fn begun(&self) -> u64 {
        lock(&self.waiting).next
    }

    /// Carries out one job. Dropping the future cancels it.
    pub async fn carry_out(&self, request: Request) -> Result<Result<OpDone, JobError>, Stopped> {
        self.ask(|job| Command::Start(job, request)).await
    }

    /// Moves trees, as one job. Dropping the future cancels it.
    pub async fn move_trees(&self, request: TreeRequest) -> Result<Result<OpDone, JobError>, Stopped> {
        self.ask(|job| Command::StartTree(job, request)).await
    }

    async fn ask(&self, command: impl FnOnce(JobId) -> Command) -> Result<Result<OpDone, JobError>, Stopped> {
        let (answer, result) = oneshot::channel();
        let job = {
            let mut waiting = lock(&self.waiting);
            let job = JobId(waiting.next);
            waiting.next += 1;
            waiting.answers.insert(job, answer);
            job
        };
        self.commands.send(command(job)).map_err(|_| Stopped)?;
        let mut cancel = CancelOnDrop { job: Some(job), commands: &self.commands };
        let result = result.await.map_err(|_| Stopped);
        cancel.job = None;
        result
    }

    /// Finishes what runs, says goodbye, and waits until the connection is closed.
    pub async fn close(mut self) {
        // If the driver has ended already there is nobody to tell.
        let _ = self.commands.send(Command::Close);
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

struct CancelOnDrop<'a> {
    job: Option<JobId>,
    commands: &'a UnboundedSender<Command>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(job) = self.job {
            let _ = self.commands.send(Command::Cancel(job));
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
