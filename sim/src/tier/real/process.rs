//! A host's process: a thread with a runtime of its own. Killed, all of its tasks are dropped where they stand, and the
//! system closes their sockets; its files have lost their power before.

use std::collections::BTreeMap;
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use towline::probe::{self, Bug};

use super::super::driven::script::{Hosts, Link};
use super::super::driven::state::{Shared, lock};
use super::super::driven::{client, server};
use super::super::panics::caught;
use super::net::Loopback;
use crate::plan::Host;

/// One that runs until it is dropped.
struct Process {
    /// Dropped, it ends the thread.
    kill: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Process {
    fn begin(host: Host, shared: Shared, network: Loopback, bug: Option<Bug>) -> Process {
        let (kill, killed) = oneshot::channel();
        let thread = std::thread::Builder::new().name(format!("{host:?}"));
        let thread = thread.spawn(move || {
            // Planted and marked is by thread; the thread ends with the process.
            probe::plant(bug).unwrap_or_else(|error| panic!("{error}"));
            let panic = caught(|| live(host, shared.clone(), network, killed));
            let outcome = &mut lock(&shared).facts.outcome;
            outcome.marks.extend(probe::take_marks());
            outcome.panic = outcome.panic.take().or(panic);
        });
        Process { kill: Some(kill), thread: Some(thread.expect("a thread can be started")) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill.take();
        if let Some(thread) = self.thread.take() {
            // What panicked in it has been told.
            let _ = thread.join();
        }
    }
}

fn live(host: Host, shared: Shared, network: Loopback, killed: oneshot::Receiver<()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all();
    // What panics in a task would go unnoticed.
    #[cfg(tokio_unstable)]
    builder.unhandled_panic(tokio::runtime::UnhandledPanic::ShutdownRuntime);
    let runtime = builder.build().expect("a runtime can be made");
    let ended = runtime.block_on(async {
        let running = async {
            match host {
                Host::Server => server::run(shared, network).await,
                Host::Client(client) => client::run(shared, network, client).await,
            }
        };
        tokio::select! { biased; _ = killed => Ok(()), ended = running => ended }
    });
    ended.unwrap_or_else(|error| panic!("{host:?} failed: {error}"));
}

/// The processes of all hosts.
pub(super) struct Processes {
    shared: Shared,
    network: Loopback,
    bug: Option<Bug>,
    running: BTreeMap<Host, Process>,
}

impl Processes {
    /// Nobody runs.
    pub(super) fn new(shared: Shared, network: Loopback, bug: Option<Bug>) -> Processes {
        Processes { shared, network, bug, running: BTreeMap::new() }
    }

    /// A process begins on its host.
    pub(super) fn begin(&mut self, host: Host) {
        let process = Process::begin(host, self.shared.clone(), self.network.clone(), self.bug);
        self.running.insert(host, process);
    }

    /// True if a process is not there any more.
    pub(super) fn has_ended(&self, host: Host) -> bool {
        let thread = self.running.get(&host).and_then(|process| process.thread.as_ref());
        thread.is_none_or(JoinHandle::is_finished)
    }
}

impl Hosts for Processes {
    fn crash(&mut self, host: Host) {
        self.running.remove(&host);
    }

    fn start(&mut self, host: Host) {
        // Its ports are free only once it is gone.
        self.crash(host);
        self.begin(host);
    }

    fn link(&mut self, client: u32, what: Link) {
        unreachable!(
            "the loopback interface has no {what:?} for client {client}: the plan is not for this tier"
        );
    }
}
