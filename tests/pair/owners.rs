//! A session that knows who its client is says so to the store, of all that may be kept.

use towline::harness::split::replay;
use towline::harness::{Pair, PairConfig};
use towline::proto::client::LinkId;
use towline::proto::machine::{Effect, Out};
use towline::proto::storage::{NameOp, Owner, StoreOp};
use towline::proto::{Limits, Rights, Session};

use crate::help::*;

#[test]
fn what_is_kept_belongs_to_whoever_sends_it() {
    let mut pair = Pair::new(PairConfig { record: true, ..PairConfig::default() });
    pair.local.put("up", &noise(3 << 20));
    let job = pair.start(put("up"));
    pair.run_until(|pair| pair.result(job).is_some());
    pair.close();
    let log = pair.server_logs.remove(&LinkId(0)).expect("a session");
    let new = || Session::server(log[0].0, Pair::ROOT, Rights::ALL, Limits::default());
    let owners = |session: Session| -> Vec<Owner> {
        let effects = replay(session, Out::new(), &log).others.into_iter();
        let owner = |effect| match effect {
            Effect::Store(_, StoreOp::Name(NameOp::OpenPartial { owner, .. })) => Some(owner),
            _ => None,
        };
        effects.filter_map(owner).collect()
    };
    assert_eq!(owners(new()), [Owner::ANYBODY]);
    assert_eq!(owners(new().owned_by(Owner([3; 32]))), [Owner([3; 32])]);
}
