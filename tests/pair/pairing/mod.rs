//! Pairing: who has the code comes to know the other, and nobody else does.

mod guesses;
pub(crate) mod help;
mod honest;
mod rubbish;
mod silent;
mod vectors;
