//! What may be typed: flags that commands share, and the types of values.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::explain::CliError;
use super::trust::Trust;
use crate::client::ClientConfig;
use crate::net::options::{self, parse_duration};
use crate::net::{OptionName, SocketOptions, SocketUse, diagnose};
use crate::proto::Limits;
use crate::proto::client::RetryPolicy;
use crate::store::os::Durability;
use crate::wire::Start;

/// Flags of every client command.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Common {
    /// Keep dialling a server that is not there yet, for this long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) wait: Option<Duration>,

    /// How long one attempt to connect may take
    #[arg(long, visible_alias = "connect-timeout", value_name = "DURATION|none", default_value = "10", value_parser = patience)]
    pub(super) timeout: Patience,

    /// How long the whole of one operation may take, attempts and waiting included: a file, a tree, a listing, a round trip
    #[arg(long, value_name = "DURATION|none", default_value = "none", value_parser = limit)]
    operation_timeout: Patience,

    #[command(flatten)]
    timeouts: Timeouts,

    #[command(flatten)]
    pub(super) sockets: Sockets,

    #[command(flatten)]
    pub(super) trust: Trust,

    /// How often to try again what a passing failure broke
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = number::<u32>(0..=999))]
    pub(super) retries: u32,

    /// Print one JSON object a line, and nothing else, to standard output
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) talk: Talk,
}

/// How long the other side of a connection is waited for.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Timeouts {
    /// How long the other side may take to greet, once connected
    #[arg(long, value_name = "DURATION|none", default_value = "10", value_parser = limit)]
    handshake_timeout: Patience,

    /// How long the other side may be silent before it is taken for dead; it is asked at half time
    #[arg(long, value_name = "DURATION|none", default_value = "30", value_parser = limit)]
    idle_timeout: Patience,
}

impl Timeouts {
    /// Limits with these in them.
    pub(super) fn limits(self) -> Limits {
        Limits { handshake: self.handshake_timeout.0, idle: self.idle_timeout.0, ..Limits::default() }
    }
}

/// Options of the command's sockets.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Sockets {
    /// Options of the sockets, such as keepalive=60s/10s/5,send-buffer=1M; -v shows what the system made of them (--help lists them)
    #[arg(long = "socket", value_name = "KEY=VALUE,…", default_value = "", hide_default_value = true, long_help = socket_help())]
    pub(super) options: SocketOptions,
}

impl Sockets {
    /// Sees that the sockets of these kinds have the options, and that the system takes their values, before anything is tried.
    pub(super) fn check(&self, sockets: &[SocketUse]) -> Result<(), CliError> {
        let refused = |error: String| {
            let tried = format!("cannot set options of sockets (--socket {})", self.options);
            CliError::usage(
                tried,
                &error,
                "",
                "`towline serve --help` lists them, with the sockets that have them",
            )
        };
        self.options.check(sockets).map_err(|error| refused(error.to_string()))?;
        let try_out = |of: &SocketUse| options::try_out(*of, &self.options.of(*of));
        sockets.iter().try_for_each(try_out).map_err(|error| refused(error.to_string()))
    }
}

fn socket_help() -> String {
    let line = |name: &OptionName| {
        let written = format!("{}={}", name.name(), name.value());
        format!("\n  {written:<38} {}", name.help())
    };
    let lines: String = OptionName::ALL.iter().map(line).collect();
    format!(
        "Options of the sockets; several, with ',' between them. The system may round, double or cap what it is asked for: -v \
         shows what holds.{lines}"
    )
}

/// Flags of commands that move files.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Transfer {
    /// Start afresh: use neither what an interrupted transfer left nor the version that stands there
    #[arg(long)]
    pub(super) no_resume: bool,
}

impl Transfer {
    /// Where a transfer begins.
    pub(super) fn start(self) -> Start {
        if self.no_resume { Start::Afresh } else { Start::Resume }
    }
}

/// How a client moves files.
#[derive(Clone, Debug, Default)]
pub(super) struct Moving {
    pub(super) start: Start,
    pub(super) durability: Durability,
    /// What is typed to go on, where that is not the same again.
    pub(super) again: Option<String>,
}

impl From<Start> for Moving {
    fn from(start: Start) -> Moving {
        Moving { start, ..Moving::default() }
    }
}

/// What is promised of files that are received here.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Durable {
    /// Whether a file that was acknowledged survives a loss of power: `none` waits for no disk, as rsync does not
    #[arg(long, value_name = "full|none", default_value = "full", value_parser = promise)]
    durability: Durability,
}

impl Durable {
    /// The same, for the library.
    pub(super) fn durability(self) -> Durability {
        self.durability
    }

    /// For transfers that begin at `start`.
    pub(super) fn moving(self, start: Start) -> Moving {
        Moving { start, durability: self.durability, again: None }
    }
}

fn promise(text: &str) -> Result<Durability, String> {
    match text {
        "full" => Ok(Durability::Full),
        "none" => Ok(Durability::None),
        _ => Err("\"full\" or \"none\" is needed".to_owned()),
    }
}

/// How much to say.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Talk {
    /// Say nothing but results and errors
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// Say more: connections, and what goes on below
    #[arg(short, long, conflicts_with = "quiet")]
    pub(super) verbose: bool,
}

/// How long to wait; `None`: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience(pub(super) Option<Duration>);

impl Common {
    /// A client's configuration, with fresh randomness.
    pub(super) fn config(&self, moving: &Moving) -> Result<ClientConfig, CliError> {
        let policy = RetryPolicy {
            attempts: self.retries + 1,
            wait: self.wait,
            connect: self.timeout.0,
            operation: self.operation_timeout.0,
            ..RetryPolicy::default()
        };
        let Moving { start, durability, again: _ } = *moving;
        let (limits, socket) = (self.timeouts.limits(), self.sockets.options.clone());
        Ok(ClientConfig { limits, policy, socket, tls: None, seed: random()?, start, durability })
    }
}

