//! What the machines of each host hold, all together, against what they may.

use std::collections::BTreeMap;

use towline::harness::Checked;
use towline::proto::machine::Machine;

use super::net::ConnId;
use crate::outcome::Peak;
use crate::plan::Host;

/// What a machine holds, and the most that it may.
type Held = (usize, usize);

/// See the [module](self).
#[derive(Default)]
pub(super) struct Memory {
    /// By the numbers of their connections.
    sessions: Vec<Option<Held>>,
    clients: Vec<Option<Held>>,
    /// Of all machines of a host together.
    sums: BTreeMap<Host, Peak>,
    pub(super) peaks: BTreeMap<Host, Peak>,
}

impl Memory {
    /// A session of the server's was stepped.
    pub(super) fn note_session<M: Machine>(&mut self, ConnId(number): ConnId, session: &Checked<M>) {
        let held = session.held();
        let before = place(&mut self.sessions, number).replace(held);
        self.note(Host::Server, before, held);
    }

    /// A client was stepped.
    pub(super) fn note_client<M: Machine>(&mut self, client: u32, machine: &Checked<M>) {
        let held = machine.held();
        let before = place(&mut self.clients, u64::from(client)).replace(held);
        self.note(Host::Client(client), before, held);
    }

    fn note(&mut self, host: Host, before: Option<Held>, (held, most): Held) {
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

    /// A session of the server's is gone.
    pub(super) fn forget_session(&mut self, ConnId(number): ConnId) {
        let gone = place(&mut self.sessions, number).take();
        self.sums.entry(Host::Server).or_default().take_off(gone);
    }

    /// A host's process is gone, with all its machines.
    pub(super) fn forget_all(&mut self, host: Host) {
        match host {
            Host::Server => self.sessions.clear(),
            Host::Client(client) => *place(&mut self.clients, u64::from(client)) = None,
        }
        self.sums.remove(&host);
    }
}

/// A machine's place in a list that is as long as it has to be.
fn place(machines: &mut Vec<Option<Held>>, number: u64) -> &mut Option<Held> {
    let number = usize::try_from(number).expect("there are not so many");
    if machines.len() <= number {
        machines.resize(number + 1, None);
    }
    &mut machines[number]
}

impl Peak {
    /// Without a machine that holds and may hold so much.
    fn take_off(&mut self, machine: Option<Held>) {
        if let Some((held, most)) = machine {
            *self = Peak { machines: self.machines - 1, bytes: self.bytes - held, most: self.most - most };
        }
    }
}
