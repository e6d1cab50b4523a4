//! `towline echo`: measures the path to an echo server.

mod course;
mod diff;
mod failed;
mod object;
mod report;
mod target;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};

use self::course::Connecting;
use self::target::Target;
use tokio::runtime::Builder;

use super::args::{Patience, Sockets, Talk, number, patience, size, some_time, time};
use super::exit::Exit;
use super::explain::CliError;
use super::trust::{Trust, Trusted};
use super::visit::Signals;
use super::{output, runtime, terminal};
use crate::proto::prober::verdict::FailIf;
use crate::proto::prober::{Pace, Rate, Settings, Tally};

/// For how long it measures unless told otherwise.
const DURATION: Duration = Duration::from_secs(2);
/// How long the end may take, once all was told.
const GOODBYE: Duration = Duration::from_secs(3);

/// Measure the path to an echo server: round trips, loss, and what becomes of bytes
///
/// By default probes leave on a schedule, whatever becomes of those before (an open loop), and their response time counts from when
/// they were due: so a stall of the path or the server shows in as many replies as were due meanwhile.
#[derive(Debug, clap::Args)]
#[command(
    after_help = super::examples::ECHO,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// tcp://HOST[:PORT], udp://HOST[:PORT], unix:PATH or unixgram:PATH for anybody's echo server (port 7 without one); HOST[:PORT] for a
    /// server of towline's, through its protocol, as also where one answers at unix:PATH
    #[arg(value_name = "TARGET", required = true, value_parser = target())]
    target: Option<Target>,

    /// Send one after another, each when the one before was answered: a stall of the server hides in one reply
    #[arg(long, conflicts_with = "flood")]
    closed: bool,

    /// Send as fast as it goes: 64 are on their way on each connection, and another one for each that is answered or lost
    #[arg(long, conflicts_with_all = ["rate", "closed"])]
    flood: bool,

    /// Probes a second, over all connections [default: 1000; with --closed, as fast as replies come]
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<Rate>,

    /// Spread the probes over so many connections, or sockets
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number::<u16>(1..=1000))]
    connections: u16,

    /// Bytes in each
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = size::<usize>(0))]
    size: usize,

    /// How long to measure [default: 2, or until --count is reached]
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    duration: Option<Duration>,

    /// How many to send
    #[arg(long, value_name = "N", value_parser = number::<u64>(1..=1_000_000_000_000))]
    count: Option<u64>,

    /// How long to send before anything is counted
    #[arg(long, value_name = "DURATION", default_value = "0.1", value_parser = time)]
    warmup: Duration,

    /// After how long a probe that was not answered is lost
    #[arg(long, value_name = "DURATION", default_value = "1", value_parser = some_time)]
    timeout: Duration,

    /// Write the histograms to this file, in HdrHistogram's log format
    #[arg(long, value_name = "FILE")]
    hdr: Option<PathBuf>,

    /// Exit with code 15 if one of these holds, such as 'p99>2ms,loss>0.1%'
    #[arg(long, value_name = "CONDITIONS", value_parser = fail_if)]
    fail_if: Option<FailIf>,

    /// Keep trying to connect to a server that is not there yet, for this long
    #[arg(long, value_name = "DURATION", value_parser = time)]
    wait: Option<Duration>,

    /// How long one attempt to connect may take
    #[arg(long, value_name = "DURATION|none", default_value = "10", value_parser = patience)]
    connect_timeout: Patience,

    /// Look for replies for so long after one came, instead of sleeping: no time to wake up in what is measured, for a whole processor
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    busy_poll: Option<Duration>,

    /// Print one JSON object a line, and nothing else, to standard output
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    sockets: Sockets,

    #[command(flatten)]
    trust: Trust,

    #[command(flatten)]
    talk: Talk,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Diff(diff::Args),
}

/// What is measured.
#[derive(Clone, Debug)]
struct Asked {
    settings: Settings,
    connections: u16,
    /// Through our protocol, and not anybody's echo.
    is_session: bool,
}

impl Args {
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    fn asked(&self, target: &Target) -> Result<Asked, CliError> {
        let pace = match (self.closed, self.flood) {
            (true, _) => Pace::Closed(self.rate),
            (false, true) => Pace::Flood,
            (false, false) => Pace::Open(self.rate.unwrap_or(Rate::DEFAULT)),
        };
        let (duration, count) = match (self.duration, self.count) {
            (None, None) => (Some(DURATION), None),
            named => named,
        };
        let settings = Settings {
            carrier: target.carrier(),
            pace,
            size: self.size,
            warm_up: self.warmup,
            duration,
            count,
            timeout: self.timeout,
            ..Settings::default()
        };
        settings.check().map_err(|error| failed::settings(&error))?;
        if let Some((most, why)) = target.size_max()
            && self.size > most
        {
            let said = format!("{} bytes do not fit into one, and {most} do", self.size);
            return Err(CliError::usage(
                format!("cannot send to {target}"),
                &said,
                why,
                format!("ask for less (`--size {most}`)"),
            ));
        }
        Ok(Asked { settings, connections: self.connections, is_session: false })
    }

