//! How much may be stored in a folder: what stands there, what is coming, and what is kept of what broke off.

use std::collections::BTreeMap;

use towline::proto::storage::{
    BlockOp, BlockSet, Existing, Extent, FileDone, FileOp, Lease, NameDone, NameOp, Owner, RootId, StoreError,
};
use towline::store::Names;
use towline::store::memory::MemoryFiles;
use towline::wire::{Attempt, Code, Cv, Modified, Offer, RelPath, RequestId, Rope};

const ROOT: RootId = RootId(0);
const MIB: u64 = 1 << 20;

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn offer(at: &str, length: u64) -> Offer {
    let (mode, modified) = (0o644, Modified::default());
    Offer { path: path(at), length, mode, modified, version: 0, attempt: Attempt::default() }
}

struct Store {
    files: MemoryFiles,
    names: Names<MemoryFiles>,
}

impl Store {
    fn over(files: &MemoryFiles, nonce: u64, quotas: &[(&str, u64)]) -> Store {
        let mut names = Names::new(nonce);
        names.add_root(files.clone()).unwrap();
        let mut store = Store { files: files.clone(), names };
        store.set(quotas);
        store
    }

    fn new(quotas: &[(&str, u64)]) -> Store {
        Store::over(&MemoryFiles::new(), 1, quotas)
    }

    fn set(&mut self, quotas: &[(&str, u64)]) {
        let quotas: BTreeMap<RelPath, u64> = quotas.iter().map(|(at, most)| (path(at), *most)).collect();
        self.names.set_quotas(ROOT, &quotas).unwrap();
    }

    fn counted(&self, folder: &str) -> u64 {
        self.names.counted(ROOT, &path(folder)).unwrap()
    }

    fn open(&mut self, offer: Offer) -> Result<Lease, StoreError> {
        let (existing, owner) = (Existing::Replace, Owner::ANYBODY);
        match self.names.execute(NameOp::OpenPartial { root: ROOT, offer, existing, owner })? {
            NameDone::Partial { lease, .. } => Ok(lease),
            done => panic!("{done:?}"),
        }
    }

    fn does(&mut self, op: NameOp) -> Result<NameDone, StoreError> {
        self.names.execute(op)
    }

    fn publish(&mut self, lease: Lease) {
        assert_eq!(self.does(NameOp::Publish { lease, hash: Cv([0; 32]) }), Ok(NameDone::Published));
    }

    /// A small file, whole.
    fn put(&mut self, at: &str, length: usize) -> Result<(), StoreError> {
        let offer = Box::new(offer(at, length as u64));
        let data = Rope::from(bytes::Bytes::from(vec![7; length]));
        let stage = FileOp::Stage { root: ROOT, offer, data, existing: Existing::Replace };
        let FileDone::Staged { lease, .. } = self.names.execute_file(stage)? else { panic!("not staged") };
        self.publish(lease);
        Ok(())
    }

    fn remove(&mut self, at: &str) {
        let (path, request) = (path(at), RequestId::default());
        assert_eq!(self.does(NameOp::Remove { root: ROOT, path, request }), Ok(NameDone::Removed));
    }

