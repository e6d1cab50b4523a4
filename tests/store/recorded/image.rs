//! What a crash may leave of a record: an [`Image`] for each beginning of it and each choice of what was lost, and how it
//! is written into a folder.
//!
//! A step is lost or kept by itself unless a sync that came later, within the beginning, covers it: `SyncFile` what is about a
//! file, `SyncFolder` a folder's names, mode and time, `SyncAll` everything. A write may also be torn at a sector.
//!
//! How many: of n steps that are not covered all 2^n choices where n is at most [`ALL`]; else those that lose at most
//! [`FEW`], those that keep at most [`FEW`], and each write torn where all else is kept and where all else is lost. What goes
//! wrong takes few losses: one that is acted upon and one that is not lost beside it. Equal images are looked at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;
use towline::wire::Modified;

use super::record::{Made, Object, Record, Recorded, Step};

/// Of so many steps every choice is tried.
const ALL: usize = 7;
/// Of more, those that lose or keep at most so many.
const FEW: usize = 2;
/// A write is torn at multiples of this: what disks write whole.
const SECTOR: usize = 512;

/// What became of a step that no sync covers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lost,
    Kept,
    Torn,
}

/// A folder after a crash, or before a record.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    nodes: BTreeMap<Object, Node>,
}

#[derive(Clone, Debug)]
struct Node {
    content: Content,
    mode: u32,
    modified: Option<Modified>,
}

#[derive(Clone, Debug)]
enum Content {
    File(Vec<u8>),
    Folder(BTreeMap<Vec<u8>, Object>),
    Link(Vec<u8>),
}

impl Image {
    /// An empty folder.
    pub(super) fn empty() -> Image {
        let mut image = Image::default();
        image.apply(&Step::Make(Record::ROOT, Made::Folder, 0o700));
        image
    }

    /// Calls `visit` with every image of `steps` that differs from those before, and with what had been acknowledged by
    /// then; gives how many there were.
    pub(super) fn after_crashes(
        &self,
        steps: &[Step],
        mut visit: impl FnMut(&Image, &BTreeSet<usize>),
    ) -> usize {
        let mut seen = BTreeSet::new();
        for end in 0..=steps.len() {
            let begun = &steps[..end];
            let acknowledged: BTreeSet<usize> = begun.iter().filter_map(Step::acknowledged).collect();
            let pending: Vec<usize> =
                (0..end).filter(|at| begun[*at].may_be_lost(&begun[*at + 1..])).collect();
            let is_write =
                |at: &usize| matches!(&begun[*at], Step::Write(_, _, bytes) if bytes.len() > SECTOR);
            let torn: Vec<usize> = (0..pending.len()).filter(|i| is_write(&pending[*i])).collect();
            for fates in choices(pending.len(), &torn) {
                let mut fates = pending.iter().copied().zip(fates).collect::<BTreeMap<usize, Fate>>();
                let mut image = self.clone();
                for (at, step) in begun.iter().enumerate() {
                    match fates.remove(&at).unwrap_or(Fate::Kept) {
                        Fate::Kept => image.apply(step),
                        Fate::Torn => image.apply(&step.torn()),
                        Fate::Lost => {}
                    }
                }
                if seen.insert((image.digest(), acknowledged.clone())) {
                    visit(&image, &acknowledged);
                }
            }
        }
        seen.len()
    }

    pub(super) fn apply(&mut self, step: &Step) {
        match step {
            Step::Make(object, made, mode) => {
                let content = match made {
                    Made::File => Content::File(Vec::new()),
                    Made::Folder => Content::Folder(BTreeMap::new()),
                    Made::Link(target) => Content::Link(target.clone()),
                };
                self.nodes.insert(*object, Node { content, mode: *mode, modified: None });
            }
            Step::Name(folder, name, object) => {
                let Content::Folder(names) = &mut self.node(*folder).content else { return };
                match object {
                    Some(object) => drop(names.insert(name.clone(), *object)),
                    None => drop(names.remove(name)),
                }
            }
            Step::Write(file, offset, bytes) => self.write(*file, *offset, bytes),
            Step::Zero(file, offset, length) => self.write(*file, *offset, &vec![0; *length as usize]),
            Step::SetLen(file, length) => {
                if let Content::File(content) = &mut self.node(*file).content {
                    content.resize(*length as usize, 0);
                }
            }
            Step::SetMode(object, mode) => self.node(*object).mode = *mode,
            Step::SetModified(object, modified) => self.node(*object).modified = Some(*modified),
            Step::SyncFile(_) | Step::SyncFolder(_) | Step::SyncAll | Step::Acknowledged(_) => {}
        }
    }

    fn node(&mut self, object: Object) -> &mut Node {
        self.nodes.get_mut(&object).expect("it was made")
    }

    fn write(&mut self, file: Object, offset: u64, bytes: &[u8]) {
        if let Content::File(content) = &mut self.node(file).content {
            let (start, end) = (offset as usize, offset as usize + bytes.len());
            content.resize(content.len().max(end), 0);
            content[start..end].copy_from_slice(bytes);
        }
    }

