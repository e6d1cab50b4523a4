//! `towline echo`: round trips through the protocol.

use std::time::Duration;

use bytes::Bytes;

use super::args::Common;
use super::explain::CliError;
use super::json::Object;
use super::output::{self, Short};
use super::visit;
use crate::net::Endpoint;
use crate::wire::limits::ECHO_MAX;

/// Measure round trips to a server, one after another
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server; unix:SOCKET for a Unix socket
    #[arg(value_name = "HOST[:PORT]")]
    server: Endpoint,

    /// How many round trips
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,

    /// Bytes in each
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=ECHO_MAX as i64))]
    size: u32,

    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let (server, size) = (&args.server, args.size);
    let tried = format!("cannot echo with {server}");
    let payload: Bytes = (0..size).map(|at| at as u8).collect::<Vec<u8>>().into();
    visit::with(&args.common, server, async |visit| {
        // The first one also connects: it is not counted.
        visit.client.echo(Bytes::new()).await.map_err(visit.explain(tried.clone()))?;
        let mut times = Vec::new();
        for sent in 1..=args.count {
            match visit.client.echo(payload.clone()).await {
                Ok(time) => times.push(time),
                Err(error) => {
                    summary(sent, size, &mut times, args.common.json)?;
                    return Err(visit.explain(tried)(error));
                }
            }
            let last = times.last().copied().unwrap_or_default();
            visit.screen.detail(&format!("{sent}: {}", Short(last)));
        }
        summary(args.count, size, &mut times, args.common.json)
    })
}

fn summary(sent: u32, size: u32, times: &mut [Duration], is_json: bool) -> Result<(), CliError> {
    if is_json {
        return object(sent, size, times).print();
    }
    output::print(&format!("{sent} sent, {} received, {size} bytes each", times.len()))?;
    times.sort_unstable();
    let (Some(least), Some(most)) = (times.first(), times.last()) else { return Ok(()) };
    output::print(&format!(
        "round trip: min {}, p50 {}, p99 {}, max {}",
        Short(*least),
        Short(percentile(times, 50)),
        Short(percentile(times, 99)),
        Short(*most)
    ))
}

fn object(sent: u32, size: u32, times: &mut [Duration]) -> Object {
    times.sort_unstable();
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let at = |percent| if times.is_empty() { None } else { seconds(Some(percentile(times, percent))) };
    Object::new("echo")
        .with("sent", sent)
        .with("received", times.len())
        .with("bytes", size)
        .with("seconds_min", seconds(times.first().copied()))
        .with("seconds_p50", at(50))
        .with("seconds_p99", at(99))
        .with("seconds_max", seconds(times.last().copied()))
}

/// The smallest time that at least `percent` of the sorted `times` do not exceed (nearest rank).
fn percentile(times: &[Duration], percent: usize) -> Duration {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(50));
        assert_eq!(percentile(&times, 99), Duration::from_millis(99));
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&times[..10], 99), Duration::from_millis(10));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
