//! The probe on a virtual clock, against echoes that lose, double, delay, damage and stand still.

use std::collections::BTreeMap;

use bytes::Bytes;
use towline::harness::Checked;
use towline::proto::Prober;
use towline::proto::backoff::SplitMix;
use towline::proto::machine::{Effect, End, Input, Machine, Out};
use towline::proto::prober::{
    Carrier, Pace, Percentile, ProbeCommand, ProbeEnd, ProbeEvent, Rate, Settings, Spread, Tally,
};
use towline::time::{Duration, Time};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn us(microseconds: u64) -> Duration {
    Duration::from_micros(microseconds)
}

fn open(per_second: f64) -> Pace {
    Pace::Open(Rate::new(per_second).expect("a rate"))
}

/// What comes back of a probe that leaves at a time: after how long, and what.
type Replies = Vec<(Duration, Bytes)>;

/// Runs a prober to its end against `echo`; a stream's replies arrive in the order in which they were given.
fn run(settings: &Settings, echo: impl FnMut(Time, Bytes) -> Replies) -> (Tally, ProbeEnd, Time) {
    run_by(1, settings, echo)
}

/// The same, with the dearer checks at one step in `one_in`.
fn run_by(
    one_in: u64,
    settings: &Settings,
    mut echo: impl FnMut(Time, Bytes) -> Replies,
) -> (Tally, ProbeEnd, Time) {
    let start = Time::from_millis(5);
    let prober = Prober::new(start, settings).expect("they make sense");
    let (prober, _born) = Checked::new(Time::ZERO, prober, Out::new());
    let mut prober = prober.drawn(1, one_in);
    let (mut now, mut tally, mut number) = (Time::ZERO, Tally::default(), 0);
    let mut coming: BTreeMap<(Time, u64), Bytes> = BTreeMap::new();
    let mut inputs = vec![Input::Room((), 1 << 20)];
    loop {
        let input = inputs.pop().unwrap_or_else(|| {
            let deadline = prober.machine().deadline();
            let arrival = coming.first_key_value().map(|((at, _), _)| *at);
            match (arrival, deadline) {
                (Some(arrival), deadline) if deadline.is_none_or(|deadline| arrival <= deadline) => {
                    now = now.max(arrival);
                    Input::Received((), coming.pop_first().expect("one is coming").1)
                }
                (_, Some(deadline)) => {
                    now = now.max(deadline);
                    Input::Elapsed
                }
                (_, None) => panic!("nothing will ever happen: {:?}", prober.machine()),
            }
        });
        for effect in prober.step(now, input) {
            match effect {
                Effect::Transmit((), probe) => {
                    for (delay, reply) in echo(now, probe) {
                        number += 1;
                        coming.insert((now + delay, number), reply);
                    }
                    inputs.push(Input::Room((), 1 << 20));
                }
                Effect::Event(event) => tally.note(&event),
                Effect::Close(end) => return (tally, end, now),
                Effect::Finish(()) | Effect::Hangup(()) => {}
                effect @ (Effect::Dial(()) | Effect::Store(..)) => panic!("{effect:?}"),
            }
        }
    }
}

fn p99(tally: &Tally) -> Duration {
    Percentile::of(&tally.response, 99.0).expect("there were replies").value
}

/// What a server that stands still for 100 ms once a second does to a probe that comes to it.
fn stalling(now: Time) -> Duration {
    let into_second = now.as_nanos() % 1_000_000_000;
    Duration::from_nanos(100_000_000_u64.saturating_sub(into_second)) + us(50)
}

#[test]
fn a_stall_shows_in_an_open_loop_and_not_in_a_closed_one() {
    for carrier in [Carrier::Stream, Carrier::Datagrams] {
        let settings = |pace| Settings { carrier, pace, duration: Some(ms(3_000)), ..Settings::default() };
        let echo = |now, probe| vec![(stalling(now), probe)];
        let (of_open, end, _) = run_by(50, &settings(open(1_000.0)), echo);
        assert_eq!(end, ProbeEnd::Done);
        assert_eq!((of_open.counts.sent, of_open.counts.received), (3_000, 3_000));
        assert!(p99(&of_open) > ms(80), "{:?}", p99(&of_open));
        let (closed, _, _) = run_by(500, &settings(Pace::Closed(None)), echo);
        assert!(closed.counts.received > 50_000, "{:?}", closed.counts);
        assert!(p99(&closed) < us(60), "{:?}", p99(&closed));
        // With a rate it is no better: it leaves out the probes that were due.
        let (closed, _, _) = run_by(50, &settings(Pace::Closed(Rate::new(1_000.0))), echo);
        assert!(closed.counts.received < 2_800, "{:?}", closed.counts);
        assert!(p99(&closed) < us(60), "{:?}", p99(&closed));
    }
}

