//! What arguments mean: seeds, tiers, shards, times, and what is to be run again.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bundle::{Bundle, PLAN};
use crate::plan::Plan;
use crate::tier::Tier;

/// What `--tier` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tiers(pub(super) Vec<Tier>);

pub(super) fn tiers(text: &str) -> Result<Tiers, String> {
    if text == "all" {
        return Ok(Tiers(Tier::ALL.to_vec()));
    }
    tier(text).map(|tier| Tiers(vec![tier])).map_err(|error| error + ", all")
}

pub(super) fn tier(text: &str) -> Result<Tier, String> {
    let known = || Tier::ALL.iter().map(|tier| tier.name()).collect::<Vec<_>>().join(", ");
    Tier::named(text).ok_or_else(|| format!("this build has {}", known()))
}

pub(super) fn seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.trim().parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
    let range = match text.split_once("..") {
        Some((start, end)) => number(start)?..number(end)?,
        None => {
            let seed = number(text)?;
            seed..seed.checked_add(1).ok_or("there is no seed after it")?
        }
    };
    if range.is_empty() { Err("there is no seed in it".to_owned()) } else { Ok(range) }
}

/// A part of what is to be run: the `number`th, from 1, of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    number: u64,
    of: u64,
}

impl Shard {
    pub(super) const WHOLE: Shard = Shard { number: 1, of: 1 };

    /// Its part of a range: neighbours stay together, and every one is in one part.
    pub(super) fn part(self, whole: &Range<u64>) -> Range<u64> {
        let length = u128::from(whole.end - whole.start);
        let cut = |number: u64| {
            let before = length * u128::from(number) / u128::from(self.of);
            whole.start + u64::try_from(before).expect("no more than the whole")
        };
        cut(self.number - 1)..cut(self.number)
    }
}

pub(super) fn shard(text: &str) -> Result<Shard, String> {
    let explain = || format!("{text:?} is not as 2/3, the second of three parts");
    let (number, of) = text.split_once('/').ok_or_else(explain)?;
    let (number, of) = (number.parse().map_err(|_| explain())?, of.parse().map_err(|_| explain())?);
    if (1..=of).contains(&number) { Ok(Shard { number, of }) } else { Err(explain()) }
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let explain = || format!("{text:?} is not a time as 500ms, 30s, 10m or 2h");
    let number: u64 = number.parse().map_err(|_| explain())?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(explain()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(explain)
}

/// One run that somebody names: by its seed, by a file that holds a plan, or by the folder that a failure left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) plan: Plan,
    pub(super) file: Option<PathBuf>,
    /// What is known of it.
    pub(super) bundle: Option<Bundle>,
}

pub(super) fn named(text: &str) -> Result<Named, String> {
    if let Ok(seed) = text.parse() {
        return Ok(Named { plan: Plan::from_seed(seed), file: None, bundle: None });
    }
    let path = Path::new(text);
    if path.is_dir() {
        let bundle = Bundle::read(path).map_err(|error| error.to_string())?;
        return Ok(Named { plan: bundle.plan.clone(), file: Some(path.join(PLAN)), bundle: Some(bundle) });
    }
    let plan = Plan::read(path).map_err(|error| error.to_string())?;
    Ok(Named { plan, file: Some(path.to_owned()), bundle: None })
}

/// As many as there are processors, unless it is said.
pub(super) fn jobs(said: Option<usize>) -> usize {
    said.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

#[cfg(test)]
mod tests {
    use super::{Duration, Shard, Tier, seeds, shard, tiers, time};

    #[test]
    fn tiers_have_names() {
        assert_eq!(tiers("fast").map(|tiers| tiers.0), Ok(vec![Tier::Fast]));
        assert_eq!(tiers("all").map(|tiers| tiers.0), Ok(Tier::ALL.to_vec()));
        assert!(tiers("none").is_err());
    }

    #[test]
    fn seeds_are_a_range_or_one() {
        assert_eq!(seeds("0..200"), Ok(0..200));
        assert_eq!(seeds("17"), Ok(17..18));
        for bad in ["", "x", "5..5", "9..3", "1..", "-1"] {
            assert!(seeds(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn shards_are_the_whole_without_overlap() {
        for (whole, of) in [(0..100, 3), (7..9, 5), (0..u64::MAX, 7), (4..5, 1)] {
            let parts: Vec<_> = (1..=of).map(|number| Shard { number, of }.part(&whole)).collect();
            assert_eq!((parts[0].start, parts[parts.len() - 1].end), (whole.start, whole.end));
            assert!(parts.windows(2).all(|two| two[0].end == two[1].start), "{parts:?}");
        }
        assert_eq!(shard("2/3"), Ok(Shard { number: 2, of: 3 }));
        for bad in ["", "0/3", "4/3", "1", "1/0", "a/b"] {
            assert!(shard(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(time("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(time("2h"), Ok(Duration::from_secs(7_200)));
        for bad in ["", "30", "s", "-1s", "1.5s", "1 s", "99999999999999999999h"] {
            assert!(time(bad).is_err(), "{bad:?}");
        }
    }
}
