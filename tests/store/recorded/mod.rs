//! The system's store runs on a real folder, what it changes is recorded, and each crash that the record allows is written
//! as a folder of its own, opened by a store that starts there, and looked at: the simulated disk says that the logic is
//! right, this says that the system's primitives are asked for what the logic means.

mod acts;
mod image;
mod peers;
mod record;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use towline::proto::storage::RootId;
use towline::store::{Names, kept};
use towline::wire::{Cv, Modified};

use self::acts::{Act, Stands, stands};
use self::image::{Image, Written};
use self::record::{Record, Step};
use crate::help::{attempt, bytes, offer, upload};

const ROOT: RootId = RootId(0);
const THEN: Modified = Modified { seconds: 1_500_000_000, nanoseconds: 7 };

/// What stood before, and what is done then.
struct Scenario {
    before: &'static [(&'static str, &'static [u8])],
    acts: Vec<Act>,
    syncs_whole: bool,
}

/// A scenario that was carried out.
struct Run {
    scenario: Scenario,
    start: Image,
    steps: Vec<Step>,
    /// Numbers that the record did not give.
    numbers_from: u64,
}

impl Scenario {
    /// Carries it out, and records what that does.
    fn run(self) -> Run {
        let written = Image::empty().written(1);
        let mut names = Names::new(5);
        names.add_root(written.files(true)).expect("a root");
        for (number, (at, content)) in self.before.iter().enumerate() {
            upload(&mut names, ROOT, attempt(9_000 + number as u128, 1, offer(at, content)), content)
                .expect("what stood before");
        }
        names.close_root(ROOT).expect("closed");
        drop(names);
        // What stood before is durable: the beginning of all images.
        let mut start = Image::empty();
        written.record.borrow_mut().steps.drain(..).for_each(|step| start.apply(&step));
        let mut names = Names::new(6);
        names.add_root(written.files(self.syncs_whole)).expect("a root");
        for (number, act) in self.acts.iter().enumerate() {
            act.carry_out(&mut names, number).unwrap_or_else(|error| panic!("{act:?}: {error}"));
            written.record.borrow_mut().steps.push(Step::Acknowledged(number));
        }
        let record: &RefCell<Record> = &written.record;
        let steps = std::mem::take(&mut record.borrow_mut().steps);
        let numbers_from = record.borrow().next();
        Run { scenario: self, start, steps, numbers_from }
    }
}

impl Run {
    /// Looks at every crash; how many images there were, or what is wrong with the first one that is wrong.
    fn survives(
        &self,
        check: impl Fn(&Run, &Written, &BTreeSet<usize>) -> Result<(), String>,
    ) -> Result<usize, String> {
        let mut wrong = None;
        let count = self.start.after_crashes(&self.steps, |image, acknowledged| {
            if wrong.is_none() {
                let written = image.written(self.numbers_from);
                let checked = check(self, &written, acknowledged);
                wrong = checked.err().map(|error| format!("{acknowledged:?} acknowledged: {error}"));
            }
        });
        wrong.map_or(Ok(count), Err)
    }

    /// The same without some of its syncs, as if they had been forgotten.
    fn without(&self, is_forgotten: impl Fn(&Step) -> bool) -> Run {
        let scenario = Scenario { acts: self.scenario.acts.clone(), ..self.scenario };
        let steps = self.steps.iter().filter(|step| !is_forgotten(step)).cloned().collect();
        Run { scenario, start: self.start.clone(), steps, numbers_from: self.numbers_from }
    }

    fn old(&self, at: &str) -> Stands {
        let old = self.scenario.before.iter().find(|(path, _)| *path == at);
        old.map_or(Stands::Nothing, |(_, content)| Stands::File(content.to_vec()))
    }

    /// Each path holds what stood there or what was to stand there, and that for sure if it was acknowledged.
    fn looks_right(&self, top: &Path, acknowledged: &BTreeSet<usize>) -> Result<(), String> {
        for (number, act) in self.scenario.acts.iter().enumerate() {
            for (at, new) in act.targets() {
                let found = stands(top, at);
                if found != new && (found != self.old(at) || acknowledged.contains(&number)) {
                    return Err(format!("{at}: {}", brief(&found)));
                }
                if acknowledged.contains(&number) {
                    has_mode_and_time(top, at, &new)?;
                }
            }
        }
        let untouched = |at: &str| {
            !self.scenario.acts.iter().any(|act| act.targets().iter().any(|(changed, _)| *changed == at))
        };
        for (at, content) in self.scenario.before.iter().filter(|(at, _)| untouched(at)) {
            if stands(top, at) != Stands::File(content.to_vec()) {
                return Err(format!("{at}, which nobody touched: {}", brief(&stands(top, at))));
            }
        }
        Ok(())
    }

