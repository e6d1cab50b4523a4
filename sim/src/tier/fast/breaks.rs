//! What breaks connections at a plan's word: resets, early ends, half-open streams; bits that are inverted; and messages that are held up on
//! their way. What a reader has heard before it is exact: nothing that is on its way, or was not read, comes after.

use std::sync::Mutex;

use bytes::Bytes;
use towline::harness::Side;
use towline::proto::machine::End;

use super::super::facts::{Facts, Place};
use super::net::{ConnId, Connection, Pipe, Read, other};
use super::world::{Due, World, lock};
use crate::plan::Whom;
use crate::trace::{self, Kind};

impl World {
    /// The connections of these clients, of those that stand.
    fn standing(&self, whom: Whom) -> Vec<ConnId> {
        let stands = |(_, conn): &(ConnId, &Connection)| conn.is_up && conn.place.is_of(whom);
        self.conns.iter().filter(stands).map(|(conn, _)| conn).collect()
    }

    /// They are broken, and both ends are told.
    pub(super) fn reset(&mut self, whom: Whom) {
        for conn in self.standing(whom) {
            for writer in [Side::Client, Side::Server] {
                self.sever(conn, writer, End::Reset);
            }
        }
    }

    /// The streams of this side end.
    pub(super) fn end_early(&mut self, writer: Side, whom: Whom) {
        self.standing(whom).into_iter().for_each(|conn| self.sever(conn, writer, End::Orderly));
    }

    /// Nothing that this side has sent and was not read, or that it sends, arrives.
    pub(super) fn mute_streams(&mut self, writer: Side, whom: Whom) {
        for conn in self.standing(whom) {
            self.tell_heard(conn, writer, "nothing arrives any more");
            if let Some(connection) = self.conns.get_mut(&conn) {
                let pipe = connection.pipe(writer);
                pipe.drop_inbox();
                pipe.held = Vec::new();
                (pipe.is_torn, pipe.is_mute) = (true, true);
            }
        }
    }

    /// A bit of what this side's streams give next is inverted.
    pub(super) fn damage(&mut self, writer: Side, whom: Whom) {
        for conn in self.standing(whom) {
            if let Some(connection) = self.conns.get_mut(&conn) {
                let (place, heard) = (connection.place, connection.heard(writer));
                connection.pipe(writer).damage.add(self.plan.seed, place, writer, heard);
            }
        }
    }

    /// Writes down how much was heard of `writer` before this.
    fn tell_heard(&self, conn: ConnId, writer: Side, what: &str) {
        let Some(connection) = self.conns.get(&conn) else { return };
        let (place, heard) = (trace::Connection::from(connection.place), connection.heard(writer));
        let words = format!("{what}, {heard} bytes were heard");
        self.facts().record(place.end(other(writer)), Some(place), Kind::Note(words));
    }

    /// Ends what `writer` sends here and now.
    fn sever(&mut self, conn: ConnId, writer: Side, end: End) {
        let what = match end {
            End::Orderly => "the stream ends early",
            End::Reset => "the connection is broken",
        };
        self.tell_heard(conn, writer, what);
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        connection.pipe(writer).sever(end);
        self.kick(conn, other(writer));
        self.see_flushed(conn, writer);
    }

    /// From now on messages of these clients wait on their way.
    pub(super) fn hold(&mut self, whom: Whom) {
        self.holds.push(whom);
    }

    /// What waited goes on, in its order, before anything that comes later.
    pub(super) fn let_pass(&mut self) {
        self.holds.clear();
        std::mem::take(&mut self.waiting).into_iter().for_each(|due| self.happen(due));
    }

    /// True if this is a message that must wait.
    pub(super) fn is_held_up(&self, due: &Due) -> bool {
        let client = match due {
            Due::Syn(conn) | Due::Answer(conn, _) | Due::Arrive(conn, ..) => {
                self.conns.get(conn).map(|conn| conn.place.client())
            }
            Due::Datagram(client, ..) => Some(*client),
            Due::SendDatagram(..) | Due::DatagramsOver(..) => None,
            Due::Stranger(_) | Due::Play(..) => None,
            Due::Write(..) | Due::Read(..) | Due::Room(..) | Due::ToClient(..) | Due::Store(..) => None,
            Due::GiveUp(..) => None,
            Due::Step(..) | Due::Begin(_) | Due::FlushLimit(_) | Due::RawQuiet(..) => None,
            Due::Drain | Due::Abort => None,
        };
        client.is_some_and(|client| self.holds.iter().any(|whom| whom.means(client)))
    }
}

impl Pipe {
    /// What is heard, with those bits inverted that are due.
    pub(super) fn invert(
        &mut self,
        facts: &Mutex<Facts>,
        place: Place,
        writer: Side,
        start: u64,
        bytes: Bytes,
    ) -> Bytes {
        if !self.damage.is_due() {
            return bytes;
        }
        let mut bytes = Vec::from(bytes);
        self.damage.strike(&mut lock(facts), place, writer, start, &mut bytes);
        bytes.into()
    }

    /// Nothing more passes: the reader hears the end, and the writer speaks to nobody.
    fn sever(&mut self, end: End) {
        self.stop_writing();
        self.drop_inbox();
        self.held = Vec::new();
        self.is_torn = true;
        if self.read != Read::Over {
            self.read = Read::Ending(end);
        }
    }
}
