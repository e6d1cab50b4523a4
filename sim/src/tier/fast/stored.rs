//! The server's store: names one after another, publications that wait together in a group, all else as it comes.

use std::collections::VecDeque;

use towline::harness::{MemoryStreams, carry_out};
use towline::proto::machine::Input;
use towline::proto::storage::{NameOp, StoreOp, Stored, Ticket};
use towline::store::Publication;

use super::super::disks::slowness_ms;
use super::net::ConnId;
use super::world::{Due, World};
use crate::plan::Host;

impl World {
    pub(super) fn store_served(&mut self, conn: ConnId, ticket: Ticket, op: StoreOp) {
        let slowness_ms = slowness_ms(&self.facts(), Host::Server, &op);
        let (now, pause) = (self.now, self.store_pause(slowness_ms));
        let Some(host) = &mut self.server else { return };
        let mut at = now + pause;
        if let StoreOp::Name(name) = &op {
            at = at.max(host.names_until);
            host.names_until = at;
            host.names_queue.push_back((conn, ticket, publication(name)));
        }
        self.at(at, Due::Store(conn, ticket, Box::new(op)));
    }

    /// A store operation has its turn: what was said before is on its way by now.
    pub(super) fn on_store_served(&mut self, conn: ConnId, ticket: Ticket, op: StoreOp) {
        let Some(host) = &mut self.server else { return };
        let mut group = VecDeque::new();
        if let StoreOp::Name(name) = &op {
            let turn = host.names_queue.iter().position(|(of, queued, _)| (*of, *queued) == (conn, ticket));
            // One that is not there any more shared the group of one before it.
            let Some(turn) = turn else { return };
            host.names_queue.remove(turn);
            if let Some(publication) = publication(name) {
                group.push_back((conn, ticket, publication));
                while let Some((conn, ticket, Some(publication))) = host.names_queue.get(turn).copied() {
                    host.names_queue.remove(turn);
                    group.push_back((conn, ticket, publication));
                }
            }
        }
        if !group.is_empty() {
            return self.publish_served(group);
        }
        let host = self.server.as_mut().filter(|host| host.sessions.contains_key(&conn));
        // A process without power does nothing more; the script takes it away after this step.
        let Some(host) = host.filter(|host| host.power.is_on()) else { return };
        let stored = carry_out(&mut host.names, &mut MemoryStreams::new(), op);
        self.step_session(conn, Input::Stored(ticket, stored));
    }

    fn publish_served(&mut self, mut group: VecDeque<(ConnId, Ticket, Publication)>) {
        let Some(host) = self.server.as_mut().filter(|host| host.power.is_on()) else { return };
        group.retain(|(conn, ..)| host.sessions.contains_key(conn));
        let mut waiting: VecDeque<Publication> = group.iter().map(|(.., publication)| *publication).collect();
        let mut ends = Vec::new();
        while !waiting.is_empty() {
            ends.extend(host.names.publish_group(&mut waiting));
        }
        for ((conn, ticket, _), end) in group.into_iter().zip(ends) {
            self.step_session(conn, Input::Stored(ticket, Stored::Name(end)));
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all but a publication are carried out by themselves")]
fn publication(op: &NameOp) -> Option<Publication> {
    match op {
        NameOp::Publish { lease, hash } => Some(Publication { lease: *lease, hash: *hash }),
        _ => None,
    }
}
