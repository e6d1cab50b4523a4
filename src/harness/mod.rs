//! What tests, the simulator and the fuzzer drive machines with. Pure as the core is; imports the pure layers. Feature
//! `harness`.
//!
//! | module | what |
//! |---|---|
//! | `contract` | [`Checked`]: the contract of a machine as assertions, on every step |
//! | `pair`, `pair_config`, `wire` | [`Pair`]: a client and a server on a virtual clock, and the [`Fault`]s between them |
//! | `paced` | the rate of its client, where it has one |
//! | `duo` | [`Duo`]: two machines of any protocol on one connection |
//! | `lone` | [`Lone`]: one session whose peer is whatever bytes a test hands it |
//! | [`split`] | replays of logged inputs with the bytes cut and joined |
//! | `trace`, `brief` | [`Trace`]: conversations as text; [`Brief`]: a frame without its bulk |

mod brief;
mod contract;
mod duo;
mod files;
mod lone;
mod paced;
mod pair;
mod pair_config;
pub mod split;
mod trace;
mod wire;

pub use brief::Brief;
pub use contract::Checked;
pub use duo::{Duo, Way};
pub use files::{MemoryStreams, carry_out, partials, strays};
pub use lone::Lone;
pub use pair::Pair;
pub use pair_config::PairConfig;
pub use split::Log;
pub use trace::{Side, Trace};
pub use wire::Fault;
