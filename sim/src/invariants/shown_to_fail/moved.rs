//! The same of what goes in order, of comparisons, and of trees.

use towline::proto::op::Compared;
use towline::proto::tree_job::Summary;
use towline::wire::{Cv, Range};

use super::{SENT, broken, done};
use crate::outcome::{Ended, Fate, Outcome, Output};
use crate::plan::{Expect, How, Links, Node, Operation, Part, Step};

/// One step more, which succeeded.
fn also(outcome: &mut Outcome, operation: Operation) {
    let step = outcome.plan.clients[0].steps.len();
    outcome.plan.clients[0].steps.push(Step::new(operation, Expect::Any));
    outcome.jobs.push(done(0, step, 7));
}

fn print(outcome: &mut Outcome, printed: &[u8]) {
    let part = Part::Range { first: 10, last: 99 };
    also(outcome, Operation::Print { path: "new".to_owned(), part, room: None });
    outcome.jobs[3].printed = Some(Output(printed.to_vec()));
}

#[test]
fn in_order() {
    let bytes = SENT.bytes();
    assert!(broken(|outcome| print(outcome, &bytes[10..100])).is_empty());
    // The first bytes of another part; and all too few.
    assert!(broken(|outcome| print(outcome, &bytes[9..99])).contains(&"in-order"));
    assert!(broken(|outcome| print(outcome, &bytes[10..50])).contains(&"in-order"));
    let failed = |printed: &'static [usize]| {
        let bytes = bytes.clone();
        move |outcome: &mut Outcome| {
            print(outcome, &bytes[printed[0]..printed[1]]);
            outcome.jobs[3].ended = Some(Ended::Failed("cut".to_owned()));
        }
    };
    assert!(broken(failed(&[10, 50])).is_empty());
    assert_eq!(broken(failed(&[0, 50])), ["in-order"]);
    let poured = |outcome: &mut Outcome| {
        also(outcome, Operation::Pour { path: "poured".to_owned(), content: SENT, fails_at: Some(5) });
    };
    assert_eq!(broken(poured), ["in-order"]);
}

fn compare(outcome: &mut Outcome, length: u64, differing: Vec<Range>) {
    let content = crate::plan::Content { length, ..SENT };
    also(outcome, Operation::Compare { path: "new".to_owned(), content });
    let root = Cv(*blake3::hash(&SENT.bytes()).as_bytes());
    let there = SENT.length;
    outcome.jobs[3].compared = Some(Compared { here: length, there, root, block: 65_536, differing });
}

#[test]
fn comparisons() {
    let all = || vec![Range { first: 0, count: 1 }];
    assert!(broken(|outcome| compare(outcome, SENT.length, Vec::new())).is_empty());
    assert!(broken(|outcome| compare(outcome, SENT.length - 1, all())).is_empty());
    assert_eq!(broken(|outcome| compare(outcome, SENT.length, all())), ["in-order"]);
    assert_eq!(broken(|outcome| compare(outcome, SENT.length - 1, Vec::new())), ["in-order"]);
}

fn tree(outcome: &mut Outcome, how: How) {
    let nodes = vec![("a/link".to_owned(), Node::Link("0".to_owned()))];
    also(outcome, Operation::PutTree { path: "tree".to_owned(), contents: vec![SENT], nodes, how });
    let told = [("0", Fate::Moved), ("a", Fate::FolderMade), ("a/link", Fate::LinkMade)];
    let job = &mut outcome.jobs[3];
    job.told = told.into_iter().map(|(path, fate)| (path.to_owned(), fate, 8)).collect();
    job.summary = Some(Summary { files: 1, folders: 1, links: 1, ..Summary::default() });
    job.below = ["0 644 1.000000000", "a/ 755 1.000000000", "a/link -> 0"].map(str::to_owned).to_vec();
    if how.changes() {
        outcome.served.insert("tree/0".to_owned(), SENT.id());
    }
}

#[test]
fn trees() {
    let plain = How::default();
    assert!(
        broken(|outcome| tree(outcome, plain)).is_empty(),
        "{:?}",
        broken(|outcome| tree(outcome, plain))
    );
    let with = |how: How, spoil: &dyn Fn(&mut Outcome)| {
        broken(|outcome| {
            tree(outcome, how);
            spoil(outcome);
        })
    };
    assert_eq!(with(plain, &|outcome| drop(outcome.jobs[3].below.pop())), ["trees"]);
    assert_eq!(with(plain, &|outcome| drop(outcome.jobs[3].told.pop())), ["trees"]);
    assert_eq!(with(plain, &|outcome| outcome.jobs[3].summary = Some(Summary::default())), ["trees"]);
    let remove = |path: &'static str| {
        move |outcome: &mut Outcome| {
            outcome.jobs[3].told.push((path.to_owned(), Fate::Removed, 9));
            outcome.jobs[3].summary.as_mut().expect("it has one").removed = 1;
        }
    };
    let delete = How { delete: true, ..plain };
    assert_eq!(with(plain, &remove("old")), ["trees"], "nobody asked for it");
    assert!(with(delete, &remove("old")).is_empty());
    assert_eq!(with(delete, &remove("a/link")), ["trees"], "the source has it");
    let spare = |outcome: &mut Outcome| outcome.jobs[3].below.push("old 644 1.000000000".to_owned());
    assert!(with(plain, &spare).is_empty());
    assert_eq!(with(delete, &spare), ["trees"]);
    assert_eq!(
        with(How { links: Links::Skip, ..plain }, &|_| {}),
        ["trees"],
        "a link that was to be left out"
    );
    let without = |letter| How { without: Some(letter), ..plain };
    assert_eq!(with(without('a'), &|_| {}), ["trees"], "what was to be left out was made");
    assert_eq!(with(without('0'), &|_| {}), ["published", "trees"], "and moved");
    let reserved = |outcome: &mut Outcome| {
        outcome.jobs[3].told.push(("a/.Towline".to_owned(), Fate::Moved, 9));
        outcome.jobs[3].summary.as_mut().expect("it has one").files = 2;
    };
    assert_eq!(with(plain, &reserved), ["trees"], "a name that is kept was moved");
    let few = |outcome: &mut Outcome| outcome.plan.limits.listing_max = 1;
    assert_eq!(with(plain, &few), ["trees"], "a folder of more names than are taken for true");
    // A dry run changes nothing.
    let dry = How { dry_run: true, ..plain };
    assert!(with(dry, &|_| {}).is_empty());
}
