//! A connection as the script sees it, from outside of both ends: what passed, what the script does to it, and who waits
//! for it to go on.

use std::task::{Context, Waker};

use towline::harness::Side;

use super::super::super::damage::Damage;

/// One connection.
#[derive(Default)]
pub(crate) struct Wire {
    /// True once both ends are told that it is broken.
    is_reset: bool,
    /// By the side that says.
    ways: [Way; 2],
    /// By the side whose end it is.
    ends: [EndState; 2],
}

/// One direction.
#[derive(Default)]
struct Way {
    said: u64,
    heard: u64,
    fate: Fate,
    /// What is written is refused.
    is_broken: bool,
    damage: Damage,
}

/// What becomes of what a side says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives.
    #[default]
    Heard,
    /// It is dropped, and the other side has read the end.
    Ended,
    /// It is lost, and nobody is told.
    Lost,
}

#[derive(Default)]
struct EndState {
    is_gone: bool,
    reading: Option<Waker>,
    writing: Option<Waker>,
}

/// The other side.
pub(super) fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

impl Wire {
    /// Bytes that were heard of `side`.
    pub(crate) fn heard(&self, side: Side) -> u64 {
        self.ways[side as usize].heard
    }

    /// Bytes that `side` has handed over.
    pub(crate) fn said(&self, side: Side) -> u64 {
        self.ways[side as usize].said
    }

    /// Both ends are told that it is broken.
    pub(crate) fn reset(&mut self) {
        self.is_reset = true;
    }

    /// The other side reads the end now, and nothing more of what this side says.
    pub(crate) fn end(&mut self, side: Side) {
        self.ways[side as usize].fate = Fate::Ended;
    }

    /// Nothing that this side says arrives any more, its end neither. What has ended stays so.
    pub(crate) fn mute(&mut self, side: Side) {
        let way = &mut self.ways[side as usize];
        if way.fate == Fate::Heard {
            way.fate = Fate::Lost;
        }
    }

    /// Nothing more that this side writes is taken, and it is told.
    pub(crate) fn break_writes(&mut self, side: Side) {
        self.ways[side as usize].is_broken = true;
    }

    pub(super) fn is_broken(&self, side: Side) -> bool {
        self.ways[side as usize].is_broken
    }

    /// What is to be inverted of what this side says.
    pub(crate) fn damage(&mut self, side: Side) -> &mut Damage {
        &mut self.ways[side as usize].damage
    }

    /// Whoever waits for something at either end.
    pub(crate) fn take_waiting(&mut self) -> impl Iterator<Item = Waker> + '_ {
        self.ends.iter_mut().flat_map(|end| [end.reading.take(), end.writing.take()]).flatten()
    }

    pub(super) fn is_reset(&self) -> bool {
        self.is_reset
    }

    pub(super) fn fate(&self, side: Side) -> Fate {
        self.ways[side as usize].fate
    }

    /// Whoever reads at this end waits.
    pub(super) fn reader_waits(&mut self, end: Side, cx: &Context<'_>) {
        keep(&mut self.ends[end as usize].reading, cx);
    }

    /// Whoever writes at this end waits.
    pub(super) fn writer_waits(&mut self, end: Side, cx: &Context<'_>) {
        keep(&mut self.ends[end as usize].writing, cx);
    }

    /// Bytes that `side` may say before the other one has heard more. Who is gone hears nothing, and keeps nobody waiting: the
    /// system says what becomes of it.
    pub(super) fn room(&self, side: Side, window: usize) -> usize {
        let way = &self.ways[side as usize];
        if self.ends[other(side) as usize].is_gone && way.fate != Fate::Lost {
            return window;
        }
        window.saturating_sub(usize::try_from(way.said - way.heard).unwrap_or(usize::MAX))
    }

    /// `side` has said so many bytes more.
    pub(super) fn says(&mut self, side: Side, count: usize) {
        self.ways[side as usize].said += count as u64;
    }

    /// The transport has not taken so many bytes of what `side` has said.
    pub(super) fn takes_back(&mut self, side: Side, count: usize) {
        self.ways[side as usize].said -= count as u64;
    }

    /// So many bytes of `side` were heard; whoever waits for room to say more is to be woken.
    pub(super) fn hears(&mut self, side: Side, count: usize) -> Option<Waker> {
        let way = &mut self.ways[side as usize];
        way.heard += count as u64;
        // A server may speak before it knows whose connection it is.
        way.said = way.said.max(way.heard);
        self.ends[side as usize].writing.take()
    }

    /// The server's end is not seen here: what is said to it counts for nothing.
    pub(super) fn has_no_peer(&mut self) {
        self.ends[Side::Server as usize].is_gone = true;
    }

    /// This end was dropped; whoever writes at the other one is to be woken.
    pub(super) fn goes(&mut self, end: Side) -> Option<Waker> {
        self.ends[end as usize].is_gone = true;
        self.ends[other(end) as usize].writing.take()
    }
}

fn keep(waker: &mut Option<Waker>, cx: &Context<'_>) {
    if !waker.as_ref().is_some_and(|kept| kept.will_wake(cx.waker())) {
        *waker = Some(cx.waker().clone());
    }
}
