//! What plans cost: the same plans on each tier, bulk left out, and beside them turmoil alone with the same hosts, ticks,
//! writes and bytes. Measured in interleaved rounds on one thread; a figure is the median of its rounds.

#[cfg(feature = "turmoil")]
mod bare;
mod table;

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::campaign;
use crate::outcome::{Outcome, Traffic};
use crate::plan::Plan;
use crate::tier::Tier;

pub(crate) use self::table::{json, text};

/// What runs the plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runner {
    Tier(Tier),
    /// Turmoil alone.
    #[cfg(feature = "turmoil")]
    Bare,
}

impl Runner {
    fn all() -> Vec<Runner> {
        let tiers = Tier::SIMULATED.iter().map(|tier| Runner::Tier(*tier));
        #[cfg(feature = "turmoil")]
        return tiers.chain([Runner::Bare]).collect();
        #[cfg(not(feature = "turmoil"))]
        tiers.collect()
    }

    fn name(self) -> &'static str {
        match self {
            Runner::Tier(tier) => tier.name(),
            #[cfg(feature = "turmoil")]
            Runner::Bare => "bare turmoil",
        }
    }
}

/// A runner's figures.
pub(crate) struct Row {
    runner: Runner,
    /// Of all plans together.
    virtual_ms: u64,
    traffic: Traffic,
    broken: usize,
    /// All plans, once a round.
    walls: Vec<Duration>,
}

/// All figures.
pub(crate) struct Bench {
    plans: usize,
    rounds: u32,
    /// Most bytes of one content.
    most: u64,
    rows: Vec<Row>,
}

/// Measures the plans of `seeds`, without contents longer than `most` bytes: those that all tiers can run. `only` one tier, or
/// all of them.
pub(crate) fn run(seeds: Range<u64>, most: u64, only: Option<Tier>, rounds: u32) -> Bench {
    let is_common = |plan: &Plan| Tier::SIMULATED.iter().all(|tier| tier.cannot(plan).is_empty());
    let plans = seeds.map(|seed| Plan::from_seed(seed).without_bulk(most));
    let plans: Vec<Plan> = plans.filter(is_common).collect();
    let runners = only.map_or_else(Runner::all, |tier| vec![Runner::Tier(tier)]);
    let mut rows: Vec<Row> = runners.into_iter().map(Row::new).collect();
    #[cfg(feature = "turmoil")]
    let mut loads = Vec::new();
    for round in 0..rounds {
        for row in &mut rows {
            let begin = Instant::now();
            match row.runner {
                Runner::Tier(tier) => {
                    for plan in &plans {
                        let (outcome, broken) = campaign::judged(tier, plan);
                        // A run that is told of has a digest.
                        std::hint::black_box(outcome.trace.digest());
                        if round == 0 {
                            row.note(&outcome, broken.len());
                            #[cfg(feature = "turmoil")]
                            if tier == Tier::Turmoil {
                                loads
                                    .push(bare::Load { ticks: outcome.elapsed_ms, traffic: outcome.traffic });
                            }
                        }
                    }
                }
                #[cfg(feature = "turmoil")]
                Runner::Bare => plans.iter().zip(&loads).for_each(|(plan, load)| bare::run(plan, *load)),
            }
            row.walls.push(begin.elapsed());
        }
        #[cfg(feature = "turmoil")]
        if round == 0 {
            rows.iter_mut().filter(|row| row.runner == Runner::Bare).for_each(|row| row.note_loads(&loads));
        }
    }
    Bench { plans: plans.len(), rounds, most, rows }
}

impl Row {
    fn new(runner: Runner) -> Row {
        Row { runner, virtual_ms: 0, traffic: Traffic::default(), broken: 0, walls: Vec::new() }
    }

    fn note(&mut self, outcome: &Outcome, broken: usize) {
        self.virtual_ms += outcome.elapsed_ms;
        outcome.traffic.into_iter().for_each(|traffic| self.traffic += traffic);
        self.broken += broken;
    }

    #[cfg(feature = "turmoil")]
    fn note_loads(&mut self, loads: &[bare::Load]) {
        for load in loads {
            self.virtual_ms += load.ticks;
            load.traffic.into_iter().for_each(|traffic| self.traffic += traffic);
        }
    }
}

impl Bench {
    /// True if every invariant held.
    pub(crate) fn is_good(&self) -> bool {
        self.rows.iter().all(|row| row.broken == 0)
    }
}

/// The middle one.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