    /// The whole of it: right at once, right once a store has recovered, nothing left that nobody needs, and all that was
    /// to be done can be done again by the same requests.
    fn recovers(&self, written: &Written, acknowledged: &BTreeSet<usize>) -> Result<(), String> {
        let top = written.path();
        self.looks_right(top, acknowledged)?;
        let mut names = Names::new(7);
        names.add_root(written.files(self.scenario.syncs_whole)).map_err(|error| error.to_string())?;
        self.looks_right(top, acknowledged).map_err(|error| format!("after recovery, {error}"))?;
        nothing_is_left(top)?;
        for (number, act) in self.scenario.acts.iter().enumerate() {
            let done = act.carry_out(&mut names, number);
            done.map_err(|error| format!("again, {act:?}: {error}"))?;
        }
        let all = (0..self.scenario.acts.len()).collect();
        self.looks_right(top, &all).map_err(|error| format!("again, {error}"))?;
        nothing_is_left(top)
    }
}

fn has_mode_and_time(top: &Path, at: &str, new: &Stands) -> Result<(), String> {
    let (mode, modified) = match new {
        Stands::File(content) => (0o640, offer(at, content).modified),
        Stands::Folder => (0o750, THEN),
        Stands::Nothing | Stands::Link(_) => return Ok(()),
    };
    let metadata = fs::symlink_metadata(top.join(at)).map_err(|error| error.to_string())?;
    let found = (metadata.permissions().mode() & 0o777, metadata.mtime(), metadata.mtime_nsec());
    let wanted = (mode, modified.seconds, i64::from(modified.nanoseconds));
    // What comes into a folder changes its time, and these scenarios say it last.
    if found == wanted { Ok(()) } else { Err(format!("{at}: mode and time {found:?}, not {wanted:?}")) }
}

/// In the reserved folder there are its lock, the log of requests, and partials that somebody can go on with.
fn nothing_is_left(top: &Path) -> Result<(), String> {
    let Ok(folder) = fs::read_dir(top.join(".towline")) else { return Ok(()) };
    let names: BTreeSet<String> =
        folder.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    let partner = |name: &str| match name.strip_suffix(".partial") {
        Some(stem) => format!("{stem}.journal"),
        None => name.replace(".journal", ".partial"),
    };
    let is_stray = |name: &&String| {
        let is_own = ["lock", "requests"].contains(&name.as_str());
        !is_own && (partner(name) == **name || !names.contains(&partner(name)))
    };
    match names.iter().find(is_stray) {
        Some(stray) => Err(format!("{stray} is left")),
        None => Ok(()),
    }
}

fn brief(found: &Stands) -> String {
    match found {
        Stands::Nothing => "nothing stands there".into(),
        Stands::File(content) => format!("a file of {} bytes stands there", content.len()),
        Stands::Folder => "a folder stands there".into(),
        Stands::Link(target) => format!("a link to {} stands there", target.escape_ascii()),
    }
}

const OLD: &[(&str, &[u8])] = &[("folder/file", b"the old file"), ("beside", b"what nobody touches")];

fn scenario(acts: &[Act], syncs_whole: bool) -> Run {
    Scenario { before: OLD, acts: acts.to_vec(), syncs_whole }.run()
}

fn group() -> Act {
    let small = |at, length| (at, bytes(length));
    Act::Put(vec![
        small("folder/file", 3_000),
        small("folder/more", 0),
        small("new/a/file", 20_000),
        small("new/b", 700),
        small("new/c", 4_000),
        small("folder/third", 65_536),
        small("last", 100),
    ])
}

/// What is done, and by how many images it is looked at at least: a check of few would be none.
fn cases() -> Vec<(&'static str, Vec<Act>, usize)> {
    vec![
        ("a small file", vec![Act::Put(vec![("new", bytes(5_000))])], 15),
        ("a replaced file", vec![Act::Put(vec![("folder/file", bytes(9_000))])], 15),
        ("a long file", vec![Act::Put(vec![("deep/er/long", bytes(1_200_000))])], 20),
        ("a group", vec![group()], 100),
        ("a removal", vec![Act::Remove("folder/file")], 5),
        ("a link", vec![Act::Link("folder/file", "../elsewhere"), Act::Link("new/link", "/")], 10),
        ("folders", vec![Act::Folder("tree/a/b"), Act::Folder("tree/a"), Act::Folder("tree/c")], 10),
        (
            "two files, one after the other",
            vec![Act::Put(vec![("new", bytes(600))]), Act::Put(vec![("folder/file", bytes(700))])],
            20,
        ),
    ]
}

