//! Progress: on terminals of any width, on ones that cannot draw, and where there is none.

use std::path::Path;
use std::process::{Command, Stdio};

use super::help::{Served, bytes, complaint, printed, towline};
use super::relay::Relay;
use super::tty::Tty;

const LENGTH: usize = 20_000_000;

fn command(args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    command.args(args).stdin(Stdio::null()).env("TERM", "xterm").env_remove("NO_COLOR");
    command.envs(environment.iter().copied());
    command
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file here, and a server behind a relay that holds the most of it back.
fn held_back() -> (Served, Relay, tempfile::TempDir, std::path::PathBuf) {
    let (served, here) = (Served::start(), tempfile::tempdir().unwrap());
    let file = here.path().join("film");
    std::fs::write(&file, bytes(LENGTH)).unwrap();
    let relay = Relay::start(&served.at(""), 8_000_000);
    (served, relay, here, file)
}

/// Every row is shorter than the screen is wide: nothing was wrapped.
fn fits(screen: &str, columns: usize) -> bool {
    screen.lines().all(|row| row.trim_end().chars().count() < columns)
}

#[test]
fn a_bar_says_how_far_how_fast_and_what_is_waited_for() {
    let (_served, mut relay, _here, file) = held_back();
    let mut tty = Tty::start(&mut command(&["put", text(&file), &format!("{}/a", relay.address)], &[]), 100);
    let screen = tty.wait_for("a bar", |screen| screen.contains("=>") && screen.contains("stalled "));
    assert!(screen.contains(" of 19.1 MiB") && screen.contains(" %  ["), "{screen}");
    assert!(fits(&screen, 100), "{screen}");
    relay.open();
    let (code, screen, raw) = tty.end();
    assert_eq!(code, Some(0), "{screen}");
    // Nothing is left of it, and the result stands on a line of its own.
    let hash = blake3::hash(&bytes(LENGTH)).to_hex();
    let rows: Vec<&str> = screen.lines().collect();
    assert!(rows[0].starts_with("sent 19.1 MiB in "), "{screen}");
    assert!(!screen.contains('%') && screen.contains(&hash[..40]), "{screen}");
    assert!(raw.contains("\x1b[36m"), "it is coloured");
}

#[test]
fn a_terminal_may_be_narrow_and_may_be_resized() {
    let (_served, mut relay, _here, file) = held_back();
    let mut tty = Tty::start(&mut command(&["put", text(&file), &format!("{}/a", relay.address)], &[]), 20);
    let waits = |screen: &str| screen.contains("stalled ");
    let screen = tty.wait_for("what is waited for", waits);
    assert!(screen.lines().count() == 1 && fits(&screen, 20), "{screen}");
    tty.resize(90);
    let screen = tty.wait_for("a bar", |screen| screen.contains("=>"));
    assert!(fits(&screen, 90), "{screen}");
    tty.resize(6);
    tty.wait_for("the percentage alone", |screen| screen.lines().any(|row| row.trim_end().ends_with(" %")));
    tty.resize(70);
    relay.open();
    let (code, screen, _) = tty.end();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("sent 19.1 MiB in "), "{screen}");
}

#[test]
fn colours_are_only_where_they_are_wanted() {
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (_served, mut relay, _here, file) = held_back();
        let args = ["put", text(&file), &format!("{}/a", relay.address)];
        let mut tty = Tty::start(&mut command(&args, &[environment]), 80);
        if environment.0 == "NO_COLOR" {
            tty.wait_for("a bar", |screen| screen.contains("=>"));
        }
        relay.open();
        let (code, screen, raw) = tty.end();
        assert_eq!(code, Some(0), "{screen}");
        assert!(!raw.contains("\x1b[3") && !raw.contains("\x1b[1"), "{environment:?}: {raw:?}");
        // A dumb terminal gets lines and nothing else.
        assert!(environment.0 == "NO_COLOR" || !raw.contains('\x1b'), "{raw:?}");
    }
    let mut wrong = Tty::start(&mut command(&["hash", "/nowhere/at/all"], &[]), 80);
    assert!(wrong.end().2.contains("\x1b[1;31mtowline:\x1b[0m cannot hash"));
}

