//! What a peer chose reaches the terminal escaped, in every command that shows it.

use super::help::{Served, towline};

/// A name that clears the screen, forges a line, turns text around and hides a part of itself.
const HOSTILE: &str = "a\x1b[2J\nfile 1 forged\r\u{202e}txt.\u{2066}exe\u{9b}31m\u{feff}";

fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| (c.is_control() && c != '\n') || !(c.is_ascii() || c == 'µ'))
}

#[test]
fn names_from_a_peer_steer_nothing() {
    let (served, here) = (Served::start(), tempfile::tempdir().unwrap());
    std::fs::create_dir(served.path(HOSTILE)).unwrap();
    std::fs::write(served.path(HOSTILE).join(HOSTILE), "x").unwrap();
    std::os::unix::fs::symlink("away", served.path("link")).unwrap();
    let copy = here.path().join("copy");
    let (copy, root) = (copy.to_str().unwrap(), served.at("/"));
    let hostile = served.at(&format!("/{HOSTILE}"));
    let missing = format!("{hostile}/missing\x1b[2J\n");
    let commands: [&[&str]; 9] = [
        &["ls", &root],
        &["ls", &hostile],
        &["get", "-rv", &root, copy],
        &["get", "-r", "--dry-run", "--links=skip", &root, copy],
        &["verify", "-r", copy, &root],
        &["get", &missing, copy],
        &["get", &hostile, copy],
        &["rm", &missing],
        &["put", "-r", copy, &format!("{hostile}/")],
    ];
    for args in commands {
        let output = towline(args);
        for (bytes, is_out) in [(output.stdout, true), (output.stderr, false)] {
            let text = String::from_utf8(bytes).unwrap();
            assert!(is_plain(&text), "{args:?} printed {text:?}");
            assert!(
                !text.lines().any(|line| line.starts_with("file 1 forged")),
                "{args:?} (out: {is_out}): {text}"
            );
        }
    }
}
