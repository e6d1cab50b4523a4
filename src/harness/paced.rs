//! The rate of a pair's client, whose connections are all of one key: the listener says when they may move how much, and what comes
//! meanwhile waits in the transport, as the driver would leave it there.

use std::collections::{BTreeMap, VecDeque};

use super::pair::Due;
use super::{Checked, Pair, PairConfig, Side};
use crate::proto::ListenLimits;
use crate::proto::client::LinkId;
use crate::proto::listener::{ConnectionId, ListenEvent, ListenInput, Listener, Source};
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::session::{Command, Event};
use crate::proto::storage::Owner;
use crate::time::{Duration, Time};

/// The listener, and what nobody reads yet.
pub(super) struct Pacer {
    listener: Checked<Listener>,
    rate: u64,
    waiting: BTreeMap<LinkId, VecDeque<Due>>,
}

impl Pacer {
    /// `None` where the client has no rate.
    pub(super) fn new(config: &PairConfig) -> Option<Pacer> {
        let rate = config.rights.share().rate?;
        let listener = Listener::new(ListenLimits::default(), &config.limits);
        let (listener, _nothing) = Checked::new(Time::ZERO, listener, Out::new());
        Some(Pacer { listener, rate, waiting: BTreeMap::new() })
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.listener.machine().deadline()
    }
}

fn id(link: LinkId) -> ConnectionId {
    ConnectionId(link.0.into())
}

impl Pair {
    fn step_pacer(&mut self, input: Input<Listener>) {
        let now = self.now();
        let Some(pacer) = &mut self.pacer else { return };
        let mut freed = Vec::new();
        for effect in pacer.listener.step(now, input) {
            if let Effect::Event(ListenEvent::Allow(ConnectionId(number), bytes)) = effect {
                let link = LinkId(u32::try_from(number).expect("a link of this pair"));
                freed.push(Due::ToServer(link, Input::Command(Command::Allow(bytes))));
            }
        }
        freed.into_iter().for_each(|due| self.schedule(Duration::ZERO, due));
    }

    pub(super) fn pacer_elapsed(&mut self) {
        self.step_pacer(Input::Elapsed);
    }

    /// True where a connection has a rate.
    pub(super) fn paces(&mut self, link: LinkId) -> bool {
        let Some(Pacer { rate, .. }) = self.pacer else { return false };
        let id = id(link);
        self.step_pacer(Input::Command(ListenInput::Accepted(id, Source(0))));
        self.step_pacer(Input::Command(ListenInput::Ready(id)));
        self.step_pacer(Input::Command(ListenInput::Paced { id, owner: Owner::ANYBODY, rate }));
        true
    }

    pub(super) fn note_spent(&mut self, link: LinkId, event: &Event) {
        if let Event::Spent { bytes, more } = event {
            self.step_pacer(Input::Command(ListenInput::Spent { id: id(link), bytes: *bytes, more: *more }));
        }
    }

    pub(super) fn paced_is_gone(&mut self, link: LinkId) {
        self.step_pacer(Input::Command(ListenInput::Closed(id(link))));
        if let Some(pacer) = &mut self.pacer {
            pacer.waiting.remove(&link);
        }
    }

    /// What comes to a server that does not read now waits, in order; gives back what does not have to.
    pub(super) fn unless_held_back(&mut self, due: Due) -> Option<Due> {
        let (Due::Arrive(link, Side::Client, _) | Due::End(link, Side::Client)) = due else {
            return Some(due);
        };
        let reads = self.server_reads(link);
        let Some(pacer) = &mut self.pacer else { return Some(due) };
        if reads && !pacer.waiting.contains_key(&link) {
            return Some(due);
        }
        pacer.waiting.entry(link).or_default().push_back(due);
        None
    }

    /// What waits happens, as long as the server reads.
    pub(super) fn resume(&mut self, link: LinkId) {
        while self.server_reads(link) {
            let Some(pacer) = &mut self.pacer else { return };
            let Some(waiting) = pacer.waiting.get_mut(&link) else { return };
            let due = waiting.pop_front();
            if waiting.is_empty() {
                pacer.waiting.remove(&link);
            }
            due.into_iter().for_each(|due| self.happen_now(due));
        }
    }
}
