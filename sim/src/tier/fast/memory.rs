//! What the machines of each host hold, all together, against what they may.

use std::collections::BTreeMap;

use towline::harness::Checked;
use towline::proto::machine::Machine;

use super::net::ConnId;
use crate::outcome::Peak;
use crate::plan::Host;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Memory {
    /// By machine: what it holds, and the most that it may.
    held: BTreeMap<(Host, Option<ConnId>), (usize, usize)>,
    /// Of all machines of a host together.
    sums: BTreeMap<Host, Peak>,
    pub(super) peaks: BTreeMap<Host, Peak>,
}

impl Memory {
    /// A machine was stepped: a session, by its connection, or a client.
    pub(super) fn note<M: Machine>(&mut self, host: Host, conn: Option<ConnId>, machine: &Checked<M>) {
        let (held, most) = machine.held();
        let before = self.held.insert((host, conn), (held, most));
        if before == Some((held, most)) {
            return;
        }
        let now = self.sums.entry(host).or_default();
        now.take_off(before);
        (now.machines, now.bytes, now.most) = (now.machines + 1, now.bytes + held, now.most + most);
        let now = *now;
        let peak = self.peaks.entry(host).or_default();
        // What is too much is kept, however little it is.
        if !peak.is_too_much() && (now.is_too_much() || now.bytes > peak.bytes) {
            *peak = now;
        }
    }

    /// A machine is gone.
    pub(super) fn forget(&mut self, host: Host, conn: Option<ConnId>) {
        let gone = self.held.remove(&(host, conn));
        self.sums.entry(host).or_default().take_off(gone);
    }

    /// A host's process is gone, with all its machines.
    pub(super) fn forget_all(&mut self, host: Host) {
        self.held.retain(|(of, _), _| *of != host);
        self.sums.remove(&host);
    }
}

impl Peak {
    /// Without a machine that holds and may hold so much.
    fn take_off(&mut self, machine: Option<(usize, usize)>) {
        if let Some((held, most)) = machine {
            *self = Peak { machines: self.machines - 1, bytes: self.bytes - held, most: self.most - most };
        }
    }
}
