//! `KEY=VALUE,…`, parsed once. What is refused says what was expected instead.

use std::str::FromStr;
use std::time::Duration;

use super::{Keepalive, OptionName, SocketOptions, SocketUse};

/// Why options cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// There is no option of that name.
    #[error("\"{0}\" is no option of sockets: there are {all}", all = all())]
    Unknown(String),
    /// An option's value is not one.
    #[error("{}={given} cannot be: write {}={} ({})", .name.name(), .name.name(), .name.value(), .name.help())]
    BadValue {
        /// The option.
        name: OptionName,
        /// What was given.
        given: String,
    },
    /// The same option twice.
    #[error("{} is given twice", .0.name())]
    Twice(OptionName),
    /// Sockets of that kind have no such option.
    #[error("{} is no option of {socket}: only {}", .name.name(), having(.name.sockets()))]
    NotOf {
        /// The option.
        name: OptionName,
        /// What the socket is for.
        socket: SocketUse,
    },
    /// This system has no such option.
    #[error("{} is an option that this system does not have", .0.name())]
    NotHere(OptionName),
    /// The system refuses to set it.
    #[error("the system refuses {}={value}: {error}{}", .name.name(), known(*.name))]
    Refused {
        /// The option.
        name: OptionName,
        /// What it was to be.
        value: String,
        /// What the system says.
        error: std::io::Error,
    },
}

impl From<OptionsError> for std::io::Error {
    fn from(error: OptionsError) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, error)
    }
}

fn all() -> String {
    OptionName::ALL.iter().map(|name| name.name()).collect::<Vec<_>>().join(", ")
}

fn having(sockets: &[SocketUse]) -> String {
    let written: Vec<String> = sockets.iter().map(SocketUse::to_string).collect();
    format!("{} {}", written.join(" or "), if written.len() == 1 { "has it" } else { "have it" })
}

/// What the system would take, where it tells.
fn known(name: OptionName) -> String {
    if name != OptionName::Congestion {
        return String::new();
    }
    let there = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control");
    there.map_or_else(|_| String::new(), |there| format!(" (it has {})", there.trim().replace(' ', ", ")))
}

impl FromStr for SocketOptions {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<SocketOptions, OptionsError> {
        let mut options = SocketOptions::default();
        let mut given = Vec::new();
        for item in text.split(',').filter(|item| !item.is_empty()) {
            let (key, value) = item.split_once('=').unwrap_or((item, "on"));
            let name = OptionName::ALL.iter().copied().find(|name| name.name() == key);
            let name = name.ok_or_else(|| OptionsError::Unknown(key.escape_debug().to_string()))?;
            if given.contains(&name) {
                return Err(OptionsError::Twice(name));
            }
            given.push(name);
            options
                .put(name, value)
                .ok_or_else(|| OptionsError::BadValue { name, given: value.escape_debug().to_string() })?;
        }
        Ok(options)
    }
}

impl SocketOptions {
    fn put(&mut self, name: OptionName, value: &str) -> Option<()> {
        match name {
            OptionName::ReuseAddress => self.reuse_address = Some(switch(value)?),
            OptionName::ReusePort => self.reuse_port = Some(switch(value)?),
            OptionName::Nodelay => self.nodelay = Some(switch(value)?),
            OptionName::Keepalive => self.keepalive = Some(keepalive(value)?),
            OptionName::ReceiveBuffer => self.receive_buffer = Some(size(value)?),
            OptionName::SendBuffer => self.send_buffer = Some(size(value)?),
            OptionName::Backlog => self.backlog = Some(number(value, 0, i32::MAX as u32)?),
            OptionName::Congestion => self.congestion = Some(congestion(value)?),
            OptionName::Ttl => self.ttl = Some(number(value, 1, 255)?),
            OptionName::UserTimeout => self.user_timeout = Some(user_timeout(value)?),
        }
        Some(())
    }
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn number(text: &str, least: u32, most: u32) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && (least..=most).contains(number))
}

/// Bytes, with K or M behind them for 1,024 of them or 1,048,576.
fn size(text: &str) -> Option<u32> {
    let (digits, unit) = match (text.strip_suffix('K'), text.strip_suffix('M')) {
        (Some(digits), _) => (digits, 1 << 10),
        (None, Some(digits)) => (digits, 1 << 20),
        (None, None) => (text, 1),
    };
    // The system doubles it, and its numbers are signed.
    number(digits, 1, u32::MAX)?.checked_mul(unit).filter(|bytes| *bytes <= i32::MAX as u32 / 2)
}

fn keepalive(text: &str) -> Option<Keepalive> {
    if let Some(on) = switch(text) {
        return Some(if on { Keepalive::On } else { Keepalive::Off });
    }
    let mut parts = text.split('/');
    // What the system counts in seconds, in 15 bits.
    let mut seconds = || parse_duration(parts.next()?).ok().filter(|time| time.subsec_nanos() == 0);
    let (idle, interval) = (seconds()?, seconds()?);
    let probes = number(parts.next()?, 1, 127)?;
    let fits = |time: &Duration| (1..=32_767).contains(&time.as_secs());
    let all_fit = fits(&idle) && fits(&interval) && parts.next().is_none();
    all_fit.then_some(Keepalive::Times { idle, interval, probes })
}

/// As the system has its names: at most 15 bytes (`TCP_CA_NAME_MAX`).
fn congestion(text: &str) -> Option<String> {
    let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (is_name && (1..=15).contains(&text.len())).then(|| text.to_owned())
}

/// In whole milliseconds; zero, written `none`, leaves it to the system.
fn user_timeout(text: &str) -> Option<Duration> {
    if text == "none" {
        return Some(Duration::ZERO);
    }
    let time = parse_duration(text).ok()?;
    let millis = Duration::from_millis(u64::try_from(time.as_millis()).ok()?);
    (time == millis && (1..=i32::MAX as u128).contains(&time.as_millis())).then_some(time)
}

/// A duration that is written with a unit, `ms`, `s`, `m` or `h`, or as a number of seconds; each may have a fraction.
///
/// # Errors
/// Says what is expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (digits, unit) = found.unwrap_or((text, 1.0));
    let expected = || "a duration is needed, such as 2.5, 500ms, 30s, 5m or 1h".to_owned();
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(expected());
    }
    let number: f64 = digits.parse().map_err(|_| expected())?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| expected())
}

/// As [`parse_duration`] takes it; zero is `none`.
pub(super) fn shown_or_none(time: Duration) -> String {
    match (time.is_zero(), time.subsec_millis()) {
        (true, _) => "none".to_owned(),
        (false, 0) => format!("{}s", time.as_secs()),
        (false, _) => format!("{}ms", time.as_millis()),
    }
}
