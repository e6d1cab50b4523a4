//! The page: that it needs nothing else, and what a real browser makes of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use towline_sim::show::{Format, arrows, bands, show};
use towline_sim::tier::Tier;
use towline_sim::trace::Kind;

fn page(outcome: &towline_sim::outcome::Outcome) -> String {
    String::from_utf8(show(Format::Html, Tier::Fast, outcome)).expect("text")
}

/// What in the page would make a browser ask somebody for something.
fn loads(page: &str) -> Vec<&'static str> {
    let local = page.replace("url(#", "");
    let all = [
        "http:",
        "https:",
        "url(",
        "@import",
        " src=",
        " href=",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "import(",
    ];
    all.into_iter().filter(|words| local.contains(words)).collect()
}

#[test]
fn the_page_loads_nothing() {
    let page = page(&Tier::Fast.run(&super::busy(3)));
    assert_eq!(loads(&page), <[&str; 0]>::default());
    assert!(page.contains("default-src 'none'"), "and a browser is told to allow nothing");
    let bad = page.replace("<style>", "<link href=\"https://example.org/style.css\"><style>");
    assert_eq!(loads(&bad), ["https:", " href="], "it would be seen");
}

/// The page's document once its script has run, with `fragment` behind its address.
fn document(folder: &Path, file: &Path, fragment: &str) -> String {
    let profile = folder.join(format!("profile{}", fragment.len()));
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--virtual-time-budget=3000", "--window-size=1400,900", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}{fragment}", file.display()))
        .output()
        .expect("it is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("</html>"), "{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The numbers that the page's script left on the root.
fn told(document: &str) -> BTreeMap<&str, &str> {
    let start = document.find("<html").expect("a root");
    let tag = &document[start..start + document[start..].find('>').expect("its end")];
    let fields = tag.split(" data-").skip(1).filter_map(|field| field.split_once("=\""));
    fields.map(|(name, value)| (name, value.trim_end().trim_end_matches('"'))).collect()
}

#[test]
fn a_browser_draws_lanes_arrows_and_bands_and_a_click_shows_the_frame() {
    if !super::is_installed("chromium") {
        return;
    }
    let outcome = Tier::Fast.run(&super::busy(110));
    let (events, arrows, bands) = (outcome.trace.events(), arrows(&outcome.trace), bands(&outcome));
    assert!(events.len() >= 2_000, "{}", events.len());
    let lost = arrows.iter().filter(|arrow| arrow.heard.is_none()).count();
    assert!(lost > 0 && bands.len() >= 2, "{lost} lost, {bands:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.html");
    std::fs::write(&file, page(&outcome)).expect("a file");

    let document = self::document(folder.path(), &file, "");
    let told = self::told(&document);
    let expected = [
        ("errors", 0),
        ("lanes", 4),
        ("events", events.len()),
        ("shown", events.len()),
        ("arrows", arrows.len()),
        ("lost", lost),
        ("bands", bands.len()),
    ];
    for (name, number) in expected {
        assert_eq!(told.get(name).copied(), Some(number.to_string().as_str()), "{name} in {told:?}");
    }
    // What is in view is in the document, and only that.
    for (name, class) in [("drawn-arrows", "<g class=\"arrow "), ("drawn-events", "<g class=\"event ")] {
        let drawn: usize = told[name].parse().expect("a number");
        assert!(drawn > 5 && drawn < 200, "{name} {drawn}");
        // The script, which writes them, stands in the document too.
        let written = document.matches(class).count() - page(&outcome).matches(class).count();
        assert_eq!(written, drawn, "{name}");
    }
    assert_eq!(
        document.matches("<line class=\"lane\" x1=\"").count(),
        4 + 1,
        "and the script that writes them"
    );
    assert!(!document.contains("id=\"panel\"><"), "nothing is chosen");

    // A message that was never heard, and the band that it was lost in.
    let (chosen, frame) = arrows
        .iter()
        .find(|arrow| arrow.heard.is_none())
        .map(|arrow| (arrow.said, &events[arrow.said].kind))
        .expect("one was lost");
    assert!(matches!(frame, Kind::Frame(_)));
    let document = self::document(folder.path(), &file, &format!("#event={chosen}"));
    let told = self::told(&document);
    assert_eq!((told["errors"], told["selected"]), ("0", chosen.to_string().as_str()));
    assert_ne!(told["drawn-lost"], "0", "it is in view");
    assert_ne!(told["drawn-bands"], "0");
    assert!(document.contains(&format!("<dt>event</dt><dd>{chosen}</dd>")), "the panel shows it");
    assert!(document.contains("<dt>heard</dt><dd>never</dd>"));
}
