//! The store: one suite over files in memory and over the system's, with and without the kernel's help; then what only
//! one of them can show.
#![cfg(feature = "harness")]

mod crash;
mod group;
mod help;
mod joined;
mod journal;
mod memory;
mod once;
mod owners;
mod quota;
#[cfg(all(feature = "net", target_os = "linux"))]
mod recorded;
#[cfg(feature = "net")]
mod reserve;
mod streams;
mod suite;
#[cfg(all(feature = "net", target_os = "linux"))]
mod swapped;
#[cfg(feature = "net")]
mod system;
