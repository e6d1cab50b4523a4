//! The rules. Each takes a file and says what is wrong with it, a line a finding.

use crate::Source;

pub(crate) const FILE_MAX: usize = 400;
pub(crate) const FUNCTION_MAX: usize = 70;

/// Modules at the root of the crate that must build without clocks, sockets, files and tokio.
const PURE: &[&str] = &["time", "probe", "wire", "proto", "store", "identity", "fuzz"];

/// Who may import whom, by the first two names of a path below `crate::`. Everybody may import itself; a module that
/// is not here may import all but `cli`. The list is DESIGN.md's "Who may import whom".
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("probe", &[]),
    ("wire", &["probe"]),
    ("proto", &["probe", "time", "wire"]),
    ("store", &["probe", "wire", "proto::storage", "proto::tree"]),
    ("identity", &["wire", "proto"]),
    ("keyring", &["wire", "identity", "net"]),
    ("net", &["time", "wire", "proto", "store", "identity"]),
    ("drive", &["probe", "time", "wire", "proto", "store", "identity", "net"]),
    ("fuzz", &["time", "wire", "proto", "store", "identity", "harness"]),
    ("harness", &["time", "wire", "proto", "store"]),
    ("lib", &[]),
    ("main", &["cli"]),
    (
        "cli",
        &[
            "time", "wire", "proto", "store", "identity", "keyring", "net", "drive", "server", "client",
            "contain", "fuzz",
        ],
    ),
];

/// The lines of a file with their numbers, without comments and without what stands in string literals.
fn code(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    text.lines().enumerate().map(|(at, line)| (at + 1, without_strings(line)))
}

/// Cuts a line at `//`, and empties its string literals. A literal over several lines is not seen as one.
fn without_strings(line: &str) -> String {
    let mut kept = String::new();
    let mut within = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if within => drop(chars.next()),
            // A character literal of a quote does not begin a string.
            '\'' if !within && chars.peek() == Some(&'"') => drop(chars.next()),
            '"' => within = !within,
            '/' if !within && chars.peek() == Some(&'/') => break,
            _ if within => {}
            _ => kept.push(c),
        }
    }
    kept
}

fn at(source: &Source, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", source.path)
}

/// The module at the crate's root that a file belongs to; `None` for files of no layer (sim, tests, benches, fuzz).
fn layer(path: &str) -> Option<&str> {
    let below = path.strip_prefix("src/")?;
    Some(below.split('/').next().unwrap_or(below).trim_end_matches(".rs"))
}

/// The paths below `crate::` that the code names, up to two names each: `use crate::{a::{B, C}, d}` gives `a::B`,
/// `a::C` and `d`.
fn crate_paths(text: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    let mut statement = String::new();
    for (number, line) in code(text) {
        statement.push_str(line.trim());
        // A `use` goes on until its semicolon.
        let is_use = ["use ", "pub use ", "pub(crate) use "].iter().any(|start| statement.starts_with(start));
        if is_use && !statement.contains(';') {
            continue;
        }
        for path in statement.split("crate::").skip(1) {
            paths.extend(expand(path, 2).into_iter().map(|path| (number, path)));
        }
        statement.clear();
    }
    paths
}

/// `a::{b, c::D}` to `a::b`, `a::c`: at most `depth` names each.
fn expand(path: &str, depth: usize) -> Vec<String> {
    if depth == 0 {
        return vec![String::new()];
    }
    if let Some(list) = path.strip_prefix('{') {
        return split_list(list).flat_map(|item| expand(item, depth)).collect();
    }
    let name_len = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    let (name, rest) = path.split_at(name_len);
    let Some(rest) = rest.strip_prefix("::") else { return vec![name.to_owned()] };
    let below = expand(rest, depth - 1).into_iter();
    below.map(|rest| if rest.is_empty() { name.to_owned() } else { format!("{name}::{rest}") }).collect()
}

/// The items of a braced list, without those of the lists within it; up to the brace that closes it.
fn split_list(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 1;
    list.split(move |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0 || (c == ',' && depth == 1)
    })
    .map(str::trim)
    .take_while(|item| !item.starts_with(';'))
    .filter(|item| !item.is_empty())
}

