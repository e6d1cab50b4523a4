//! Pairs of machines on a virtual clock: the default test.

mod bad_input;
mod bits;
mod cancel;
mod compare;
mod datagrams;
mod drain;
mod every_byte;
mod every_byte_in_order;
mod flow;
mod help;
mod lives;
mod operations;
mod pouring;
mod printing;
mod protocol;
mod pulls;
mod resume;
mod retry;
mod several;
mod sparse;
mod split;
mod tables;
mod traces;
mod trees;
mod waits;
