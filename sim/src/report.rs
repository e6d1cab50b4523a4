//! Results as a person reads them.

use std::fmt::Write;
use std::time::Duration;

use crate::campaign::Ran;
use crate::ledger::{Ledger, Rare};

/// The head of the table.
pub(crate) fn head() -> String {
    format!("{:>8}  {:<12} {:<14} {:>10} {:>9}  digest", "seed", "scenario", "outcome", "virtual", "wall")
}

/// A seed's line; for a failure, what does not hold and how to see it again.
pub(crate) fn line(ran: &Ran) -> String {
    let outcome = ran.broken.first().map_or("ok", |broken| broken.invariant);
    let mut text = format!(
        "{:>8}  {:<12} {outcome:<14} {:>7} ms {:>6.1} ms  {}",
        ran.seed,
        format!("{:?}", ran.outcome.plan.scenario),
        ran.outcome.elapsed_ms,
        ran.wall.as_secs_f64() * 1e3,
        ran.outcome.trace.digest().prefix()
    );
    for broken in &ran.broken {
        let _infallible = write!(text, "\n          {}: {}", broken.invariant, broken.reason);
    }
    if !ran.broken.is_empty() {
        let _infallible = write!(text, "\n          replay: {}", replay(ran.seed));
    }
    text
}

/// The line that runs one seed again, and shows it.
pub(crate) fn replay(seed: u64) -> String {
    format!("cargo run -p towline-sim -- run --seeds {seed}..{} --trace", seed.saturating_add(1))
}

/// A campaign in a few lines.
pub(crate) fn summary(ran: u64, failed: &[u64], wall: Duration, ledger: &Ledger) -> String {
    let a_second = ran as f64 / wall.as_secs_f64().max(1e-9);
    let mut text = format!("{ran} seeds, {} failed, {a_second:.1} seeds a second\nreached:\n", failed.len());
    for rare in Rare::ALL {
        let _infallible = writeln!(text, "{:>8}  {}", ledger.count(*rare), rare.words());
    }
    for seed in failed {
        let _infallible = writeln!(text, "failed: {}", replay(*seed));
    }
    text
}
