//! The protocol as sans-IO machines.
pub mod machine;
pub mod storage;
pub mod tree;
