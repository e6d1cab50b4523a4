//! A world is a root with something in it; the rest is uploads in few words.

use bytes::Bytes;
use towline::proto::storage::{
    BlockSet, Existing, Extent, Lease, NameDone, NameOp, Owner, RootId, StoreError,
};
use towline::proto::tree::merge_root;
use towline::store::{Files, Names, Status, blocks};
use towline::wire::{Attempt, Code, Cv, Entry, Metadata, Modified, Offer, RelPath, RequestId, Rope};

/// What a test may do to a root beside the store.
pub(crate) trait World: Default {
    type Files: Files;
    /// False where the way to a file may go over no link at all.
    const FOLLOWS_LINKS: bool;

    /// The root, as another process would open it.
    fn files(&self) -> Self::Files;
    fn put(&self, path: &str, content: &[u8]);
    fn put_folder(&self, path: &str);
    fn put_link(&self, path: &str, target: &str);
    fn get(&self, path: &str) -> Option<Vec<u8>>;
    /// What stands there; a link is not followed.
    fn look(&self, path: &str) -> Option<Status>;
}

pub(crate) type Store<W> = Names<<W as World>::Files>;

pub(crate) fn store<W: World>(world: &W, nonce: u64) -> (Store<W>, RootId) {
    let mut names = Names::new(nonce);
    let root = names.add_root(world.files()).expect("a root");
    (names, root)
}

pub(crate) fn path(path: &str) -> RelPath {
    RelPath::new(path).expect("a path")
}

pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i / 251 + i % 249) as u8).collect()
}

/// The first `count` blocks of a file.
pub(crate) fn first(count: u32) -> BlockSet {
    (0..count).collect()
}

pub(crate) fn offer(at: &str, content: &[u8]) -> Offer {
    let modified = Modified { seconds: 1_600_000_000, nanoseconds: 123_456_789 };
    Offer {
        path: path(at),
        length: content.len() as u64,
        mode: 0o640,
        modified,
        version: 0,
        attempt: Attempt::default(),
    }
}

/// The extents of a file, as the machines cut it.
pub(crate) fn extents(length: usize) -> Vec<Extent> {
    const EXTENT: usize = 1024 * 1024;
    let unit = towline::wire::block_size_for(length as u64).min(EXTENT as u32);
    let extent = |offset: usize| Extent {
        offset: offset as u64,
        length: (length - offset).min(EXTENT) as u32,
        unit,
        whole: length <= unit as usize,
    };
    (0..length).step_by(EXTENT).map(extent).collect()
}

/// A rope in several uneven pieces.
/// The same as an attempt of a request.
pub(crate) fn attempt(request: u128, number: u32, offer: Offer) -> Offer {
    let attempt = Attempt { number, ..Attempt::new(RequestId(request)) };
    Offer { attempt, ..offer }
}

pub(crate) fn rope(content: &[u8]) -> Rope {
    let mut rope = Rope::new();
    content.chunks(70_001).for_each(|piece| rope.push(Bytes::copy_from_slice(piece)));
    rope
}

pub(crate) fn open<F: Files>(names: &mut Names<F>, root: RootId, offer: Offer) -> Result<Lease, StoreError> {
    match names.execute(NameOp::OpenPartial {
        root,
        offer,
        existing: Existing::Replace,
        owner: Owner::ANYBODY,
    })? {
        NameDone::Partial { lease, .. } => Ok(lease),
        other => panic!("{other:?}"),
    }
}

/// Writes the content and gives the root that merges from its chaining values.
pub(crate) fn fill<F: Files>(names: &Names<F>, lease: Lease, content: &[u8]) -> Result<Cv, StoreError> {
    let file = names.open(lease).expect("an open lease").file;
    let mut cvs = Vec::new();
    for extent in extents(content.len()) {
        let start = extent.offset as usize;
        let written = blocks::write(&*file, extent, rope(&content[start..start + extent.length as usize]))?;
        assert_eq!(written.len(), extent.units());
        cvs.extend(written);
    }
    Ok(merge_root(&cvs))
}

