//! Options of sockets: named, parsed, set, and read back, since the system may round, double or cap what it was asked for.

mod apply;
mod parse;

use std::fmt;
use std::time::Duration;

pub use apply::{in_force, set, try_out};
pub use parse::{OptionsError, parse_duration};

/// What is asked of a socket, or, read back with [`in_force`], what holds. What is `None` is left as the system has it, but that
/// TCP sockets are made with `TCP_NODELAY`, listening ones with `SO_REUSEADDR` and a backlog of [`BACKLOG`], and loopback
/// connections without pacing. Written `KEY=VALUE,…`, as [`OptionName`] names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// A port may be listened on while old connections of it are in TIME_WAIT (`SO_REUSEADDR`).
    pub reuse_address: Option<bool>,
    /// Several sockets may have one port, of several processes of one user too; the system spreads what comes (`SO_REUSEPORT`).
    pub reuse_port: Option<bool>,
    /// Small frames are sent at once (`TCP_NODELAY`).
    pub nodelay: Option<bool>,
    /// A silent connection is asked now and then whether its peer is there (`SO_KEEPALIVE`). The protocol asks by itself.
    pub keepalive: Option<Keepalive>,
    /// Bytes that may wait to be read (`SO_RCVBUF`). Linux doubles it for its own bookkeeping, and caps it at net.core.rmem_max; set
    /// on a TCP socket it switches off that the system finds the best size by itself.
    pub receive_buffer: Option<u32>,
    /// Bytes that may wait to be sent (`SO_SNDBUF`), likewise.
    pub send_buffer: Option<u32>,
    /// Connections that may wait to be accepted (`listen`), at most net.core.somaxconn.
    pub backlog: Option<u32>,
    /// The congestion control by its name (`TCP_CONGESTION`; Linux).
    pub congestion: Option<String>,
    /// Routers that what is sent may pass (`IP_TTL`, `IPV6_UNICAST_HOPS`), 1 to 255.
    pub ttl: Option<u32>,
    /// How long what was sent may stay unacknowledged before the connection is taken for dead (`TCP_USER_TIMEOUT`; Linux), in
    /// milliseconds; zero: as the system has it, some 15 minutes.
    pub user_timeout: Option<Duration>,
}

/// The backlog of listening sockets, unless another is asked for.
pub const BACKLOG: u32 = 1024;

/// Whether a silent connection is asked if its peer is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keepalive {
    /// Never.
    Off,
    /// As the system has its times: on Linux after two hours.
    On,
    /// At these times.
    Times {
        /// The silence before the first question (`TCP_KEEPIDLE`), in whole seconds.
        idle: Duration,
        /// Between questions (`TCP_KEEPINTVL`), in whole seconds.
        interval: Duration,
        /// Unanswered questions after which the peer is taken for dead (`TCP_KEEPCNT`), 1 to 127.
        probes: u32,
    },
}

/// What a socket is for, which decides what options it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SocketUse {
    /// A TCP socket that listens; what it accepts has its options.
    TcpListen,
    /// A TCP socket that connects.
    TcpDial,
    /// A UDP socket.
    Udp,
    /// A Unix stream socket that listens.
    UnixListen,
    /// A Unix stream socket that connects.
    UnixDial,
    /// A Unix datagram socket.
    Unixgram,
}

impl fmt::Display for SocketUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SocketUse::TcpListen => "a TCP socket that listens",
            SocketUse::TcpDial => "a TCP socket that connects",
            SocketUse::Udp => "a UDP socket",
            SocketUse::UnixListen => "a Unix socket that listens",
            SocketUse::UnixDial => "a Unix socket that connects",
            SocketUse::Unixgram => "a Unix socket of datagrams",
        })
    }
}

macro_rules! names {
    ($($name:ident $text:literal $value:literal $of:expr, $help:literal;)*) => {
        /// An option by its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum OptionName {
            $(#[doc = concat!("`", $text, "=", $value, "`: ", $help, ".")] $name,)*
        }

        impl OptionName {
            /// All of them.
            pub const ALL: &'static [OptionName] = &[$(OptionName::$name,)*];

            /// What it is called.
            pub fn name(self) -> &'static str {
                match self { $(OptionName::$name => $text,)* }
            }

            /// How its value is written.
            pub fn value(self) -> &'static str {
                match self { $(OptionName::$name => $value,)* }
            }

            /// What it does.
            pub fn help(self) -> &'static str {
                match self { $(OptionName::$name => $help,)* }
            }

            /// The sockets that have it.
            pub fn sockets(self) -> &'static [SocketUse] {
                match self { $(OptionName::$name => $of,)* }
            }
        }
    };
}

const TCP: &[SocketUse] = &[SocketUse::TcpListen, SocketUse::TcpDial];
const IP: &[SocketUse] = &[SocketUse::TcpListen, SocketUse::TcpDial, SocketUse::Udp];
const ALL: &[SocketUse] = &[
    SocketUse::TcpListen,
    SocketUse::TcpDial,
    SocketUse::Udp,
    SocketUse::UnixListen,
    SocketUse::UnixDial,
    SocketUse::Unixgram,
];

