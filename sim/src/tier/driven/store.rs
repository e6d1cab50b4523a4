//! A host's store: the driver's, whose operations wait as long as a disk takes that has a latency, or is slow.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use towline::drive::{Disk, Mode, Reply, Submit};
use towline::proto::storage::{Lease, RootId, StoreOp, Ticket};

use super::super::disks::slowness_ms;
use super::state::{Shared, lock};
use crate::disk::{Power, PoweredFiles};
use crate::plan::Host;
use crate::streams::Streams;

/// A store of one process.
pub(super) struct Store {
    disk: Disk<PoweredFiles>,
    host: Host,
    shared: Shared,
    random: Arc<Mutex<ChaCha8Rng>>,
}

impl Store {
    /// Opens a host's files, again and again if its disk fails; `None` if the power went meanwhile.
    pub(super) async fn open(
        shared: &Shared,
        host: Host,
        nonce: u64,
        mode: Mode,
        power: &Power,
    ) -> Option<(Store, Disk<PoweredFiles>, RootId)> {
        let random = Streams::new(shared.plan().seed).part(Streams::DISK, "turmoil store", nonce);
        while power.is_on() {
            let disk: Disk<PoweredFiles> = Disk::new(nonce, mode);
            match disk.add_root(shared.files(host, power)).await {
                Ok(root) => {
                    let random = Arc::new(Mutex::new(random));
                    let store = Store { disk: disk.clone(), host, shared: shared.clone(), random };
                    return Some((store, disk, root));
                }
                Err(error) => lock(shared).facts.cannot_begin(host, &error),
            }
        }
        None
    }

    /// Whole milliseconds, which are turmoil's.
    fn pause_ms(&self, op: &StoreOp) -> u64 {
        let span = self.shared.plan().disks.latency_us;
        let latency_ms = match span.max / 1_000 {
            0 => 0,
            _ => {
                let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
                random.random_range(span.min..=span.max) / 1_000
            }
        };
        latency_ms + slowness_ms(&lock(&self.shared).facts, self.host, op)
    }
}

impl Submit for Store {
    fn submit(&self, ops: &mut Vec<(Ticket, StoreOp)>, reply: &Reply) {
        let mut at_once = Vec::new();
        for (ticket, op) in ops.drain(..) {
            let pause_ms = self.pause_ms(&op);
            if pause_ms == 0 {
                at_once.push((ticket, op));
                continue;
            }
            let (disk, reply) = (self.disk.clone(), reply.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                disk.submit(&mut vec![(ticket, op)], &reply);
            });
        }
        self.disk.submit(&mut at_once, reply);
    }

    fn takes_many(&self) -> bool {
        self.disk.takes_many()
    }

    fn abandon(&self, lease: Lease) {
        self.disk.abandon(lease);
    }
}
