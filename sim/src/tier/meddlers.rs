//! What happens to the folder for partial files behind its store's back: somebody takes names out of it, and notes rot.

use rand::RngExt;
use towline::wire::RESERVED;

use super::facts::Facts;
use super::files::Folders;
use crate::ledger::Rare;
use crate::plan::{Host, Meddling};
use crate::streams::Streams;

/// Bytes of a note's place before its body, and behind it: magic and length, and a hash.
const AROUND: usize = 12 + 32;
/// Where a journal's notes begin.
const PLACES: [usize; 2] = [0, 16 * 1024];

fn reserved() -> String {
    RESERVED.escape_ascii().to_string()
}

impl Folders {
    /// Somebody takes something away. What of it is lost to a crash as any change is that nobody synced.
    pub(super) fn meddle(&self, host: Host, meddling: Meddling, facts: &mut Facts) {
        let (disk, folder) = (self.disk(host), reserved());
        let start = format!("{folder}/");
        let ending = |end: &str| {
            let paths = disk.paths().into_iter();
            paths.filter(|path| path.starts_with(&start) && path.ends_with(end)).collect()
        };
        let paths: Vec<String> = match meddling {
            Meddling::Folder => vec![folder.clone()],
            Meddling::Partials => ending(".partial"),
            Meddling::Journals => ending(".journal"),
            Meddling::Lock => vec![format!("{start}lock")],
            Meddling::Log | Meddling::EmptyLog => vec![format!("{start}requests")],
        };
        let taken = paths.iter().filter(|path| disk.take_away(path)).count();
        if taken > 0 {
            facts.reach(Rare::Meddled);
            if meddling == Meddling::EmptyLog {
                disk.put(&paths[0], b"");
            }
        }
        facts.event("fault", &format!("somebody takes away {meddling:?} at {host:?}: {taken} names"));
    }

    /// Inverts a bit of the newest note in the `pick`th journal, counted around: of its head, its body or its hash.
    pub(super) fn rot_note(&self, host: Host, pick: u32, facts: &mut Facts) {
        let (disk, start) = (self.disk(host), reserved() + "/");
        let mut paths = disk.paths();
        paths.retain(|path| path.starts_with(&start) && path.ends_with(".journal"));
        let Some(path) = paths.get(pick as usize % paths.len().max(1)) else {
            return facts.event("fault", "there is no note to rot");
        };
        let bytes = disk.get(path).unwrap_or_default();
        let notes = PLACES.into_iter().filter_map(|at| Some((at, note(bytes.get(at..)?)?)));
        let Some((_, at, length)) = notes.map(|(at, (sequence, length))| (sequence, at, length)).max() else {
            return facts.event("fault", &format!("{path} has no note"));
        };
        let of = format!("note {host:?}");
        let mut random = Streams::new(facts.outcome.plan.seed).part(Streams::DISK, &of, facts.rots);
        facts.rots += 1;
        let (offset, mask) = (at + random.random_range(0..length), 1 << random.random_range(0..8));
        disk.rot(path, offset as u64, mask);
        facts.reach(Rare::NoteRotted);
        facts.event("fault", &format!("the note in {path} rots at byte {offset}"));
    }
}

/// The sequence and the whole length of the note in a place, if there is one.
fn note(place: &[u8]) -> Option<(u64, usize)> {
    let number = |at: usize, count: usize| {
        let mut bytes = [0; 8];
        bytes[..count].copy_from_slice(place.get(at..at + count)?);
        Some(u64::from_le_bytes(bytes))
    };
    let body = usize::try_from(number(8, 4)?).ok()?;
    let length = body.checked_add(AROUND)?;
    place.starts_with(b"towline1").then_some(())?;
    (length <= place.len()).then_some((number(12, 8)?, length))
}