/// Where the transport takes nothing for a while, probes leave late, and the time that they waited is in their response.
#[test]
fn what_leaves_late_is_slow_in_response_and_not_in_service() {
    let settings = Settings { pace: open(100.0), count: Some(10), ..Settings::default() };
    let mut prober = Prober::new(Time::ZERO, &settings).expect("they make sense");
    let (mut out, mut tally, mut sent) = (Out::new(), Tally::default(), Vec::new());
    prober.step(Time::ZERO, Input::Room((), 0), &mut out);
    assert_eq!(prober.deadline(), Some(Time::from_millis(1_100)), "it gives up what never left");
    for at in [95, 95, 95, 95, 95, 95, 95, 95, 95, 95] {
        prober.step(Time::from_millis(at), Input::Room((), 1 << 20), &mut out);
        sent.extend(out.drain());
    }
    let probes: Vec<Bytes> = sent
        .iter()
        .filter_map(|effect| match effect {
            Effect::Transmit((), probe) => Some(probe.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(probes.len(), 10);
    probes.iter().for_each(|probe| {
        prober.step(Time::from_millis(96), Input::Received((), probe.clone()), &mut out);
    });
    sent.extend(out.drain());
    sent.iter().for_each(|effect| {
        if let Effect::Event(event) = effect {
            tally.note(event);
        }
    });
    let (service, response) = (Spread::of(&tally.service), Spread::of(&tally.response));
    let (service, response) = (service.expect("replies"), response.expect("replies"));
    let near = |measured: Duration, exact| measured.abs_diff(exact) < exact / 500;
    assert!(near(service.max, ms(1)), "{service:?}");
    assert!(near(response.max, ms(96)) && near(response.min, ms(6)), "{response:?}");
    let late = Spread::of(&tally.lateness).expect("it has a schedule");
    assert!(near(late.max, ms(95)) && near(late.min, ms(5)), "{late:?}");
}

#[test]
fn loss_doubles_and_what_comes_late_or_out_of_order_are_told_apart() {
    let settings =
        Settings { pace: open(1_000.0), count: Some(1_000), timeout: ms(100), ..Settings::default() };
    let mut number = 0;
    let (tally, end, now) = run(&settings, |_, probe| {
        number += 1;
        match number % 100 {
            1 => vec![],
            2 => vec![(ms(1), probe.clone()), (ms(50), probe)],
            // At the end of its time it comes in time; after it, it is lost and late.
            3 => vec![(ms(100), probe)],
            4 => vec![(ms(101), probe)],
            5 => vec![(ms(150), probe.clone()), (ms(160), probe)],
            6 => vec![(ms(1), probe.clone()), (us(1_200_000), probe)],
            _ => vec![(us(10), probe)],
        }
    });
    assert_eq!(end, ProbeEnd::Done);
    let counts = tally.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (1_000, 970, 30));
    // It ends once the last one is answered or lost (the 905th, after 904 ms), and waits for no late ones.
    assert_eq!(now, Time::from_millis(5 + 904 + 100));
    assert_eq!((counts.late, counts.duplicated, counts.stale), (19, 19, 0), "{counts:?}");
    assert_eq!(counts.reordered, 10, "those that took their whole time");
    assert_eq!(counts.corrupted + counts.truncated + counts.unsent + counts.abandoned, 0);
}

/// A reply to what is forgotten is neither taken for a loss that was answered nor for a second answer.
#[test]
fn what_is_long_over_is_stale() {
    let settings = Settings { pace: open(1_000.0), count: Some(500), timeout: ms(20), ..Settings::default() };
    let mut number = 0;
    let (tally, _, _) = run(&settings, |_, probe| {
        number += 1;
        if number == 1 { vec![(us(10), probe.clone()), (ms(200), probe)] } else { vec![(us(10), probe)] }
    });
    assert_eq!((tally.counts.received, tally.counts.duplicated, tally.counts.stale), (500, 0, 1));
}

#[test]
fn every_wrong_byte_shows() {
    for (carrier, size) in [(Carrier::Datagrams, 64), (Carrier::Stream, 64), (Carrier::Stream, 3)] {
        let settings = Settings {
            carrier,
            size,
            pace: Pace::Closed(None),
            count: Some(1_000),
            timeout: ms(10),
            ..Settings::default()
        };
        let mut at = 0;
        let (tally, _, _) = run(&settings, |_, probe| {
            let mut wrong = probe.to_vec();
            wrong[at / 8 % size] ^= 1 << (at % 8);
            at += 1;
            vec![(us(10), wrong.into())]
        });
        let counts = tally.counts;
        assert_eq!((counts.sent, counts.received, counts.corrupted), (1_000, 0, 1_000), "{counts:?}");
        assert_eq!(counts.damaged + counts.lost, 1_000);
        assert!(counts.damaged > 700, "where it can be known which one it answers: {counts:?}");
    }
}

#[test]
fn replies_that_are_cut_are_timed_and_told() {
    let settings =
        Settings { size: 100, pace: open(1_000.0), count: Some(100), timeout: ms(10), ..Settings::default() };
    let (tally, _, _) = run(&settings, |_, probe| vec![(us(10), probe.slice(..40))]);
    assert_eq!((tally.counts.received, tally.counts.truncated), (100, 100));
    assert_eq!(tally.cut, Some((40, 40)));
    // Too short to tell which one it answers.
    let (tally, _, _) = run(&settings, |_, probe| vec![(us(10), probe.slice(..15))]);
    assert_eq!((tally.counts.received, tally.counts.corrupted, tally.counts.lost), (0, 100, 100));
    let (tally, _, _) = run(&settings, |_, probe| vec![(us(10), [&probe[..], b"x"].concat().into())]);
    assert_eq!((tally.counts.received, tally.counts.corrupted, tally.counts.damaged), (0, 100, 100));
}

/// However a stream's replies are cut and joined.
#[test]
fn a_stream_is_cut_anywhere() {
    let mut random = SplitMix(3);
    for size in [1, 5, 16, 17, 64, 1_000] {
        let settings = Settings {
            carrier: Carrier::Stream,
            size,
            pace: open(10_000.0),
            count: Some(300),
            ..Settings::default()
        };
        let mut after = Duration::ZERO;
        let (tally, end, _) = run(&settings, |now, mut probe| {
            let mut pieces = Vec::new();
            while !probe.is_empty() {
                let cut = 1 + (random.next_u64() as usize) % probe.len();
                pieces.push((after.saturating_sub(now.since(Time::ZERO)), probe.split_to(cut)));
                after = after.max(now.since(Time::ZERO)) + us(random.next_u64() % 50);
            }
            pieces
        });
        assert_eq!((end, tally.counts.received, tally.counts.corrupted), (ProbeEnd::Done, 300, 0), "{size}");
    }
}

#[test]
fn a_warm_up_is_not_counted() {
    for pace in [open(1_000.0), Pace::Closed(None), Pace::Closed(Rate::new(1_000.0)), Pace::Flood] {
        let settings =
            Settings { pace, count: Some(100), warm_up: ms(50), timeout: ms(10), ..Settings::default() };
        let (tally, end, _) = run(&settings, |now, probe| match now < Time::from_millis(55) {
            true => vec![(ms(9), probe)],
            false => vec![(us(500), probe)],
        });
        assert_eq!((end, tally.counts.sent, tally.counts.received), (ProbeEnd::Done, 100, 100), "{pace:?}");
        assert!(tally.response.max() < 600_000, "{pace:?}: {}", tally.response.max());
    }
}

/// A server that is silent ends it in time, with whatever pace; so does a transport that takes nothing more.
#[test]
fn silence_ends_it() {
    for pace in [open(1_000.0), Pace::Closed(None), Pace::Closed(Rate::new(100.0)), Pace::Flood] {
        let duration = Some(ms(500));
        let settings = Settings { pace, duration, timeout: ms(100), ..Settings::default() };
        let (tally, end, now) = run(&settings, |_, _| vec![]);
        assert_eq!((end, tally.counts.received), (ProbeEnd::Done, 0));
        assert!(
            tally.counts.sent > 0 && tally.counts.lost == tally.counts.sent,
            "{pace:?}: {:?}",
            tally.counts
        );
        assert!(now <= Time::from_millis(5 + 500 + 100), "{pace:?}: {now:?}");

        let mut prober = Prober::new(Time::ZERO, &settings).expect("they make sense");
        let (mut out, mut ends) = (Out::new(), None);
        while let Some(deadline) = prober.deadline() {
            prober.step(deadline, Input::Elapsed, &mut out);
            ends = Some(deadline);
        }
        assert!(ends.is_some_and(|ends| ends <= Time::from_millis(600)), "{pace:?}: {ends:?}");
        let unsent: Vec<Effect<Prober>> =
            out.drain().filter(|effect| matches!(effect, Effect::Event(ProbeEvent::Unsent(500)))).collect();
        assert_eq!(unsent.len(), usize::from(matches!(pace, Pace::Open(_))), "{pace:?}");
    }
}

#[test]
fn it_ends_as_its_connection_does() {
    let settings = |carrier| Settings { carrier, pace: open(1_000.0), size: 16, ..Settings::default() };
    let after = |carrier, inputs: Vec<Input<Prober>>| {
        let mut prober = Prober::new(Time::ZERO, &settings(carrier)).expect("they make sense");
        let mut out = Out::new();
        prober.step(Time::ZERO, Input::Room((), 1 << 20), &mut out);
        inputs.into_iter().for_each(|input| prober.step(Time::from_millis(1), input, &mut out));
        let (mut tally, mut end) = (Tally::default(), None);
        for effect in out.drain() {
            match effect {
                Effect::Event(event) => tally.note(&event),
                Effect::Close(outcome) => end = Some(outcome),
                _ => {}
            }
        }
        (end, tally.counts)
    };
    let refused = || Input::Command(ProbeCommand::Refused);
    let (end, counts) = after(Carrier::Datagrams, vec![refused()]);
    assert_eq!((end, counts.sent, counts.lost, counts.refused), (Some(ProbeEnd::Refused), 1, 1, 1));
    let (end, counts) = after(Carrier::Stream, vec![Input::Ended((), End::Reset)]);
    assert_eq!((end, counts.lost), (Some(ProbeEnd::Ended(End::Reset)), 1));
    let (end, counts) = after(Carrier::Stream, vec![Input::Command(ProbeCommand::Stop)]);
    assert_eq!((end, counts.lost, counts.abandoned), (Some(ProbeEnd::Stopped), 0, 1));
    // A server with something of its own to say.
    let banner = Input::Received((), Bytes::from_static(b"220 mail.example.org ESMTP"));
    let (end, counts) = after(Carrier::Stream, vec![banner]);
    assert_eq!((end, counts.corrupted), (Some(ProbeEnd::Unasked), 1));
}

/// Any bytes from anybody: nothing panics, and what is counted adds up.
#[test]
fn any_bytes_are_replies() {
    let mut random = SplitMix(11);
    for round in 0..60 {
        let carrier = if round % 2 == 0 { Carrier::Stream } else { Carrier::Datagrams };
        let settings = Settings {
            carrier,
            size: 24,
            pace: open(1_000.0),
            count: Some(60),
            timeout: ms(5),
            ..Settings::default()
        };
        let (tally, end, _) = run(&settings, |_, probe| {
            let mut replies = Vec::new();
            for _ in 0..random.next_u64() % 3 {
                let mut reply = probe.to_vec();
                let at = random.next_u64() as usize;
                match random.next_u64() % 6 {
                    0 => reply[at % 24] ^= 1 << (at % 8),
                    1 => reply.truncate(at % 25),
                    2 => reply.extend_from_slice(&at.to_le_bytes()),
                    3 => reply[..8].copy_from_slice(&(at as u64 % 100).to_le_bytes()),
                    _ => {}
                }
                if !(reply.is_empty() && carrier == Carrier::Stream) {
                    replies.push((us(random.next_u64() % 8_000), reply.into()));
                }
            }
            replies
        });
        let counts = tally.counts;
        assert_eq!(counts.sent, counts.received + counts.lost + counts.damaged, "{end:?} {counts:?}");
        assert!(end == ProbeEnd::Done || carrier == Carrier::Stream, "{end:?}");
    }
}
