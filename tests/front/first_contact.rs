//! A server that was never met: somebody at a terminal is asked.

use super::keys::*;
use super::tty::Tty;

const QUESTION: &str = "Is it the same (yes, no)?";

/// What becomes of `ls` where this is typed at the question: the exit code and the screen.
fn asked(client: &Home, served: &Served, typed: &str) -> (Option<i32>, String) {
    let mut tty = Tty::start_with_keys(&mut client.command(&["ls", &served.address, "--tls"]), 100);
    let screen = tty.wait_for("the question", |screen| screen.contains(QUESTION));
    assert!(screen.contains("was never met from here"), "{screen}");
    assert!(screen.lines().any(|line| line.trim() == served.fingerprint), "alone on its line: {screen}");
    tty.type_in(typed);
    let (code, screen, _) = tty.end();
    (code, screen)
}

#[test]
fn somebody_who_says_yes_is_not_asked_again() {
    let client = Home::new();
    let served = Served::start(&format!("{} somebody all\n", client.key()));
    std::fs::write(served.path("seen"), "").unwrap();
    let (code, screen) = asked(&client, &served, "yes\n");
    assert!(code == Some(0) && screen.contains("seen"), "{code:?}: {screen}");
    let known = std::fs::read_to_string(client.keys("known_hosts")).unwrap();
    assert_eq!(known, format!("{} {}\n", served.address, served.home.key()));
    let mut again = Tty::start_with_keys(&mut client.command(&["ls", &served.address, "--tls"]), 100);
    let (code, screen, _) = again.end();
    assert!(code == Some(0) && !screen.contains(QUESTION), "{code:?}: {screen}");
}

#[test]
fn whatever_is_not_yes_is_no() {
    let client = Home::new();
    let served = Served::start(&format!("{} somebody all\n", client.key()));
    // No; the end of what is typed; something else; nothing; and what only begins like it.
    for typed in ["no\n", "\x04", "y\n", "\n", "yes please\n"] {
        let (code, screen) = asked(&client, &served, typed);
        assert_eq!(code, Some(UNTRUSTED), "{typed:?}: {screen}");
        assert!(screen.contains("its key is not trusted"), "{typed:?}: {screen}");
        assert!(!client.keys("known_hosts").exists(), "{typed:?}: nothing is remembered");
    }
}
