//! Split invariance: however the bytes of a stream were split or joined, a machine transmits the same bytes and has the
//! same sequence of all other effects.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::time::Time;

/// What happened to a machine, and when.
pub type Log<M> = Vec<(Time, Input<M>)>;

/// What a machine did: the bytes that it transmitted on each link, and all its other effects in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Done<M: Machine> {
    /// Concatenated.
    pub transmitted: BTreeMap<M::Link, Vec<u8>>,
    /// In order.
    pub others: Vec<Effect<M>>,
}

/// Plays a log to a machine; `born` are the effects of its making.
pub fn replay<M: Machine<Tx = Bytes>>(mut machine: M, mut born: Out<M>, log: &Log<M>) -> Done<M> {
    let mut done = Done { transmitted: BTreeMap::new(), others: Vec::new() };
    done.note(&mut born);
    for (now, input) in log {
        machine.step(*now, input.clone(), &mut born);
        done.note(&mut born);
    }
    done
}

impl<M: Machine<Tx = Bytes>> Done<M> {
    fn note(&mut self, out: &mut Out<M>) {
        for effect in out.drain() {
            match effect {
                Effect::Transmit(link, bytes) => {
                    self.transmitted.entry(link).or_default().extend_from_slice(&bytes);
                }
                other @ (Effect::Dial(_) | Effect::Finish(_) | Effect::Hangup(_) | Effect::Store(..)) => {
                    self.others.push(other);
                }
                other @ (Effect::Event(_) | Effect::Close(_)) => self.others.push(other),
            }
        }
    }
}

/// The same log with what was received cut as `cuts` says: it is told the length of each run of bytes that came without
/// anything else in between, and gives the lengths of the pieces, used up to the run's end; what is left is one piece.
/// Without a cut, runs are joined. A piece comes when the last of its run did, so that time does not run back.
pub fn recut<M: Machine<Rx = Bytes>>(log: &Log<M>, mut cuts: impl FnMut(usize) -> Vec<usize>) -> Log<M> {
    let mut recut = Log::new();
    let mut run: Option<(Time, M::Link, BytesMut)> = None;
    for (now, input) in log {
        if let (Input::Received(link, bytes), Some((at, of, run))) = (input, &mut run)
            && of == link
        {
            *at = *now;
            run.extend_from_slice(bytes);
            continue;
        }
        end_run(run.take(), &mut cuts, &mut recut);
        if let Input::Received(link, bytes) = input {
            run = Some((*now, *link, BytesMut::from(&bytes[..])));
        } else {
            recut.push((*now, input.clone()));
        }
    }
    end_run(run, &mut cuts, &mut recut);
    recut
}

fn end_run<M: Machine<Rx = Bytes>>(
    run: Option<(Time, M::Link, BytesMut)>,
    cuts: &mut impl FnMut(usize) -> Vec<usize>,
    log: &mut Log<M>,
) {
    let Some((at, link, bytes)) = run else { return };
    let mut rest = bytes.freeze();
    for length in cuts(rest.len()) {
        if length > 0 && length < rest.len() {
            log.push((at, Input::Received(link, rest.split_to(length))));
        }
    }
    log.push((at, Input::Received(link, rest)));
}
