//! The limits of a server, as the command line says them.

use std::time::Duration;

use super::super::args::number;
use super::super::explain::CliError;
use crate::identity::{RATE_MIN, parse_size, write_size};
use crate::net::options::parse_duration;
use crate::proto::session::Floor;
use crate::proto::{Limits, ListenLimits, Session, Share};
use crate::server::Reserve;

#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(in crate::cli) struct Caps {
    /// How many may be connected at once; whoever comes then is told to try again soon
    #[arg(long, value_name = "COUNT", default_value_t = 1024, value_parser = number::<u32>(1..=u64::MAX))]
    max_connections: u32,

    /// How many of them from one address [default: all]
    #[arg(long, value_name = "COUNT", value_parser = number::<u32>(1..=u64::MAX))]
    max_per_address: Option<u32>,

    /// How many may be connected without having greeted, a quarter of them from one address; for one more the oldest is cut
    /// [default: 256, or all]
    #[arg(long, value_name = "COUNT", value_parser = number::<u32>(1..=u64::MAX))]
    max_greeting: Option<u32>,

    /// How many operations each connection may have open at once
    #[arg(long, value_name = "COUNT", default_value_t = 256, value_parser = number::<u32>(1..=4096))]
    max_operations: u32,

    /// How many files and sockets may be open in all [default: as many as the system grants]
    #[arg(long, value_name = "COUNT", value_parser = number::<u64>(64..=u64::MAX))]
    max_open_files: Option<u64>,

    /// What a client has to move at least while it is waited for, or it is dropped; echo may take its time
    #[arg(long, value_name = "BYTES/DURATION|none", default_value = "64K/5m", value_parser = floor)]
    floor: Least,

    /// How much memory the buffers of all connections may take, such as 1G: whoever comes when it is used up is told to try again
    /// soon, and those that are there are not touched
    #[arg(long, value_name = "BYTES|none", default_value = "none", value_parser = memory)]
    max_memory: Memory,

    /// How many bytes may be stored in the folder of each key, or of whoever needs none, such as 10G; a key's own line
    /// (quota=BYTES) wins
    #[arg(long, value_name = "BYTES|none", default_value = "none", value_parser = quota)]
    quota: Most,

    /// How many bytes a second each key may move over all its connections, both ways, such as 5M/s; a key's own line (rate=BYTES/s)
    /// wins
    #[arg(long, value_name = "BYTES/s|none", default_value = "none", value_parser = rate)]
    rate: Most,

    /// How much of the disk stays free, such as 1G or 5%: what would take of it is refused
    #[arg(long, value_name = "BYTES|PERCENT%|none", default_value = "none", value_parser = reserve)]
    reserve: Reserve,
}

/// A floor, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Least(Option<Floor>);

/// So many bytes at the most, or as many as come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Most(Option<u64>);

/// Bytes of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory(Option<usize>);

impl Caps {
    /// Limits that contradict each other were not meant.
    pub(super) fn check(self) -> Result<(), CliError> {
        let parts = [("max-per-address", self.max_per_address), ("max-greeting", self.max_greeting)];
        let beyond =
            parts.into_iter().find(|(_, count)| count.is_some_and(|count| count > self.max_connections));
        match beyond {
            Some((name, count)) => Err(CliError::usage(
                "cannot serve",
                &format!(
                    "{name} is {}, and there may be {} connections in all",
                    count.unwrap_or_default(),
                    self.max_connections
                ),
                "a part cannot be more than the whole",
                format!("lower {name}, or raise max-connections"),
            )),
            None => Ok(()),
        }
    }

    /// Limits of all connections together.
    pub(super) fn listen(self, drain: Option<Duration>) -> ListenLimits {
        let connections = self.max_connections as usize;
        let greeting = self.max_greeting.map_or(256.min(connections), |count| count as usize);
        ListenLimits {
            connections,
            per_source: self.max_per_address.map_or(connections, |count| count as usize),
            greeting,
            greeting_per_source: greeting.div_ceil(4),
            drain,
            memory: self.max_memory.0.unwrap_or(usize::MAX),
            ..ListenLimits::default()
        }
    }