    /// Of all that can be reached.
    fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        self.digest_below(Record::ROOT, &mut hasher);
        hasher.finalize().into()
    }

    fn digest_below(&self, object: Object, hasher: &mut blake3::Hasher) {
        let node = &self.nodes[&object];
        let time = node.modified.map(|time| (time.seconds, time.nanoseconds));
        hasher.update(format!("{object} {:o} {time:?} ", node.mode).as_bytes());
        match &node.content {
            Content::File(content) => {
                hasher.update(&content.len().to_le_bytes()).update(content);
            }
            Content::Link(_) => {}
            Content::Folder(names) => {
                for (name, object) in names {
                    hasher.update(format!("{:?} ", name.escape_ascii().to_string()).as_bytes());
                    self.digest_below(*object, hasher);
                }
                hasher.update(b"end");
            }
        }
    }

    /// Writes it into a new folder.
    pub(super) fn written(&self, numbers_from: Object) -> Written {
        let folder = TempDir::new().expect("a temporary folder");
        let mut record = Record::default();
        self.write_below(Record::ROOT, folder.path(), &mut record, &mut BTreeMap::new());
        record.begin_after(numbers_from);
        Written { folder, record: Rc::new(RefCell::new(record)) }
    }

    fn write_below(
        &self,
        object: Object,
        path: &Path,
        record: &mut Record,
        written: &mut BTreeMap<Object, PathBuf>,
    ) {
        let node = &self.nodes[&object];
        if let Some(other) = written.get(&object) {
            return fs::hard_link(other, path).expect("a second name");
        }
        match &node.content {
            Content::File(content) => fs::write(path, content).expect("a file"),
            Content::Link(target) => {
                symlink(OsStr::from_bytes(target), path).expect("a link");
                written.insert(object, path.to_owned());
                return record.found(path, object);
            }
            Content::Folder(names) => {
                if object != Record::ROOT {
                    fs::create_dir(path).expect("a folder");
                }
                for (name, object) in names {
                    self.write_below(*object, &path.join(OsStr::from_bytes(name)), record, written);
                }
            }
        }
        let open = fs::File::open(path).expect("it was written just now");
        open.set_permissions(fs::Permissions::from_mode(node.mode)).expect("a mode");
        if let Some(modified) = node.modified {
            let since = Duration::new(modified.seconds.try_into().expect("after 1970"), modified.nanoseconds);
            open.set_modified(UNIX_EPOCH + since).expect("a time");
        }
        written.insert(object, path.to_owned());
        record.found(path, object);
    }
}

/// An image in a real folder.
pub(super) struct Written {
    folder: TempDir,
    pub(super) record: Rc<RefCell<Record>>,
}

impl Written {
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What a process that starts there opens.
    pub(super) fn files(&self, syncs_whole: bool) -> Recorded {
        Recorded::new(self.path(), syncs_whole, Rc::clone(&self.record))
    }
}

impl Step {
    fn acknowledged(&self) -> Option<usize> {
        if let Step::Acknowledged(number) = self { Some(*number) } else { None }
    }

    /// True if a crash after `later` may lose it.
    fn may_be_lost(&self, later: &[Step]) -> bool {
        let object = match self {
            Step::Name(object, ..) | Step::Write(object, ..) | Step::Zero(object, ..) => *object,
            Step::SetLen(object, _) | Step::SetMode(object, _) | Step::SetModified(object, _) => *object,
            Step::Make(..) | Step::SyncFile(_) | Step::SyncFolder(_) => return false,
            Step::SyncAll | Step::Acknowledged(_) => return false,
        };
        let covers = |step: &Step| match step {
            Step::SyncFile(synced) | Step::SyncFolder(synced) => *synced == object,
            Step::SyncAll => true,
            Step::Make(..) | Step::Name(..) | Step::Write(..) | Step::Zero(..) | Step::SetLen(..) => false,
            Step::SetMode(..) | Step::SetModified(..) | Step::Acknowledged(_) => false,
        };
        !later.iter().any(covers)
    }

    /// A write of which about half was written.
    fn torn(&self) -> Step {
        let Step::Write(file, offset, bytes) = self else { return self.clone() };
        let half = (bytes.len() / 2).next_multiple_of(SECTOR).min(bytes.len());
        Step::Write(*file, *offset, bytes[..half].to_vec())
    }
}

/// What may become of so many steps, of which those in `torn` can be torn.
fn choices(count: usize, torn: &[usize]) -> Vec<Vec<Fate>> {
    let mut all = Vec::new();
    if count <= ALL {
        let bits = (0..1_u32 << count).map(|bits| {
            let fate = |i: usize| if bits >> i & 1 == 0 { Fate::Lost } else { Fate::Kept };
            (0..count).map(fate).collect()
        });
        all.extend(bits);
    }
    for (most, few) in [(Fate::Kept, Fate::Lost), (Fate::Lost, Fate::Kept)] {
        let but = |others: &[(usize, Fate)]| {
            let mut fates = vec![most; count];
            others.iter().for_each(|(i, fate)| fates[*i] = *fate);
            fates
        };
        all.extend(torn.iter().map(|i| but(&[(*i, Fate::Torn)])));
        if count > ALL {
            let mut chosen: Vec<Vec<(usize, Fate)>> = vec![Vec::new()];
            for _ in 0..FEW {
                let next = |one: &Vec<(usize, Fate)>| {
                    let from = one.last().map_or(0, |(i, _)| i + 1);
                    (from..count).map(|i| [&one[..], &[(i, few)]].concat()).collect::<Vec<_>>()
                };
                all.extend(chosen.iter().map(|one| but(one)));
                chosen = chosen.iter().flat_map(next).collect();
            }
            all.extend(chosen.iter().map(|one| but(one)));
        }
    }
    all
}
