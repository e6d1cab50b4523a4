//! Journals that are damaged: what they say is a hint, and what cannot be read says nothing.

use towline::proto::storage::{BlockSet, Existing, NameDone, NameOp, Owner};
use towline::store::Names;
use towline::store::memory::MemoryFiles;

use crate::help::*;

const LENGTH: usize = 20 * 64 * 1024;

/// A partial that was noted twice, and the name of its journal.
fn kept_twice() -> (MemoryFiles, String) {
    let files = MemoryFiles::new();
    let mut names = Names::new(1);
    let root = names.add_root(files.clone()).unwrap();
    let open = NameOp::OpenPartial {
        root,
        offer: offer("f", &bytes(LENGTH)),
        existing: Existing::Replace,
        owner: Owner::ANYBODY,
    };
    let NameDone::Partial { lease, .. } = names.execute(open).unwrap() else { panic!("another completion") };
    names.execute(NameOp::Note { lease, held: first(3) }).unwrap();
    names.execute(NameOp::Keep { lease, held: first(9) }).unwrap();
    let is_journal = |path: &String| path.ends_with(".journal");
    let journal = files.paths().into_iter().find(is_journal).expect("a journal");
    (files, journal)
}

fn opened(files: &MemoryFiles) -> BlockSet {
    let mut names = Names::new(2);
    let root = names.add_root(files.clone()).unwrap();
    let open = NameOp::OpenPartial {
        root,
        offer: offer("f", &bytes(LENGTH)),
        existing: Existing::Replace,
        owner: Owner::ANYBODY,
    };
    match names.execute(open).unwrap() {
        NameDone::Partial { held, .. } => held,
        other => panic!("{other:?}"),
    }
}

/// The older note is believed where the newer one is damaged, at whatever byte; nothing else ever comes of it.
#[test]
fn damage_at_every_byte_costs_one_note() {
    let (files, journal) = kept_twice();
    assert_eq!(opened(&files), first(9));
    let notes = files.get(&journal).expect("it is there");
    let written = (0..notes.len()).filter(|at| at % 16_384 < 128);
    let mut older = 0;
    for at in written {
        let (files, journal) = kept_twice();
        assert!(files.rot(&journal, at as u64, 0x10), "byte {at}");
        let held = opened(&files);
        assert!(held == first(9) || held == first(3), "byte {at}: {held:?}");
        older += usize::from(held == first(3));
    }
    assert!((60..128).contains(&older), "{older} bytes of the newer note");
}

#[test]
fn a_journal_without_a_whole_note_is_swept_with_its_partial() {
    let (files, journal) = kept_twice();
    let length = files.get(&journal).expect("it is there").len() as u64;
    for at in [3, 16 * 1024 + 3] {
        assert!(at < length && files.rot(&journal, at, 0xff));
    }
    assert!(opened(&files).is_empty());
    assert!(!files.paths().iter().any(|path| path.ends_with(".journal")), "{:?}", files.paths());
}

/// Another file's journal under this one's name says nothing about it.
#[test]
fn a_journal_of_another_file_says_nothing() {
    let (files, journal) = kept_twice();
    let (other, theirs) = {
        let files = MemoryFiles::new();
        let mut names = Names::new(1);
        let root = names.add_root(files.clone()).unwrap();
        let open = NameOp::OpenPartial {
            root,
            offer: offer("g", &bytes(LENGTH)),
            existing: Existing::Replace,
            owner: Owner::ANYBODY,
        };
        let NameDone::Partial { lease, .. } = names.execute(open).unwrap() else { panic!("another") };
        names.execute(NameOp::Keep { lease, held: first(4) }).unwrap();
        let journal = files.paths().into_iter().find(|path| path.ends_with(".journal")).expect("a journal");
        let bytes = files.get(&journal).expect("its bytes");
        (bytes, journal)
    };
    assert_ne!(journal, theirs);
    files.put(&journal, &other);
    assert!(opened(&files).is_empty());
}

#[test]
fn what_is_older_than_a_week_is_swept() {
    let (files, _) = kept_twice();
    files.pass(6 * 24 * 3600);
    assert_eq!(opened(&files), first(9));
    let (files, _) = kept_twice();
    files.pass(8 * 24 * 3600);
    assert!(opened(&files).is_empty());
}