pub(crate) fn imports(source: &Source) -> Vec<String> {
    let Some(layer) = layer(&source.path) else { return Vec::new() };
    let allowed = MAY_IMPORT.iter().find(|(name, _)| *name == layer).map(|(_, allowed)| *allowed);
    let may = |path: &str| {
        let first = path.split("::").next().unwrap_or(path);
        let named = |allowed: &str| path == allowed || first == allowed;
        // What begins in upper case is what lib.rs shows of the layers: a driver's matter, not a layer.
        first == layer || allowed.map_or(first != "cli", |allowed| allowed.iter().any(|name| named(name)))
    };
    let paths = crate_paths(&source.text).into_iter();
    let own = "towline::";
    let outside =
        code(&source.text).filter(|(_, line)| layer != "main" && layer != "cli" && line.contains(own));
    let outside =
        outside.map(|(line, _)| at(source, line, "names its own crate from outside: use `crate::`"));
    paths
        .filter(|(_, path)| !may(path))
        .map(|(line, path)| at(source, line, &format!("`{layer}` may not import `{path}`")))
        .chain(outside)
        .collect()
}

pub(crate) fn file_length(source: &Source) -> (String, usize) {
    (source.path.clone(), source.text.lines().count())
}

/// The length of every function, from the line of its `fn` to the brace that closes it at the same indentation.
pub(crate) fn function_lengths(source: &Source) -> Vec<(String, usize)> {
    let mut lengths = Vec::new();
    let lines: Vec<&str> = source.text.lines().collect();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indentation = &line[..line.len() - line.trim_start().len()];
        let closing = format!("{indentation}}}");
        let opening = lines[start..].iter().position(|line| line.ends_with(['{', '}', ';']));
        let Some(opening) = opening.filter(|at| lines[start + at].ends_with('{')) else { continue };
        let body = lines[start + opening + 1..].iter().position(|line| **line == closing);
        let length = opening + 2 + body.unwrap_or(lines.len() - start - opening - 2);
        lengths.push((format!("{}::{name}", source.path), length));
    }
    lengths
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    for word in ["pub ", "pub(crate) ", "pub(super) ", "const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

/// What is above `most` and not excepted, above its exception, or an exception that is not needed as it stands.
pub(crate) fn ratchet(
    lengths: Vec<(String, usize)>,
    most: usize,
    exceptions: &[(&str, usize)],
) -> Vec<String> {
    let mut found = Vec::new();
    for (name, length) in &lengths {
        let excepted = exceptions.iter().find(|(excepted, _)| excepted == name).map(|(_, length)| *length);
        if *length > excepted.unwrap_or(most) {
            found.push(format!("{name} has {length} lines; at most {}", excepted.unwrap_or(most)));
        }
    }
    for (name, excepted) in exceptions {
        let length = lengths.iter().filter(|(found, _)| found == name).map(|(_, length)| *length).max();
        match length {
            Some(length) if length <= most => found.push(format!("{name} needs no exception any more")),
            Some(length) if length < *excepted => {
                found.push(format!("{name}: the exception may shrink to {length}"))
            }
            Some(_) => {}
            None => found.push(format!("{name} is excepted and is not there")),
        }
    }
    found
}

pub(crate) fn leftovers(source: &Source) -> Vec<String> {
    // Written apart, so that this file does not find itself.
    let macros = [concat!("todo", "!"), concat!("unimplemented", "!"), concat!("dbg", "!")];
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut found = Vec::new();
    for (number, line) in code(&source.text) {
        for name in macros.iter().filter(|name| line.contains(**name)) {
            found.push(at(source, number, &format!("`{name}`")));
        }
    }
    for (number, line) in source.text.lines().enumerate() {
        for mark in marks {
            let mut after = line.split(mark).skip(1).map(|rest| rest.trim_start_matches(['(', ':', ' ']));
            let has_number = |rest: &str| {
                rest.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            };
            if after.any(|rest| !has_number(rest)) {
                found.push(at(source, number + 1, &format!("{mark} without #number")));
            }
        }
    }
    found
}

pub(crate) fn sleeps(source: &Source) -> Vec<String> {
    if !source.path.starts_with("tests/") {
        return Vec::new();
    }
    code(&source.text)
        .filter(|(_, line)| line.contains("thread::sleep") || line.contains("time::sleep"))
        .map(|(number, _)| at(source, number, "sleeps: drive the clock, or wait for what is awaited"))
        .collect()
}

/// What goes to a person's terminal goes through `cli/terminal.rs`, which escapes it; a log is made of what it gives.
pub(crate) fn prints(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/") || source.path == "src/cli/terminal.rs" {
        return Vec::new();
    }
    // Written apart, so that a document that names them is all that is left to find.
    let ways = [
        concat!("io::", "stdout()"),
        concat!("io::", "stderr()"),
        concat!("print", "!("),
        concat!("println", "!("),
    ];
    code(&source.text)
        .filter(|(_, line)| ways.iter().any(|way| line.contains(way)))
        .map(|(number, _)| at(source, number, "prints: `cli/terminal.rs` alone does"))
        .collect()
}

