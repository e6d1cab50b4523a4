//! All connections of a run, by their numbers: none is ever taken out, so that each is found by its place in a list.

use super::net::{ConnId, Connection};

/// See the [module](self).
#[derive(Default)]
pub(super) struct Connections(Vec<Connection>);

impl Connections {
    /// The number of the next one.
    pub(super) fn next(&self) -> ConnId {
        ConnId(self.0.len() as u64)
    }

    /// Adds the [next](Connections::next).
    pub(super) fn push(&mut self, connection: Connection) {
        self.0.push(connection);
    }

    pub(super) fn get(&self, id: &ConnId) -> Option<&Connection> {
        self.0.get(place(*id))
    }

    pub(super) fn get_mut(&mut self, id: &ConnId) -> Option<&mut Connection> {
        self.0.get_mut(place(*id))
    }

    /// The numbers of all.
    pub(super) fn ids(&self) -> impl Iterator<Item = ConnId> + use<> {
        (0..self.0.len() as u64).map(ConnId)
    }

    /// All, in the order in which they were dialed.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnId, &Connection)> {
        self.ids().zip(&self.0)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Connection> {
        self.0.iter()
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.0.iter_mut()
    }
}

fn place(ConnId(number): ConnId) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