#[test]
fn quiet_and_pipes_have_no_bar() {
    let (_served, mut relay, _here, file) = held_back();
    let args = ["put", "--quiet", text(&file), &format!("{}/a", relay.address)];
    let mut tty = Tty::start(&mut command(&args, &[]), 80);
    relay.open();
    let (code, _, raw) = tty.end();
    assert_eq!((code, raw.lines().count()), (Some(0), 1), "{raw}");
    assert!(!raw.contains('\x1b'), "{raw:?}");

    let served = Served::start();
    let output = towline(&["put", text(&file), &served.at("/")]);
    assert!(printed(&output).ends_with("film\n"));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("sent ") && !told.contains(['\x1b', '\r']), "{told:?}");
    let told = complaint(&towline(&["hash", "/nowhere/at/all"]), 6);
    assert!(told.starts_with("towline: cannot hash /nowhere/at/all: "), "{told:?}");
}

#[test]
fn all_that_takes_time_shows_how_far_it_is() {
    let (served, here) = (Served::start(), tempfile::tempdir().unwrap());
    let (file, tree) = (here.path().join("film"), here.path().join("tree"));
    std::fs::write(&file, bytes(LENGTH)).unwrap();
    std::fs::create_dir(&tree).unwrap();
    for name in ["a", "b"] {
        std::fs::write(tree.join(name), bytes(LENGTH / 4)).unwrap();
    }
    std::fs::write(served.path("film"), bytes(LENGTH)).unwrap();
    let copy = here.path().join("copy");
    // All that is needed passes only once the bar was seen.
    let cases: [(&[&str], &str, &str); 3] = [
        (&["put", "-r", text(&tree), "TO/"], "0 files", "sent 2 files"),
        (&["verify", text(&file), "TO/film"], "asking the server", "equal: "),
        (&["get", "TO/film", text(&copy)], "asking the server", "received 19.1 MiB"),
    ];
    for (args, shown, told) in cases {
        // The greeting passes, and no more than that of what is asked.
        let mut relay = Relay::start(&served.at(""), 20);
        let args: Vec<String> = args.iter().map(|arg| arg.replace("TO", &relay.address)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut tty = Tty::start(&mut command(&args, &[]), 80);
        let screen = tty.wait_for(shown, |screen| screen.contains(shown) || screen.contains("connecting"));
        assert!(fits(&screen, 80), "{screen}");
        relay.open();
        let (code, screen, _) = tty.end();
        assert_eq!(code, Some(0), "{screen}");
        assert!(screen.contains(told) && !screen.contains("asking"), "{args:?}\n{screen}");
    }
}

#[test]
fn streams_and_hashes_have_progress_too() {
    let served = Served::start();
    let mut tty = Tty::start(command(&["put", "-", &served.at("/piped")], &[]).stdin(Stdio::piped()), 80);
    let mut input = tty.child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &bytes(3 << 20)).unwrap();
    tty.wait_for("what was sent", |screen| screen.contains(" MiB") && screen.contains("stalled"));
    drop(input);
    let (code, screen, _) = tty.end();
    assert!(code == Some(0) && screen.starts_with("sent 3.0 MiB"), "{screen}");

    let mut tty = Tty::start(command(&["hash", "-"], &[]).stdin(Stdio::piped()), 80);
    let mut input = tty.child.stdin.take().unwrap();
    let whole = bytes(12 << 20);
    let mut sent = 0;
    // However fast it hashes: the bar comes once it has lasted long enough.
    let begin = std::time::Instant::now();
    while begin.elapsed() < std::time::Duration::from_millis(400) {
        std::io::Write::write_all(&mut input, &whole[..65_536]).unwrap();
        sent += 65_536;
    }
    tty.wait_for("what was hashed", |screen| screen.contains("iB/s"));
    drop(input);
    let (code, screen, _) = tty.end();
    assert!(
        code == Some(0) && sent > 0 && screen.lines().count() == 1 && screen.ends_with("  -"),
        "{screen}"
    );
}