/// `src/lib.rs` must say of each pure module that the bans hold there.
pub(crate) fn bans(source: &Source) -> Vec<String> {
    if source.path != "src/lib.rs" {
        return Vec::new();
    }
    const LINTS: [&str; 3] = ["disallowed_types", "disallowed_methods", "wildcard_enum_match_arm"];
    let lines: Vec<&str> = source.text.lines().collect();
    let mut found = Vec::new();
    for (at_line, line) in lines.iter().enumerate() {
        let words: Vec<&str> = line.trim_end_matches([';', '{', ' ']).split(' ').collect();
        let [.., "mod", name] = words[..] else { continue };
        let above = lines[..at_line].iter().rev().take_while(|line| !line.is_empty() && !line.ends_with(';'));
        let above: String = above.copied().collect();
        let is_banned = above.contains("#[deny(") && LINTS.iter().all(|lint| above.contains(lint));
        if PURE.contains(&name) && !is_banned {
            found.push(at(source, at_line + 1, &format!("the pure module `{name}` does not deny {LINTS:?}")));
        }
    }
    found
}

pub(crate) fn bare_allows(source: &Source) -> Vec<String> {
    let lines: Vec<(usize, String)> = code(&source.text).collect();
    let mut found = Vec::new();
    for (at_line, (number, line)) in lines.iter().enumerate() {
        if !line.contains("#[allow(") && !line.contains("#![allow(") {
            continue;
        }
        // An attribute may go over several lines.
        let rest = lines[at_line..].iter().take(10).map(|(_, line)| line.as_str()).collect::<String>();
        let attribute = rest.split(")]").next().unwrap_or_default();
        if !attribute.contains("reason =") {
            found.push(at(source, *number, "allows a lint without a reason (expect it, with one)"));
        }
    }
    found
}

/// Marks and bugs that are listed in `src/probe` and stand nowhere else in `src`: they would show nothing.
pub(crate) fn probes(sources: &[Source]) -> Vec<String> {
    let (lists, others): (Vec<&Source>, Vec<&Source>) = sources
        .iter()
        .filter(|source| source.path.starts_with("src/"))
        .partition(|source| source.path.starts_with("src/probe/"));
    let mut found = Vec::new();
    for (kind, list) in [("Bug", "src/probe/bugs.rs"), ("Mark", "src/probe/marks.rs")] {
        let Some(list) = lists.iter().find(|source| source.path == list) else { continue };
        for (number, line) in list.text.lines().enumerate() {
            // An item of the list: its name, and a string.
            let Some((name, _)) = line.trim().split_once(" \"") else { continue };
            if name.is_empty() || !name.chars().all(char::is_alphanumeric) {
                continue;
            }
            let used = format!("{kind}::{name}");
            let is_used = |source: &&Source| {
                let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric());
                source.text.split(&used).skip(1).any(ends)
            };
            if !others.iter().any(is_used) {
                found.push(at(list, number + 1, &format!("`{used}` stands nowhere in the code")));
            }
        }
    }
    found
}

/// Links of a document in `docs` to tests, written [`name`](../path), whose file is not there or has no such test.
pub(crate) fn linked_tests(document: &Source, sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in document.text.lines().enumerate() {
        for link in line.split("[`").skip(1) {
            let Some((name, path)) = link.split_once("`](../") else { continue };
            let path = path.split(')').next().unwrap_or_default();
            let test = format!("fn {name}()");
            let is_there = |source: &&Source| {
                let mut lines = source.text.lines().map(|line| line.trim().trim_start_matches("async "));
                source.path == path && lines.any(|line| line.starts_with(&test))
            };
            if !sources.iter().any(|source| is_there(&source)) {
                found.push(at(document, number + 1, &format!("there is no test `{name}` in {path}")));
            }
        }
    }
    if !document.text.contains("[`") {
        found.push(at(document, 1, "it links to no test"));
    }
    found
}
