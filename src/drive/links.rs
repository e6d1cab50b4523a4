//! The connections of a machine by their names. Nearly every machine has one, which is kept in place: a server of thousands of
//! connections spends most of its time on what is not in the processor's cache.

use std::collections::BTreeMap;

/// Values by name, in the order of the names.
#[derive(Debug)]
pub(super) struct Links<K, V> {
    least: Option<(K, V)>,
    /// All behind it.
    others: BTreeMap<K, V>,
}

impl<K: Ord, V> Links<K, V> {
    /// None.
    pub(super) fn new() -> Links<K, V> {
        Links { least: None, others: BTreeMap::new() }
    }

    /// One more, or another one of that name.
    pub(super) fn insert(&mut self, name: K, value: V) {
        match self.least.take() {
            Some((least, before)) if least < name => {
                self.others.insert(name, value);
                self.least = Some((least, before));
            }
            before => {
                self.least = Some((name, value));
                if let Some((other, before)) = before
                    && self.least.as_ref().is_some_and(|(least, _)| *least != other)
                {
                    self.others.insert(other, before);
                }
            }
        }
    }

    /// One less, if there is one of that name.
    pub(super) fn remove(&mut self, name: &K) {
        if self.least.as_ref().is_some_and(|(least, _)| least == name) {
            self.least = self.others.pop_first();
        } else {
            self.others.remove(name);
        }
    }

    /// The one of that name.
    pub(super) fn get_mut(&mut self, name: &K) -> Option<&mut V> {
        match &mut self.least {
            Some((least, value)) if least == name => Some(value),
            Some(_) | None => self.others.get_mut(name),
        }
    }

    /// All, in order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.least.iter_mut().map(|(name, value)| (&*name, value)).chain(&mut self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map_whatever_the_order() {
        let (mut links, mut map) = (Links::new(), BTreeMap::new());
        let mut state = 7_u32;
        for step in 0..2_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let name = (state >> 16) % 5;
            if state >> 30 == 0 {
                links.remove(&name);
                map.remove(&name);
            } else {
                links.insert(name, step);
                map.insert(name, step);
            }
            assert!(links.iter_mut().map(|(name, value)| (*name, *value)).eq(map.clone()));
            assert_eq!(links.get_mut(&name), map.get_mut(&name));
        }
    }
}
