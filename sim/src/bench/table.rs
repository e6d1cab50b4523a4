//! Figures as a table and as JSON.

use std::fmt::Write;

use super::{Bench, Row, median};

impl Row {
    fn wall(&self) -> f64 {
        median(self.walls.iter().map(|wall| wall.as_secs_f64()).collect())
    }

    fn virtual_seconds(&self) -> f64 {
        self.virtual_ms as f64 / 1e3
    }
}

impl Bench {
    fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.runner.name() == name)
    }

    /// How many times one runner's cost is another's: the median of the rounds.
    fn times(&self, one: &str, other: &str) -> Option<f64> {
        let (one, other) = (self.row(one)?, self.row(other)?);
        let rounds = one.walls.iter().zip(&other.walls);
        Some(median(rounds.map(|(one, other)| one.as_secs_f64() / other.as_secs_f64().max(1e-9)).collect()))
    }

    /// The ratios that are of interest, where the build has both sides: the cost of the first in that of the second.
    fn ratios(&self) -> Vec<(&'static str, &'static str, f64)> {
        let pairs = [("turmoil", "fast"), ("turmoil", "bare turmoil")];
        pairs.into_iter().filter_map(|(one, other)| Some((one, other, self.times(one, other)?))).collect()
    }
}

/// For a person.
pub(crate) fn text(bench: &Bench) -> String {
    let (plans, most, rounds) = (bench.plans, bench.most, bench.rounds);
    let mut text = format!(
        "{plans} plans, contents of at most {most} bytes, one thread, the median of {rounds} interleaved rounds\n"
    );
    let _infallible = writeln!(
        text,
        "{:<13} {:>8} {:>9} {:>10} {:>10} {:>10} {:>12} {:>10}",
        "", "writes", "bytes", "virtual s", "wall s", "plans/s", "virtual s/s", "us a plan"
    );
    for row in &bench.rows {
        let (wall, name) = (row.wall(), row.runner.name());
        let _infallible = writeln!(
            text,
            "{name:<13} {:>8} {:>9} {:>10.1} {wall:>10.3} {:>10.1} {:>12.1} {:>10.0}",
            row.traffic.writes,
            row.traffic.bytes,
            row.virtual_seconds(),
            plans as f64 / wall,
            row.virtual_seconds() / wall,
            wall * 1e6 / plans as f64
        );
    }
    for (one, other, times) in bench.ratios() {
        let _infallible = writeln!(text, "{one} costs {times:.2} times what {other} does");
    }
    for row in bench.rows.iter().filter(|row| row.broken > 0) {
        let _infallible = writeln!(text, "{}: {} times an invariant broke", row.runner.name(), row.broken);
    }
    text
}

/// For a program: an object.
pub(crate) fn json(bench: &Bench) -> String {
    let rows: Vec<String> = bench.rows.iter().map(|row| row_json(bench, row)).collect();
    let ratios: Vec<String> = bench
        .ratios()
        .into_iter()
        .map(|(one, other, times)| {
            format!("{{\"cost_of\":\"{one}\",\"in\":\"{other}\",\"times\":{times:.3}}}")
        })
        .collect();
    format!(
        "{{\"plans\":{},\"length_max\":{},\"rounds\":{},\"rows\":[{}],\"ratios\":[{}]}}",
        bench.plans,
        bench.most,
        bench.rounds,
        rows.join(","),
        ratios.join(",")
    )
}

fn row_json(bench: &Bench, row: &Row) -> String {
    let (wall, plans) = (row.wall(), bench.plans as f64);
    format!(
        "{{\"name\":\"{}\",\"writes\":{},\"bytes\":{},\"virtual_s\":{:.3},\"wall_s\":{wall:.6},\
         \"plans_a_second\":{:.3},\"virtual_s_a_second\":{:.3},\"broken\":{}}}",
        row.runner.name(),
        row.traffic.writes,
        row.traffic.bytes,
        row.virtual_seconds(),
        plans / wall,
        row.virtual_seconds() / wall,
        row.broken
    )
}
