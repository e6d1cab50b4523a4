//! Who is connected by which key, and what becomes of them when the keys change.

use std::collections::BTreeMap;

use super::{AuthorizedKeys, Grant, PublicKey};
use crate::wire::RelPath;

/// Why a connection that stands may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severed {
    /// Its key is not authorised any more.
    Removed,
    /// Its key has another name, other rights or another folder: it may come again.
    Changed,
}

/// Who may come, and who is there. `C` names connections.
#[derive(Clone, Debug)]
pub struct Registry<C> {
    authorized: AuthorizedKeys,
    present: BTreeMap<C, (PublicKey, Grant)>,
}

impl<C: Copy + Ord> Registry<C> {
    /// Nobody is there yet.
    pub fn new(authorized: AuthorizedKeys) -> Registry<C> {
        Registry { authorized, present: BTreeMap::new() }
    }

    /// Somebody has shown a key; `None` where it is not authorised.
    pub fn enter(&mut self, connection: C, key: PublicKey) -> Option<Grant> {
        let grant = self.authorized.get(&key)?.clone();
        self.present.insert(connection, (key, grant.clone()));
        Some(grant)
    }

    /// A connection is over.
    pub fn leave(&mut self, connection: C) {
        self.present.remove(&connection);
    }

    /// The keys are others from now on: gives those who may not go on, who count as gone.
    pub fn replace(&mut self, authorized: AuthorizedKeys) -> Vec<(C, Severed)> {
        self.authorized = authorized;
        let (authorized, mut severed) = (&self.authorized, Vec::new());
        self.present.retain(|connection, (key, grant)| {
            let why = match authorized.get(key) {
                Some(now) if now == grant => return true,
                Some(_) => Severed::Changed,
                None => Severed::Removed,
            };
            severed.push((*connection, why));
            false
        });
        severed
    }

    /// See [`AuthorizedKeys::quotas`].
    pub fn quotas(&self, usual: Option<u64>) -> BTreeMap<RelPath, u64> {
        self.authorized.quotas(usual)
    }

    /// How many keys may come.
    pub fn authorized(&self) -> usize {
        self.authorized.len()
    }
}
