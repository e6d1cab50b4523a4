//! The numbers that the wire fixes for every implementation. What an implementation may choose is in `proto::limits`.

/// Longest payload of a `Data` frame, in bytes (256 KiB).
pub const DATA_MAX: usize = 256 * 1024;
/// Longest body of any frame but `Data`, in bytes (64 KiB and a little, so that an echo of 64 KiB fits).
pub const CONTROL_MAX: usize = 64 * 1024 + 256;
/// Most bytes of entries that a sender puts into a `Page`.
pub const PAGE_MAX: usize = 64 * 1024;
/// Longest payload of an `Echo` frame, in bytes.
pub const ECHO_MAX: usize = 64 * 1024;
/// Longest advisory text in a `Failed` or `Refused`, and longest value of a TLV, in bytes.
pub const TEXT_MAX: usize = 1024;
/// Longest path, in bytes.
pub const PATH_MAX: usize = 4096;
/// Longest component of a path, in bytes.
pub const NAME_MAX: usize = 255;
/// Most components in a path.
pub const DEPTH_MAX: usize = 256;
/// Longest target of a symbolic link, in bytes: what Linux takes.
pub const TARGET_MAX: usize = 4095;
/// Smallest block, in bytes.
pub const BLOCK_MIN: u64 = 64 * 1024;
/// Most blocks in a file.
pub const BLOCKS_MAX: u64 = 65_536;
/// Longest file, in bytes (2^47, so that block sizes stay below 2^31).
pub const FILE_MAX: u64 = 1 << 47;
/// Most entries in one page of `Have`.
pub const HAVE_MAX: usize = 1024;
/// Most ranges in one `Want`.
pub const WANT_MAX: usize = 1024;
/// Most TLVs in a `Hello`.
pub const TLV_MAX: usize = 32;
/// A sender changes from one transfer to another only where the offset is a multiple of this, or a transfer's data
/// ends; a receiver may hold back less than this before it stores.
pub const EXTENT: u64 = 1024 * 1024;
/// Smallest credit window that a receiver of data may state, in bytes: two extents, so that a held-back one never
/// stops the connection.
pub const WINDOW_MIN: u64 = 2 * EXTENT;
/// The least number of operations at once that a `Hello` may state.
pub const OPERATIONS_MIN: u32 = 1;
