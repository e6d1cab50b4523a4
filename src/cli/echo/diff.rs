//! `towline echo diff`: what has changed between two measurements.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::cli::explain::CliError;
use crate::cli::output::{self, Short, shown};
use crate::proto::prober::tally::{FEW, PERCENTILES};

/// Compare two measurements that `towline echo --json` printed
#[derive(Debug, clap::Args)]
#[command(after_help = crate::cli::examples::DIFF)]
pub(super) struct Args {
    /// The one before
    #[arg(value_name = "A.json")]
    before: PathBuf,

    /// The one after
    #[arg(value_name = "B.json")]
    after: PathBuf,
}

/// The counts that are compared.
const COUNTS: [&str; 7] = ["sent", "received", "lost", "duplicated", "reordered", "corrupted", "truncated"];

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    lines(&before, &after).iter().try_for_each(|line| output::print(line))
}

/// The first measurement in a file.
fn read(path: &Path) -> Result<Value, CliError> {
    let tried = || format!("cannot read {}", shown(path));
    let text = std::fs::read_to_string(path).map_err(|error| CliError::system(tried(), &error))?;
    let objects = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    objects.into_iter().find(|object| object["type"] == "echo").ok_or_else(|| {
        CliError::usage(
            tried(),
            "there is no measurement in it",
            "a line of it has to be an object with the type \"echo\"",
            format!("make one: `towline echo --json TARGET > {}`", shown(path)),
        )
    })
}

fn lines(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for name in ["target", "loop", "bytes", "connections", "rate_asked"] {
        let text = |of: &Value| match &of[name] {
            Value::String(text) => output::escaped(text.as_bytes()),
            other => other.to_string(),
        };
        let (old, new) = (text(before), text(after));
        lines.push(if old == new {
            format!("{name}: {old}")
        } else {
            format!("{name}: {old}, then {new}: they differ")
        });
    }
    lines.push(format!("  {:<16}{:>12}{:>12}{:>10}", "", "before", "after", "change"));
    for name in COUNTS {
        let count = |of: &Value| of[name].as_f64();
        lines.push(row(name, count(before), count(after), |count| format!("{count}"), ""));
    }
    lines.push(row(
        "rate",
        before["rate_sent"].as_f64(),
        after["rate_sent"].as_f64(),
        |rate| format!("{rate:.1}"),
        "",
    ));
    for measure in ["response", "service"] {
        let of = |name: &str| {
            let member = format!("seconds_{name}");
            let time = |of: &Value| of[measure][&member].as_f64();
            row(&format!("{measure} {name}"), time(before), time(after), short, "")
        };
        lines.extend([of("min"), of("mean")]);
        for percent in PERCENTILES {
            let (old, new) = (percentile(&before[measure], percent), percentile(&after[measure], percent));
            let is_of_few = [&old, &new].iter().any(|found| found.is_some_and(|(_, beyond)| beyond < FEW));
            let few = if is_of_few { "  too few samples to rely on" } else { "" };
            let seconds = |found: Option<(f64, u64)>| found.map(|(seconds, _)| seconds);
            lines.push(row(&format!("{measure} p{percent}"), seconds(old), seconds(new), short, few));
        }
        lines.push(of("max"));
    }
    lines
}

/// Its seconds, and the samples beyond it.
fn percentile(spread: &Value, percent: f64) -> Option<(f64, u64)> {
    let all = spread["percentiles"].as_array()?;
    let found = all.iter().find(|found| found["percent"].as_f64() == Some(percent))?;
    Some((found["seconds"].as_f64()?, found["beyond"].as_u64()?))
}

fn short(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or_else(|_| "?".to_owned(), |time| Short(time).to_string())
}

fn row(
    name: &str,
    before: Option<f64>,
    after: Option<f64>,
    shown: impl Fn(f64) -> String,
    note: &str,
) -> String {
    let text = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), &shown);
    let change = match (before, after) {
        (Some(before), Some(after)) if before > 0.0 => format!("{:+.1} %", (after / before - 1.0) * 100.0),
        (Some(_) | None, Some(_) | None) => String::new(),
    };
    format!("  {name:<16}{:>12}{:>12}{change:>10}{note}", text(before), text(after)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_is_told_with_what_is_behind_it() {
        let measured = |seconds: f64, lost: u64| {
            let percentiles: Vec<Value> = PERCENTILES
                .iter()
                .map(|percent| json!({ "percent": percent, "seconds": seconds, "beyond": (100.0 - percent) as u64 }))
                .collect();
            let spread = json!({ "seconds_min": seconds, "seconds_mean": seconds, "seconds_max": seconds,
                "samples": 100, "percentiles": percentiles });
            json!({ "type": "echo", "target": "tcp://a:7", "loop": "open", "bytes": 64, "connections": 1,
                "rate_asked": 1000.0, "rate_sent": 1000.0, "sent": 100, "received": 100 - lost, "lost": lost,
                "response": spread, "service": spread })
        };
        let text = lines(&measured(0.001, 0), &measured(0.0012, 1)).join("\n");
        let all = [
            "target: tcp://a:7",
            "  lost                       0           1",
            "  received                 100          99    -1.0 %",
            "  response p50          1.0 ms      1.2 ms   +20.0 %\n",
            "  response p99          1.0 ms      1.2 ms   +20.0 %  too few samples to rely on",
            "  duplicated                 -           -\n",
        ];
        for part in all {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        // What anybody wrote into such a file is answered.
        let odd = json!({ "type": "echo", "response": { "percentiles": [1, { "percent": 50.0, "seconds": -1.0, "beyond": 3 }] } });
        assert!(lines(&odd, &json!({})).len() > 10);
    }
}
