//! What can be asked of a prober.

use core::fmt;

use super::Rate;
use super::payload::HEADER;
use crate::time::Duration;

/// What carries probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// Bytes in order: replies are known by their place.
    Stream,
    /// Messages that may be lost, doubled, late, out of order and cut: replies are known by what they carry.
    Datagrams,
}

/// What makes a probe leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pace {
    /// The time alone: an open loop.
    Open(Rate),
    /// The reply to the one before, or that it was lost; and no faster than this rate.
    Closed(Option<Rate>),
    /// That fewer than [`super::Prober::FLOOD`] are on their way.
    Flood,
}

/// What a prober does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// What carries its probes.
    pub carrier: Carrier,
    /// What makes one leave. A rate is that of all connections together.
    pub pace: Pace,
    /// Bytes in each.
    pub size: usize,
    /// For how long probes are sent and not counted.
    pub warm_up: Duration,
    /// For how long they are sent and counted after that; `None`: no end.
    pub duration: Option<Duration>,
    /// How many are sent and counted, over all connections; `None`: no end.
    pub count: Option<u64>,
    /// After how long one that was not answered is lost.
    pub timeout: Duration,
    /// A random number: what probes carry comes from it.
    pub seed: u64,
    /// This connection's number from 0, and how many there are.
    pub share: (u64, u64),
}

/// Why settings make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// A probe has no room for what it has to carry: at least so many bytes.
    TooSmall(usize),
    /// A probe is longer than any can be: at most so many bytes.
    TooLarge(usize),
    /// Nothing is answered in no time.
    NoTimeout,
    /// There is no connection of this number.
    NoShare,
}

impl Default for Settings {
    /// 1,000 probes of 64 bytes a second, for ever.
    fn default() -> Settings {
        Settings {
            carrier: Carrier::Datagrams,
            pace: Pace::Open(Rate::DEFAULT),
            size: 64,
            warm_up: Duration::ZERO,
            duration: None,
            count: None,
            timeout: Duration::from_secs(1),
            seed: 0,
            share: (0, 1),
        }
    }
}

impl Carrier {
    /// The least that a probe can have: of datagrams, what tells which one it is.
    pub fn size_min(self) -> usize {
        match self {
            Carrier::Stream => 1,
            Carrier::Datagrams => HEADER,
        }
    }
}

impl Settings {
    /// The longest probe: what a transport that has nothing queued is sure to take.
    pub const SIZE_MAX: usize = 512 * 1024;

    /// # Errors
    /// Where they make no sense.
    pub fn check(&self) -> Result<(), SettingsError> {
        let least = self.carrier.size_min();
        if self.size < least {
            Err(SettingsError::TooSmall(least))
        } else if self.size > Settings::SIZE_MAX {
            Err(SettingsError::TooLarge(Settings::SIZE_MAX))
        } else if self.timeout.is_zero() {
            Err(SettingsError::NoTimeout)
        } else if self.share.0 >= self.share.1 {
            Err(SettingsError::NoShare)
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingsError::TooSmall(least) => write!(f, "a probe has at least {least} bytes here"),
            SettingsError::TooLarge(most) => write!(f, "a probe has at most {most} bytes"),
            SettingsError::NoTimeout => write!(f, "nothing is answered in no time"),
            SettingsError::NoShare => write!(f, "there is no connection of that number"),
        }
    }
}