    fn tell(&self, target: &Target, asked: &Asked, tally: &Tally) -> Result<(), CliError> {
        if let Some(path) = &self.hdr {
            let tried = format!("cannot write {}", output::shown(path));
            object::log(path, target, tally).map_err(|error| CliError::system(tried, &error))?;
        }
        if self.json {
            return object::object(target, asked, tally).print();
        }
        let has_bars = terminal::is_read_by_a_person() || self.talk.verbose;
        report::lines(asked, tally, has_bars).iter().try_for_each(|line| output::print(line))
    }
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    match (&args.command, &args.target) {
        (Some(Command::Diff(args)), _) => diff::run(args),
        (None, Some(target)) => measure(args, target),
        (None, None) => unreachable!("clap requires one of them"),
    }
}

fn measure(args: &Args, target: &Target) -> Result<(), CliError> {
    let mut asked = args.asked(target)?;
    args.sockets.check(&[target.dialling()])?;
    let runtime = runtime::start(Builder::new_current_thread().max_blocking_threads(4))?;
    let options = &args.sockets.options;
    let patience = (args.connect_timeout.0, args.wait);
    let trusted = match target {
        Target::Session(server) => runtime.block_on(args.trust.in_server(server, options, patience))?,
        Target::Tcp(_) | Target::Udp(_) | Target::Unix(_) | Target::Unixgram(_) => None,
    };
    let result = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let trusted = trusted.as_ref();
        let how = Connecting { timeout: args.connect_timeout.0, wait: args.wait, options, trusted };
        let mut connections = Vec::new();
        for _ in 0..asked.connections {
            tokio::select! {
                biased;
                exit = signals.next() => return Err(CliError::Complained(exit)),
                open = course::connect(target, how) => connections.push(open?),
            }
        }
        asked.is_session = connections.iter().all(course::Open::is_session);
        let mut stopped = None;
        let stop = async { stopped = Some(signals.next().await) };
        let (tally, ended) = course::run(connections, &asked.settings, args.busy_poll, stop).await?;
        conclude(args, (target, trusted), &asked, &tally, ended, stopped)
    });
    // A name that is still being resolved cannot be called off.
    runtime.shutdown_timeout(GOODBYE);
    result
}

/// Tells what was measured, and what is wrong with it.
fn conclude(
    args: &Args,
    (target, trusted): (&Target, Option<&Trusted>),
    asked: &Asked,
    tally: &Tally,
    ended: Vec<course::Ended>,
    stopped: Option<Exit>,
) -> Result<(), CliError> {
    let counts = &tally.counts;
    if counts.sent > 0 {
        args.tell(target, asked, tally)?;
    }
    if let Some(error) = failed::ending(target, trusted, ended) {
        return Err(error);
    }
    if let Some(exit) = stopped {
        return Err(CliError::Complained(exit));
    }
    if counts.received == 0 {
        return Err(failed::silent(target, counts, asked.settings.timeout));
    }
    let breaches = args.fail_if.as_ref().map(|conditions| conditions.breaches(tally)).unwrap_or_default();
    if breaches.is_empty() { Ok(()) } else { Err(failed::beyond(target, &breaches)) }
}

fn target() -> impl TypedValueParser<Value = Target> {
    OsStringValueParser::new().try_map(|text: OsString| Target::parse(text.as_encoded_bytes()))
}

fn rate(text: &str) -> Result<Rate, String> {
    let number = text.trim_end_matches("/s").parse().ok().and_then(Rate::new);
    let (least, most) = (Rate::MIN_PER_SECOND, Rate::MAX_PER_SECOND);
    number
        .ok_or_else(|| format!("a number of probes a second from {least} to {most} is needed, such as 1000"))
}

fn fail_if(text: &str) -> Result<FailIf, String> {
    FailIf::parse(text).map_err(|error| failed::condition(text, &error))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let is_refused = |args: &str| Alone::try_parse_from(format!("echo {args}").split(' ')).is_err();
        for args in [
            "tcp://a --closed --flood",
            "tcp://a --flood --rate 10",
            "tcp://a --rate 0",
            "tcp://a --duration 0",
            "tcp://a --timeout 0",
            "tcp://a --count 0",
            "tcp://a --connections 0",
            "tcp://a --fail-if p99",
            "udp://a:0",
            "ftp://a",
            "diff a",
            "diff a b --flood",
        ] {
            assert!(is_refused(args), "{args}");
        }
        for args in
            ["tcp://a --closed --rate 10", "udp://a --warmup 0", "diff a b", "unix:x --connect-timeout none"]
        {
            assert!(!is_refused(args), "{args}");
        }
    }

    #[test]
    fn a_size_that_does_not_fit_is_refused_before_anything_is_sent() {
        let asked = |args: &str| {
            let alone = Alone::try_parse_from(format!("echo {args}").split(' ')).expect(args);
            alone.args.asked(alone.args.target.as_ref().expect("a target"))
        };
        for args in [
            "udp://a --size 65508",
            "udp://a --size 15",
            "a --size 65537",
            "tcp://a --size 0",
            "unix:a --size 1000000",
        ] {
            assert!(matches!(asked(args), Err(CliError::Told(Exit::Usage, _))), "{args}");
        }
        for args in ["udp://a --size 65507", "unixgram:a --size 16", "a --size 65536", "tcp://a --size 1"] {
            assert!(asked(args).is_ok(), "{args}");
        }
    }
}
