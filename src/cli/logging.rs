//! `--log` and `--log-format`: what the library tells through `tracing`, as lines on standard error.

use std::io;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;

/// Flags of every command.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Logging {
    /// Log to standard error: connections and operations with their outcome (info), their steps (debug), their progress (trace)
    #[arg(long, global = true, value_name = "LEVEL", value_enum)]
    log: Option<Level>,

    /// How log lines are written; without --log those of info
    #[arg(long, global = true, value_name = "FORMAT", value_enum)]
    log_format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Logging {
    /// Logs from now on, if that is asked for.
    pub(super) fn start(self) {
        let Some(level) = self.level() else { return };
        let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(false);
        // Where somebody listens already, as in tests, that goes on.
        let _ = match self.log_format.unwrap_or(Format::Text) {
            Format::Text => lines.try_init(),
            Format::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
        };
    }

    fn level(self) -> Option<LevelFilter> {
        let level = self.log.or(self.log_format.map(|_| Level::Info))?;
        Some(match level {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        })
    }
}