/// Randomness, or why there is none.
pub(super) fn random() -> Result<u128, CliError> {
    crate::net::random()
        .map_err(|error| CliError::system("cannot get random numbers from the system", &error))
}

/// Where to listen: an IP address with a port, or without one for `port`; `localhost` is 127.0.0.1.
pub(super) fn listen_address(text: &str, port: u16) -> Result<SocketAddr, String> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, port));
    }
    if text == "localhost" {
        return Ok(SocketAddr::new(loopback, port));
    }
    if let Some(Ok(port)) = text.strip_prefix("localhost:").map(str::parse) {
        return Ok(SocketAddr::new(loopback, port));
    }
    let port_named = text.rsplit_once(':').map(|(_, port)| port);
    let is_number = |port: &&str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(port) = port_named.filter(is_number).filter(|port| port.parse::<u16>().is_err()) {
        return Err(format!(
            "{port} is out of range: ports go from 1 to 65535, and 0 takes any that is free"
        ));
    }
    text.parse().map_err(|_| {
        let own = diagnose::local_addresses().join(", ");
        format!(
            "an address of this machine is needed, with or without a port, such as \"127.0.0.1:{port}\" or \
             \"[::1]:{port}\" (its addresses are {own})"
        )
    })
}

/// A whole number of a range.
pub(super) fn number<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync {
    move |text| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| is_number && range.contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| match *range.end() {
            u64::MAX => format!("a whole number is needed, from {} on", range.start()),
            end => format!("a whole number from {} to {end} is needed", range.start()),
        })
    }
}

/// Bytes, from `least` on: a whole number, or one with K, M or G behind it for 1,024 of them, and so on.
pub(super) fn size<T: TryFrom<u64>>(least: u64) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync {
    move |text| {
        let units = [("K", 10), ("M", 20), ("G", 30)];
        let unit = units.iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, *bits)));
        let (digits, bits) = unit.unwrap_or((text, 0));
        let bytes = number(0..=u64::MAX >> bits)(digits).map(|number: u64| number << bits);
        let bytes = bytes.ok().filter(|bytes| *bytes >= least);
        bytes.and_then(|bytes| T::try_from(bytes).ok()).ok_or_else(|| {
            format!("a number of bytes is needed, {least} or more, such as 1400, 64K, 16M or 1G")
        })
    }
}

/// A duration, or `none`.
pub(super) fn patience(text: &str) -> Result<Patience, String> {
    match text {
        "none" => Ok(Patience(None)),
        _ => parse_duration(text)
            .map(|limit| Patience(Some(limit)))
            .map_err(|error| format!("{error}, or \"none\"")),
    }
}

/// The same, where nothing could be done in no time.
pub(super) fn limit(text: &str) -> Result<Patience, String> {
    match patience(text)? {
        Patience(Some(Duration::ZERO)) => {
            Err("no time at all is too little: give some, or \"none\"".to_owned())
        }
        limit => Ok(limit),
    }
}

/// A time that may be none.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text)
}

/// A time that may not.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    match time(text)? {
        Duration::ZERO => Err("some time is needed, such as 0.5".to_owned()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_may_be_none_and_limits_are_some_time() {
        assert_eq!(patience("0"), Ok(Patience(Some(Duration::ZERO))));
        assert!(limit("0").is_err_and(|error| error.contains("\"none\"")));
        assert_eq!(limit("500ms"), Ok(Patience(Some(Duration::from_millis(500)))));
        assert_eq!(limit("none"), Ok(Patience(None)));
        assert_eq!(patience("none"), Ok(Patience(None)));
        assert_eq!(patience("3"), Ok(Patience(Some(Duration::from_secs(3)))));
        assert!(patience("never").is_err_and(|error| error.contains("\"none\"")));
    }

    #[test]
    fn numbers_and_sizes_are_whole_and_within_their_bounds() {
        assert_eq!(number::<u32>(1..=64)("64"), Ok(64));
        for text in ["", "0", "65", "-1", "+1", "x", "1.5", "99999999999999999999"] {
            assert_eq!(number::<u32>(1..=64)(text), Err("a whole number from 1 to 64 is needed".to_owned()));
        }
        let sizes = [("1", 1), ("64K", 65_536), ("16M", 16 << 20), ("3G", 3 << 30)];
        for (text, bytes) in sizes {
            assert_eq!(size::<u64>(1)(text), Ok(bytes), "{text}");
        }
        for text in ["0", "", "K", "64k", "1.5M", "99999999999G", "M1"] {
            assert!(size::<u64>(1)(text).is_err_and(|error| error.contains("64K")), "{text}");
        }
    }

    #[test]
    fn listening_addresses_have_a_default_port() {
        let cases = [
            ("127.0.0.1", "127.0.0.1:8695"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("localhost", "127.0.0.1:8695"),
            ("localhost:9", "127.0.0.1:9"),
            ("::1", "[::1]:8695"),
            ("[::1]", "[::1]:8695"),
            ("[::1]:9", "[::1]:9"),
        ];
        for (text, address) in cases {
            assert_eq!(listen_address(text, 8695).map(|address| address.to_string()), Ok(address.to_owned()));
        }
        for text in ["", "8695", ":8695", "example.org", "http://127.0.0.1"] {
            let error = listen_address(text, 8695).unwrap_err();
            assert!(error.contains("127.0.0.1:8695"), "{text}: {error}");
        }
        assert!(listen_address("127.0.0.1:99999", 8695).is_err_and(|error| error.contains("out of range")));
    }
}
