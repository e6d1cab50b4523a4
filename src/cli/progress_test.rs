use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MIB: u64 = 1 << 20;

/// Half of 100 MiB moved in five seconds.
fn half() -> (Progress, Instant) {
    let began = Instant::now();
    let mut progress = Progress::connecting(began);
    progress.connected(began);
    progress.begin(began, 100 * MIB);
    for second in 1..=5 {
        progress.advance(began + SECOND * second, 10 * MIB, false);
    }
    (progress, began + SECOND * 5)
}

fn at(columns: usize) -> Sight {
    let (progress, now) = half();
    progress.sight(now, columns)
}

#[test]
fn the_richest_that_fits_is_shown() {
    let sight = at(80);
    assert_eq!((sight.before.as_str(), sight.bar), (" 50 %  ", Some(500)));
    assert_eq!(sight.behind, "  50.0 MiB of 100.0 MiB  10.0 MiB/s  5 s left");
    assert_eq!(at(50).behind, "  10.0 MiB/s  5 s left");
    assert_eq!(at(30).text(), " 50 %  10.0 MiB/s  5 s left");
    assert_eq!(at(20).text(), " 50 %  10.0 MiB/s");
    assert_eq!(at(10).text(), " 50 %");
    assert_eq!(at(3).text(), "");
}

#[test]
fn nothing_is_wider_than_there_is_room() {
    let began = Instant::now();
    let lengths = [0, 1, 1023, 1024, MIB * 1023 + 1, u64::MAX / 2, u64::MAX];
    for length in lengths {
        for files in [false, true] {
            let mut progress = Progress::connecting(began);
            progress.settle("waiting for the server's disk");
            for step in 0..40_u32 {
                let now = began + SECOND * step;
                for columns in 0..130 {
                    let sight = progress.sight(now, columns);
                    assert!(sight.columns_min() <= columns, "{sight:?} in {columns}");
                    assert!(columns < 20 || !sight.is_empty() || step > 1, "{progress:?} in {columns}");
                    assert!(sight.text().is_ascii(), "{sight:?}");
                }
                match step {
                    0 if files => progress.of_many(now),
                    0 => progress.connected(now),
                    1 => progress.begin(now, length),
                    5 => progress.retrying(now, SECOND * 90_000),
                    7 => progress.file_done(now),
                    10..14 => {}
                    _ => progress.advance(now, length / 30, step % 2 == 0),
                }
            }
        }
    }
}

#[test]
fn what_is_waited_for_is_said() {
    let began = Instant::now();
    let mut progress = Progress::connecting(began);
    let shown = |progress: &Progress, after: Duration| progress.sight(began + after, 60).text();
    assert_eq!(shown(&progress, SECOND), "connecting");
    progress.connected(began);
    assert_eq!(shown(&progress, SECOND), "asking the server");
    progress.begin(began, 4 * MIB);
    progress.advance(began + SECOND, MIB, false);
    assert_eq!(shown(&progress, SECOND), " 25 %  1.0 MiB of 4.0 MiB  1.0 MiB/s  3 s left");
    let stalled = shown(&progress, SECOND * 4);
    assert_eq!(stalled, " 25 %  256.0 KiB/s  stalled 3 s");
    progress.retrying(began + SECOND * 4, SECOND * 2);
    let told = shown(&progress, SECOND * 5);
    assert!(told.ends_with("again in 1 s"), "{told}");
    progress.begin(began + SECOND * 6, 4 * MIB);
    progress.settle("waiting for the server's disk");
    progress.advance(began + SECOND * 7, 4 * MIB, false);
    let told = shown(&progress, SECOND * 7);
    assert!(told.ends_with("waiting for the server's disk") && told.starts_with("100 %"), "{told}");
}

#[test]
fn what_was_there_already_is_no_speed() {
    let began = Instant::now();
    let mut progress = Progress::connecting(began);
    progress.begin(began, 100 * MIB);
    progress.advance(began + SECOND, 90 * MIB, true);
    progress.advance(began + SECOND * 2, 2 * MIB, false);
    let text = progress.sight(began + SECOND * 2, 200).text();
    assert!(text.contains(" 92 %") && text.contains("1.0 MiB/s  8 s left"), "{text}");
}

#[test]
fn the_rate_is_that_of_late() {
    let began = Instant::now();
    let mut progress = Progress::connecting(began);
    progress.begin(began, 1000 * MIB);
    for second in 1..=20 {
        progress.advance(began + SECOND * second, if second < 10 { 40 * MIB } else { MIB }, false);
    }
    let text = progress.sight(began + SECOND * 20, 200).text();
    assert!(text.contains("  1.0 MiB/s"), "{text}");
    assert!(progress.samples.len() < 30, "it is bounded");
}

#[test]
fn many_files_are_counted() {
    let began = Instant::now();
    let mut progress = Progress::connecting(began);
    progress.of_many(began);
    for second in 1..=3 {
        progress.begin(began + SECOND * second, 10 * MIB);
        progress.advance(began + SECOND * second, 10 * MIB, false);
        progress.file_done(began + SECOND * second);
    }
    let sight = progress.sight(began + SECOND * 3, 80);
    assert_eq!((sight.text().as_str(), sight.bar), ("3 files  30.0 MiB  10.0 MiB/s", None));
}
