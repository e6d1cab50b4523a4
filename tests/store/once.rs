//! A request acts once, over a loss of power between any two primitives, and on a log that is damaged or old.

use towline::proto::backoff::SplitMix;
use towline::proto::storage::{NameDone, RootId, StoreError};
use towline::store::Names;
use towline::store::memory::{MemoryFiles, Primitive};
use towline::store::{FileError, FileErrorKind};
use towline::wire::Code;

use crate::help::*;
use crate::memory::Memory;

const LOG: &str = ".towline/requests";
const ROOT: RootId = RootId(0);
/// Seconds for which a request is remembered.
const DAY: i64 = 24 * 60 * 60;

type Action = fn(&mut Names<MemoryFiles>) -> Result<(), StoreError>;

fn put(names: &mut Names<MemoryFiles>) -> Result<(), StoreError> {
    upload(names, ROOT, attempt(1, 0, offer("a/f", b"content")), b"content").map(drop)
}

fn put_again(names: &mut Names<MemoryFiles>) -> Result<(), StoreError> {
    upload(names, ROOT, attempt(1, 1, offer("a/f", b"content")), b"content").map(drop)
}

fn take_away(names: &mut Names<MemoryFiles>) -> Result<(), StoreError> {
    remove(names, ROOT, "a/f", 2).map(drop)
}

fn start(files: &MemoryFiles, nonce: u64) -> Names<MemoryFiles> {
    let mut names = Names::new(nonce);
    names.add_root(files.clone()).expect("a root");
    names
}

/// How often `primitive` was carried out on the file.
fn count(files: &MemoryFiles, primitive: Primitive) -> usize {
    let is_it = |step: &&towline::store::memory::Step| step.primitive == primitive && step.path == "a/f";
    files.take_log().iter().filter(is_it).count()
}

/// Runs `first` on a disk that `prepare` made, dead after each number of primitives in turn, and gives what several losses of power
/// leave to `check`, with whether it had happened.
fn crash_everywhere(prepare: Action, first: Action, check: impl Fn(&MemoryFiles, &str)) -> usize {
    for steps in 0.. {
        let mut is_done = false;
        for seed in 0..24 {
            let files = MemoryFiles::volatile();
            let mut names = start(&files, seed);
            prepare(&mut names).expect("nothing fails yet");
            files.sync_all();
            files.die_after(Some(steps));
            is_done = first(&mut names).is_ok();
            files.die_after(None);
            drop(names);
            let mut draws = SplitMix(seed ^ ((steps as u64) << 32));
            // Besides chance: everything is lost, everything is kept; and the process alone dies.
            match seed {
                0 => files.crash(|| 0),
                1 => files.crash(|| 1),
                2 => {}
                _ => files.crash(|| draws.next_u64()),
            }
            check(&files, &format!("dead after {steps} primitives, crash {seed}"));
        }
        if is_done {
            return steps;
        }
    }
    unreachable!("it ends with the first number of steps that suffices")
}

#[test]
fn a_put_that_a_crash_cut_off_happens_once() {
    let points = crash_everywhere(
        |_| Ok(()),
        put,
        |files, context| {
            let had_happened = files.get("a/f").is_some();
            let mut names = start(files, 98);
            if had_happened {
                take_away(&mut names).expect(context);
                drop(names);
                names = start(files, 99);
            }
            files.take_log();
            put_again(&mut names).expect(context);
            let expected = usize::from(!had_happened);
            assert_eq!(count(files, Primitive::Rename), expected, "{context}");
            assert_eq!(files.get("a/f").is_some(), !had_happened, "{context}");
            put_again(&mut names).expect(context);
            assert_eq!(count(files, Primitive::Rename), 0, "{context}");
        },
    );
    assert!(points > 25, "a put is more than {points} primitives");
}

#[test]
fn a_removal_that_a_crash_cut_off_happens_once() {
    let points = crash_everywhere(put, take_away, |files, context| {
        let had_happened = files.get("a/f").is_none();
        let mut names = start(files, 98);
        if had_happened {
            let other = attempt(3, 0, offer("a/f", b"another's"));
            upload(&mut names, ROOT, other, b"another's").expect(context);
            drop(names);
            names = start(files, 99);
        }
        files.take_log();
        take_away(&mut names).expect(context);
        assert_eq!(count(files, Primitive::RemoveFile), usize::from(!had_happened), "{context}");
        assert_eq!(files.get("a/f").is_some(), had_happened, "{context}");
        put_again(&mut names).expect(context);
        assert_eq!(files.get("a/f").is_some(), had_happened, "the put before is remembered: {context}");
    });
    assert!(points > 10, "a removal is more than {points} primitives");
}

