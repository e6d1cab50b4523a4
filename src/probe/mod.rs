//! Probes: marks at rare states, which a campaign of the simulator counts, and planted bugs, which show that it finds
//! bugs. Imports nothing; every layer may use it. A production build has nothing of either.
//!
//! A mark is an empty `const fn` without the feature `harness`. A planted bug is a `const fn` that says no, unless the
//! compiler was given `--cfg towline_planted`: no feature and no variable of ours turns that on.

mod bugs;
mod marks;

pub use bugs::{Bug, Layer};
pub use marks::Mark;

#[cfg(feature = "harness")]
pub use marks::{aside, take_marks};

/// The code is at a rare state. With the feature `harness` that is written down for this thread, and nowhere else.
#[cfg(feature = "harness")]
pub fn mark(mark: Mark) {
    marks::note(mark);
}

/// The code is at a rare state: nothing at all, in this build.
#[cfg(not(feature = "harness"))]
#[inline(always)]
pub const fn mark(_: Mark) {}

/// The same, if it is so.
#[cfg(feature = "harness")]
pub fn mark_if(mark: Mark, is_so: impl FnOnce() -> bool) {
    if is_so() {
        marks::note(mark);
    }
}

/// The same, if it is so: it is not even looked, in this build.
#[cfg(not(feature = "harness"))]
#[inline(always)]
pub const fn mark_if(_: Mark, _: impl FnOnce() -> bool + Copy) {}

/// True where the code is to do the wrong thing: never, in this build.
#[cfg(not(towline_planted))]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}

/// True where the code is to do the wrong thing: if the simulator planted this bug for this thread's run.
#[cfg(towline_planted)]
pub fn planted(bug: Bug) -> bool {
    bugs::current() == Some(bug)
}

/// Plants a bug in what this thread runs from now on, or none.
///
/// # Errors
/// A build without planted bugs has none to plant.
pub fn plant(bug: Option<Bug>) -> Result<(), NoneInThisBuild> {
    #[cfg(towline_planted)]
    bugs::set(bug);
    if HAS_BUGS || bug.is_none() { Ok(()) } else { Err(NoneInThisBuild) }
}

/// True if bugs can be planted in this build.
pub const HAS_BUGS: bool = cfg!(towline_planted);

/// This build has no planted bugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoneInThisBuild;

impl core::fmt::Display for NoneInThisBuild {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "this build has no planted bugs: it takes `--cfg towline_planted`, as `cargo planted` gives"
        )
    }
}

impl core::error::Error for NoneInThisBuild {}

// What costs nothing can be done by the compiler.
#[cfg(not(feature = "harness"))]
const _: () = {
    mark(Mark::HeaderCut);
    mark_if(Mark::HeaderCut, || panic!("a condition was looked at"));
};
#[cfg(not(towline_planted))]
const _: () = assert!(!planted(Bug::DropCutHeader));

#[cfg(test)]
mod tests;