    /// `limits` of each connection, with these in them.
    pub(super) fn each(self, limits: Limits) -> Limits {
        Limits { operations: self.max_operations, floor: self.floor.0, ..limits }
    }

    /// What of the server is for each key whose own line does not say it.
    pub(super) fn share(self) -> Share {
        Share { quota: self.quota.0, rate: self.rate.0 }
    }

    /// How many connections have room in the memory that there is, where that is limited, each with so many bytes.
    pub(super) fn within_memory(self, each: &Limits) -> Option<(usize, usize)> {
        let each = Session::buffers_max(each);
        Some((self.max_memory.0? / each, each))
    }

    pub(super) fn reserve(self) -> Reserve {
        self.reserve
    }

    /// Each connection may have hundreds of small files open until they are durable: as many as the system grants at all, or as many as
    /// were asked for.
    pub(super) fn allow_open_files(self) {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let current = match (self.max_open_files, maximum) {
            (Some(most), Some(maximum)) => Some(most.min(maximum)),
            (Some(most), None) => Some(most),
            (None, maximum) => maximum,
        };
        // Where it is refused, the server gets along with what there is, and says so when it runs out.
        let _as_before = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    }
}

fn memory(text: &str) -> Result<Memory, String> {
    let least = Session::buffers_max(&Limits::default());
    match most(text, least as u64)? {
        Most(None) => Ok(Memory(None)),
        Most(Some(bytes)) => Ok(Memory(Some(usize::try_from(bytes).unwrap_or(usize::MAX)))),
    }
}

fn quota(text: &str) -> Result<Most, String> {
    most(text, 1)
}

fn rate(text: &str) -> Result<Most, String> {
    most(text.strip_suffix("/s").unwrap_or(text), RATE_MIN)
}

fn most(text: &str, least: u64) -> Result<Most, String> {
    if text == "none" {
        return Ok(Most(None));
    }
    match parse_size(text) {
        Some(bytes) if bytes >= least => Ok(Most(Some(bytes))),
        Some(_) => Err(format!("{} bytes are the least", write_size(least))),
        None => Err("bytes are needed, such as 10G, or \"none\"".to_owned()),
    }
}

fn floor(text: &str) -> Result<Least, String> {
    if text == "none" {
        return Ok(Least(None));
    }
    let parsed = text.split_once('/').and_then(|(least, within)| {
        let (bytes, within) = (parse_size(least)?, parse_duration(within).ok()?);
        (bytes > 0 && within >= Duration::from_millis(100)).then_some(Floor { bytes, within })
    });
    let expected = "bytes and a time are needed, such as 64K/5m or 1M/30s, or \"none\"";
    parsed.map(|floor| Least(Some(floor))).ok_or_else(|| expected.to_owned())
}

fn reserve(text: &str) -> Result<Reserve, String> {
    if text == "none" {
        return Ok(Reserve::None);
    }
    let parsed = match text.strip_suffix('%') {
        Some(percent) => {
            percent.parse().ok().filter(|percent| (1..100).contains(percent)).map(Reserve::Percent)
        }
        None => parse_size(text).map(Reserve::Bytes),
    };
    parsed.ok_or_else(|| "bytes or a share of the disk are needed, such as 1G or 5%, or \"none\"".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_and_reserves_are_read() {
        let least = Floor { bytes: 64 * 1024, within: Duration::from_secs(300) };
        assert_eq!(floor("64K/5m"), Ok(Least(Some(least))));
        assert_eq!(Limits::default().floor, Some(least), "the library's is the command line's");
        assert_eq!(floor("none"), Ok(Least(None)));
        for text in ["", "64K", "0/1m", "1K/0", "-1/1m", "1K/1m/1m", "64k/5m"] {
            assert!(floor(text).is_err_and(|error| error.contains("64K/5m")), "{text}");
        }
        assert_eq!(reserve("5%"), Ok(Reserve::Percent(5)));
        assert_eq!(reserve("2G"), Ok(Reserve::Bytes(2 << 30)));
        assert_eq!(reserve("17"), Ok(Reserve::Bytes(17)));
        for text in ["", "0%", "100%", "5 %", "-1", "99999999999T", "G"] {
            assert!(reserve(text).is_err_and(|error| error.contains("1G or 5%")), "{text}");
        }
    }
}
