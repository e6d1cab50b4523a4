//! The echo of datagrams under the contract's observation: what it answers, and that nobody makes it loop or amplify.

use std::collections::VecDeque;

use bytes::Bytes;
use towline::harness::Checked;
use towline::proto::DatagramEcho;
use towline::proto::backoff::SplitMix;
use towline::proto::datagram::{Address, Allowance, Datagram, LocalName, Unanswered};
use towline::proto::machine::{Bulk, Effect, End, Input, Out};
use towline::time::Time;

const HERE: Address = Address::v4([10, 0, 0, 1], 8697);

/// As much as anybody asks for.
const ANY: Allowance = Allowance { bytes_per_second: u64::MAX, burst: u64::MAX, sources: 8 };

fn echo() -> Checked<DatagramEcho> {
    allowing(ANY)
}

fn allowing(allowance: Allowance) -> Checked<DatagramEcho> {
    let (mut echo, born) = Checked::new(Time::ZERO, DatagramEcho::new(allowance), Out::new());
    assert_eq!(born, []);
    assert_eq!(echo.step(Time::ZERO, Input::Room((), 100_000)), []);
    echo
}

fn hear(echo: &mut Checked<DatagramEcho>, datagram: Datagram) -> Vec<Effect<DatagramEcho>> {
    echo.step(Time::ZERO, Input::Received((), datagram))
}

#[test]
fn an_answer_is_the_request_on_its_way_back_and_nothing_else_is_said() {
    let mut random = SplitMix(1);
    let mut pick = |choices: &[u64]| choices[(random.next_u64() % choices.len() as u64) as usize];
    let (mut echo, mut answered, mut refused) = (echo(), 0, 0);
    for _ in 0..2_000 {
        let port = pick(&[0, 7, 19, 53, 1023, 1024, 1900, 8697, 49_152, 60_000, 65_535]) as u16;
        let hosts = [0xffff_0a00_0002, 0xffff_e000_0001, 0xffff_ffff_ffff, 0xffff_0000_0000, 0, 1];
        let from = Address { host: u128::from(pick(&hosts)), port };
        let length = pick(&[0, 1, 8, 1_400, 65_507]) as usize;
        let request = Datagram { from, to: HERE, payload: Bytes::from(vec![7; length]) };
        match hear(&mut echo, request.clone()).as_slice() {
            [Effect::Transmit((), Datagram { from: answers, to: hears, payload })] => {
                assert_eq!((*answers, *hears, payload), (HERE, from, &request.payload));
                assert!(port >= 1024 && port != 1900 && port != HERE.port, "it answers port {port}");
                answered += 1;
            }
            [Effect::Event(Unanswered::NoRoom)] => {
                assert!(echo.step(Time::ZERO, Input::Room((), 100_000)).is_empty());
            }
            [Effect::Event(_)] => refused += 1,
            effects => panic!("{effects:?}"),
        }
    }
    assert!(answered > 200 && refused > 200, "{answered} answered, {refused} not");
    assert_eq!(echo.step(Time::ZERO, Input::Ended((), End::Orderly)), [Effect::Close(())]);
}

#[test]
fn two_echoes_that_a_forger_sets_on_each_other_fall_silent() {
    let there = Address::v4([10, 0, 0, 2], HERE.port);
    let (mut one, mut other) = (echo(), echo());
    for forged in [there, HERE, Address { port: 7, ..there }] {
        let first = Datagram { from: forged, to: HERE, payload: Bytes::from_static(b"for ever") };
        let mut on_their_way = VecDeque::from([first]);
        let mut passed = 0;
        while let Some(datagram) = on_their_way.pop_front() {
            passed += 1;
            assert!(passed < 10, "they talk to each other");
            let hearer = if datagram.to.host == HERE.host { &mut one } else { &mut other };
            on_their_way.extend(hear(hearer, datagram).into_iter().filter_map(|effect| match effect {
                Effect::Transmit((), answer) => Some(answer),
                _ => None,
            }));
        }
        assert_eq!(passed, 1, "not even once");
    }
}

/// A forger sends a victim at most what the victim's share is, and takes nothing from anybody else's.
#[test]
fn a_source_is_answered_no_more_than_its_share() {
    let mut echo = allowing(Allowance { bytes_per_second: 1_000, burst: 2_016, sources: 8 });
    let from = |host, port| Datagram {
        from: Address::v4([10, 0, 0, host], port),
        to: HERE,
        payload: Bytes::from(vec![0; 1_000]),
    };
    let mut ask = |ms, datagram| {
        let now = Time::from_millis(ms);
        assert!(echo.step(now, Input::Room((), 100_000)).is_empty());
        matches!(echo.step(now, Input::Received((), datagram))[..], [Effect::Transmit(..)])
    };
    // Whichever port is forged.
    let answered = (0..1_000).filter(|number| ask(0, from(2, 40_000 + number))).count();
    assert_eq!(answered, 2);
    assert!(ask(0, from(3, 40_000)), "another one's share is its own");
    assert!(!ask(500, from(2, 40_000)) && ask(1_008, from(2, 40_000)), "the rate brings it back");
    // Nobody beyond this machine has such an address.
    let own = |_: &u16| ask(1_008, Datagram { from: Address::v4([127, 0, 0, 1], 40_000), ..from(2, 40_000) });
    assert_eq!((0..100).filter(own).count(), 100);
}

#[test]
fn a_local_socket_is_answered_if_it_has_a_name() {
    let echo = DatagramEcho::new(Allowance { bytes_per_second: 0, burst: 0, sources: 0 });
    let (mut echo, _born) = Checked::new(Time::ZERO, echo, Out::new());
    assert!(echo.step(Time::ZERO, Input::Room((), 100)).is_empty());
    let name = |name: &'static str| LocalName(Bytes::from_static(name.as_bytes()));
    let request =
        |from| Datagram { from: name(from), to: name("/run/echo"), payload: Bytes::from_static(b"x") };
    let mut hear = |from| echo.step(Time::ZERO, Input::Received((), request(from)));
    let answer = Datagram { from: name("/run/echo"), to: name("/run/me"), payload: Bytes::from_static(b"x") };
    assert_eq!(hear("/run/me"), [Effect::Transmit((), answer)]);
    assert_eq!(hear(""), [Effect::Event(Unanswered::NoSource)]);
    assert_eq!(hear("/run/echo"), [Effect::Event(Unanswered::OwnPort)]);
}

#[test]
fn it_takes_no_more_room_than_there_is() {
    let mut echo = echo();
    let payload = Bytes::from(vec![0; 10]);
    let request = Datagram { from: Address::v4([10, 0, 0, 2], 50_000), to: HERE, payload };
    assert!(echo.step(Time::ZERO, Input::Room((), 40)).is_empty());
    let answers = (0..4).map(|_| hear(&mut echo, request.clone()));
    let answered = answers.filter(|effects| matches!(effects[..], [Effect::Transmit(..)])).count();
    assert_eq!((answered, request.bulk()), (2, 18), "the header counts");
}
