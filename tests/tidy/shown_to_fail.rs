//! Feeds bad text to each rule: a rule that cannot fail holds nothing.

use crate::Source;
use crate::rules;

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

fn imports(path: &str, text: &str) -> usize {
    rules::imports(&source(path, text)).len()
}

#[test]
fn an_import_against_the_direction_is_found() {
    let wrong = [
        ("src/time.rs", "use crate::wire::Frame;"),
        ("src/wire/frame.rs", "use crate::time::Time;"),
        ("src/wire/frame.rs", "fn f() -> crate::proto::Session {}"),
        ("src/proto/session.rs", "use crate::store::Store;"),
        ("src/proto/session.rs", "use crate::{time::Time, net::Tcp};"),
        ("src/proto/session.rs", "use crate::{\n    time::Time,\n    drive,\n};"),
        ("src/store/os.rs", "use crate::proto::session::Session;"),
        ("src/store/os.rs", "use crate::proto::{storage::StoreOp, session};"),
        ("src/store/os.rs", "use crate::time::Time;"),
        ("src/net/tcp.rs", "use crate::drive::run;"),
        ("src/drive/mod.rs", "use crate::server::Server;"),
        ("src/server.rs", "use crate::cli::Args;"),
        ("src/client/mod.rs", "pub use crate::cli::Args;"),
        ("src/cli/mod.rs", "use crate::main::run;"),
        ("src/wire/frame.rs", "use towline::time::Time;"),
    ];
    for (path, text) in wrong {
        assert_eq!(imports(path, text), 1, "{path}: {text}");
    }
}

