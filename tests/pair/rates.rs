//! The rate of a key: over all its connections, both ways, exact in the long run, and nobody else's business.

use bytes::Bytes;
use towline::harness::{Checked, Pair, PairConfig};
use towline::proto::client::RetryPolicy;
use towline::proto::listener::{ConnectionId, ListenEvent, ListenInput, Listener, Source};
use towline::proto::machine::{Effect, Input, Machine, Out};
use towline::proto::session::{Command, Event, Floor, SessionEnd};
use towline::proto::storage::{Owner, RootId};
use towline::proto::{Connections, Limits, ListenLimits, Rights, Session, Share};
use towline::time::{Duration, Time};
use towline::wire::{Body, Frame, PREAMBLE};

use crate::help::*;

const RATE: u64 = 100_000;

fn paced(limits: Limits, rate: u64) -> Pair {
    let rights = Rights::ALL.with_share(Share { rate: Some(rate), ..Share::ALL });
    let policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    Pair::new(PairConfig { limits, rights, policy, piece: 20_000, ..PairConfig::default() })
}

/// How long so many bytes may take at least, and may take at most: a burst is free, and a turn may have to be waited for.
fn takes(bytes: u64) -> std::ops::RangeInclusive<Duration> {
    let seconds = |bytes: u64| Duration::from_millis(bytes * 1000 / RATE);
    seconds(bytes.saturating_sub(2 * RATE))..=seconds(bytes + RATE)
}

#[test]
fn an_upload_and_a_download_take_the_time_that_the_rate_gives_them() {
    let content = noise(2_000_000);
    let mut pair = paced(Limits::default(), RATE);
    pair.local.put("up", &content);
    pair.served.put("down", &content);
    let up = pair.carry_out(put("up"));
    assert_eq!(up, Ok(moved(&content, 0)), "{:?}, {:?}", pair.ends, pair.now());
    let up = pair.now();
    assert!(takes(2_000_000).contains(&up.since(Time::ZERO)), "{up:?}");
    assert_eq!(pair.carry_out(fetch("down")), Ok(moved(&content, 0)));
    let down = pair.now().since(up);
    assert!(takes(2_000_000).contains(&down), "{down:?}");
    assert_eq!(retries(&pair), 0);
    pair.close();
    let spent = pair.served_events.iter().map(|event| match event {
        Event::Spent { bytes, .. } => *bytes,
        _ => 0,
    });
    assert_eq!(spent.sum::<u64>(), 4_000_000, "each byte is counted once");
}

#[test]
fn several_connections_of_a_key_share_its_rate() {
    let content = noise(4_000_000);
    for (job, name) in [(put("up"), "up"), (fetch("down"), "down")] {
        let limits = Limits { connections: Connections::Fixed(4), ..Limits::default() };
        let mut pair = paced(limits, RATE);
        pair.local.put("up", &content);
        pair.served.put("down", &content);
        assert_eq!(pair.carry_out(job), Ok(moved(&content, 0)), "{name}");
        let took = pair.now().since(Time::ZERO);
        assert!(took >= *takes(4_000_000).start(), "{name}: {took:?}");
        assert!(took <= *takes(5_500_000).end(), "{name}: what is sent twice is little: {took:?}");
        pair.close();
    }
}

/// It is the server that does not listen: neither the time in which it does nothing nor what it moves then is the client's fault.
#[test]
fn who_is_held_back_is_neither_dead_nor_slow() {
    let content = noise(300_000);
    let floor = Some(Floor { bytes: 50_000, within: Duration::from_secs(3) });
    let limits = Limits { idle: Some(Duration::from_secs(2)), floor, ..Limits::default() };
    // A segment takes two minutes.
    let mut pair = paced(limits, 1024);
    pair.local.put("up", &content);
    pair.served.put("down", &content);
    assert_eq!(pair.carry_out(put("up")), Ok(moved(&content, 0)));
    assert_eq!(pair.carry_out(fetch("down")), Ok(moved(&content, 0)));
    assert!(pair.now() > Time::from_millis(290_000), "{:?}", pair.now());
    // Its goodbye may not be listened to in time.
    pair.close();
    assert!(matches!(pair.ends[..], [SessionEnd::Orderly | SessionEnd::Lost(_)]), "{:?}", pair.ends);
}

