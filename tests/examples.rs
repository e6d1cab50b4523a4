//! What `examples/` shows is run, not only compiled.
#![cfg(feature = "net")]

#[path = "../examples/embedded_server.rs"]
mod embedded_server;
#[path = "../examples/own_protocol.rs"]
mod own_protocol;
#[path = "../examples/progress.rs"]
mod progress;

use bytes::Bytes;
use own_protocol::{Adder, Ask, Over};
use tokio::sync::{mpsc, oneshot};
use towline::harness::{Duo, Way};
use towline::proto::machine::{Effect, Input, Machine, Out};
use towline::server::ListenEnd;
use towline::time::Time;

const NUMBERS: &[u64] = &[1, 20, 300, u64::MAX];
const SUMS: &[u64] = &[1, 21, 321, 320];

#[tokio::test]
async fn a_server_within_a_program_takes_what_a_client_with_progress_sends() {
    let (served, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = here.path().join("film");
    let content: Vec<u8> = (0..3_000_000u32).map(|at| (at / 7 + at % 251) as u8).collect();
    std::fs::write(&file, &content).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let (told, mut lines) = mpsc::unbounded_channel();
    let tell = |line: String| told.send(line).unwrap();
    let server = embedded_server::serve(served.path(), async { stopped.await.unwrap() }, tell);
    let work = async {
        let first = lines.recv().await.unwrap();
        let server = first.strip_prefix("listening on ").unwrap().parse().unwrap();
        let mut seen = Vec::new();
        let moved = progress::put(&file, server, "films/film", |there, all| seen.push((there, all))).await;
        assert_eq!(moved.unwrap().root.to_string(), blake3::hash(&content).to_hex().to_string());
        assert_eq!(seen.last(), Some(&(3_000_000, 3_000_000)), "{seen:?}");
        assert!(seen.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{seen:?}");
        stop.send(()).unwrap();
    };
    assert_eq!(tokio::join!(server, work).0.unwrap(), ListenEnd::Drained);
    assert_eq!(std::fs::read(served.path().join("films/film")).unwrap(), content);
    drop(told);
    let lines: Vec<String> = std::iter::from_fn(|| lines.try_recv().ok()).collect();
    assert!(lines[0].contains("127.0.0.1:") && lines[0].ends_with(" is here"), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("Began")), "{lines:?}");
    assert_eq!(lines.last().map(String::as_str), Some("0: over, Orderly"));
}

#[tokio::test]
async fn a_protocol_of_ones_own_runs_over_tcp() {
    assert_eq!(own_protocol::over_tcp(NUMBERS).await.unwrap(), (SUMS.to_vec(), Over::Orderly, Over::Orderly));
}

#[test]
fn a_protocol_of_ones_own_runs_in_a_pair_under_the_contract() {
    assert_eq!(own_protocol::in_a_pair(NUMBERS), (SUMS.to_vec(), Some(Over::Orderly), Some(Over::Orderly)));
}

#[test]
fn a_protocol_of_ones_own_runs_on_turmoil() {
    let (sums, ends) = own_protocol::on_turmoil(NUMBERS).unwrap();
    assert_eq!((sums, ends), (SUMS.to_vec(), vec![Over::Orderly, Over::Idle]));
}

/// What the pair is for: whatever is asked, of a way that is slow, narrow, cut or silent.
#[test]
fn a_pair_of_ones_own_can_be_cut_starved_and_left_alone() {
    let duo = |way| Duo::new(way, |_, _| Adder::client(), |now, _| Adder::server(now));
    let mut narrow = duo(Way { room: 7, ..Way::default() });
    (0..1_000).for_each(|number| narrow.command(Ask::Add(number)));
    narrow.command(Ask::Done);
    narrow.run();
    assert_eq!((narrow.events().0.len(), narrow.events().0.last()), (1_000, Some(&499_500)));
    assert!(narrow.now() > Time::from_millis(1_000), "seven bytes a trip take their time");

    let mut cut = duo(Way::default());
    cut.command(Ask::Add(1));
    cut.cut();
    cut.run();
    assert_eq!(cut.ends(), (Some(&Over::Lost), Some(&Over::Lost)));

    let mut silent = duo(Way::default());
    silent.run();
    assert_eq!(silent.ends(), (Some(&Over::Orderly), Some(&Over::Idle)));
    assert_eq!(
        silent.now(),
        Time::from_millis(30_010),
        "the server's patience, and each side's end on its way"
    );
}

/// Split invariance: what is no number is told after what was asked before it, however the bytes came.
#[test]
fn a_machine_of_ones_own_says_the_same_however_bytes_come() {
    let talk = b"1\n2\nthree\n4\n";
    let said = |piece: usize| {
        let (mut machine, mut out) = (Adder::server(Time::ZERO), Out::new());
        machine.step(Time::ZERO, Input::Room((), 1 << 20), &mut out);
        for bytes in talk.chunks(piece) {
            machine.step(Time::ZERO, Input::Received((), Bytes::copy_from_slice(bytes)), &mut out);
        }
        let (mut sent, mut end) = (Vec::new(), None);
        for effect in out.into_effects() {
            match effect {
                Effect::Transmit((), bytes) => sent.extend_from_slice(&bytes),
                Effect::Close(over) => end = Some(over),
                other => panic!("{other:?}"),
            }
        }
        (sent, end)
    };
    for piece in 1..=talk.len() {
        assert_eq!(said(piece), (b"1\n3\n".to_vec(), Some(Over::Garbage)), "in pieces of {piece}");
    }
}