#[test]
fn an_import_along_the_direction_is_not() {
    let right = [
        ("src/wire/frame.rs", "use crate::wire::Code; use super::Code;"),
        ("src/wire/frame.rs", "// use crate::time::Time;\nlet a = \"crate::time\";"),
        ("src/proto/session.rs", "use crate::time::Time;\nuse crate::wire::{Frame, Kind};"),
        ("src/proto/session.rs", "use crate::{\n    time::{Time, Duration},\n    wire::Frame,\n};"),
        (
            "src/store/os.rs",
            "use crate::proto::storage::StoreOp; use crate::proto::tree; use crate::wire::Cv;",
        ),
        ("src/store/os.rs", "use crate::proto::{storage, tree::merge};"),
        ("src/store/os.rs", "use crate::{\n    proto::{storage::{A, B}, tree},\n    wire::Cv,\n};"),
        ("src/drive/mod.rs", "use crate::net::Tcp;"),
        ("src/server.rs", "use crate::drive::run;"),
        ("src/cli/mod.rs", "use crate::server::Server;"),
        ("src/main.rs", "towline::cli::main()"),
        ("tests/wire/main.rs", "use crate::rules; use towline::wire::Frame;"),
    ];
    for (path, text) in right {
        assert_eq!(rules::imports(&source(path, text)), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn the_ratchet_only_turns_one_way() {
    let lengths = |length| vec![("a.rs".to_owned(), length)];
    let ratchet = |length, exceptions| rules::ratchet(lengths(length), 400, exceptions).len();
    assert_eq!(ratchet(400, &[]), 0);
    assert_eq!(ratchet(401, &[]), 1, "too long");
    assert_eq!(ratchet(450, &[("a.rs", 450)]), 0);
    assert_eq!(ratchet(451, &[("a.rs", 450)]), 1, "longer than its exception");
    assert_eq!(ratchet(449, &[("a.rs", 450)]), 1, "the exception must shrink");
    assert_eq!(ratchet(400, &[("a.rs", 450)]), 1, "the exception must go");
    assert_eq!(ratchet(10, &[("gone.rs", 450)]), 1, "the file is gone");
}

#[test]
fn lengths_are_counted() {
    assert_eq!(rules::file_length(&source("a.rs", &"\n".repeat(401))).1, 401);
    let text = "impl A {\n    pub(crate) async fn long<T>(\n        a: T,\n    ) -> T {\n        a\n    }\n\n    fn one() {}\n}\n\
                fn plain() {\n    if a {\n    }\n}\ntrait T {\n    fn no_body(&self);\n}\n";
    let found = rules::function_lengths(&source("a.rs", text));
    assert_eq!(found, [("a.rs::long".to_owned(), 5), ("a.rs::plain".to_owned(), 4)]);
}

#[test]
fn leftovers_are_found() {
    let found = |text: &str| rules::leftovers(&source("src/a.rs", text)).len();
    for name in [concat!("todo", "!"), concat!("unimplemented", "!"), concat!("dbg", "!")] {
        assert_eq!(found(&format!("    {name}()")), 1);
        assert_eq!(found(&format!("// {name}")), 0);
    }
    for mark in [concat!("TO", "DO"), concat!("FIX", "ME")] {
        assert_eq!(found(&format!("// {mark}: later")), 1);
        assert_eq!(found(&format!("// {mark}(#12): later")), 0);
    }
}

#[test]
fn sleeps_are_found_in_tests_alone() {
    for call in ["std::thread::sleep(d)", "tokio::time::sleep(d).await"] {
        assert_eq!(rules::sleeps(&source("tests/a.rs", call)).len(), 1);
        assert_eq!(rules::sleeps(&source("src/drive/a.rs", call)).len(), 0);
    }
}

#[test]
fn a_pure_module_without_its_bans_is_found() {
    let found = |text: &str| rules::bans(&source("src/lib.rs", text)).len();
    let all =
        "#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]";
    assert_eq!(found(&format!("{all}\npub mod wire;")), 0);
    assert_eq!(found(&format!("{all}\n#[cfg(x)]\npub mod wire;\npub mod net;")), 0);
    assert_eq!(found("pub mod wire;"), 1);
    assert_eq!(found("#[deny(clippy::disallowed_types)]\nmod store;"), 1);
    assert_eq!(found(&format!("{all}\npub mod wire;\npub mod proto;")), 1, "it holds for one module");
}

#[test]
fn an_allow_without_a_reason_is_found() {
    let found = |text: &str| rules::bare_allows(&source("src/a.rs", text)).len();
    assert_eq!(found("#[allow(dead_code)]"), 1);
    assert_eq!(found("#![allow(dead_code)]"), 1);
    assert_eq!(found("#[allow(\n    dead_code,\n    unused\n)]\n// reason ="), 1);
    assert_eq!(found("#[allow(dead_code, reason = \"b\")]"), 0);
    assert_eq!(found("#[allow(\n    dead_code,\n    reason = \"b\"\n)]"), 0);
}

#[test]
fn a_probe_that_stands_nowhere_is_found() {
    let bugs = source("src/probe/bugs.rs", "bugs! {\n    Lose \"lose\" Wire \"It is lost.\",\n}\n");
    let used = |text: &str| source("src/wire/frame.rs", text);
    let found = |other: Source| rules::probes(&[source(&bugs.path, &bugs.text), other]).len();
    assert_eq!(found(used("if planted(Bug::Lose) {}")), 0);
    assert_eq!(found(used("if planted(Bug::LoseMore) {}")), 1);
    assert_eq!(found(source("tests/x.rs", "Bug::Lose")), 1);
}

#[test]
fn a_link_to_a_test_that_is_not_there_is_found() {
    let tests = [source("tests/a.rs", "#[test]\nfn it_is_there() {}\n    async fn so_is_it() {}\n")];
    let found = |text: &str| rules::linked_tests(&source("docs/A.md", text), &tests).len();
    assert_eq!(found("[`it_is_there`](../tests/a.rs), [`so_is_it`](../tests/a.rs)"), 0);
    assert_eq!(found("[`it_is_there`](../tests/b.rs)"), 1);
    assert_eq!(found("[`it_is`](../tests/a.rs), [`is_there`](../tests/a.rs)"), 2);
    assert_eq!(found("nothing"), 1);
}

#[test]
fn a_second_place_that_prints_is_found() {
    let found = |path: &str, text: &str| rules::prints(&source(path, text)).len();
    for text in [
        "io::stdout().lock()",
        "std::io::stderr()",
        "println!(\"x\")",
        "eprintln!(\"{name}\")",
        "print!(\"x\")",
    ] {
        assert_eq!(found("src/cli/put.rs", text), 1, "{text}");
        assert_eq!(found("src/cli/terminal.rs", text), 0, "{text}");
    }
    assert_eq!(found("src/cli/put.rs", "output::print(&line)"), 0);
    assert_eq!(found("tests/cli.rs", "println!(\"x\")"), 0);
}
