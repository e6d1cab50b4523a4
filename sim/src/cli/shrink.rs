//! `shrink`: the least plan that still breaks the same invariant.

use std::io::{self, Write};
use std::path::PathBuf;

use super::progress::Progress;
use super::values::{Named, Tiers, named, tiers};
use crate::campaign;
use crate::shrink::{self, Shrunk};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A seed, a file that holds a plan, or the folder that a failure left
    #[arg(value_parser = named)]
    what: Named,
    /// The world in which it fails, as for `run` [default: the one in which the folder's run failed, else fast]
    #[arg(long, value_parser = tiers)]
    tier: Option<Tiers>,
    /// The invariant that must still break [default: the first that does]
    #[arg(long)]
    invariant: Option<String>,
    /// Runs after which the least that was found must do
    #[arg(long, default_value_t = 5_000)]
    runs: usize,
    /// Where to write the plan [default: the standard output]
    #[arg(long)]
    out: Option<PathBuf>,
}

/// True if something broke, and the least plan was found.
pub(super) fn shrink(arguments: &Arguments, out: &mut impl Write) -> io::Result<bool> {
    let Named { plan, bundle, .. } = &arguments.what;
    let known = bundle.as_ref().map(|bundle| bundle.tiers());
    let tiers = arguments.tier.clone().map(|tiers| tiers.0).or(known);
    let tiers = tiers.unwrap_or_else(|| vec![crate::tier::Tier::Fast]);
    let judge =
        |plan: &_| campaign::run_plan_on(&tiers, plan).into_iter().flat_map(|ran| ran.broken).collect();
    let invariant = match (&arguments.invariant, bundle) {
        (Some(invariant), _) => invariant.clone(),
        (None, Some(bundle)) => bundle.invariant.clone(),
        (None, None) => match campaign::run_plan_on(&tiers, plan).iter().find_map(|ran| ran.broken.first()) {
            Some(broken) => broken.invariant.to_owned(),
            None => return Err(io::Error::other("everything holds: there is nothing to shrink")),
        },
    };
    let mut progress = Progress::new();
    let shrunk = shrink::shrink(plan, &invariant, arguments.runs, judge, |tried| {
        progress.tell(|| format!("{invariant}: {tried}"));
    });
    progress.clear();
    let Some(Shrunk { plan: least, runs, is_least }) = shrunk else {
        return Err(io::Error::other(format!("{invariant} holds: there is nothing to shrink")));
    };
    let told = if is_least { "nothing less breaks it" } else { "there may be less: more --runs would tell" };
    eprintln!(
        "{} becomes {}, after {runs} runs on {}; {told}",
        shrink::size(plan),
        shrink::size(&least),
        tiers.iter().map(|tier| tier.name()).collect::<Vec<_>>().join(" and ")
    );
    match &arguments.out {
        Some(path) => std::fs::write(path, least.text())?,
        None => out.write_all(least.text().as_bytes())?,
    }
    Ok(true)
}
