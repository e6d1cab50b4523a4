//! A tripwire for simulated runs: on a thread that is armed, a call to the real clock or to the system's randomness is
//! caught with its backtrace, and then done. On Linux only; elsewhere nothing is ever caught.
//!
//! The program's own `clock_gettime` and `getrandom` take the place of the C library's, for everything that is linked into it.

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};

mod allocator;
#[cfg(target_os = "linux")]
mod symbols;

pub use allocator::{MiMalloc, keep_memory};

thread_local! {
    // Without a destructor, so that it can be looked at whenever the system's clock can.
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Vec<Caught>> = const { RefCell::new(Vec::new()) };
}

/// Calls that are kept of a run: the first tell enough, and a backtrace takes long.
const MOST: usize = 3;

/// True where calls are caught at all.
pub const WORKS: bool = cfg!(target_os = "linux");

/// A call that was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caught {
    /// The function of the C library.
    pub call: &'static str,
    /// The frames of towline's own code, or of all if there are none: the innermost first.
    pub frames: Vec<String>,
}

/// While it lives, this thread is armed, or is not, as it was asked for; then it is as it was before.
#[derive(Debug)]
pub struct Guard {
    before: bool,
}

/// Arms this thread.
#[must_use]
pub fn arm() -> Guard {
    Guard { before: ARMED.replace(true) }
}

/// Disarms this thread.
#[must_use]
pub fn disarm() -> Guard {
    Guard { before: ARMED.replace(false) }
}

impl Drop for Guard {
    fn drop(&mut self) {
        ARMED.set(self.before);
    }
}

/// What was caught on this thread since it was asked last.
pub fn take() -> Vec<Caught> {
    CAUGHT.take()
}

/// The C library's function `call` is about to run.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is caught there"))]
fn note(call: &'static str) {
    if !ARMED.get() {
        return;
    }
    // Whatever a backtrace takes is not the run's doing.
    let _disarmed = disarm();
    CAUGHT.with(|caught| {
        if let Ok(mut caught) = caught.try_borrow_mut()
            && caught.len() < MOST
        {
            caught.push(Caught { call, frames: frames(&Backtrace::force_capture().to_string()) });
        }
    });
}

/// Where the sources of others lie: the standard library's, as it is shipped and as it can be installed, and those of packages.
const OTHERS: [&str; 4] = ["/rustc/", "/rustlib/src/", "/registry/src/", "/git/checkouts/"];

/// One frame: what was called, and where it stands. The name alone does not tell whose it is, since an inlined function's has no
/// path where a build has only line tables.
struct Frame<'a> {
    name: &'a str,
    place: Option<&'a str>,
}

impl Frame<'_> {
    fn is_own(&self) -> bool {
        let of_tripwire = self.name.contains("towline_tripwire")
            || self.place.is_some_and(|at| at.contains("tripwire/src/"));
        let is_known = self.place.map(|place| !OTHERS.iter().any(|other| place.contains(other)));
        !of_tripwire && is_known.unwrap_or_else(|| self.name.contains("towline"))
    }

    fn told(&self) -> String {
        match self.place.map(|place| place.rsplit('/').next().unwrap_or(place)) {
            Some(file) => format!("{} ({file})", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// The frames of a backtrace's text: a number and a name a line, and its place in the next.
fn frames(text: &str) -> Vec<String> {
    let mut all: Vec<Frame<'_>> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        match (line.strip_prefix("at "), line.split_once(": ")) {
            (Some(place), _) => {
                if let Some(frame) = all.last_mut() {
                    frame.place = Some(place);
                }
            }
            (None, Some((number, name))) if number.parse::<u32>().is_ok() => {
                all.push(Frame { name, place: None })
            }
            (None, _) => {}
        }
    }
    let own: Vec<String> = all.iter().filter(|frame| frame.is_own()).map(Frame::told).collect();
    if own.is_empty() { all.iter().map(Frame::told).collect() } else { own }
}

#[cfg(test)]
mod tests {
    use std::time::{Instant, SystemTime};

    use super::{WORKS, arm, disarm, frames, take};

    #[test]
    fn what_an_armed_thread_asks_of_the_system_is_caught() {
        let before = Instant::now();
        assert_eq!(take(), [], "not armed");
        {
            let _armed = arm();
            std::hint::black_box(Instant::now());
            std::hint::black_box(SystemTime::now());
            let _disarmed = disarm();
            assert!(Instant::now() >= before, "the clock still goes");
        }
        std::hint::black_box(Instant::now());
        let caught = take();
        assert_eq!(caught.len(), if WORKS { 2 } else { 0 }, "{caught:?}");
        assert!(caught.iter().all(|caught| caught.call == "clock_gettime"), "{caught:?}");
        assert!(caught.iter().all(|caught| !caught.frames.is_empty()), "{caught:?}");
    }

    /// Each thread draws the keys of its hash maps once.
    #[test]
    fn a_hash_map_asks_for_randomness() {
        let drawn = std::thread::spawn(|| {
            let _armed = arm();
            std::hint::black_box(std::collections::HashMap::<u8, u8>::new());
            take()
        });
        let caught = drawn.join().expect("it ends");
        assert_eq!(
            caught.iter().map(|caught| caught.call).collect::<Vec<_>>(),
            if WORKS { vec!["getrandom"] } else { vec![] }
        );
    }

    #[test]
    fn frames_are_those_of_our_own() {
        let text = "   0: towline_tripwire::note\n   1: std::time::Instant::now\n             at /rustc/x/time.rs:9:1\n   \
                    2: towline_sim::tier::fast::run\n             at ./sim/src/tier/fast/mod.rs:40:5\n   3: main\n   \
                    4: steps<towline_sim::World>\n             at ./src/steps.rs:7:1\n   \
                    5: towline_tripwire::arm\n             at ./sim/tripwire/src/lib.rs:1:1\n   \
                    6: poll<towline::drive::Run>\n             at /home/x/.cargo/registry/src/i/tokio-1.0.0/src/task.rs:3:4\n";
        assert_eq!(
            frames(text),
            ["towline_sim::tier::fast::run (mod.rs:40:5)", "steps<towline_sim::World> (steps.rs:7:1)"]
        );
        assert_eq!(frames("   0: one\n   1: two\n"), ["one", "two"]);
    }
}
