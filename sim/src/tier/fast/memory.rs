//! What the machines of each host hold, all together, against what they may.

use std::collections::BTreeMap;

use towline::proto::machine::Machine;

use super::net::ConnId;
use crate::outcome::Peak;
use crate::plan::Host;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Memory {
    /// By machine: what it holds, and the most that it may.
    held: BTreeMap<(Host, Option<ConnId>), (usize, usize)>,
    pub(super) peaks: BTreeMap<Host, Peak>,
}

impl Memory {
    /// A machine was stepped: a session, by its connection, or a client.
    pub(super) fn note<M: Machine>(&mut self, host: Host, conn: Option<ConnId>, machine: &M) {
        self.held.insert((host, conn), (machine.footprint(), machine.footprint_max()));
        let of_host = self.held.range((host, None)..=(host, Some(ConnId(u64::MAX))));
        let now = of_host.fold(Peak::default(), |sum, (_, (held, most))| Peak {
            machines: sum.machines + 1,
            bytes: sum.bytes + held,
            most: sum.most + most,
        });
        let peak = self.peaks.entry(host).or_default();
        // What is too much is kept, however little it is.
        if !peak.is_too_much() && (now.is_too_much() || now.bytes > peak.bytes) {
            *peak = now;
        }
    }

    /// A machine is gone.
    pub(super) fn forget(&mut self, host: Host, conn: Option<ConnId>) {
        self.held.remove(&(host, conn));
    }

    /// A host's process is gone, with all its machines.
    pub(super) fn forget_all(&mut self, host: Host) {
        self.held.retain(|(of, _), _| *of != host);
    }
}
