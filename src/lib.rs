//! towline moves files between machines and measures the path between them, over networks and disks that fail.

#[cfg(feature = "harness")]
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod fuzz;
#[cfg(feature = "harness")]
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod harness;
#[cfg(feature = "net")]
pub mod net;
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod proto;
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod store;
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod time;
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod wire;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "net")]
pub mod client;
#[cfg(feature = "net")]
pub mod drive;
#[cfg(feature = "net")]
pub mod server;
