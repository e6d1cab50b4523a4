//! `replay`: one run again, compared with what is known of it.

use std::io::{self, Write};

use super::values::{Named, named, tier};
use crate::campaign::{self, Ran};
use crate::report;
use crate::tier::Tier;
use crate::trace::Digest;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A seed, a file that holds a plan, or the folder that a failure left
    #[arg(value_parser = named)]
    what: Named,
    /// The world [default: the one in which the folder's run failed, else fast]
    #[arg(long, value_parser = tier)]
    tier: Option<Tier>,
    /// What the digest must be; where none is known, it is that of a second run
    #[arg(long)]
    digest: Option<Digest>,
    /// Print the plan and the trace
    #[arg(long)]
    trace: bool,
}

/// True if everything held, and the digest is as it must be.
pub(super) fn replay(arguments: &Arguments, out: &mut impl Write) -> io::Result<bool> {
    let Named { plan, file, bundle } = &arguments.what;
    let tier = arguments.tier.or(bundle.as_ref().map(|bundle| bundle.tier)).unwrap_or(Tier::Fast);
    let mut ran = campaign::run_plan(tier, plan);
    ran.file.clone_from(file);
    if arguments.trace {
        write!(out, "{}{}", plan.text(), ran.outcome.trace.text())?;
    }
    writeln!(out, "{}\n{}", report::head(), report::line(&ran))?;
    let digest = ran.outcome.trace.digest();
    let difference = match (arguments.digest, bundle) {
        (Some(known), _) if known == digest => None,
        (Some(known), _) => Some(format!("it was {known}")),
        (None, Some(bundle)) if bundle.tier == tier => bundle.checkpoints.difference(&ran.outcome.trace),
        (None, _) => second(&ran),
    };
    match &difference {
        None => writeln!(out, "the digest is as it was: {digest}")?,
        Some(difference) => writeln!(out, "the digest is {digest}, and differs:\n{difference}")?,
    }
    Ok(ran.broken.is_empty() && difference.is_none())
}

/// How a second run differs.
fn second(ran: &Ran) -> Option<String> {
    let again = campaign::run_plan(ran.tier, &ran.outcome.plan);
    ran.outcome.trace.difference(&again.outcome.trace)
}
