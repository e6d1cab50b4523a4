use indicatif::InMemoryTerm;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A terminal of so many columns with a bar on it that was begun five seconds ago.
fn drawn(columns: u16) -> (Bar, InMemoryTerm, Instant) {
    let began = Instant::now();
    let mut progress = Progress::connecting(began);
    progress.begin(began, 100 << 20);
    for second in 1..=5 {
        progress.advance(began + SECOND * second, 10 << 20, false);
    }
    let terminal = InMemoryTerm::new(5, columns);
    let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
    let place = Place::Terminal(Drawn::new(target, Box::new(move || columns), false));
    let bar = Bar { progress: Mutex::new(progress), place, shown: Mutex::new(began) };
    (bar, terminal, began + SECOND * 5)
}

#[test]
fn a_bar_fills_the_line_and_no_more() {
    for columns in 20..=200 {
        let (bar, terminal, now) = drawn(columns);
        for more in 0..3 {
            bar.show(now + REDRAW * more);
        }
        let screen = terminal.contents();
        assert_eq!(screen.lines().count(), 1, "{columns} columns:\n{screen}");
        assert!(screen.starts_with(" 50 %  "), "{screen}");
        assert!(screen.len() < usize::from(columns), "{columns} columns:\n{screen}");
        assert!(columns < 45 || screen.contains("=>"), "{columns} columns:\n{screen}");
    }
    let (bar, terminal, now) = drawn(80);
    bar.show(now);
    let full = " 50 %  [==========>          ]  50.0 MiB of 100.0 MiB  10.0 MiB/s  5 s left";
    let shown = terminal.contents();
    assert_eq!((&shown[..7], &shown[shown.len() - 44..]), (&full[..7], &full[full.len() - 44..]), "{shown}");
}

#[test]
fn lines_of_others_stand_above_it_and_nothing_is_left_of_it() {
    let (bar, terminal, now) = drawn(60);
    bar.show(now);
    bar.aside(|| {
        use indicatif::TermLike;
        terminal.write_line("attempt 1 failed").unwrap();
    });
    bar.show(now + REDRAW);
    let screen = terminal.contents();
    assert!(screen.starts_with("attempt 1 failed\n 50 %"), "{screen}");
    bar.clear();
    bar.show(now + SECOND);
    assert_eq!(terminal.contents(), "attempt 1 failed");
}

#[test]
fn it_is_drawn_no_more_often_than_it_can_be_read() {
    let (bar, terminal, now) = drawn(80);
    bar.show(now);
    terminal.reset();
    bar.show(now + REDRAW / 2);
    assert_eq!(terminal.contents(), "");
    bar.show(now + REDRAW);
    assert_ne!(terminal.contents(), "");
}
