//! A file that a get was told to have is durable at its client: a power loss changes nothing of it.

use crate::outcome::Outcome;
use crate::plan::Host;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let of_client = outcome.power_losses.iter().filter(|loss| loss.host != Host::Server);
    let tell = |loss: &crate::outcome::PowerLoss| {
        format!("{:?} was told to have {:?}, {:?}, and has {:?}", loss.host, loss.path, loss.was, loss.is)
    };
    of_client.map(tell).collect()
}
