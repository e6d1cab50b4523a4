//! Shrinking: the least plan that still breaks the same invariant, by its name. Greedy, to a fixed point, and the same each
//! time: what is tried depends on the plan and on what broke, and on no clock and no draw.
//!
//! | file | what |
//! |---|---|
//! | `lists` | what can be left out: clients, steps, files, faults, strangers |
//! | `sections` | what can be as in a plain world |
//! | `numbers` | what can be smaller and rounder |
//! | `fair` | what must stay, so that the failure does not become another one of the same name |

mod fair;
mod lists;
mod numbers;
mod sections;

use std::collections::BTreeSet;
use std::fmt;

use crate::invariants::Broken;
use crate::plan::Plan;

/// What shrinking found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The least plan that was found.
    pub plan: Plan,
    /// Runs that it took.
    pub runs: usize,
    /// True if nothing that is tried makes it less; false if the runs were used up.
    pub is_least: bool,
}

/// How large a plan is, for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    clients: usize,
    steps: usize,
    faults: usize,
    peers: usize,
    bytes: u64,
}

/// The size of a plan.
pub fn size(plan: &Plan) -> Size {
    Size {
        clients: plan.clients.len(),
        steps: plan.steps().count(),
        faults: plan.faults.len(),
        peers: plan.strangers.len() + plan.impostors.len(),
        bytes: plan.bytes(),
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { clients, steps, faults, peers, bytes } = self;
        write!(f, "{clients} clients, {steps} steps, {faults} faults, ")?;
        if *peers > 0 {
            write!(f, "{peers} peers that break the rules, ")?;
        }
        write!(f, "{bytes} bytes")
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Runs.
    pub runs: usize,
    /// The least plan's size.
    pub size: Size,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shrinking, {} runs: {}", self.runs, self.size)
    }
}

/// Shrinks `plan` for as long as `judge` says that `invariant` breaks, in at most `most` runs; `None` if it does not
/// break in the first place. `tell` hears of each run.
pub fn shrink(
    plan: &Plan,
    invariant: &str,
    most: usize,
    judge: impl Fn(&Plan) -> Vec<Broken>,
    tell: impl FnMut(Tried),
) -> Option<Shrunk> {
    let breaks = |plan: &Plan| judge(plan).iter().any(|broken| broken.invariant == invariant);
    if most == 0 || !breaks(plan) {
        return None;
    }
    let mut best = plan.clone();
    best.story = format!("seed {}: {invariant}", plan.seed);
    let tried = BTreeSet::from([best.text()]);
    let mut search = Search { original: plan, best, breaks, tell, tried, runs: 1, most };
    loop {
        let before = search.best.clone();
        lists::pass(&mut search);
        sections::pass(&mut search);
        numbers::pass(&mut search);
        if search.best == before || search.is_over() {
            break;
        }
    }
    let is_least = !search.is_over();
    Some(Shrunk { plan: search.best, runs: search.runs, is_least })
}

/// What the passes work on.
trait Tries {
    /// The least plan so far.
    fn best(&self) -> &Plan;
    /// Takes `candidate` for the least if it breaks the same; true if it did.
    fn offer(&mut self, candidate: Plan) -> bool;
}

struct Search<'a, B, T> {
    original: &'a Plan,
    best: Plan,
    breaks: B,
    tell: T,
    /// What was run, by its text: a plan breaks the same each time.
    tried: BTreeSet<String>,
    runs: usize,
    most: usize,
}

impl<B, T> Search<'_, B, T> {
    fn is_over(&self) -> bool {
        self.runs >= self.most
    }
}

impl<B: Fn(&Plan) -> bool, T: FnMut(Tried)> Tries for Search<'_, B, T> {
    fn best(&self) -> &Plan {
        &self.best
    }

    fn offer(&mut self, candidate: Plan) -> bool {
        let is_worth = !self.is_over()
            && candidate.check().is_ok()
            && fair::is_fair(self.original, &candidate)
            && self.tried.insert(candidate.text());
        if !is_worth {
            return false;
        }
        self.runs += 1;
        let is_less = (self.breaks)(&candidate);
        if is_less {
            self.best = candidate;
        }
        (self.tell)(Tried { runs: self.runs, size: size(&self.best) });
        is_less
    }
}

#[cfg(test)]
mod tests {
    use super::{Shrunk, shrink};
    use crate::invariants::Broken;
    use crate::plan::{Content, Cut, Operation, Plan, Scenario, Shape, What, When, Whom};

    /// Breaks where a partition meets a put of 100 bytes or more: no world has to run for that.
    fn judge(plan: &Plan) -> Vec<Broken> {
        let is_parted = plan.faults.iter().any(|fault| matches!(fault.what, What::Partition(Cut::Both, _)));
        let is_long = |operation: &Operation| matches!(operation, Operation::Put { content: Content { length, .. }, .. } if *length >= 100);
        let is_broken = is_parted && plan.steps().any(|step| is_long(&step.operation));
        let broken = Broken { invariant: "mended", reason: String::new() };
        if is_broken { vec![broken] } else { Vec::new() }
    }

    fn seed() -> u64 {
        (0..)
            .find(|seed| {
                Scenario::of(*seed) == Scenario::Partition && !judge(&Plan::from_seed(*seed)).is_empty()
            })
            .expect("one of them all")
    }

    fn shrunk(most: usize) -> Shrunk {
        shrink(&Plan::from_seed(seed()), "mended", most, judge, |_| ()).expect("it breaks")
    }

    #[test]
    fn what_does_not_matter_is_left_out() {
        let Shrunk { plan, is_least, .. } = shrunk(5_000);
        assert!(is_least);
        let steps: Vec<_> = plan.steps().map(|step| &step.operation).collect();
        let [Operation::Put { content, .. }] = steps.as_slice() else { panic!("{steps:?}") };
        assert_eq!(content.length, 100, "the least that breaks");
        assert!(plan.served.is_empty(), "{:?}", plan.served);
        assert_eq!((plan.shape, plan.seed), (Shape::SMOOTH, seed()));
        assert_eq!(plan.story, format!("seed {}: mended", seed()));
        // What falls apart is repaired: a run that does not end for want of a repair is another failure.
        let [cut, repair] = plan.faults.as_slice() else { panic!("{:?}", plan.faults) };
        assert_eq!((cut.what, repair.what), (What::Partition(Cut::Both, Whom::All), What::Repair));
        assert_eq!(repair.when, When::After(0));
    }

    #[test]
    fn it_is_the_same_each_time_and_a_plan_that_can_be_read() {
        let (one, two) = (shrunk(5_000), shrunk(5_000));
        assert_eq!(one, two);
        assert_eq!(Plan::parse(&one.plan.text()), Ok(one.plan));
    }

    #[test]
    fn it_ends_when_the_runs_are_used_up() {
        let Shrunk { plan, runs, is_least } = shrunk(3);
        assert_eq!((runs, is_least), (3, false));
        assert!(!judge(&plan).is_empty(), "what it gives breaks");
    }

    #[test]
    fn another_invariant_is_not_the_same() {
        assert_eq!(shrink(&Plan::from_seed(seed()), "other", 100, judge, |_| ()), None);
    }
}
