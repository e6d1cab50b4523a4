//! What tests, the simulator and the fuzzer drive machines with: the contract as assertions ([`Checked`]), a client and
//! a server on a virtual clock ([`Pair`]), and conversations as text ([`Trace`]). Pure as the core is; imports the
//! pure layers. Feature `harness`.

mod contract;
mod pair;
mod trace;

pub use contract::Checked;
pub use pair::{Fault, Pair, PairConfig};
pub use trace::{Side, Trace};
