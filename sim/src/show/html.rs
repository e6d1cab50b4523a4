//! A space–time diagram as one page that needs nothing else: no network, no file beside it.

use serde::Serialize;

use super::{Arrow, Band, Shown, arrows, bands};
use crate::invariants;
use crate::outcome::Outcome;
use crate::tier::Tier;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the page's script is given.
#[derive(Serialize)]
struct Data {
    title: String,
    story: String,
    tier: &'static str,
    digest: String,
    broken: Vec<String>,
    hosts: Vec<String>,
    events: Vec<Shown>,
    arrows: Vec<Arrow>,
    bands: Vec<Band>,
}

/// The page of a run.
pub fn html(tier: Tier, outcome: &Outcome) -> String {
    let data = Data {
        title: format!("seed {}", outcome.plan.seed),
        story: outcome.plan.story.clone(),
        tier: tier.name(),
        digest: outcome.trace.digest().prefix(),
        broken: invariants::check(outcome)
            .iter()
            .map(|broken| format!("{}: {}", broken.invariant, broken.reason))
            .collect(),
        hosts: hosts(outcome),
        events: Shown::all(&outcome.trace).collect(),
        arrows: arrows(&outcome.trace),
        bands: bands(outcome),
    };
    // Within a script's element only `</` could end it.
    let data = serde_json::to_string(&data).expect("plain fields").replace("</", "<\\/");
    // The data come last: nothing of the page is looked for in them.
    PAGE.replace("/*style*/", STYLE).replace("/*script*/", SCRIPT).replace("/*data*/", &data)
}

/// The lanes from left to right: the server among its clients, so that messages cross as few lanes as can be.
fn hosts(outcome: &Outcome) -> Vec<String> {
    let clients = outcome.plan.clients.len() as u32;
    let name = |client: u32| crate::trace::Lane::Client(client).to_string();
    let left = (0..clients).filter(|client| client % 2 == 0).rev().map(name);
    let right = (0..clients).filter(|client| client % 2 == 1).map(name);
    left.chain(["server".to_owned()]).chain(right).collect()
}
