//! Nothing in a run asks the real clock or the system's randomness: what it got would be in no seed.

use crate::outcome::Outcome;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let told = outcome.impure.iter().map(|caught| {
        let frames = caught.frames.join("\n            from ");
        format!("{} was called in {frames}", caught.call)
    });
    told.collect()
}