    /// Names in the reserved folder that are partials or journals.
    fn left(&self) -> Vec<String> {
        towline::harness::partials(&self.files)
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreError {
    let error = result.expect_err("it should not fit");
    assert_eq!(error.code, Code::QUOTA, "{error}");
    error
}

#[test]
fn what_is_coming_counts_from_when_it_is_offered() {
    let mut store = Store::new(&[("in", 10 * MIB)]);
    let first = store.open(offer("in/a", 6 * MIB)).unwrap();
    // Two that would fit alone do not fit together.
    let error = refused(store.open(offer("in/b", 6 * MIB)));
    assert!(error.text.contains("it needs 6291456 bytes, and 4194304 of the 10485760"), "{error}");
    assert_eq!(store.left().len(), 1, "nothing is left of what was refused");
    let second = store.open(offer("in/b", 4 * MIB)).unwrap();
    refused(store.put("in/small", 1));
    // Elsewhere there is room.
    store.open(offer("out/b", 60 * MIB)).unwrap();
    store.does(NameOp::Discard { lease: second }).unwrap();
    assert_eq!(store.counted("in"), 6 * MIB);
    store.publish(first);
    assert_eq!(store.counted("in"), 6 * MIB);
    store.put("in/small", 1).unwrap();
    assert_eq!(store.counted("in"), 6 * MIB + 1);
}

#[test]
fn what_is_replaced_and_removed_counts_no_more() {
    let mut store = Store::new(&[("in", 1000)]);
    store.put("in/deep/down/a", 600).unwrap();
    // Both are there until the new one stands.
    refused(store.put("in/deep/down/a", 500));
    store.put("in/deep/down/a", 300).unwrap();
    assert_eq!(store.counted("in"), 300);
    store.put("in/b", 700).unwrap();
    refused(store.put("in/c", 1));
    store.remove("in/b");
    assert_eq!(store.counted("in"), 300);
    store.put("in/c", 700).unwrap();
}

#[test]
fn what_is_kept_counts_and_goes_on() {
    let mut store = Store::new(&[("", 10 * MIB)]);
    let keep = |store: &mut Store, lease| {
        let held: BlockSet = [0].into_iter().collect();
        assert_eq!(store.does(NameOp::Keep { lease, held }), Ok(NameDone::Released));
    };
    let lease = store.open(offer("a", 6 * MIB)).unwrap();
    keep(&mut store, lease);
    assert_eq!(store.counted(""), 6 * MIB);
    refused(store.open(offer("b", 6 * MIB)));
    // The same again is what is counted already; a longer one needs more.
    refused(store.open(offer("a", 11 * MIB)));
    assert_eq!(store.counted(""), 6 * MIB);
    let lease = store.open(offer("a", 6 * MIB)).unwrap();
    assert_eq!(store.counted(""), 6 * MIB);
    keep(&mut store, lease);
    // Another process finds it.
    let files = store.files.clone();
    drop(store);
    let mut store = Store::over(&files, 2, &[("", 10 * MIB)]);
    assert_eq!(store.counted(""), 6 * MIB);
    let lease = store.open(offer("a", 6 * MIB)).unwrap();
    assert_eq!(store.counted(""), 6 * MIB);
    store.publish(lease);
    assert_eq!(store.counted(""), 6 * MIB);
}

/// A stream has no length: what it brings is granted as it comes.
#[test]
fn a_stream_is_granted_what_it_brings_as_it_comes() {
    let mut store = Store::new(&[("in", 3 * MIB)]);
    let lease = store.open(offer("in/stream", 0)).unwrap();
    let beside = store.open(offer("in/beside", MIB)).unwrap();
    let write = |store: &mut Store, number: u64| {
        let data = Rope::from(bytes::Bytes::from(vec![7; MIB as usize]));
        let shape = Extent { offset: number * MIB, length: MIB as u32, unit: MIB as u32, whole: false };
        let op = towline::proto::storage::StoreOp::Block(BlockOp::Write { lease, shape, data });
        match towline::harness::carry_out(&mut store.names, &mut Default::default(), op) {
            towline::proto::storage::Stored::Block(done) => done,
            done => panic!("{done:?}"),
        }
    };
    write(&mut store, 0).unwrap();
    write(&mut store, 1).unwrap();
    assert_eq!(store.counted("in"), 3 * MIB);
    refused(write(&mut store, 2));
    // Once over does not count twice.
    write(&mut store, 1).unwrap();
    store.does(NameOp::Discard { lease: beside }).unwrap();
    write(&mut store, 2).unwrap();
    refused(write(&mut store, 3));
    store.publish(lease);
    assert_eq!(store.counted("in"), 3 * MIB);
}

#[test]
fn folders_within_folders_are_bound_by_each() {
    let mut store = Store::new(&[("", 1000), ("a", 500), ("a/b", 100)]);
    refused(store.put("a/b/file", 101));
    store.put("a/b/file", 100).unwrap();
    refused(store.put("a/file", 401));
    store.put("a/file", 400).unwrap();
    refused(store.put("ab", 501));
    store.put("ab", 500).unwrap();
    assert_eq!([store.counted(""), store.counted("a"), store.counted("a/b")], [1000, 500, 100]);
}

/// What others do there is seen when the quotas are set again; what is coming then still counts.
#[test]
fn what_stands_there_is_counted_when_a_quota_is_set() {
    let mut store = Store::new(&[]);
    store.files.put("in/old", &[7; 300]);
    store.files.put("in/deep/old", &[7; 300]);
    let lease = store.open(offer("in/new", 2 * MIB)).unwrap();
    store.set(&[("in", 3 * MIB), ("none", 5)]);
    assert_eq!((store.counted("in"), store.counted("none")), (2 * MIB + 600, 0));
    store.files.put("in/outside", &[7; 1000]);
    assert_eq!(store.counted("in"), 2 * MIB + 600, "not seen yet");
    store.set(&[("in", 3 * MIB)]);
    assert_eq!(store.counted("in"), 2 * MIB + 1600);
    store.publish(lease);
    assert_eq!(store.counted("in"), 2 * MIB + 1600);
    // Less than is there: nothing more comes, and nothing is taken away.
    store.set(&[("in", 1000)]);
    refused(store.put("in/more", 1));
    store.remove("in/new");
    refused(store.put("in/more", 1));
    store.set(&[]);
    store.put("in/more", 1).unwrap();
}

/// One that has begun before the quota was set.
#[test]
fn a_stream_that_a_quota_finds_under_way_counts_when_it_stands() {
    let mut store = Store::new(&[]);
    let lease = store.open(offer("in/stream", 0)).unwrap();
    let data = Rope::from(bytes::Bytes::from(vec![7; 1000]));
    let shape = Extent { offset: 0, length: 1000, unit: MIB as u32, whole: false };
    let op = towline::proto::storage::StoreOp::Block(BlockOp::Write { lease, shape, data });
    towline::harness::carry_out(&mut store.names, &mut Default::default(), op);
    store.set(&[("in", 5000)]);
    store.publish(lease);
    assert_eq!(store.counted("in"), 1000);
}
