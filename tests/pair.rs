//! Pairs of machines on a virtual clock: the default test.

use bytes::Bytes;
use towline::harness::{Pair, PairConfig};
use towline::proto::op::{OpDone, Question};
use towline::proto::session::Request;
use towline::wire::{Cv, Get, RelPath, RequestId};

fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a good path")
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        })
        .collect()
}

fn put(name: &str) -> Request {
    Request::Put { root: Pair::ROOT, source: path(name), path: path(name), request: RequestId(9) }
}

fn fetch(name: &str) -> Request {
    Request::Fetch { root: Pair::ROOT, at: path(name), get: Get { path: path(name), version: 0 } }
}

#[test]
fn an_echo_comes_back() {
    let mut pair = Pair::new(PairConfig::default());
    let echo = Request::Ask(Question::Echo(Bytes::from_static(b"Hello, world")));
    assert_eq!(pair.carry_out(echo), Ok(OpDone::Echoed));
    pair.close();
    println!("{}", pair.trace.text());
}

#[test]
fn files_of_all_sizes_go_both_ways() {
    for length in [0, 1, 1000, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 5_000_000, 20_000_000] {
        let mut pair = Pair::new(PairConfig::default());
        let content = noise(length);
        pair.local.put("up", &content);
        pair.served.put("down", &content);
        let root = Cv(*blake3::hash(&content).as_bytes());
        let done = OpDone::Moved { length: length as u64, root, blocks_refused: 0 };
        assert_eq!(pair.carry_out(put("up")), Ok(done.clone()), "put of {length}");
        assert_eq!(pair.carry_out(fetch("down")), Ok(done), "get of {length}");
        assert!(pair.served.get("up").as_deref() == Some(&content[..]));
        assert!(pair.local.get("down").as_deref() == Some(&content[..]));
        pair.close();
        assert_eq!(pair.leases(), 0);
        println!("{length}: {:?}", pair.now());
        if length == 1000 {
            println!("{}", pair.trace.text());
        }
    }
}
