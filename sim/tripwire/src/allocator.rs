//! The allocator of programs that run simulations. It takes no part in a run: the real clock, which it would ask when
//! it might give memory back to the system, is not asked, since it gives none back.

#![expect(unsafe_code, reason = "an option of a C library cannot be set otherwise")]

use std::ffi::c_int;

pub use mimalloc::MiMalloc;

/// The number of `mi_option_purge_delay` in `mimalloc.h`.
const PURGE_DELAY: c_int = 15;

/// From now on [`MiMalloc`] keeps what was freed, for what is allocated next, and the system gives small pages: a run
/// touches a little of much memory, and to clear 2 MiB for each bit of it took a third of the time.
pub fn keep_memory() {
    // SAFETY: any option may be set to any number at any time; -1 says never.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
    // SAFETY: it takes numbers only. Where the system cannot do it, runs are slower and nothing else.
    #[cfg(target_os = "linux")]
    let _is_slower = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}

#[cfg(test)]
mod tests {
    use super::{PURGE_DELAY, keep_memory};

    /// The number is that of the option: what the library itself has by that name is what was set.
    #[test]
    fn nothing_is_given_back() {
        keep_memory();
        // SAFETY: an option that is there.
        assert_eq!(unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }, -1);
    }
}
