//! What a failure leaves: a folder with the plan, the least plan that breaks the same, the trace, its digests, the versions
//! of everything, and the line that runs it again.

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};

use crate::campaign::{self, Ran, SAME_ON_ALL_TIERS};
use crate::plan::{BadPlan, Plan};
use crate::shrink::{self, Shrunk};
use crate::tier::Tier;
use crate::trace::{Checkpoints, Digest};

/// The file that holds the plan.
pub const PLAN: &str = "plan.ron";
/// The least plan.
pub const SHRUNK: &str = "shrunk.ron";
/// The tier, the invariant, the digest, and those of the trace's beginnings.
pub const DIGEST: &str = "digest.txt";

/// A folder that a failure left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// What was run.
    pub plan: Plan,
    /// Where.
    pub tier: Tier,
    /// What did not hold.
    pub invariant: String,
    /// The digests of what happened.
    pub checkpoints: Checkpoints,
}

/// Why a folder is no bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadBundle {
    /// Its plan is none.
    Plan(BadPlan),
    /// Its digests cannot be read, or are none.
    Digests(String),
}

impl fmt::Display for BadBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadBundle::Plan(bad) => write!(f, "{PLAN}: {bad}"),
            BadBundle::Digests(bad) => write!(f, "{DIGEST}: {bad}"),
        }
    }
}

impl std::error::Error for BadBundle {}

impl Bundle {
    /// The one in `folder`.
    ///
    /// # Errors
    /// If it lacks a plan or its digests, or they are not as [`Bundles::leave`] writes them.
    pub fn read(folder: &Path) -> Result<Bundle, BadBundle> {
        let plan = Plan::read(&folder.join(PLAN)).map_err(BadBundle::Plan)?;
        let text = std::fs::read_to_string(folder.join(DIGEST));
        let text = text.map_err(|error| BadBundle::Digests(error.to_string()))?;
        let (mut tier, mut invariant, mut events, mut last, mut digests) =
            (None, None, None, None, Vec::new());
        for line in text.lines() {
            let bad = || BadBundle::Digests(format!("{line:?} is not understood"));
            match line.split_once(' ').ok_or_else(bad)? {
                ("tier", name) => {
                    let of_build = Tier::named(name);
                    tier = Some(of_build.ok_or_else(|| {
                        BadBundle::Digests(format!("this build does not have the tier {name}"))
                    })?);
                }
                ("invariant", name) => invariant = Some(name.to_owned()),
                ("events", count) => events = Some(count.parse().map_err(|_| bad())?),
                ("digest", digest) => last = Some(digest.parse::<Digest>().map_err(|_| bad())?),
                (_, digest) => digests.push(digest.parse().map_err(|_| bad())?),
            }
        }
        match (tier, invariant, events, last) {
            (Some(tier), Some(invariant), Some(events), Some(last)) => {
                Ok(Bundle { plan, tier, invariant, checkpoints: Checkpoints { events, digests, last } })
            }
            _ => Err(BadBundle::Digests("the tier, invariant, events or digest is missing".to_owned())),
        }
    }

    /// Where it must run to break: on all tiers if they differ.
    pub fn tiers(&self) -> Vec<Tier> {
        tiers_of(&self.invariant, self.tier)
    }

    /// Its digests as [`DIGEST`] has them.
    fn digests(&self) -> String {
        let Checkpoints { events, digests, last } = &self.checkpoints;
        let (tier, invariant) = (self.tier.name(), &self.invariant);
        let mut text = format!("tier {tier}\ninvariant {invariant}\nevents {events}\ndigest {last}\n");
        for (number, digest) in (1..).zip(digests) {
            let _infallible = writeln!(text, "after-{} {digest}", number * Checkpoints::EVERY);
        }
        text
    }
}

fn tiers_of(invariant: &str, tier: Tier) -> Vec<Tier> {
    if invariant == SAME_ON_ALL_TIERS { Tier::ALL.to_vec() } else { vec![tier] }
}

