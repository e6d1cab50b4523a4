//! Admission: who has greeted is told apart from who has not, and thousands that stall lock nobody out.

use towline::harness::Checked;
use towline::proto::listener::{ConnectionId, ListenEvent, ListenInput, Listener, Source};
use towline::proto::machine::{Effect, Input, Machine, Out};
use towline::proto::{Limits, ListenLimits};
use towline::time::{Duration, Time};
use towline::wire::Code;

/// A listener, and a driver that drops what it is told to drop.
struct Door {
    listener: Checked<Listener>,
    now: Time,
    next: u64,
    cut: Vec<u64>,
    overdue: Vec<u64>,
    refused: Vec<u64>,
    other: Vec<ListenEvent>,
}

impl Door {
    fn new(limits: ListenLimits) -> Door {
        let listener = Listener::new(limits, &Limits::default());
        let (listener, _nothing) = Checked::new(Time::ZERO, listener, Out::new());
        let (cut, overdue, refused, other) = Default::default();
        Door { listener, now: Time::ZERO, next: 0, cut, overdue, refused, other }
    }

    fn step(&mut self, input: Input<Listener>) -> bool {
        let mut is_admitted = false;
        for effect in self.listener.step(self.now, input) {
            let Effect::Event(event) = effect else { continue };
            match event {
                ListenEvent::Admit(_) => is_admitted = true,
                ListenEvent::Cut(ConnectionId(id), failure) => {
                    assert_eq!(failure.code, Code::BUSY);
                    self.cut.push(id);
                }
                ListenEvent::Overdue(ConnectionId(id), failure) => {
                    assert_eq!(failure.code, Code::HANDSHAKE_TIMEOUT);
                    self.overdue.push(id);
                }
                ListenEvent::Refuse(ConnectionId(id), _) => self.refused.push(id),
                other => self.other.push(other),
            }
        }
        is_admitted
    }

    fn command(&mut self, input: ListenInput) -> bool {
        self.step(Input::Command(input))
    }

    /// One comes from `source`; whatever gives way to it, or is refused, is closed.
    fn accept(&mut self, source: u128) -> Option<u64> {
        assert!(self.listener.machine().wants_read(()));
        let id = self.next;
        self.next += 1;
        let (cut, refused) = (self.cut.len(), self.refused.len());
        let is_admitted = self.command(ListenInput::Accepted(ConnectionId(id), Source(source)));
        let gone: Vec<u64> = self.cut[cut..].iter().chain(&self.refused[refused..]).copied().collect();
        for id in gone {
            self.command(ListenInput::Closed(ConnectionId(id)));
        }
        is_admitted.then_some(id)
    }

    fn ready(&mut self, id: u64) {
        self.command(ListenInput::Ready(ConnectionId(id)));
    }

    fn elapse(&mut self) -> Time {
        self.now = self.listener.machine().deadline().expect("it waits for a time");
        self.step(Input::Elapsed);
        self.now
    }
}

#[test]
fn two_thousand_that_stall_lock_out_nobody_even_of_their_own_address() {
    let mut door = Door::new(ListenLimits::default());
    let stall = |door: &mut Door| (0..2000).for_each(|_| assert!(door.accept(1).is_some()));
    stall(&mut door);
    assert_eq!(door.listener.machine().connections(), 64, "no more from one address");
    let (neighbour, stranger) = (door.accept(1).expect("admitted"), door.accept(2).expect("admitted"));
    [neighbour, stranger].into_iter().for_each(|id| door.ready(id));
    stall(&mut door);
    assert!(!door.cut.contains(&neighbour) && !door.cut.contains(&stranger));
    assert_eq!(door.refused, [0; 0]);
    assert_eq!(door.listener.machine().connections(), 66);
}

#[test]
fn who_stalls_from_a_few_addresses_displaces_their_own() {
    let limits = ListenLimits { greeting: 10, greeting_per_source: 4, ..ListenLimits::default() };
    let mut door = Door::new(limits);
    let slow = door.accept(99).expect("admitted");
    for source in (1..=3).cycle().take(400) {
        door.accept(source);
    }
    assert_eq!(door.listener.machine().connections(), 10);
    assert!(!door.cut.contains(&slow), "an address that has one loses none");
    door.ready(slow);
    assert!(door.accept(99).is_some());
}

#[test]
fn those_who_have_greeted_give_way_to_nobody() {
    let limits = ListenLimits { connections: 4, per_source: 2, ..ListenLimits::default() };
    let mut door = Door::new(limits);
    for source in [1, 1, 2] {
        let id = door.accept(source).expect("admitted");
        door.ready(id);
    }
    assert_eq!(door.accept(1), None, "two from one address");
    let waiting = door.accept(3).expect("the fourth");
    assert_eq!(door.accept(4), None, "four in all, and one of them has a moment to greet");
    assert_eq!((door.cut.len(), door.refused.len()), (0, 2));
    door.command(ListenInput::Closed(ConnectionId(waiting)));
    assert!(door.accept(4).is_some());
}

#[test]
fn each_has_so_long_from_accept_to_greeting_and_is_told_once() {
    let mut door = Door::new(ListenLimits::default());
    let early = door.accept(1).expect("admitted");
    door.now = Time::from_millis(4000);
    let (late, good) = (door.accept(1).expect("admitted"), door.accept(1).expect("admitted"));
    door.ready(good);
    assert_eq!(door.elapse(), Time::from_millis(10_000));
    assert_eq!(door.overdue, [early]);
    assert_eq!(door.elapse(), Time::from_millis(14_000));
    assert_eq!(door.overdue, [early, late]);
    assert_eq!(door.listener.machine().deadline(), None, "who has greeted has all the time");
    assert_eq!(door.listener.machine().connections(), 3, "they have their last words");
    for id in [early, late, good] {
        door.command(ListenInput::Closed(ConnectionId(id)));
    }
    assert_eq!(door.listener.machine().connections(), 0);
}

#[test]
fn what_leaves_counts_against_no_cap_and_is_not_without_end() {
    let mut door = Door::new(ListenLimits { connections: 2, ..ListenLimits::default() });
    // A driver that does not get round to dropping what it is told to.
    for id in 0..1000 {
        if !door.listener.machine().wants_read(()) {
            assert_eq!(id, 66);
            return;
        }
        door.command(ListenInput::Accepted(ConnectionId(id), Source(1)));
    }
    panic!("it accepts without end");
}

/// Where the system runs out of files, trying again and again is of no use.
#[test]
fn a_pause_grows_while_it_is_of_no_use_and_begins_anew_after_it_was() {
    let mut door = Door::new(ListenLimits::default());
    let mut waited = Vec::new();
    for _ in 0..7 {
        door.command(ListenInput::AcceptFailed);
        let before = door.now;
        assert!(!door.listener.machine().wants_read(()));
        waited.push(door.elapse().since(before).as_millis());
        assert!(door.listener.machine().wants_read(()));
    }
    assert_eq!(waited, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
    assert_eq!(door.other, [ListenEvent::Paused], "told once");
    door.elapse();
    assert_eq!(door.other, [ListenEvent::Paused, ListenEvent::Resumed]);
    door.command(ListenInput::AcceptFailed);
    let before = door.now;
    assert_eq!(door.elapse().since(before), Duration::from_millis(500));
}