/// It is answered as done by who finds it done: then it must not be lost any more.
#[test]
fn what_was_found_done_after_a_crash_is_durable() {
    crash_everywhere(
        |_| Ok(()),
        put,
        |files, context| {
            put_again(&mut start(files, 98)).expect(context);
            files.crash(|| 0);
            assert_eq!(files.get("a/f").as_deref(), Some(&b"content"[..]), "{context}");
        },
    );
    crash_everywhere(put, take_away, |files, context| {
        take_away(&mut start(files, 98)).expect(context);
        files.crash(|| 0);
        assert_eq!(files.get("a/f"), None, "{context}");
    });
}

/// What is not whole is not there: a retry acts again, and no other request is taken for it.
#[test]
fn a_log_that_is_damaged_at_any_byte_invents_nothing() {
    let files = MemoryFiles::new();
    let mut names = start(&files, 1);
    put(&mut names).unwrap();
    take_away(&mut names).unwrap();
    drop(names);
    let log = files.get(LOG).expect("a log");
    for cut in 0..2 {
        for at in 0..log.len() {
            let files = MemoryFiles::new();
            let mut damaged = log.clone();
            if cut == 1 {
                damaged.truncate(at);
            } else {
                damaged[at] ^= 1 << (at % 8);
            }
            files.put(LOG, &damaged);
            files.put("a/f", b"by somebody else since");
            let mut names = start(&files, 2);
            let other = attempt(7, 0, offer("a/f", b"content"));
            upload(&mut names, ROOT, other, b"content").expect("another request");
            assert_eq!(files.get("a/f").as_deref(), Some(&b"content"[..]), "byte {at}");
            remove(&mut names, ROOT, "a/f", 8).expect("another request");
            assert_eq!(files.get("a/f"), None, "byte {at}");
            drop(names);
            files.put("a/f", b"put again");
            let mut names = start(&files, 3);
            assert_eq!(remove(&mut names, ROOT, "a/f", 8), Ok(NameDone::Removed));
            assert!(files.get("a/f").is_some(), "written behind what is whole, it is found again: byte {at}");
        }
    }
}

#[test]
fn a_log_is_bounded_and_remembers_the_last() {
    let files = MemoryFiles::new();
    let mut names = start(&files, 1);
    let mut longest = 0;
    for id in 1..=20_000 {
        files.put("a/f", b"");
        remove(&mut names, ROOT, "a/f", id).unwrap();
        longest = longest.max(files.look(LOG).expect("a log").length);
    }
    assert!((4_150_000..4_250_000).contains(&longest), "it was {longest} bytes");
    files.put("a/f", b"");
    drop(names);
    let mut names = start(&files, 2);
    for id in [20_000, 19_000, 20_000 - 4095] {
        remove(&mut names, ROOT, "a/f", id).unwrap();
        assert!(files.get("a/f").is_some(), "request {id} is remembered");
    }
    remove(&mut names, ROOT, "a/f", 20_000 - 4096).unwrap();
    assert!(files.get("a/f").is_none(), "one too many is not");
}

#[test]
fn what_is_old_is_forgotten_and_its_folder_goes() {
    let world = Memory::default();
    let (mut names, root) = store(&world, 1);
    upload(&mut names, root, attempt(1, 0, offer("f", b"content")), b"content").unwrap();
    world.0.pass(DAY - 100);
    names.close_root(root).unwrap();
    assert!(world.look(LOG).is_some());
    world.0.pass(200);
    let (mut names, root) = store(&world, 2);
    names.close_root(root).unwrap();
    assert_eq!(world.look(".towline"), None);
}

/// What could not be removed for want of room could never make room.
#[test]
fn a_full_disk_can_be_emptied() {
    let world = Memory::default();
    world.put("f", b"content");
    let (mut names, root) = store(&world, 1);
    world.0.set_capacity(0);
    remove(&mut names, root, "f", 1).unwrap();
    world.put_folder("f");
    remove(&mut names, root, "f", 1).unwrap();
    assert!(world.look("f").is_some(), "remembered as long as the process lives");
}

#[test]
fn an_intent_that_is_not_durable_is_not_acted_on() {
    let world = Memory::default();
    world.put("f", b"content");
    let (mut names, root) = store(&world, 1);
    for request in [1, 2] {
        world.0.fail(Primitive::Sync, 0, FileError::new(FileErrorKind::Other));
        assert_eq!(code(remove(&mut names, root, "f", request)), Code::IO);
        assert!(world.look("f").is_some());
    }
    remove(&mut names, root, "f", 1).expect("the log is written anew");
    drop(names);
    world.put("f", b"content");
    let (mut names, root) = store(&world, 2);
    remove(&mut names, root, "f", 1).unwrap();
    assert!(world.look("f").is_some());
    remove(&mut names, root, "f", 2).unwrap();
    assert!(world.look("f").is_none());
}
