//! turmoil's hosts and the links between them, as the script moves them.

use std::collections::BTreeSet;

use turmoil::Sim;

use super::super::driven::script::{Hosts, Link};
use super::super::facts::{SERVER, client_name};
use crate::plan::{Cut, Host};

/// The simulation, and what it does not say of itself.
pub(super) struct TurmoilHosts<'a> {
    pub(super) sim: Sim<'a>,
    /// Clients whose links are held: a repair would leave what waits there stuck, and a release heals what is cut.
    held: BTreeSet<u32>,
}

impl<'a> TurmoilHosts<'a> {
    pub(super) fn new(sim: Sim<'a>) -> TurmoilHosts<'a> {
        TurmoilHosts { sim, held: BTreeSet::new() }
    }
}

fn name(host: Host) -> &'static str {
    match host {
        Host::Server => SERVER,
        Host::Client(client) => client_name(client),
    }
}

impl Hosts for TurmoilHosts<'_> {
    fn crash(&mut self, host: Host) {
        self.sim.crash(name(host));
    }

    fn start(&mut self, host: Host) {
        self.sim.bounce(name(host));
    }

    fn link(&mut self, client: u32, what: Link) {
        let (at, is_held) = (client_name(client), self.held.contains(&client));
        match what {
            Link::Cut(Cut::Both) => self.sim.partition(at, SERVER),
            Link::Cut(Cut::ToServer) => self.sim.partition_oneway(at, SERVER),
            Link::Cut(Cut::ToClient) => self.sim.partition_oneway(SERVER, at),
            Link::Repair if is_held => {}
            Link::Repair => self.sim.repair(at, SERVER),
            Link::Hold => {
                self.held.insert(client);
                self.sim.hold(at, SERVER);
            }
            Link::Release if is_held => {
                self.held.remove(&client);
                self.sim.release(at, SERVER);
            }
            Link::Release => {}
        }
    }
}
