//! What is seldom in a tree: names that are kept for partial files, devices, paths that are too long at the other side;
//! patterns; more entries than are taken for true. Drawn after all else of a tree.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::content;
use crate::plan::{Links, Node, Obstacle, Operation, Plan};

/// Of a hundred trees.
const PERCENT: u32 = 25;
/// As long as a path in a folder may be here, and too long in one with a longer name.
const LONG: usize = 4_090;
/// Letters with which many names begin.
const LETTERS: [char; 5] = ['0', 'a', 'b', 'f', 'z'];
/// Where a name that is kept stands.
const RESERVED: [&str; 3] = [".towline", "a/.towline", "z/.TowLine/within"];

/// Makes the steps of one tree, of which some are sure to succeed, strange; seldom.
pub(super) fn strange(plan: &mut Plan, steps: &mut [(Operation, bool)], path: &str, random: &mut ChaCha8Rng) {
    if !random.random_ratio(PERCENT, 100) {
        return;
    }
    match random.random_range(0..16) {
        0..3 => {
            let node = (RESERVED[random.random_range(0..RESERVED.len())], Node::File(content(random)));
            add(steps, &node);
        }
        3..9 => leave_out(steps, random),
        9 | 10 => {
            add(steps, &("device", Node::Device));
            if random.random_bool(0.5) {
                plan.obstacles.push((format!("{path}/five"), Obstacle::Device));
                steps.iter_mut().for_each(|(_, is_sure)| *is_sure = false);
            }
        }
        11 => {
            let folders = vec!["n".repeat(255); LONG / 256];
            let (folder, rest) = (folders.join("/"), LONG % 256);
            add(steps, &(&format!("{folder}/{}", "n".repeat(rest)), Node::File(content(random))));
            steps.iter_mut().for_each(|(_, is_sure)| *is_sure = false);
        }
        12 | 13 => {
            match random.random_bool(0.5) {
                true => plan.limits.listing_max = random.random_range(1..4),
                false => plan.limits.tree_max = random.random_range(1..5),
            }
            steps.iter_mut().for_each(|(_, is_sure)| *is_sure = false);
        }
        _ => follow(steps),
    }
}

/// Where something else than a folder is on the way to it, it cannot be.
fn add(steps: &mut [(Operation, bool)], (at, node): &(&str, Node)) {
    for (operation, _) in steps {
        if let Operation::PutTree { nodes, .. } = operation {
            let is_in_the_way = |(path, other): &(String, Node)| {
                *other != Node::Folder
                    && at.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/'))
            };
            if nodes.iter().any(is_in_the_way) {
                continue;
            }
            nodes.push(((*at).to_owned(), node.clone()));
        }
    }
}

/// Patterns, of some of the steps: who leaves nothing out, or something else, finds what others left.
fn leave_out(steps: &mut [(Operation, bool)], random: &mut ChaCha8Rng) {
    let letter = LETTERS[random.random_range(0..LETTERS.len())];
    for (operation, is_sure) in steps {
        match operation {
            Operation::PutTree { how, .. } | Operation::GetTree { how, .. } if random.random_bool(0.7) => {
                how.without = Some(letter);
            }
            // What it asks for may have been left out.
            _ => *is_sure = false,
        }
    }
}

/// What links at the server lead to is received in their place.
fn follow(steps: &mut [(Operation, bool)]) {
    for (operation, is_sure) in steps {
        if let Operation::GetTree { at: Some(_), how, .. } = operation {
            (how.links, *is_sure) = (Links::Follow, false);
        }
    }
}