/// Where the failures of a campaign leave their folders.
#[derive(Debug)]
pub struct Bundles {
    folder: PathBuf,
    tiers: Vec<Tier>,
    left: usize,
    /// Failures that left none, since there were so many.
    pub left_out: usize,
}

impl Bundles {
    /// Most folders of a campaign: one bug can break every seed.
    pub const MOST: usize = 10;
    /// Runs that shrinking may take here; `shrink` goes on.
    const RUNS: usize = 500;

    /// Those of a campaign on `tiers`.
    pub fn new(folder: PathBuf, tiers: &[Tier]) -> Bundles {
        Bundles { folder, tiers: tiers.to_vec(), left: 0, left_out: 0 }
    }

    /// If `ran` failed, leaves a folder of it, and gives its path. `tell` hears how far it is.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn leave(&mut self, ran: &Ran, mut tell: impl FnMut(String)) -> io::Result<Option<PathBuf>> {
        let Some(broken) = ran.broken.first() else { return Ok(None) };
        if self.left == Bundles::MOST {
            self.left_out += 1;
            return Ok(None);
        }
        self.left += 1;
        let tiers = match broken.invariant {
            SAME_ON_ALL_TIERS => self.tiers.clone(),
            _ => vec![ran.tier],
        };
        let judge = |plan: &Plan| {
            campaign::run_plan_on(&tiers, plan).into_iter().flat_map(|ran| ran.broken).collect()
        };
        let invariant = broken.invariant;
        let plan = &ran.outcome.plan;
        let shrunk = shrink::shrink(plan, invariant, Bundles::RUNS, judge, |tried| {
            tell(format!("seed {} broke {invariant}: {tried}", ran.seed));
        });
        write(&self.folder, ran, invariant, shrunk.as_ref()).map(Some)
    }
}

/// Writes the folder of one failure.
fn write(folder: &Path, ran: &Ran, invariant: &str, shrunk: Option<&Shrunk>) -> io::Result<PathBuf> {
    let file = ran.file.as_ref().and_then(|file| file.file_stem()).and_then(|stem| stem.to_str());
    let name = file.map_or(ran.seed.to_string(), str::to_owned);
    let folder = folder.join(format!("{name}-{}-{invariant}", ran.tier.name()));
    let told = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot write below {}: {error}", folder.display()))
    };
    std::fs::create_dir_all(&folder).map_err(told)?;
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).map_err(told);
    let outcome = &ran.outcome;
    let bundle = Bundle {
        plan: outcome.plan.clone(),
        tier: ran.tier,
        invariant: invariant.to_owned(),
        checkpoints: outcome.trace.checkpoints(),
    };
    put(PLAN, &bundle.plan.text())?;
    put(DIGEST, &bundle.digests())?;
    put("trace.txt", outcome.trace.text())?;
    put("versions.txt", &versions())?;
    let reasons = ran.broken.iter().map(|broken| format!("{}: {}\n", broken.invariant, broken.reason));
    put("broken.txt", &reasons.collect::<String>())?;
    put("replay.txt", &format!("cargo sim replay {}\n", folder.display()))?;
    match shrunk {
        Some(shrunk) => put(SHRUNK, &shrunk.plan.text())?,
        // An earlier one would be of another bug.
        None => match std::fs::remove_file(folder.join(SHRUNK)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(told(error)),
            Ok(()) | Err(_) => {}
        },
    }
    Ok(folder)
}

/// What the run was made of, as far as the build knows.
fn versions() -> String {
    let commit = option_env!("TOWLINE_COMMIT").unwrap_or("not told to the build, in TOWLINE_COMMIT");
    let tiers: Vec<&str> = Tier::ALL.iter().map(|tier| tier.name()).collect();
    format!(
        "towline-sim {}\ncommit {commit}\n{}\ntarget {}\ntiers {}\ndebug assertions {}\nplanted bugs {}\n",
        env!("CARGO_PKG_VERSION"),
        env!("TOWLINE_RUSTC"),
        env!("TOWLINE_TARGET"),
        tiers.join(" "),
        cfg!(debug_assertions),
        towline::probe::HAS_BUGS,
    )
}
