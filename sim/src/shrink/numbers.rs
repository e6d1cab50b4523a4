//! What can be smaller and rounder: lengths, times, places, counts. Deadlines, retries and the network's numbers are not
//! among them: they go to a plain world's (`sections`), and below it everything would break.

use super::Tries;
use crate::plan::{Node, Operation, Part, Plan, What, When};

/// What a number says, and so how small it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Bytes of a content.
    Length,
    /// What a content is made from: any will do, and different ones stay different.
    Noise,
    /// Milliseconds, or a count from 0.
    Plain,
    /// A count from 1.
    Count,
    /// Bytes of a datagram.
    Datagram,
}

/// Around the edges of a block.
const EDGES: [u64; 9] = [65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 1 << 20, (1 << 20) + 1, 1 << 21];

pub(super) fn pass(search: &mut impl Tries) {
    scale(search);
    let mut at = 0;
    while let Some((kind, value)) = read(search.best(), at) {
        for smaller in candidates(kind, value, at as u64) {
            if search.offer(with(search.best(), at, smaller)) {
                break;
            }
        }
        at += 1;
    }
    bisect(search);
}

/// Each content by itself, and with it the bytes at which faults come: otherwise they would come no more.
fn scale(search: &mut impl Tries) {
    let mut at = 0;
    while let Some((kind, value)) = read(search.best(), at) {
        if kind == Kind::Length {
            for smaller in candidates(kind, value, 0) {
                let mut plan = with(search.best(), at, smaller);
                for fault in &mut plan.faults {
                    if let When::Byte { byte, .. } = &mut fault.when {
                        *byte = (u128::from(*byte) * u128::from(smaller) / u128::from(value)) as u64;
                    }
                }
                if search.offer(plan) {
                    break;
                }
            }
        }
        at += 1;
    }
}

/// Down to the least, for what a round number does not reach.
fn bisect(search: &mut impl Tries) {
    let mut at = 0;
    while let Some((kind, value)) = read(search.best(), at) {
        let (mut holds, mut breaks) = (kind.least(), value);
        while kind != Kind::Noise && holds < breaks {
            let middle = holds + (breaks - holds) / 2;
            if search.offer(with(search.best(), at, middle)) {
                breaks = middle;
            } else {
                holds = middle + 1;
            }
        }
        at += 1;
    }
}

impl Kind {
    fn least(self) -> u64 {
        match self {
            Kind::Length | Kind::Noise | Kind::Plain => 0,
            Kind::Count => 1,
            Kind::Datagram => 8,
        }
    }
}

/// What to try instead of `value`, the smallest first.
fn candidates(kind: Kind, value: u64, at: u64) -> Vec<u64> {
    let mut smaller = match kind {
        // By its place in the plan, so that no two contents become one.
        Kind::Noise => vec![at + 1],
        Kind::Length => [0, 1, 10, 100, 1_000, 10_000, value / 2].into_iter().chain(EDGES).collect(),
        Kind::Plain => {
            let digit = 10_u64.pow(value.max(1).ilog10());
            vec![0, 1, 10, 100, 1_000, value / 2, value / digit * digit]
        }
        Kind::Count => vec![1, 2, value / 2],
        Kind::Datagram => vec![8, value / 2],
    };
    smaller.retain(|smaller| (kind.least()..value).contains(smaller));
    smaller.sort_unstable();
    smaller.dedup();
    smaller
}

fn read(plan: &Plan, at: usize) -> Option<(Kind, u64)> {
    let (mut found, mut number) = (None, 0);
    each(&mut plan.clone(), &mut |kind, value| {
        if number == at {
            found = Some((kind, *value));
        }
        number += 1;
    });
    found
}

fn with(plan: &Plan, at: usize, other: u64) -> Plan {
    let (mut plan, mut number) = (plan.clone(), 0);
    each(&mut plan, &mut |_, value| {
        if number == at {
            *value = other;
        }
        number += 1;
    });
    plan
}

