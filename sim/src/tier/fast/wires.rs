//! Bytes from machine to machine: written, on their way, read; and how connections end.

use bytes::Bytes;
use towline::harness::Side;
use towline::proto::machine::{End, Input};

use super::super::facts::Place;
use super::super::script::allowed;
use super::net::{ConnId, Connection, Read, Segment, Write, cuts, other};
use super::queue::Queue;
use super::world::{Due, World, lock};
use crate::ledger::Rare;
use crate::plan::{Cut, Host, Whom};
use crate::plant::Plant;
use crate::trace::Recorded;

impl World {
    /// A machine sends.
    pub(super) fn transmit(&mut self, conn: ConnId, side: Side, bytes: Bytes) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let pipe = connection.pipe(side);
        pipe.told = pipe.told.saturating_sub(bytes.len());
        if pipe.write == Write::Open {
            connection.will_say(side, &bytes);
            connection.pipe(side).queue.push(bytes);
        }
        self.kick(conn, side);
    }

    /// A machine has said all.
    pub(super) fn finish(&mut self, conn: ConnId, side: Side) {
        if let Some(connection) = self.conns.get_mut(&conn)
            && connection.pipe(side).write == Write::Open
        {
            connection.pipe(side).write = Write::Finishing;
        }
        self.kick(conn, side);
    }

    /// Lets this side's system go on with what it has to do.
    pub(super) fn kick(&mut self, conn: ConnId, side: Side) {
        let now = self.now;
        let Some(connection) = self.conns.get_mut(&conn).filter(|conn| conn.is_ready(side)) else { return };
        let is_held = connection.end(side).is_held;
        let out = connection.pipe(side);
        let writes = !out.is_writing && (!out.queue.is_empty() || out.write == Write::Finishing);
        out.is_writing |= writes;
        let tells = is_held && out.has_news_of_room();
        let inward = connection.pipe(other(side));
        let has_news = !inward.inbox.is_empty() || matches!(inward.read, Read::Ending(_));
        let reads = is_held && !inward.is_reading && has_news;
        inward.is_reading |= reads;
        if writes {
            self.at(now, Due::Write(conn, side));
        }
        if tells {
            self.at(now, Due::Room(conn, side));
        }
        if reads {
            self.at(now, Due::Read(conn, side));
        }
    }

    pub(super) fn tell_room(&mut self, conn: ConnId, side: Side) {
        if !self.paused.is_empty() && self.is_paused_at(conn, side) {
            return;
        }
        let Some(connection) = self.conns.get_mut(&conn).filter(|conn| conn.is_ready(side)) else { return };
        if connection.end(side).is_held
            && let Some(room) = connection.pipe(side).news_of_room()
        {
            self.deliver(conn, side, Input::Room((), room));
        }
    }

    pub(super) fn on_write(&mut self, conn: ConnId, side: Side) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let pipe = connection.pipe(side);
        pipe.is_writing = false;
        if pipe.queue.is_empty() {
            if pipe.write == Write::Finishing {
                pipe.write = Write::Over;
                self.send(conn, side, Segment::End(End::Orderly));
            }
        } else if pipe.takes() {
            let mut facts = lock(&self.facts);
            let (bytes, pause) = pipe.take(&mut facts, side);
            pipe.is_writing = true;
            connection.said(&mut facts, side, &bytes);
            drop(facts);
            self.after(pause, Due::Write(conn, side));
            self.send(conn, side, Segment::Bytes(bytes));
        }
        self.tell_room(conn, side);
        self.see_flushed(conn, side);
    }

    /// Sends a segment on its way.
    pub(super) fn send(&mut self, conn: ConnId, writer: Side, segment: Segment) {
        let (now, client) = (self.now, self.conns.get(&conn).map(|conn| conn.place.client()));
        let cut = client.is_some_and(|client| self.is_cut(client, writer));
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        if let Segment::End(end) = segment {
            lock(&self.facts).keep(writer, connection.place.into(), || Recorded::Ended(writer, end));
        }
        let resends = cut && connection.resends(&self.plan);
        let pipe = connection.pipe(writer);
        if pipe.is_torn {
        } else if cut {
            pipe.lose(resends, segment);
        } else {
            let bytes = match &segment {
                Segment::Bytes(bytes) => bytes.len(),
                Segment::End(_) => 0,
            };
            let at = pipe.arrival(now, &self.plan, bytes);
            self.at(at, Due::Arrive(conn, writer, segment));
        }
    }

    pub(super) fn on_arrival(&mut self, conn: ConnId, writer: Side, segment: Segment) {
        let reader = other(writer);
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let is_mute = self.mute.contains(&host(reader, connection.place));
        let is_held = connection.end(reader).is_held;
        if connection.pipe(writer).is_mute {
            return;
        }
        match segment {
            Segment::Bytes(_) if !is_held => {
                // Who is not there any more is not written to.
                if !is_mute {
                    self.send(conn, reader, Segment::End(End::Reset));
                }
                return;
            }
            Segment::Bytes(bytes) => {
                let pipe = connection.pipe(writer);
                if pipe.read == Read::Open {
                    pipe.inbox.push(bytes);
                }
            }
            Segment::End(End::Orderly) => {
                let pipe = connection.pipe(writer);
                if pipe.read == Read::Open {
                    pipe.read = Read::Ending(End::Orderly);
                }
            }
            Segment::End(End::Reset) => {
                connection.pipe(reader).stop_writing();
                let pipe = connection.pipe(writer);
                if pipe.read != Read::Over {
                    pipe.read = Read::Ending(End::Reset);
                    if pipe.flips() {
                        pipe.drop_inbox();
                    }
                }
                self.see_flushed(conn, reader);
            }
        }
        self.kick(conn, reader);
    }

    pub(super) fn on_read(&mut self, conn: ConnId, side: Side) {
        let mut is_read = false;
        while self.read_once(conn, side) {
            is_read = true;
        }
        // There is room for more.
        if is_read {
            self.kick(conn, other(side));
        }
    }

    /// Hands the process what one read gives; false if that is nothing now.
    fn read_once(&mut self, conn: ConnId, side: Side) -> bool {
        let wants = self.wants_read(conn, side);
        let gates = &self.gates;
        let Some(connection) = self.conns.get_mut(&conn) else { return false };
        let (place, is_held) = (connection.place, connection.end(side).is_held);
        let pipe = connection.pipe(other(side));
        pipe.is_reading = false;
        if !is_held || !wants {
            return false;
        }
        if pipe.inbox.is_empty() {
            if let Read::Ending(end) = pipe.read {
                pipe.read = Read::Over;
                self.facts().keep(side, place.into(), || Recorded::Ended(other(side), end));
                self.deliver(conn, side, Input::Ended((), end));
            }
            return false;
        }
        let allowed = match place {
            Place::Files(dial) => allowed(gates, dial, other(side)).saturating_sub(pipe.heard),
            Place::Echo(_) => u64::MAX,
        };
        if allowed == 0 {
            return false;
        }
        // What the step brings about needs no moment of its own to read.
        pipe.is_reading = true;
        if pipe.dawdles() {
            let nap = pipe.nap().unwrap_or_default();
            self.facts().reach(Rare::SpuriousPending);
            self.after(nap, Due::Read(conn, side));
            return false;
        }
        let start = pipe.heard;
        let given = pipe.give(allowed);
        self.stirs += u64::from(given.len() as u64 == allowed);
        let bytes = spoil(self.plant, place, side, start, given);
        let bytes = pipe.invert(&self.facts, place, other(side), start, bytes);
        connection.has_heard(&self.facts, side, &bytes);
        if !bytes.is_empty() {
            self.deliver(conn, side, Input::Received((), bytes));
        }
        true
    }

    /// This side's process drops the connection: what it had not handed to its system is lost, and what it had not read
    /// breaks the connection.
    pub(super) fn release(&mut self, conn: ConnId, side: Side) {
        let Some(connection) = self.conns.get_mut(&conn).filter(|conn| conn.end(side).is_held) else {
            return;
        };
        connection.end_mut(side).is_held = false;
        if !connection.is_ready(side) {
            return;
        }
        let inward = connection.pipe(other(side));
        let is_unread = !inward.inbox.is_empty();
        inward.drop_inbox();
        let out = connection.pipe(side);
        let was_over = out.write == Write::Over;
        out.stop_writing();
        if is_unread {
            self.send(conn, side, Segment::End(End::Reset));
        } else if !was_over {
            self.send(conn, side, Segment::End(End::Orderly));
        }
    }

    /// This side's machine is gone without a word.
    pub(super) fn vanish(&mut self, side: Side, whom: Whom) {
        let is_there = |conn: &&mut Connection| conn.end(side).is_held && whom.means(conn.place.client());
        for connection in self.conns.values_mut().filter(is_there) {
            connection.end_mut(side).is_held = false;
            connection.pipe(side).stop_writing();
            connection.pipe(other(side)).drop_inbox();
        }
    }

    /// The network falls apart: what is on its way is lost, for ever or until it is sent again.
    pub(super) fn part(&mut self, cut: Cut, whom: Whom) {
        self.cuts.push((cut, whom));
        for due in std::mem::take(&mut self.waiting) {
            let passed = self.pass(cut, whom, due);
            self.waiting.extend(passed);
        }
        let mut due = std::mem::replace(&mut self.due, Queue::new());
        due.filter_map(|due| self.pass(cut, whom, due));
        self.due = due;
    }

    /// Gives it back, unless it is a message that is lost in this cut.
    fn pass(&mut self, cut: Cut, whom: Whom, due: Due) -> Option<Due> {
        let of_conn = |conn: &ConnId, writer| {
            let client = self.conns.get(conn).map(|conn: &Connection| conn.place.client());
            client.map(|client| (client, writer))
        };
        let sent = match &due {
            Due::Syn(conn) => of_conn(conn, Side::Client),
            Due::Answer(conn, _) => of_conn(conn, Side::Server),
            Due::Arrive(conn, writer, _) => of_conn(conn, *writer),
            Due::Datagram(client, writer, _) => Some((*client, *writer)),
            _ => None,
        };
        let is_lost = |(client, writer)| whom.means(client) && cuts(cut, writer);
        if !sent.is_some_and(is_lost) {
            return Some(due);
        }
        if let Due::Arrive(conn, writer, segment) = due
            && let Some(connection) = self.conns.get_mut(&conn)
        {
            let resends = connection.resends(&self.plan);
            connection.pipe(writer).lose(resends, segment);
        }
        None
    }

    /// The network is whole again; what was lost is sent again where the systems still try.
    pub(super) fn heal(&mut self) {
        self.cuts.clear();
        for conn in self.conns.ids() {
            for writer in [Side::Client, Side::Server] {
                let held = self.conns.get_mut(&conn).map(|conn| std::mem::take(&mut conn.pipe(writer).held));
                for segment in held.unwrap_or_default() {
                    self.send(conn, writer, segment);
                }
            }
        }
    }
}

/// The host at an end of a connection.
pub(super) fn host(side: Side, place: Place) -> Host {
    match side {
        Side::Server => Host::Server,
        Side::Client => Host::Client(place.client()),
    }
}

/// A planted bug: takes a byte out of what is heard.
fn spoil(plant: Option<Plant>, place: Place, side: Side, start: u64, bytes: Bytes) -> Bytes {
    let is_here = match (plant, place) {
        (Some(Plant::DropEchoByte), Place::Echo(_)) => side == Side::Client,
        (Some(Plant::DropByte), Place::Files(_)) => side == Side::Server,
        _ => false,
    };
    if !is_here || !(start..start + bytes.len() as u64).contains(&200) {
        return bytes;
    }
    let at = (200 - start) as usize;
    Bytes::from([&bytes[..at], &bytes[at + 1..]].concat())
}
