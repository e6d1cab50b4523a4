//! A conversation is the same between a pair of machines and between the real ends on turmoil.

#![cfg(feature = "turmoil")]

use bytes::Bytes;
use towline::harness::{Pair, PairConfig};
use towline::proto::op::Question;
use towline::proto::session::Request;
use towline::wire::{Attempt, RelPath, RequestId};
use towline_sim::invariants;
use towline_sim::plan::{Content, Expect, Operation, Plan, Shape, Span, Step};
use towline_sim::tier::turmoil;
use towline_sim::trace::difference;

const PAYLOAD: Content = Content { length: 12, noise: 1 };
const FILE: Content = Content { length: 1_000, noise: 2 };

/// A handshake, an echo and a small put, as the client of a pair hears and says it.
fn of_pair(plan: &Plan) -> String {
    let mut pair = Pair::new(PairConfig { limits: plan.limits(), ..PairConfig::default() });
    let path = |text| RelPath::new(text).expect("a good path");
    pair.local.put("up-1", &FILE.bytes());
    pair.carry_out(Request::Ask(Question::Echo(Bytes::from(PAYLOAD.bytes())))).expect("an echo");
    let (source, to) = (path("up-1"), path("file"));
    let put = Request::Put { root: Pair::ROOT, source, path: to, attempt: Attempt::new(RequestId(2)) };
    pair.carry_out(put).expect("a put");
    pair.close();
    pair.trace.text().to_owned()
}

fn plan(shape: Shape) -> Plan {
    let mut plan = Plan::from_seed(0);
    let step = |operation| Step::new(operation, Expect::Success);
    plan.network.latency_ms = Span { min: 5, max: 5 };
    plan.shape = shape;
    plan.served = Vec::new();
    plan.faults = Vec::new();
    plan.clients[0].steps =
        vec![step(Operation::Echo(PAYLOAD)), step(Operation::Put { path: "file".to_owned(), content: FILE })];
    plan
}

fn of_turmoil(plan: &Plan) -> String {
    let outcome = turmoil::run(plan);
    assert_eq!(invariants::check(&outcome), []);
    let conversations = outcome.conversations();
    let [conversation] = conversations.as_slice() else { panic!("{conversations:?}") };
    conversation.clone()
}

#[test]
fn the_pair_and_turmoil_say_the_same() {
    let smooth = plan(Shape::SMOOTH);
    let pair = of_pair(&smooth);
    for said in ["Hello", "Echo", "Offer", "Data", "Commit", "Committed", "Bye"] {
        assert!(pair.contains(said), "{said} in\n{pair}");
    }
    if let Some(difference) = difference(&pair, &of_turmoil(&smooth)) {
        panic!("{difference}\n\nthe pair's:\n{pair}\nturmoil's:\n{}", of_turmoil(&smooth));
    }
}

/// Cut into pieces of a few bytes, each side still says the same; only how the two interleave may differ.
#[test]
fn cut_into_pieces_each_side_says_the_same() {
    let of = |text: &str, who: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with(who)).map(str::to_owned).collect()
    };
    let pair = of_pair(&plan(Shape::SMOOTH));
    let cut = Shape {
        write_max: 7,
        read_max: 5,
        pending_percent: 20,
        nap_permille: 5,
        nap_ms_max: 3,
        ..Shape::SMOOTH
    };
    let cut = of_turmoil(&plan(cut));
    for who in ["client", "server"] {
        assert_eq!(of(&pair, who), of(&cut, who));
    }
}