/// What costs no data is not held up by what does, beyond the connection's own turn.
/// What a key owes from before may take longer to pay than a client has to greet.
#[test]
fn who_owes_is_heard_greeting_and_then_waits() {
    let session = Session::server(Time::ZERO, RootId(0), Rights::ALL, Limits::default()).paced();
    let (mut session, _nothing) = Checked::new(Time::ZERO, session, Out::new());
    assert!(session.machine().wants_read(()), "its client is to greet");
    let said = [&PREAMBLE[..], &Frame::connection(Body::Hello(hello())).to_bytes()].concat();
    let told = session.step(Time::from_millis(1), Input::Received((), Bytes::from(said)));
    let is_ready = |effect: &Effect<Session>| matches!(effect, Effect::Event(Event::Ready { .. }));
    let is_answer = |effect: &Effect<Session>| matches!(effect, Effect::Transmit(..));
    assert!(told.iter().any(is_ready) && told.iter().any(is_answer), "{told:?}");
    assert!(!session.machine().wants_read(()), "nothing more before it is allowed");
    let hours = Time::from_millis(3_600_000);
    while let Some(due) = session.machine().deadline().filter(|due| *due < hours) {
        let told = session.step(due, Input::Elapsed);
        assert!(!told.iter().any(|effect| matches!(effect, Effect::Close(_))), "{due:?}: {told:?}");
    }
    session.step(hours, Input::Command(Command::Allow(1)));
    assert!(session.machine().wants_read(()), "it is heard again");
}

#[test]
fn a_server_that_stops_lets_what_is_paced_finish() {
    let content = noise(500_000);
    let mut pair = paced(Limits::default(), RATE);
    pair.local.put("up", &content);
    let job = pair.start(put("up"));
    pair.run_until(|pair| pair.now() > Time::from_millis(1_000));
    pair.command_server(towline::proto::session::Command::Drain);
    pair.run_until(|pair| pair.result(job).is_some());
    assert_eq!(pair.result(job), Some(Ok(moved(&content, 0))));
    pair.close();
}

/// A listener, and what it has allowed whom.
struct Desk {
    listener: Checked<Listener>,
    now: Time,
    next: u64,
    allowed: Vec<(u64, u64)>,
}

impl Desk {
    fn new() -> Desk {
        let (listener, _nothing) =
            Checked::new(Time::ZERO, Listener::new(ListenLimits::default(), &Limits::default()), Out::new());
        Desk { listener, now: Time::ZERO, next: 0, allowed: Vec::new() }
    }

    fn step(&mut self, input: Input<Listener>) {
        for effect in self.listener.step(self.now, input) {
            if let Effect::Event(ListenEvent::Allow(ConnectionId(id), bytes)) = effect {
                self.allowed.push((id, bytes));
            }
        }
    }

    fn tell(&mut self, input: ListenInput) {
        self.step(Input::Command(input));
    }

    /// Somebody with this key comes.
    fn comes(&mut self, key: u8) -> u64 {
        let id = self.next;
        self.next += 1;
        self.tell(ListenInput::Accepted(ConnectionId(id), Source(1)));
        self.tell(ListenInput::Ready(ConnectionId(id)));
        self.tell(ListenInput::Paced { id: ConnectionId(id), owner: Owner([key; 32]), rate: RATE });
        id
    }

    fn spends(&mut self, id: u64, bytes: u64) {
        self.tell(ListenInput::Spent { id: ConnectionId(id), bytes, more: true });
    }

    fn goes(&mut self, id: u64) {
        self.tell(ListenInput::Closed(ConnectionId(id)));
    }

    /// Lets time pass, as its deadlines say; gives what was allowed by then.
    fn until(&mut self, end: Time) -> Vec<(u64, u64)> {
        while let Some(at) = self.listener.machine().deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step(Input::Elapsed);
        }
        self.now = end;
        std::mem::take(&mut self.allowed)
    }
}