#[test]
fn whatever_a_crash_loses_of_what_the_system_was_asked_for_nothing_is_mixed_and_nothing_is_gone() {
    let mut all = 0;
    for (what, acts, at_least) in cases() {
        for syncs_whole in [true, false] {
            let run = scenario(&acts, syncs_whole);
            let survived = run.survives(Run::recovers);
            let count = survived.unwrap_or_else(|error| panic!("{what}: {error}"));
            println!("{what}: {count} images");
            assert!(count >= at_least, "{what}: only {count} images");
            all += count;
        }
    }
    println!("{all} images");
}

/// With the syncs forgotten that the store asks for, there is an image that is wrong: the check above finds what it is for.
#[test]
fn a_sync_that_is_forgotten_is_found() {
    let is_file = |step: &Step| matches!(step, Step::SyncFile(_));
    let is_folder = |step: &Step| matches!(step, Step::SyncFolder(_));
    let is_all = |step: &Step| matches!(step, Step::SyncAll);
    let is_wrong = |run: &Run, is_forgotten: &dyn Fn(&Step) -> bool, what: &str| {
        let found = run.without(is_forgotten).survives(Run::recovers);
        found.expect_err(what)
    };
    let put = scenario(&[Act::Put(vec![("folder/file", bytes(9_000))])], false);
    let mixed = is_wrong(&put, &is_file, "a file's own sync");
    assert!(mixed.contains("folder/file: a file of"), "{mixed}");
    let gone = is_wrong(&put, &is_folder, "the sync of the folder of a file");
    assert!(gone.contains("folder/file: a file of 12 bytes stands there"), "{gone}");
    let new = scenario(&[Act::Put(vec![("new/er/file", bytes(9_000))])], false);
    let gone = is_wrong(&new, &is_folder, "the sync of new folders");
    assert!(gone.contains("new/er/file: nothing stands there"), "{gone}");
    let group = scenario(&[group()], true);
    is_wrong(&group, &is_all, "the two syncs of a group");
    let first = group.steps.iter().position(is_all).expect("a first barrier");
    let second = group.steps.iter().rposition(is_all).expect("a second barrier");
    assert!(first < second);
    for (barrier, what) in [(first, "the first barrier"), (second, "the second barrier")] {
        let mut less = group.without(|_| false);
        less.steps.remove(barrier);
        less.survives(Run::recovers).expect_err(what);
    }
    for (act, what) in [
        (Act::Remove("folder/file"), "the sync after a removal"),
        (Act::Link("folder/file", "../elsewhere"), "the sync after a link"),
        (Act::Folder("tree/a"), "the syncs of a folder"),
    ] {
        let run = scenario(&[act], false);
        assert!(is_wrong(&run, &is_folder, what).contains("acknowledged"), "{what}");
    }
}

/// A partial that was kept is gone on with by the real machines: what its journal claims is hashed, so that what a crash took of
/// its blocks is sent again.
#[test]
fn what_a_journal_claims_of_blocks_that_a_crash_took_is_not_believed() {
    let content = bytes(1_500_000);
    let run = scenario(&[Act::BreakOff("long", content.clone())], true);
    let (claims, lies) = (Cell::new(0), Cell::new(0));
    let survived = run.survives(|_, written, _| {
        let mut names = Names::new(7);
        names.add_root(written.files(true)).map_err(|error| error.to_string())?;
        nothing_is_left(written.path())?;
        let kept = kept(&written.files(true)).map_err(|error| error.to_string())?;
        let claimed = kept.first().map_or(0, |kept| kept.held);
        let moved = peers::send(&mut names, "long", &content)?;
        claims.set(claims.get() + usize::from(claimed > 0));
        lies.set(lies.get() + usize::from(moved.skipped < claimed));
        if moved.skipped > claimed {
            return Err(format!("{} bytes were skipped, and {claimed} claimed", moved.skipped));
        }
        if moved.root != Cv(blake3::hash(&content).into())
            || stands(written.path(), "long") != Stands::File(content.clone())
        {
            return Err("another file was published".into());
        }
        nothing_is_left(written.path())
    });
    let count = survived.unwrap_or_else(|error| panic!("{error}"));
    assert!(count > 50 && claims.get() > 10 && lies.get() > 5, "{count} {claims:?} {lies:?}");
    assert!(claims.get() > lies.get(), "some claims are true");
}
