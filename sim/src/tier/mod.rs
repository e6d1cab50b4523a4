//! The worlds that run a plan. They share plans, traces, invariants. Now there is one; the fast one and the one on real
//! sockets are to stand beside it.

#[cfg(feature = "turmoil")]
pub mod turmoil;
