//! The worlds that run a plan. They share plans, traces, invariants, and what stands here.
//!
//! | file | what |
//! |---|---|
//! | `fast` | the machines in one event loop that jumps to the next event |
//! | `turmoil` | the real server and client, with their driver, on a simulated network |
//! | `real` | the same on the system's loopback sockets, in real time |
//! | `driven` | what `turmoil` and `real` have in common: the hosts, and the shim above their streams |
//! | `portable` | what a world cannot do |
//! | `byzantine` | what peers do that do not keep the rules |
//! | `datagrams` | what datagrams say, and how forged ones look |
//! | `disks` | what goes wrong with the hosts' disks |
//! | `place` | connections by their names |
//! | `facts`, `files` | what is known of a run, and the files that it is about |
//! | `fuses` | faults that wait for a primitive of a store |
//! | `known` | contents, by their hashes |
//! | `meddlers` | what happens to the folder for partial files behind its store's back |
//! | `script`, `stage` | which fault is due, and what the run waits for |
//! | `parting` | how clients go, and what they count of what they did |
//! | `steps` | the plan's steps, as the client's application carries them out |
//! | `trees` | the plan's trees |
//! | `tap` | what passes on a stream, written down |
//! | `tripwire` | what a run asks of the real clock, which it must not |
//! | `panics` | what panics in a run, kept for its report |

pub mod fast;

mod byzantine;
mod damage;
mod datagrams;
mod disks;
mod facts;
mod files;
mod fuses;
mod known;
mod meddlers;
mod panics;
mod parting;
mod place;
mod script;
mod stage;
mod steps;
mod tap;
mod trees;
mod tripwire;

#[cfg(feature = "turmoil")]
mod driven;
#[cfg(feature = "turmoil")]
mod portable;
#[cfg(feature = "turmoil")]
pub mod real;
#[cfg(feature = "turmoil")]
pub mod turmoil;

use towline::probe::{self, Bug};

pub(crate) use self::trees::destination_of;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::plant::Plant;

/// Which world runs a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// The machines in one event loop.
    Fast,
    /// The real server and client on turmoil's network.
    #[cfg(feature = "turmoil")]
    Turmoil,
    /// The real server and client on the system's loopback interface, in real time.
    #[cfg(feature = "turmoil")]
    Real,
}

impl Tier {
    /// Those that this build has.
    pub const ALL: &[Tier] = &[
        Tier::Fast,
        #[cfg(feature = "turmoil")]
        Tier::Turmoil,
        #[cfg(feature = "turmoil")]
        Tier::Real,
    ];

    /// Those in which a plan is run the same way each time, in virtual time.
    pub const SIMULATED: &[Tier] = &[
        Tier::Fast,
        #[cfg(feature = "turmoil")]
        Tier::Turmoil,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Fast => "fast",
            #[cfg(feature = "turmoil")]
            Tier::Turmoil => "turmoil",
            #[cfg(feature = "turmoil")]
            Tier::Real => "real",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Tier> {
        Tier::ALL.iter().copied().find(|tier| tier.name() == name)
    }

    /// Why a plan cannot be run there, each reason once; nothing if it can. Such a plan is not run as if it did not ask.
    pub fn cannot(self, plan: &Plan) -> Vec<&'static str> {
        let reasons = match self {
            Tier::Fast => fast::cannot(plan),
            #[cfg(feature = "turmoil")]
            Tier::Turmoil => portable::turmoil(plan),
            #[cfg(feature = "turmoil")]
            Tier::Real => portable::real(plan),
        };
        let mut told = Vec::new();
        for reason in reasons {
            if !told.contains(&reason) {
                told.push(reason);
            }
        }
        told
    }

    /// Runs a plan, and gives what was seen: nothing but the reasons if this world [cannot](Tier::cannot) do what it asks for.
    ///
    /// # Panics
    /// If the plan plants a bug that this build does not have: [`Plan::check`] says so before.
    pub fn run(self, plan: &Plan) -> Outcome {
        self.run_planted(plan, None)
    }

    /// The same, and the bytes of all streams are kept in the trace.
    ///
    /// # Panics
    /// As [`Tier::run`].
    pub fn run_recorded(self, plan: &Plan) -> Outcome {
        self.run_with(plan, None, true)
    }

    /// The same with a fault of the simulator's own, for the tests that show that it is seen.
    #[doc(hidden)]
    pub fn run_planted(self, plan: &Plan, plant: Option<Plant>) -> Outcome {
        self.run_with(plan, plant, false)
    }

    fn run_with(self, plan: &Plan, plant: Option<Plant>, keeps_bytes: bool) -> Outcome {
        let bug = plan.bug().unwrap_or_else(|bad| panic!("{bad}"));
        let cannot = self.cannot(plan);
        if !cannot.is_empty() {
            return Outcome::skipped(plan.clone(), cannot);
        }
        match self {
            Tier::Fast => probed(bug, || fast::run_with(plan, plant, keeps_bytes)),
            #[cfg(feature = "turmoil")]
            Tier::Turmoil => turmoil::run_with(plan, bug, plant, keeps_bytes),
            #[cfg(feature = "turmoil")]
            Tier::Real => real::run_with(plan, bug, plant, keeps_bytes),
        }
    }
}

/// Runs a plan that stays on this thread, with a bug in the library, and notes the marks that it reached.
fn probed(bug: Option<Bug>, run: impl FnOnce() -> Outcome) -> Outcome {
    probe::plant(bug).unwrap_or_else(|error| panic!("{error}"));
    probe::take_marks();
    let mut outcome = run();
    outcome.marks = probe::take_marks();
    probe::plant(None).unwrap_or_else(|error| panic!("{error}"));
    outcome
}
