//! What a client's library counts is what passed on its connections, to the byte, in each direction.

use crate::outcome::{Outcome, SaidHeard};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let tell = |(client, passed, counted): &(u32, SaidHeard, SaidHeard)| {
        format!("client {client} said and heard {passed:?} bytes, and counts {counted:?}")
    };
    outcome.miscounted.iter().map(tell).collect()
}
