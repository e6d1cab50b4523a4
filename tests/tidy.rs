//! Style as tests: who may import whom, how long files and functions are, and what may not be left lying about. A
//! line-based scan, not a parser: rustfmt has run over all it reads. Each rule is fed bad text below, to see it fail.

#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/shown_to_fail.rs"]
mod shown_to_fail;

use std::path::{Path, PathBuf};

/// Files longer than 400 lines, with their present length. A number here may only shrink.
const LONG_FILES: &[(&str, usize)] = &[];
/// Functions longer than 70 lines: `file::function`, with their present length. A number here may only shrink.
const LONG_FUNCTIONS: &[(&str, usize)] = &[];

/// A source file: its path from the root of the repository, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

/// All Rust of ours.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = ["src", "sim/src", "sim/tests", "tests", "benches", "fuzz/fuzz_targets"]
        .map(|at| root.join(at))
        .into();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for path in entries.map(|entry| entry.expect("an entry of a readable folder").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source is text");
                let path = path.strip_prefix(root).expect("below the root").to_str().expect("a plain name");
                sources.push(Source { path: path.replace('\\', "/"), text });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "the sources were not found");
    sources
}

/// Fails with everything that `rule` finds in any file.
fn hold(rule: impl Fn(&Source) -> Vec<String>) {
    let found: Vec<String> = sources().iter().flat_map(rule).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn imports_go_in_one_direction() {
    hold(rules::imports);
}

#[test]
fn files_are_at_most_400_lines() {
    let lengths = sources().iter().map(rules::file_length).collect();
    assert_eq!(rules::ratchet(lengths, rules::FILE_MAX, LONG_FILES), Vec::<String>::new());
}

#[test]
fn functions_are_at_most_70_lines() {
    let lengths = sources().iter().flat_map(rules::function_lengths).collect();
    assert_eq!(rules::ratchet(lengths, rules::FUNCTION_MAX, LONG_FUNCTIONS), Vec::<String>::new());
}

#[test]
fn nothing_is_left_to_do_without_a_number() {
    hold(rules::leftovers);
}

#[test]
fn tests_do_not_sleep() {
    hold(rules::sleeps);
}

#[test]
fn pure_layers_are_under_the_bans() {
    hold(rules::bans);
}

#[test]
fn only_one_place_prints() {
    hold(rules::prints);
}

#[test]
fn lints_are_not_silenced_without_a_reason() {
    hold(rules::bare_allows);
}

#[test]
fn every_test_that_is_linked_is_there() {
    for path in ["docs/SOCKETS.md", "docs/SECURITY.md"] {
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("it is there");
        let document = Source { path: path.to_owned(), text };
        assert_eq!(rules::linked_tests(&document, &sources()), Vec::<String>::new());
    }
}

#[test]
fn every_probe_stands_in_the_code() {
    assert_eq!(rules::probes(&sources()), Vec::<String>::new());
}