/// Shows `visit` each number of a plan, in an order that depends on nothing but its lists.
fn each(plan: &mut Plan, visit: &mut dyn FnMut(Kind, &mut u64)) {
    for (_, content) in &mut plan.served {
        visit(Kind::Length, &mut content.length);
        visit(Kind::Noise, &mut content.noise);
    }
    for client in &mut plan.clients {
        visit(Kind::Plain, &mut client.begins_ms);
        for step in &mut client.steps {
            if let Some(ms) = &mut step.give_up_ms {
                visit(Kind::Plain, ms);
            }
            of_operation(&mut step.operation, visit);
        }
    }
    for stranger in &mut plan.strangers {
        visit(Kind::Plain, &mut stranger.begins_ms);
        visit(Kind::Noise, &mut stranger.noise);
    }
    for impostor in &mut plan.impostors {
        narrow(&mut impostor.dial, Kind::Plain, visit);
        visit(Kind::Noise, &mut impostor.noise);
    }
    for fault in &mut plan.faults {
        match &mut fault.when {
            When::At(ms) | When::After(ms) => visit(Kind::Plain, ms),
            When::Byte { dial, byte, .. } => {
                narrow(dial, Kind::Plain, visit);
                visit(Kind::Plain, byte);
            }
            When::Primitive { nth, .. } => narrow(nth, Kind::Plain, visit),
        }
        match &mut fault.what {
            What::ClockJump(_, ms) => visit(Kind::Plain, ms),
            // 0 is another fault: it puts things right.
            What::SlowDisk(_, ms) if *ms > 0 => visit(Kind::Count, ms),
            What::DiskError { times, .. } | What::AcceptFails(times) => narrow(times, Kind::Count, visit),
            What::BitRot(_, pick) | What::NoteRots(_, pick) => narrow(pick, Kind::Plain, visit),
            What::SourceChanges { content, .. } => {
                visit(Kind::Length, &mut content.length);
                visit(Kind::Noise, &mut content.noise);
            }
            _ => {}
        }
    }
}

fn of_operation(operation: &mut Operation, visit: &mut dyn FnMut(Kind, &mut u64)) {
    match operation {
        Operation::Put { content, .. } | Operation::Echo(content) | Operation::RawEcho(content) => {
            visit(Kind::Length, &mut content.length);
            visit(Kind::Noise, &mut content.noise);
        }
        Operation::DatagramEcho { count, length, gap_ms } => {
            narrow(count, Kind::Count, visit);
            visit(Kind::Datagram, length);
            visit(Kind::Plain, gap_ms);
        }
        Operation::PutTree { contents, nodes, .. } => {
            let named = nodes.iter_mut().filter_map(|(_, node)| match node {
                Node::File(content) => Some(content),
                Node::Folder | Node::Link(_) | Node::Device => None,
            });
            for content in contents.iter_mut().chain(named) {
                visit(Kind::Length, &mut content.length);
                visit(Kind::Noise, &mut content.noise);
            }
        }
        Operation::Compare { content, .. } => {
            visit(Kind::Length, &mut content.length);
            visit(Kind::Noise, &mut content.noise);
        }
        Operation::Pour { content, fails_at, .. } => {
            visit(Kind::Length, &mut content.length);
            visit(Kind::Noise, &mut content.noise);
            fails_at.iter_mut().for_each(|at| visit(Kind::Plain, at));
        }
        Operation::Print { part, room, .. } => {
            match part {
                Part::Rest { first } => visit(Kind::Plain, first),
                // No later than the last one, however small that is.
                Part::Range { first, last } => {
                    visit(Kind::Plain, first);
                    let mut more = *last - *first;
                    visit(Kind::Plain, &mut more);
                    *last = *first + more;
                }
                Part::Last { count } => visit(Kind::Count, count),
            }
            room.iter_mut().for_each(|room| visit(Kind::Plain, room));
        }
        Operation::Get { .. } | Operation::GetTree { .. } | Operation::List => {}
        Operation::Stat { .. } | Operation::Remove { .. } => {}
    }
}

fn narrow(number: &mut u32, kind: Kind, visit: &mut dyn FnMut(Kind, &mut u64)) {
    let mut wide = u64::from(*number);
    visit(kind, &mut wide);
    // It only becomes smaller.
    *number = u32::try_from(wide).unwrap_or(*number);
}

#[cfg(test)]
mod tests {
    use super::{Kind, candidates, read, with};
    use crate::plan::Plan;

    #[test]
    fn smaller_ones_come_from_the_smallest() {
        assert_eq!(candidates(Kind::Plain, 4_321, 0), [0, 1, 10, 100, 1_000, 2_160, 4_000]);
        assert_eq!(candidates(Kind::Length, 65_540, 0)[5..], [10_000, 32_770, 65_535, 65_536, 65_537]);
        assert_eq!(candidates(Kind::Noise, 99, 4), [5]);
        assert_eq!(candidates(Kind::Datagram, 9, 0), [8]);
        assert!(candidates(Kind::Plain, 0, 0).is_empty());
    }

    #[test]
    fn every_number_is_read_and_written_at_its_place() {
        for seed in 0..16 {
            let plan = Plan::from_seed(seed);
            let numbers: Vec<u64> = (0..).map_while(|at| read(&plan, at)).map(|(_, value)| value).collect();
            assert!(numbers.len() > 2, "seed {seed}");
            for (at, value) in numbers.iter().enumerate() {
                assert_eq!(with(&plan, at, *value), plan);
                assert_eq!(read(&with(&plan, at, value / 2), at).map(|(_, value)| value), Some(value / 2));
            }
        }
    }
}
