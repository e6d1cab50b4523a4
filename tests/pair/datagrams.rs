//! The echo of datagrams under the contract's observation: what it answers, and that nobody makes it loop or amplify.

use std::collections::VecDeque;

use bytes::Bytes;
use towline::harness::Checked;
use towline::proto::DatagramEcho;
use towline::proto::backoff::SplitMix;
use towline::proto::datagram::{Address, Datagram, Unanswered};
use towline::proto::machine::{Bulk, Effect, End, Input, Out};
use towline::time::Time;

const HERE: Address = Address::v4([10, 0, 0, 1], 8697);

fn echo() -> Checked<DatagramEcho> {
    let (mut echo, born) = Checked::new(Time::ZERO, DatagramEcho::new(), Out::new());
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
    assert_eq!(echo.footprint_peak(), 0, "it keeps nothing");
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