names! {
    ReuseAddress "reuse-address" "on|off" &[SocketUse::TcpListen], "listen where old connections are in TIME_WAIT (on unless told otherwise)";
    ReusePort "reuse-port" "on|off" &[SocketUse::TcpListen, SocketUse::Udp], "share the port with other sockets of this user";
    Nodelay "nodelay" "on|off" TCP, "send small frames at once (on unless told otherwise)";
    Keepalive "keepalive" "on|off|IDLE/INTERVAL/PROBES" TCP, "ask a silent peer whether it is there, such as 60s/10s/5";
    ReceiveBuffer "receive-buffer" "BYTES" ALL, "bytes that may wait to be read, such as 512K";
    SendBuffer "send-buffer" "BYTES" ALL, "bytes that may wait to be sent";
    Backlog "backlog" "N" &[SocketUse::TcpListen, SocketUse::UnixListen], "connections that may wait to be accepted (1024 unless told otherwise)";
    Congestion "congestion" "NAME" TCP, "the congestion control, such as cubic or bbr (Linux)";
    Ttl "ttl" "N" IP, "routers that what is sent may pass";
    UserTimeout "user-timeout" "DURATION|none" TCP, "how long what was sent may stay unacknowledged, such as 30s (Linux)";
}

impl OptionName {
    /// True if this system has it.
    fn is_here(self) -> bool {
        match self {
            OptionName::Congestion | OptionName::UserTimeout => cfg!(target_os = "linux"),
            OptionName::ReuseAddress
            | OptionName::ReusePort
            | OptionName::Nodelay
            | OptionName::Keepalive
            | OptionName::ReceiveBuffer
            | OptionName::SendBuffer
            | OptionName::Backlog
            | OptionName::Ttl => true,
        }
    }
}

impl SocketOptions {
    /// The options that are asked for, each with its value as it is written.
    pub fn asked(&self) -> Vec<(OptionName, String)> {
        let named = |name, value: Option<String>| value.map(|value| (name, value));
        let switch = |on: Option<bool>| on.map(|on| if on { "on" } else { "off" }.to_owned());
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let all = [
            named(OptionName::ReuseAddress, switch(self.reuse_address)),
            named(OptionName::ReusePort, switch(self.reuse_port)),
            named(OptionName::Nodelay, switch(self.nodelay)),
            named(OptionName::Keepalive, self.keepalive.map(|keepalive| keepalive.to_string())),
            named(OptionName::ReceiveBuffer, number(self.receive_buffer)),
            named(OptionName::SendBuffer, number(self.send_buffer)),
            named(OptionName::Backlog, number(self.backlog)),
            named(OptionName::Congestion, self.congestion.clone()),
            named(OptionName::Ttl, number(self.ttl)),
            named(OptionName::UserTimeout, self.user_timeout.map(parse::shown_or_none)),
        ];
        all.into_iter().flatten().collect()
    }

    /// Sees that each option that is asked for is one of at least one of these sockets.
    ///
    /// # Errors
    /// Names the first that none of them has.
    pub fn check(&self, sockets: &[SocketUse]) -> Result<(), OptionsError> {
        for (name, _) in self.asked() {
            if !name.is_here() {
                return Err(OptionsError::NotHere(name));
            }
            if let (false, Some(socket)) =
                (sockets.iter().any(|socket| name.sockets().contains(socket)), sockets.first())
            {
                return Err(OptionsError::NotOf { name, socket: *socket });
            }
        }
        Ok(())
    }

    /// Where `held` is not what was asked for: the option, what was asked, and what holds.
    pub fn differing(&self, held: &SocketOptions) -> Vec<(OptionName, String, String)> {
        let held = held.asked();
        let is_other = |(name, asked): (OptionName, String)| {
            let found = held.iter().find(|(held, _)| *held == name).map(|(_, value)| value.clone())?;
            // The system's own times are times as well.
            let is_same =
                found == asked || (name == OptionName::Keepalive && asked == "on" && found != "off");
            (!is_same).then_some((name, asked, found))
        };
        self.asked().into_iter().filter_map(is_other).collect()
    }

    /// Those that such a socket has, where one command has sockets of several kinds.
    pub fn of(&self, socket: SocketUse) -> SocketOptions {
        let has = |name: OptionName| name.sockets().contains(&socket);
        SocketOptions {
            reuse_address: self.reuse_address.filter(|_| has(OptionName::ReuseAddress)),
            reuse_port: self.reuse_port.filter(|_| has(OptionName::ReusePort)),
            nodelay: self.nodelay.filter(|_| has(OptionName::Nodelay)),
            keepalive: self.keepalive.filter(|_| has(OptionName::Keepalive)),
            receive_buffer: self.receive_buffer.filter(|_| has(OptionName::ReceiveBuffer)),
            send_buffer: self.send_buffer.filter(|_| has(OptionName::SendBuffer)),
            backlog: self.backlog.filter(|_| has(OptionName::Backlog)),
            congestion: self.congestion.clone().filter(|_| has(OptionName::Congestion)),
            ttl: self.ttl.filter(|_| has(OptionName::Ttl)),
            user_timeout: self.user_timeout.filter(|_| has(OptionName::UserTimeout)),
        }
    }
}

impl fmt::Display for SocketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = self.asked().into_iter().map(|(name, value)| format!("{}={value}", name.name()));
        f.write_str(&written.collect::<Vec<_>>().join(","))
    }
}

impl fmt::Display for Keepalive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keepalive::Off => f.write_str("off"),
            Keepalive::On => f.write_str("on"),
            Keepalive::Times { idle, interval, probes } => {
                write!(f, "{}s/{}s/{probes}", idle.as_secs(), interval.as_secs())
            }
        }
    }
}

#[cfg(test)]
#[path = "options_test.rs"]
mod tests;
