//! A folder's names in windows: the least of them that memory allows, in order, then the next ones. A listing has any
//! order, so each window reads it anew, from its beginning; a folder of a usual size is one window. So no folder is ever
//! held whole, names of both sides can be compared, and a listing that begins again loses nothing.

use std::collections::BTreeMap;

use crate::wire::{Entry, Metadata};

/// What an entry that is held takes besides its name.
pub(super) const ENTRY: usize = 96;

/// The least names of a listing, from a first one on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Window {
    names: BTreeMap<Vec<u8>, Metadata>,
    bytes: usize,
    /// The least name that did not fit: this one and all after it are for a later window.
    end: Option<Vec<u8>>,
    /// Entries of the listing so far.
    pub(super) seen: u64,
}

impl Window {
    /// Takes the names from `from` on, as long as they fit into `room` bytes; at least one of them does.
    pub(super) fn take(&mut self, entries: Vec<Entry>, from: &[u8], room: usize) {
        self.seen += entries.len() as u64;
        for Entry { name, metadata } in entries {
            if name.as_slice() < from || self.end.as_ref().is_some_and(|end| name >= *end) {
                continue;
            }
            let added = name.len() + ENTRY;
            if self.names.insert(name, metadata).is_none() {
                self.bytes += added;
            }
            while self.bytes > room
                && self.names.len() > 1
                && let Some((name, _)) = self.names.pop_last()
            {
                self.bytes -= name.len() + ENTRY;
                self.end = Some(name);
            }
        }
    }

    /// The listing begins again.
    pub(super) fn clear(&mut self) {
        *self = Window::default();
    }

    /// Bytes held.
    pub(super) fn footprint(&self) -> usize {
        self.bytes + self.end.as_ref().map_or(0, Vec::len)
    }

    /// The names of two windows side by side, in order, as far as both know them, and where the next window begins; `None`:
    /// there is none.
    pub(super) fn join(source: Window, destination: Window) -> (Vec<Pair>, Option<Vec<u8>>) {
        let end = match (source.end, destination.end) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let mut pairs: BTreeMap<Vec<u8>, (Option<Metadata>, Option<Metadata>)> = BTreeMap::new();
        for (name, metadata) in source.names {
            pairs.entry(name).or_default().0 = Some(metadata);
        }
        for (name, metadata) in destination.names {
            pairs.entry(name).or_default().1 = Some(metadata);
        }
        let is_in = |name: &Vec<u8>| end.as_ref().is_none_or(|end| name < end);
        let pairs = pairs.into_iter().filter(|(name, _)| is_in(name));
        let pairs = pairs.map(|(name, (source, found))| Pair { name, source, found }).collect();
        (pairs, end)
    }
}

/// A name, and what it stands for at both sides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    pub(super) name: Vec<u8>,
    pub(super) source: Option<Metadata>,
    pub(super) found: Option<Metadata>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{FileKind, Modified};

    fn entries(names: &[&str]) -> Vec<Entry> {
        let metadata = Metadata { kind: FileKind::File, length: 0, mode: 0, modified: Modified::default() };
        names.iter().map(|name| Entry { name: name.as_bytes().to_vec(), metadata }).collect()
    }

    /// All windows of two listings, with this room for each.
    fn windows(source: &[&str], found: &[&str], room: usize) -> Vec<Vec<String>> {
        let (mut from, mut all) = (Vec::new(), Vec::new());
        loop {
            let (mut one, mut other) = (Window::default(), Window::default());
            source.chunks(2).for_each(|page| one.take(entries(page), &from, room));
            found.chunks(3).for_each(|page| other.take(entries(page), &from, room));
            assert!(one.footprint() <= room.max(ENTRY + 1) + 1);
            let (pairs, next) = Window::join(one, other);
            let word = |pair: &Pair| {
                let side = |there: bool, letter| if there { letter } else { "" };
                let name = String::from_utf8_lossy(&pair.name).into_owned();
                name + side(pair.source.is_some(), "<") + side(pair.found.is_some(), ">")
            };
            all.push(pairs.iter().map(word).collect());
            match next {
                Some(next) => from = next,
                None => return all,
            }
        }
    }

    #[test]
    fn names_come_in_order_whatever_the_listing_and_the_room() {
        let (source, found) = (["d", "a", "c", "f", "b"], ["e", "c", "x", "a"]);
        let whole = ["a<>", "b<", "c<>", "d<", "e>", "f<", "x>"].map(String::from).to_vec();
        let one = windows(&source, &found, 1 << 20);
        assert_eq!((one.len(), &one[0]), (1, &whole));
        for room in [0, 1, ENTRY + 1, 2 * (ENTRY + 1), 3 * (ENTRY + 1)] {
            let found = windows(&source, &found, room);
            assert!(found.len() > 1 && found.iter().all(|window| !window.is_empty()), "{found:?}");
            assert_eq!(found.concat(), whole, "{room}");
        }
        assert_eq!(windows(&[], &[], 0), [Vec::<String>::new()]);
    }
}
