//! Text and JSON.

use towline_sim::show::{Format, Shown, show};
use towline_sim::tier::Tier;

/// What a format makes of the small run, as text.
fn shown(format: Format) -> String {
    let outcome = Tier::Fast.run(&super::small());
    String::from_utf8(show(format, Tier::Fast, &outcome)).expect("text")
}

#[test]
fn a_small_run_as_text() {
    let (plan, text) = (super::small().text(), shown(Format::Text));
    let events = text.strip_prefix(plan.trim_end()).expect("the plan comes first");
    insta::assert_snapshot!("a_small_run_as_text", events.trim_start_matches('\n'));
}

#[test]
fn a_small_run_as_json() {
    insta::assert_snapshot!("a_small_run_as_json", shown(Format::Json));
}

/// Each line is an object, and no event is left out.
#[test]
fn json_has_a_line_an_event() {
    let outcome = Tier::Fast.run(&super::busy(3));
    let text = String::from_utf8(show(Format::Json, Tier::Fast, &outcome)).expect("text");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
    assert_eq!(lines.len(), outcome.trace.events().len());
    for (line, shown) in lines.iter().zip(Shown::all(&outcome.trace)) {
        assert_eq!(line["n"], shown.n);
        assert_eq!(line["text"], shown.text);
    }
    let kinds: std::collections::BTreeSet<&str> =
        lines.iter().filter_map(|line| line["kind"].as_str()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["application", "fault", "frame", "network", "note"]);
}

/// The plan that `show` prints is one that it reads.
#[test]
fn a_plan_is_shown_as_it_is_read() {
    let plan = super::small();
    let text = shown(Format::Plan);
    assert_eq!(towline_sim::plan::Plan::parse(&text).as_ref(), Ok(&plan));
}
