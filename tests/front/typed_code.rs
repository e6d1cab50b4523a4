//! A code that is typed where it is asked for.

use super::keys::*;
use super::tty::Tty;
use super::waiting::Waiting;

/// What becomes of `pair` where this is typed at its question: the exit code and the screen.
fn asked(client: &Home, address: &str, typed: &str) -> (Option<i32>, String) {
    let mut tty = Tty::start_with_keys(&mut client.command(&["pair", address]), 100);
    tty.wait_for("the question", |screen| {
        screen.contains("The code that `towline pair` shows at 127.0.0.1:")
    });
    tty.type_in(typed);
    let (code, screen, _) = tty.end();
    (code, screen)
}

#[test]
fn a_code_is_asked_for_and_what_is_none_costs_no_try() {
    let (server, client) = (Home::new(), Home::new());
    let waiting = Waiting::start(&server, &[]);
    for (typed, said) in [("\x04", "there is no code"), ("\n", "there is no code"), ("k7mf\n", "this has 4")]
    {
        let (code, screen) = asked(&client, &waiting.address, typed);
        assert!(code == Some(2) && screen.contains(said), "{typed:?}: {code:?}: {screen}");
    }
    let typed = format!("{}\n", waiting.code.to_uppercase().replace('-', " "));
    let (code, screen) = asked(&client, &waiting.address, &typed);
    assert!(code == Some(0) && screen.contains("paired with"), "{code:?}: {screen}");
    let (code, out, error) = waiting.ended();
    assert!(code == 0 && out.contains("paired with") && !out.contains("guesses are left"), "{out}{error}");
}
