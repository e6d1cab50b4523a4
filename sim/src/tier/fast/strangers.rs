//! Peers that do not keep the rules, at an end of a connection: strangers that dial the server, and impostors that
//! answer a client's dial in its place. They play their acts; no contract binds them.

use std::collections::VecDeque;

use bytes::Bytes;
use towline::harness::Side;
use towline::proto::client::LinkId;
use towline::proto::machine::Input;
use towline::proto::session::Session;
use towline::time::Duration;

use super::super::byzantine::{Act, STRANGERS, Talk, acts, talk};
use super::super::facts::{Dial, Place};
use super::net::ConnId;
use super::world::{Due, World};

/// One that plays.
pub(super) struct Player {
    name: String,
    acts: VecDeque<Act>,
    /// What it is to say to what it hears, and what it has heard and not answered.
    talk: Option<Talk>,
    unanswered: Vec<Bytes>,
    /// Bytes that it heard.
    heard: u64,
    /// True once the other side has ended.
    is_over: bool,
    is_deaf: bool,
    /// True while it waits for a time.
    is_pausing: bool,
}

impl Player {
    fn new(name: String, acts: VecDeque<Act>) -> Player {
        let (talk, unanswered) = (None, Vec::new());
        Player { name, acts, talk, unanswered, heard: 0, is_over: false, is_deaf: false, is_pausing: false }
    }

    /// What it answers to what it has heard by now; `None` where it waits for more.
    fn answers(&mut self) -> Option<Bytes> {
        let talk = self.talk.as_mut()?;
        let heard = core::mem::take(&mut self.unanswered);
        let said: Vec<u8> = heard.into_iter().flat_map(|bytes| talk.hears(bytes)).collect();
        (!said.is_empty()).then(|| Bytes::from(said))
    }

    fn is_talking(&self) -> bool {
        !self.is_over && self.talk.as_ref().is_some_and(|talk| !talk.is_over())
    }

    pub(super) fn reads(&self) -> bool {
        !self.is_deaf
    }
}

impl World {
    /// A stranger dials.
    pub(super) fn begin_stranger(&mut self, number: u32) {
        let Some(stranger) = self.plan.strangers.get(number as usize).copied() else { return };
        let place = Place::Files(Dial { client: STRANGERS + number, number: 0 });
        let conn = self.dial(place, LinkId(u32::MAX));
        let player = Player::new(format!("stranger{number}"), VecDeque::new());
        self.facts().event(&player.name, &format!("dials, and will play {:?}", stranger.trick));
        self.facts().strangers_begun += 1;
        self.players.insert((conn, Side::Client), player);
    }

    /// A stranger's dial was answered.
    pub(super) fn answer_stranger(&mut self, conn: ConnId, number: u32, is_yes: bool) {
        if is_yes {
            self.facts().stranger_connected(number);
            if let Some(stranger) = self.plan.strangers.get(number as usize) {
                let acts = acts(&self.plan, stranger.trick, stranger.noise, Side::Client);
                let talk = acts.contains(&Act::Talk).then(|| talk(&self.plan, stranger.noise, Side::Client));
                player_of(&mut self.players, conn, Side::Client, |player| {
                    (player.acts, player.talk) = (acts, talk);
                });
            }
            self.play(conn, Side::Client);
        } else {
            self.players.remove(&(conn, Side::Client));
        }
    }

    /// True if somebody else answers this dial.
    pub(super) fn is_for_impostor(&mut self, conn: ConnId) -> bool {
        let Some(Place::Files(dial)) = self.conns.get(&conn).map(|conn| conn.place) else { return false };
        let Some((number, impostor)) = self.plan.impostor_of(dial.client, dial.number) else { return false };
        let acts = acts(&self.plan, impostor.trick, impostor.noise, Side::Server);
        let talk = acts.contains(&Act::Talk).then(|| talk(&self.plan, impostor.noise, Side::Server));
        let mut player = Player::new(format!("impostor{number}"), acts);
        player.talk = talk;
        self.facts().event(&player.name, &format!("answers, and will play {:?}", impostor.trick));
        self.players.insert((conn, Side::Server), player);
        if let Some(connection) = self.conns.get_mut(&conn) {
            connection.end_mut(Side::Server).is_held = true;
        }
        self.answer(conn, true);
        self.play(conn, Side::Server);
        true
    }

    /// It hears something.
    pub(super) fn player_hears(&mut self, conn: ConnId, side: Side, input: Input<Session>) {
        let Some(player) = self.players.get_mut(&(conn, side)) else { return };
        match input {
            Input::Received((), bytes) => {
                player.heard += bytes.len() as u64;
                if player.is_talking() {
                    player.unanswered.push(bytes);
                }
            }
            Input::Ended(..) => player.is_over = true,
            _ => return,
        }
        self.play(conn, side);
    }

    /// It has waited.
    pub(super) fn player_wakes(&mut self, conn: ConnId, side: Side) {
        if let Some(player) = self.players.get_mut(&(conn, side)) {
            player.is_pausing = false;
        }
        self.play(conn, side);
    }

    /// It goes on as far as it can.
    fn play(&mut self, conn: ConnId, side: Side) {
        while let Some(player) = self.players.get_mut(&(conn, side)) {
            let Some(act) = player.acts.front().filter(|_| !player.is_pausing).cloned() else { return };
            if act == Act::Talk
                && let Some(said) = player.answers()
            {
                let name = player.name.clone();
                self.facts().event(&name, &format!("answers {} bytes", said.len()));
                self.transmit(conn, side, said);
                continue;
            }
            let waits = match act {
                Act::Talk => player.is_talking(),
                Act::Hear(bytes) => player.heard < bytes && !player.is_over,
                Act::Stay => !player.is_over,
                Act::Say(_) | Act::Pause(_) | Act::Deaf | Act::End | Act::Leave => false,
            };
            if waits {
                return;
            }
            player.acts.pop_front();
            let name = player.name.clone();
            self.facts().event(&name, &act.to_string());
            match act {
                Act::Say(bytes) => self.transmit(conn, side, bytes),
                Act::End => self.finish(conn, side),
                Act::Stay | Act::Leave => {
                    self.players.remove(&(conn, side));
                    self.release(conn, side);
                }
                Act::Pause(ms) => {
                    player_of(&mut self.players, conn, side, |player| player.is_pausing = true);
                    self.after(Duration::from_millis(ms), Due::Play(conn, side));
                }
                Act::Deaf => player_of(&mut self.players, conn, side, |player| player.is_deaf = true),
                Act::Hear(_) | Act::Talk => {}
            }
        }
    }
}

/// All that play, by their ends.
pub(super) type Players = std::collections::BTreeMap<(ConnId, Side), Player>;

fn player_of(players: &mut Players, conn: ConnId, side: Side, action: impl FnOnce(&mut Player)) {
    if let Some(player) = players.get_mut(&(conn, side)) {
        action(player);
    }
}