#[test]
fn connections_of_a_key_take_turns() {
    let mut desk = Desk::new();
    let ids = [desk.comes(1), desk.comes(1), desk.comes(1)];
    let first = desk.until(Time::ZERO);
    assert_eq!(first, ids.map(|id| (id, 25_000)), "each a quarter of what may come at once");
    for second in 1..=30 {
        ids.iter().for_each(|id| desk.spends(*id, 25_000));
        let allowed = desk.until(Time::from_millis(second * 1000));
        let mut whose: Vec<u64> = allowed.iter().map(|(id, _)| *id).collect();
        whose.sort_unstable();
        assert_eq!(whose, ids, "in second {second}");
    }
}

#[test]
fn a_key_that_owes_holds_back_itself_and_nobody_else() {
    let mut desk = Desk::new();
    let (greedy, other) = (desk.comes(1), desk.comes(2));
    desk.until(Time::ZERO);
    desk.spends(greedy, 10 * RATE + 25_000);
    desk.spends(other, 25_000);
    // It goes, and comes again: its key owes all the same.
    desk.goes(greedy);
    let again = desk.comes(1);
    assert_eq!(desk.until(Time::from_millis(8_900)), [(other, 25_000)]);
    let allowed = desk.until(Time::from_millis(9_300));
    assert_eq!(allowed, [(again, 25_000)]);
}

/// Whoever breaks off and comes again without end gets no more than who stays.
#[test]
fn connections_one_after_another_gain_nothing() {
    let mut desk = Desk::new();
    let mut moved = 0;
    for _ in 0..200 {
        let id = desk.comes(1);
        let mut allowed = desk.until(desk.now);
        while allowed.is_empty() {
            let next = desk.now + Duration::from_millis(100);
            allowed = desk.until(next);
        }
        // More than it was allowed, as what comes at once may be.
        moved += 60_000;
        desk.tell(ListenInput::Spent { id: ConnectionId(id), bytes: 60_000, more: false });
        desk.goes(id);
    }
    let seconds = desk.now.since(Time::ZERO).as_secs();
    assert!(moved <= (seconds + 3) * RATE, "{moved} in {seconds} s");
    assert!(moved >= (seconds - 3) * RATE, "{moved} in {seconds} s");
}

/// What was allowed and not used is there for the next.
#[test]
fn who_only_looks_uses_nothing_up() {
    let mut desk = Desk::new();
    for _ in 0..1000 {
        let id = desk.comes(1);
        assert_eq!(desk.until(Time::ZERO), [(id, 25_000)]);
        desk.tell(ListenInput::Spent { id: ConnectionId(id), bytes: 10, more: false });
        desk.goes(id);
    }
}

#[test]
fn a_connection_for_which_there_is_no_memory_is_told_so_and_those_that_are_there_stay() {
    let each = towline::proto::Session::buffers_max(&Limits::default());
    let limits = ListenLimits { memory: 3 * each + each / 2, ..ListenLimits::default() };
    let mut listener = Listener::new(limits, &Limits::default());
    let mut step = |input| {
        let mut out = Out::new();
        listener.step(Time::ZERO, Input::Command(input), &mut out);
        out.into_effects()
    };
    for id in 0..3 {
        let admitted = step(ListenInput::Accepted(ConnectionId(id), Source(1)));
        assert_eq!(admitted, [Effect::Event(ListenEvent::Admit(ConnectionId(id)))]);
    }
    let refused = step(ListenInput::Accepted(ConnectionId(3), Source(2)));
    let [Effect::Event(ListenEvent::Refuse(ConnectionId(3), failure))] = &refused[..] else {
        panic!("{refused:?}")
    };
    assert_eq!(failure.code, towline::wire::Code::BUSY);
    assert!(failure.delay_ms > 0 && failure.text.contains("no memory is left"), "{failure}");
    step(ListenInput::Closed(ConnectionId(3)));
    step(ListenInput::Closed(ConnectionId(0)));
    let admitted = step(ListenInput::Accepted(ConnectionId(4), Source(2)));
    assert_eq!(admitted, [Effect::Event(ListenEvent::Admit(ConnectionId(4)))]);
}
