//! The worlds that run a plan. They share plans, traces, invariants, and what stands here. The one on real sockets is to
//! come.
//!
//! | file | what |
//! |---|---|
//! | `turmoil` | the real server and client, with their driver, on a simulated network |
//! | `facts`, `files` | what is known of a run, and the files that it is about |
//! | `script`, `stage` | which fault is due, and what the run waits for |
//! | `steps` | the plan's steps, as the client's application carries them out |
//! | `tap` | what passes on a stream, written down |
//! | `panics` | what panics in a run, kept for its report |

mod facts;
mod files;
mod panics;
mod script;
mod stage;
mod steps;
mod tap;

#[cfg(feature = "turmoil")]
pub mod turmoil;
