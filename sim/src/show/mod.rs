//! Shows a run to a person or to their tools. Everything is made from the run's trace; nothing is run twice.
//!
//! | file | what |
//! |---|---|
//! | `text` | the plan and the events, a line each |
//! | `json` | an object of JSON an event, a line each |
//! | `html` | a space–time diagram: one page that needs nothing else (`page.html`, `page.css`, `page.js`) |
//! | `arrows`, `bands` | what the diagram draws: messages, and what was wrong from when to when |
//! | `pcap` | the streams' bytes as packets, for tools that read pcapng |

mod arrows;
mod bands;
mod html;
mod json;
mod pcap;
mod text;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

pub use arrows::{Arrow, arrows};
pub use bands::{Band, bands};
pub use html::html;
pub use json::{Shown, json};
pub use pcap::pcap;
pub use text::text;

use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::tier::Tier;

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The plan, as its file has it
    Plan,
    /// The plan and the events, a line each
    Text,
    /// An object of JSON an event, a line each
    Json,
    /// A space–time diagram: one page that needs nothing else
    Html,
    /// Packets that tshark and Wireshark read (pcapng)
    Pcap,
}

/// What `show` is told.
#[derive(Args, Clone, Debug)]
pub struct Show {
    /// A seed, or a file that holds a plan
    what: String,
    /// What to make of it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Where to write it [default: the standard output]
    #[arg(long)]
    out: Option<PathBuf>,
    /// The world that runs it
    #[arg(long, default_value = "fast", value_parser = tier)]
    tier: Tier,
}

fn tier(name: &str) -> Result<Tier, String> {
    let known = || Tier::ALL.iter().map(|tier| tier.name()).collect::<Vec<_>>().join(", ");
    let named = Tier::ALL.iter().find(|tier| tier.name() == name);
    named.copied().ok_or_else(|| format!("this build has {}", known()))
}

/// What a run is shown as. Its streams' bytes must have been kept for `Pcap`.
pub fn show(format: Format, tier: Tier, outcome: &Outcome) -> Vec<u8> {
    match format {
        Format::Plan => outcome.plan.text().into_bytes(),
        Format::Text => text(outcome).into_bytes(),
        Format::Json => json(&outcome.trace).into_bytes(),
        Format::Html => html(tier, outcome).into_bytes(),
        Format::Pcap => pcap(&outcome.trace),
    }
}

/// Runs what the command line names, and shows it; false if there is no such plan, which it says.
///
/// # Errors
/// Where what is shown cannot be written.
pub fn run(show: &Show, out: &mut impl Write) -> io::Result<bool> {
    let Show { what, format, out: path, tier } = show;
    let plan = match what.parse() {
        Ok(seed) => Ok(Plan::from_seed(seed)),
        Err(_) => Plan::read(Path::new(what)),
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("towline-sim: {what}: {error}");
            return Ok(false);
        }
    };
    let outcome = if *format == Format::Pcap { tier.run_recorded(&plan) } else { tier.run(&plan) };
    let shown = self::show(*format, *tier, &outcome);
    match path {
        Some(path) => std::fs::write(path, shown)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?,
        None => out.write_all(&shown).and_then(|()| out.flush())?,
    }
    Ok(true)
}
