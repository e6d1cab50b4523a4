//! The symbols that take the place of the C library's. Each looks at the tripwire and makes the system call itself.

#![expect(unsafe_code, reason = "a symbol of the C library cannot be defined otherwise")]

use libc::{c_int, c_uint, c_void, clockid_t, size_t, ssize_t, timespec};

/// `clock_gettime(2)`.
///
/// # Safety
/// As of the C library's: `time` is null or can be written.
// SAFETY: the name is the C library's on purpose, and what stands behind it does what its manual says.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    crate::note("clock_gettime");
    // SAFETY: the caller's arguments, unchanged, for the system call that the C library would make.
    let result = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
    // It is 0 or -1.
    result as c_int
}

/// `getrandom(2)`.
///
/// # Safety
/// As of the C library's: `length` bytes can be written at `buffer`.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn getrandom(buffer: *mut c_void, length: size_t, flags: c_uint) -> ssize_t {
    crate::note("getrandom");
    // SAFETY: the caller's arguments, unchanged, for the system call that the C library would make.
    let result = unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) };
    // It is no more than `length`, or -1.
    result as ssize_t
}
