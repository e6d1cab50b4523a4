//! Faults that wait for a primitive of a store.

use towline::store::memory::Primitive;

use super::disks::is_of_disk;
use super::facts::Facts;
use crate::disk::Power;
use crate::ledger::Rare;
use crate::plan::{Host, What};
use crate::trace::{Kind, Store};

/// A primitive of a host's store before which a fault comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fuse {
    pub(super) host: Host,
    pub(super) primitive: Primitive,
    /// How many of its kind pass.
    pub(super) nth: u32,
    /// True if the process does nothing more from that moment on.
    pub(super) is_deadly: bool,
    pub(super) what: What,
}

/// What has run of a host's store.
#[derive(Clone, Default)]
pub(super) struct Primitives {
    /// How many of each kind.
    counts: [u32; Primitive::ALL.len()],
    last: Option<Primitive>,
}

impl Facts {
    /// A host's store is about to run this: a fault may come first. Gives that of a disk.
    pub(super) fn before_primitive(
        &mut self,
        host: Host,
        primitive: Primitive,
        power: &Power,
    ) -> Option<What> {
        let place = match host {
            Host::Server => 0,
            Host::Client(client) => 1 + client as usize,
        };
        let Primitives { counts, last } = &mut self.primitives[place];
        let passed = counts[primitive as usize];
        counts[primitive as usize] += 1;
        let before = last.replace(primitive);
        if self.fuses.is_empty() {
            return None;
        }
        let is_here = |fuse: &Fuse| (fuse.host, fuse.primitive) == (host, primitive) && fuse.nth <= passed;
        let at = self.fuses.iter().position(is_here)?;
        let fuse = self.fuses.remove(at);
        self.blown.push(fuse);
        if !fuse.is_deadly {
            return Some(fuse.what).filter(|what| is_of_disk(*what));
        }
        self.record(host.into(), None, Kind::Store(Store::IsGone(primitive)));
        match (host, primitive) {
            (Host::Server, Primitive::Rename) => self.reach(Rare::DiedBeforeRename),
            (Host::Server, Primitive::SyncFolder) if before == Some(Primitive::Rename) => {
                self.reach(Rare::DiedAfterRename);
            }
            _ => {}
        }
        power.cut();
        None
    }
}
