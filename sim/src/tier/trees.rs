//! The plan's trees, as the client's application moves them, on any tier.

use towline::proto::op::OpDone;
use towline::proto::tree_job::{Direction, Item, Summary, TreeRequest};
use towline::wire::{RelPath, RequestId};

use super::files::source_of;
use super::steps::ROOT;
use crate::outcome::Ended;
use crate::plan::Operation;

/// The tree that the client machine is asked to move, if it is.
pub(super) fn tree(operation: &Operation, step: usize, client: u32, life: u32) -> Option<TreeRequest> {
    let path = |text: &str| RelPath::new(text).expect("the plan's paths are good");
    let (direction, from, to, how) = match operation {
        Operation::PutTree { path: to, how, .. } => (Direction::Up, path(&source_of(step)), path(to), how),
        Operation::GetTree { path: from, how, .. } => {
            (Direction::Down, path(from), path(&destination_of(operation, life, step)), how)
        }
        _ => return None,
    };
    let requests = RequestId(1 << 32 | u128::from(client) << 16 | u128::from(life) << 8 | (step as u128 + 1));
    let items = vec![Item { root: ROOT, from, to }];
    Some(TreeRequest { direction, items, options: how.options(), requests })
}

/// Where a client receives a tree: in each of its lives anew, but for a folder that has a name.
pub(crate) fn destination_of(operation: &Operation, life: u32, step: usize) -> String {
    match operation {
        Operation::GetTree { at: Some(at), .. } => format!("copy-{at}"),
        _ => format!("down-{step}-{life}"),
    }
}

/// A tree of which something failed is no success.
pub(super) fn whole(done: OpDone) -> Ended {
    match done {
        OpDone::Tree(summary) => whole_tree(&summary),
        _ => Ended::Done,
    }
}

/// The same for its summary.
pub(super) fn whole_tree(summary: &Summary) -> Ended {
    match summary.failed {
        0 => Ended::Done,
        failed => Ended::Failed(format!("{failed} entries failed")),
    }
}
