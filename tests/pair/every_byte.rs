//! The connection breaks at every byte of a small transfer: there is the old file or the new one, whole, and another
//! attempt succeeds.

use towline::harness::{Fault, Pair, PairConfig, Side};
use towline::proto::client::LinkId;
use towline::proto::session::Request;
use towline::store::memory::{MemoryFiles, Primitive};

use crate::help::*;

const OLD: &[u8] = b"the old file";

/// Runs a put or a get with the fault at every byte of `side`'s stream.
fn break_everywhere(request: &Request, side: Side, fault: fn(u32, Side, u64) -> Fault) {
    let new = noise(60);
    let is_put = matches!(request, Request::Put { .. });
    let prepared = |faults| {
        let pair = pair_with(faults);
        let (source, target) = if is_put { (&pair.local, &pair.served) } else { (&pair.served, &pair.local) };
        source.put("file", &new);
        target.put("file", OLD);
        pair
    };
    let target =
        |pair: &Pair| -> MemoryFiles { if is_put { pair.served.clone() } else { pair.local.clone() } };
    let mut clean = prepared(vec![]);
    clean.carry_out(request.clone()).expect("it goes well");
    clean.close();
    for byte in 0..clean.sent(LinkId(0), side) {
        let mut pair = prepared(vec![fault(0, side, byte)]);
        let files = target(&pair);
        let job = pair.start(request.clone());
        while pair.result(job).is_none() {
            assert!(pair.advance(), "byte {byte}: it hangs:\n{}", pair.trace.text());
            let there = files.get("file").expect("a file, old or new");
            assert!(there == OLD || there == new, "byte {byte}: a mixture");
        }
        let result = pair.result(job).expect("over");
        assert_eq!(result, Ok(moved(&new, 0)), "byte {byte}:\n{}", pair.trace.text());
        assert_eq!(files.get("file").as_deref(), Some(&new[..]), "byte {byte}");
        pair.close();
        // A get has no request id: its retry may receive the file once more.
        let log = files.take_log();
        let published = log.iter().filter(|step| step.primitive == Primitive::Rename && step.path == "file");
        let published = published.count();
        assert!(published == 1 || (!is_put && published == 2), "byte {byte}: published {published} times");
    }
}

macro_rules! every_byte {
    ($($name:ident: $request:expr, $side:ident, $fault:ident;)*) => {
        $(#[test]
        fn $name() {
            break_everywhere(&$request, Side::$side, Fault::$fault);
        })*
    };
}

every_byte! {
    a_put_survives_a_reset_at_every_byte_of_the_client: put("file"), Client, Reset;
    a_put_survives_a_reset_at_every_byte_of_the_server: put("file"), Server, Reset;
    a_put_survives_silence_from_every_byte_of_the_client_on: put("file"), Client, Silence;
    a_put_survives_silence_from_every_byte_of_the_server_on: put("file"), Server, Silence;
    a_put_survives_an_end_before_every_byte_of_the_client: put("file"), Client, CutShort;
    a_put_survives_an_end_before_every_byte_of_the_server: put("file"), Server, CutShort;
    a_get_survives_a_reset_at_every_byte_of_the_client: fetch("file"), Client, Reset;
    a_get_survives_a_reset_at_every_byte_of_the_server: fetch("file"), Server, Reset;
    a_get_survives_silence_from_every_byte_of_the_client_on: fetch("file"), Client, Silence;
    a_get_survives_silence_from_every_byte_of_the_server_on: fetch("file"), Server, Silence;
    a_get_survives_an_end_before_every_byte_of_the_client: fetch("file"), Client, CutShort;
    a_get_survives_an_end_before_every_byte_of_the_server: fetch("file"), Server, CutShort;
}

/// The server has published, and the client never hears of it: the second attempt is told so, and nothing is published
/// twice, although another file stands there by then.
#[test]
fn a_lost_answer_does_not_act_twice() {
    let new = noise(1000);
    let answer = {
        let mut clean = pair();
        clean.local.put("file", &new);
        clean.carry_out(put("file")).expect("a put");
        clean.sent(LinkId(0), Side::Server) - 1
    };
    let mut pair = Pair::new(PairConfig {
        faults: vec![Fault::Reset(0, Side::Server, answer)],
        ..PairConfig::default()
    });
    pair.local.put("file", &new);
    let job = pair.start(put("file"));
    pair.run_until(|pair| retries(pair) == 1);
    assert_eq!(pair.served.get("file").as_deref(), Some(&new[..]), "it was published");
    pair.served.put("file", b"what somebody else put there since");
    pair.run_until(|pair| pair.result(job).is_some());
    assert_eq!(pair.result(job), Some(Ok(moved(&new, 0))));
    assert_eq!(pair.served.get("file").as_deref(), Some(&b"what somebody else put there since"[..]));
    pair.close();
}

#[test]
fn a_removal_whose_answer_is_lost_succeeds_when_it_is_tried_again() {
    let answer = {
        let mut clean = pair();
        clean.served.put("file", OLD);
        clean.carry_out(remove("file", 3)).expect("a removal");
        clean.sent(LinkId(0), Side::Server) - 1
    };
    let mut pair = pair_with(vec![Fault::CutShort(0, Side::Server, answer)]);
    pair.served.put("file", OLD);
    assert_eq!(pair.carry_out(remove("file", 3)), Ok(towline::proto::op::OpDone::Removed));
    assert_eq!((retries(&pair), pair.served.get("file")), (1, None));
    pair.close();
}
