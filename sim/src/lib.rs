//! Seeded simulation of towline: a seed makes a plan, a tier runs it, invariants judge what was seen.
//!
//! | module | what |
//! |---|---|
//! | `streams` | named streams of random numbers, all from one seed |
//! | `plan` | what a seed means, as data: workload, network, faults |
//! | `tier` | the worlds that run a plan: fast, the machines alone; turmoil and real, the real server and client |
//! | `disk` | files in memory that can lose their power between any two primitives |
//! | `difference` | two texts, and what differs |
//! | `trace` | what happened, in order: events, their text, and a digest that rolls along |
//! | `outcome` | what was seen, as facts |
//! | `invariants` | what must hold of an outcome, one file each |
//! | `ledger` | rare states that a campaign must reach |
//! | `planted` | bugs planted in the library, to show that they are caught |
//! | `plant` | faults of the simulator's own, to show that the invariants see them |
//! | `show` | a run as text, JSON, a page, packets |
//! | `campaign`, `report`, `cli` | many seeds, told to a person |
//! | `shrink` | the least plan that still breaks the same invariant |
//! | `bundle` | what a failure leaves, so that it can be seen again |
//! | `bench` | what plans cost on each tier |

mod bench;
pub mod bundle;
pub mod campaign;
pub mod cli;
mod difference;
pub mod disk;
pub mod invariants;
pub mod ledger;
pub mod outcome;
pub mod plan;
pub mod plant;
pub mod planted;
mod report;
pub mod show;
pub mod shrink;
pub mod streams;
pub mod tier;
pub mod trace;
