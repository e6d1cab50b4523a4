//! What can be as in a plain world: a section of the plan at once, then number by number.

use super::Tries;
use crate::plan::{Datagrams, Disks, Network, Numbers, Plan, Retry, Shape};

/// Makes a part of a plan plain.
type Plain = fn(&mut Plan);

pub(super) fn pass(search: &mut impl Tries) {
    for plain in WHOLE.iter().chain(PARTS) {
        let mut plan = search.best().clone();
        plain(&mut plan);
        if plan != *search.best() {
            search.offer(plan);
        }
    }
}

const WHOLE: &[Plain] = &[
    |plan| plan.crowd = 0,
    |plan| plan.clients.iter_mut().for_each(|client| client.leaves = false),
    |plan| plan.shape = Shape::SMOOTH,
    |plan| plan.network = Network::default(),
    |plan| plan.datagrams = Datagrams::default(),
    |plan| plan.disks = Disks::default(),
    |plan| plan.limits = Numbers::default(),
    |plan| plan.retry = Retry::default(),
];

macro_rules! parts {
    ($($section:ident: $plain:expr, $($field:ident)+;)*) => {
        &[$($(|plan| plan.$section.$field = $plain.$field,)+)*]
    };
}

const PARTS: &[Plain] = parts! {
    shape: Shape::SMOOTH, write_max read_max pending_percent nap_permille nap_ms_max
        interrupted_permille flush_permille;
    network: Network::default(), latency_ms bytes_per_ms window resent_percent backlog;
    datagrams: Datagrams::default(), lost_percent doubled_percent late_percent;
    disks: Disks::default(), latency_us server_capacity client_capacity;
    limits: Numbers::default(),
        idle_ms handshake_ms linger_ms drain_ms window operations control connections per_source greeting read_ahead
        store_operations note_every parallel;
    retry: Retry::default(), attempts base_ms cap_ms wait_ms connect_ms;
};