pub(crate) fn publish<F: Files>(
    names: &mut Names<F>,
    lease: Lease,
    hash: Cv,
) -> Result<NameDone, StoreError> {
    names.execute(NameOp::Publish { lease, hash })
}

pub(crate) fn discard<F: Files>(names: &mut Names<F>, lease: Lease) -> Result<NameDone, StoreError> {
    names.execute(NameOp::Discard { lease })
}

pub(crate) fn upload<F: Files>(
    names: &mut Names<F>,
    root: RootId,
    offer: Offer,
    content: &[u8],
) -> Result<Cv, StoreError> {
    let lease = open(names, root, offer)?;
    let done = fill(names, lease, content).and_then(|hash| publish(names, lease, hash).map(|_| hash));
    if done.is_err() {
        discard(names, lease)?;
    }
    done
}

pub(crate) fn source<F: Files>(
    names: &mut Names<F>,
    root: RootId,
    at: &str,
) -> Result<(Lease, Metadata, u128), StoreError> {
    match names.execute(NameOp::OpenSource { root, path: path(at) })? {
        NameDone::Source { lease, metadata, version } => Ok((lease, metadata, version)),
        other => panic!("{other:?}"),
    }
}

/// The content and the root that merges from its chaining values.
pub(crate) fn download<F: Files>(
    names: &mut Names<F>,
    root: RootId,
    at: &str,
) -> Result<(Vec<u8>, Cv), StoreError> {
    let (lease, metadata, _) = source(names, root, at)?;
    let file = names.open(lease).expect("an open lease").file;
    let (mut content, mut cvs) = (Vec::new(), Vec::new());
    for extent in extents(metadata.length as usize) {
        let mut buffer = vec![0; extent.length as usize];
        cvs.extend(blocks::read(&*file, extent, &mut buffer)?);
        content.extend(buffer);
    }
    assert_eq!(names.execute(NameOp::Recheck { lease })?, NameDone::Unchanged);
    assert_eq!(names.execute(NameOp::Release { lease })?, NameDone::Released);
    Ok((content, merge_root(&cvs)))
}

pub(crate) fn stat<F: Files>(names: &mut Names<F>, root: RootId, at: &str) -> Result<Metadata, StoreError> {
    match names.execute(NameOp::Stat { root, path: path(at) })? {
        NameDone::Metadata(metadata) => Ok(metadata),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn remove<F: Files>(
    names: &mut Names<F>,
    root: RootId,
    at: &str,
    id: u128,
) -> Result<NameDone, StoreError> {
    names.execute(NameOp::Remove { root, path: path(at), request: RequestId(id) })
}

/// All pages of a folder.
pub(crate) fn list<F: Files>(
    names: &mut Names<F>,
    root: RootId,
    at: &str,
    bytes: usize,
) -> Result<Vec<Vec<Entry>>, StoreError> {
    let NameDone::Folder { lease } = names.execute(NameOp::OpenFolder { root, path: path(at) })? else {
        panic!("not a folder's lease")
    };
    let mut pages = Vec::new();
    loop {
        let NameDone::Entries { entries, last } = names.execute(NameOp::ReadFolder { lease, bytes })? else {
            panic!("not entries")
        };
        pages.push(entries);
        if last {
            names.execute(NameOp::Release { lease })?;
            return Ok(pages);
        }
    }
}

pub(crate) fn listed<F: Files>(names: &mut Names<F>, root: RootId, at: &str) -> Vec<String> {
    let entries = list(names, root, at, 65_536).expect("a folder").concat();
    let mut listed: Vec<String> = entries.iter().map(|entry| entry.name.escape_ascii().to_string()).collect();
    listed.sort();
    listed
}

/// The code of a failure, having checked that it says something.
#[track_caller]
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Code {
    let error = result.expect_err("a failure");
    assert!(!error.text.is_empty() && error.text.len() <= 1024, "{error}");
    error.code
}
