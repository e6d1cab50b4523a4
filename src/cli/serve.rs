//! `towline serve`: a folder for others to fetch from and send to.

mod access;
mod announce;
mod caps;
mod check;
mod containment;
mod inherited;
mod manager;
mod metrics;
mod metrics_page;
mod reached;
mod shares;
mod told;
mod user;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use self::access::Access;
use self::announce::announce;
use self::caps::Caps;
use self::containment::{Contained, Containment};
use self::manager::Manager;
use self::metrics::Counters;
use self::metrics_page::{Metrics, Page};
pub(super) use self::reached::{endpoint_for, others};
use self::shares::Shares;
use self::told::{cut_off, refused};
use super::args::{self, Patience, Talk};
use super::doors::{self, Opened};
use super::explain::CliError;
use super::journal::Journal;
use super::keys::{Keys, Secured};
use super::output::{self, shown};
use super::runtime;
use super::visit::{self, Signals};
use crate::contain;
use crate::net::{DEFAULT_PORT, Place};
use crate::proto::storage::StoreError;
use crate::server::{Doors, ListenEnd, Server, ServerConfig, StopReceiver, Stopper, stopper};
use crate::store::os::OsFiles;
use crate::wire::Code;

/// The port of RFC 862.
const ECHO_PORT: u16 = 7;
/// Lines that may wait for a slow terminal; more are counted and left out.
const LINES_MAX: usize = 1024;

/// Serve a folder until Ctrl-C; a second Ctrl-C does not wait for what is under way
#[derive(Debug, clap::Args)]
#[command(after_help = super::examples::SERVE)]
pub(super) struct Args {
    /// The folder that is served, for reading and writing unless that is restricted
    #[arg(default_value = ".", conflicts_with = "no_files")]
    dir: PathBuf,

    /// Where to listen: an address of this machine, or unix:PATH for a Unix socket; may be given more than once; port 0 takes any
    /// that is free [default: 127.0.0.1:8695]
    #[arg(long, value_name = "ADDR|unix:PATH", value_parser = |text: &str| doors::stream_place(text, DEFAULT_PORT))]
    listen: Vec<Place>,

    /// Also echo here (RFC 862), for any client: tcp://ADDR (or ADDR), udp://ADDR, unix:PATH or unixgram:PATH; may be given more
    /// than once
    #[arg(long, value_name = "PLACE", value_parser = |text: &str| doors::place(text, ECHO_PORT))]
    echo: Vec<Place>,

    /// Serve no folder: only echo
    #[arg(long, requires = "echo", conflicts_with = "listen")]
    no_files: bool,

    /// Listen beyond this machine although nothing is encrypted and nobody is asked who they are
    #[arg(long, conflicts_with = "tls")]
    insecure_plaintext: bool,

    #[command(flatten)]
    keys: Keys,

    /// Read what is not said here from this file (TOML, with the names of these flags); nobody else may be able to write it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Only see whether the configuration and the folder are right, and listen nowhere
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    access: Access,

    #[command(flatten)]
    containment: Containment,

    /// How long to wait for what is under way when stopped
    #[arg(long, visible_alias = "drain-timeout", value_name = "DURATION|none", default_value = "30", value_parser = args::patience)]
    drain: Patience,

    /// How long a raw echo connection may be silent
    #[arg(long, value_name = "DURATION|none", default_value = "5m", requires = "echo", value_parser = args::limit)]
    echo_idle_timeout: Patience,

    /// Look for more for so long after something came, instead of sleeping: answers some 40 µs sooner, for a whole processor
    /// while it lasts, and on one thread
    #[arg(long, value_name = "DURATION", value_parser = args::some_time)]
    busy_poll: Option<Duration>,

    #[command(flatten)]
    metrics: Metrics,

    #[command(flatten)]
    timeouts: args::Timeouts,

    #[command(flatten)]
    sockets: args::Sockets,

    #[command(flatten)]
    durable: args::Durable,

    #[command(flatten)]
    talk: Talk,

    #[command(flatten)]
    caps: Caps,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let handed_over = inherited::take(args)?;
    let mut files = args.listen.clone();
    if files.is_empty() && !args.no_files {
        files.push(Place::Tcp(SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT))));
    }
    let files = inherited::places(&handed_over, files);
    let (open, guarded) = args.keys.split(files, args.insecure_plaintext);
    let page = args.metrics.place();
    for place in open.iter().chain(&args.echo).chain(&page).filter(|place| !place.is_local()) {
        let can = if page.as_ref() == Some(place) {
            "read what happens here, in numbers"
        } else if open.contains(place) {
            args.can()
        } else {
            "use the echo"
        };
        if !args.insecure_plaintext {
            return Err(refused(place, can));
        }
        output::note(&format!("warning: whoever reaches {place} can {can}, and nothing is encrypted"));
    }
    args.caps.check()?;
    if args.check {
        return check::check(args, (&open, &guarded));
    }
    let secured = if guarded.is_empty() { None } else { Some(args.keys.secure()?) };
    args.caps.allow_open_files();
    let mut threads = runtime::threads(args.busy_poll.is_some());
    if !args.no_files {
        OsFiles::open(&args.dir).map_err(|error| cannot_serve(&args.dir, error))?;
    }
    // Bound before the process is restricted, and that before there is any other thread. Its runtime is there until it ends.
    let binding = runtime::start(&mut tokio::runtime::Builder::new_current_thread())?;
    // The files of sockets that were handed over are not touched.
    let made: &[Place] = if handed_over.is_empty() { &open } else { &[] };
    let opened = {
        let _within = binding.enter();
        let told = inherited::told(&handed_over);
        let sockets = handed_over.into_iter().map(|(_, socket)| socket).collect();
        let opened = doors::open((&open, &guarded), &args.echo, &args.sockets, sockets)?;
        (Opened { told, ..opened }, args.metrics.bind()?)
    };
    let contained = args.contain(made, secured.as_ref())?;
    let runtime = runtime::start(threads.max_blocking_threads(16))?;
    let (lines, printed) = sync_channel(LINES_MAX);
    let printer = std::thread::spawn(move || print_all(&printed));
    let end = runtime.block_on(serve(args, opened, (&contained, secured), lines));
    // Every task that may have a line to say is gone with the runtime.
    drop(runtime);
    let _ = printer.join();
    match end? {
        ListenEnd::Drained => Ok(()),
        ListenEnd::Aborted => Err(cut_off()),
    }
}

async fn serve(
    args: &Args,
    (mut opened, page): (Opened, Page),
    (contained, secured): (&Contained, Option<Secured>),
    lines: SyncSender<String>,
) -> Result<ListenEnd, CliError> {
    // Before anything is printed, so that whoever waits for that may send a signal at once.
    let signals = Signals::new()?;
    let usual = args.caps.share().quota;
    let hangups = (secured.is_some() || usual.is_some()).then(visit::hangups).transpose()?;
    let config = args.config();
    let nonce = args::random()? as u64;
    let server = if args.no_files {
        Server::without_files(config)
    } else {
        Server::new(&args.dir, nonce, config).await.map_err(|error| cannot_serve(&args.dir, error))?
    };
    let shares = Shares::of(&server, usual, !opened.doors.files.is_empty(), secured.as_ref()).await?;
    let page = adopt(&mut opened, page).map_err(|error| CliError::system("cannot listen", &error))?;
    match announce(args, &opened, (contained, secured.as_ref())).and_then(|()| page.announce()) {
        // A server goes on where nobody reads what it says, from the first line on.
        Ok(()) | Err(CliError::OutputClosed) => {}
        Err(error @ (CliError::Told(..) | CliError::Complained(_))) => return Err(error),
    }
    let journal = Arc::new(Mutex::new((Journal::new(args.talk, args.drain.0), 0)));
    let (told, sink) = (Arc::clone(&journal), lines.clone());
    let counters = Arc::new(Mutex::new(Counters::default()));
    let counted = Arc::clone(&counters);
    let server = server.on_event(move |event| {
        counted.lock().unwrap_or_else(PoisonError::into_inner).on_event(&event);
        let (journal, missed) = &mut *told.lock().unwrap_or_else(PoisonError::into_inner);
        for line in journal.on_event(event) {
            say(&sink, line, missed);
        }
    });
    let server = match &secured {
        Some(secured) => server.guarded_by(Arc::clone(&secured.guard)),
        None => server,
    };
    let (told, sink) = (Arc::clone(&journal), lines.clone());
    let reloading = async {
        let Some(mut hangups) = hangups else { return std::future::pending().await };
        while hangups.recv().await.is_some() {
            let said = shares.again().await;
            let missed = &mut told.lock().unwrap_or_else(PoisonError::into_inner).1;
            said.into_iter().for_each(|line| say(&sink, line, missed));
        }
    };
    let still = move || {
        let (journal, missed) = &mut *journal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = journal.still_stopping(Instant::now()) {
            say(&lines, line, missed);
        }
    };
    let manager = Manager::find();
    manager.ready(&opened.files.iter().map(|held| format!("listening on {} ", held.at)).collect::<String>());
    let (stopper, stop) = stopper();
    let running =
        run_until_stopped(server, opened.doors, (stopper, stop, signals), still, || manager.stopping());
    tokio::select! {
        end = running => end,
        () = reloading => unreachable!("waits for ever"),
        never = manager.watch() => match never {},
        never = page.serve(|| counters.lock().unwrap_or_else(PoisonError::into_inner).page()) => match never {},
    }
}

/// Takes what was bound before there were threads into the runtime that this is called in.
fn adopt(opened: &mut Opened, page: Page) -> std::io::Result<Page> {
    opened.doors = std::mem::take(&mut opened.doors).adopted()?;
    page.adopted()
}

fn cannot_serve(folder: &Path, error: StoreError) -> CliError {
    let next = match error.code {
        Code::NOT_FOUND => Some("check the spelling, or make it (`mkdir`)"),
        Code::NOT_A_FOLDER => Some("serve the folder that it is in"),
        _ => None,
    };
    let told = CliError::local(format!("cannot serve \"{}\"", shown(folder)), error);
    match next {
        Some(next) => told.with_next(next),
        None => told,
    }
}

async fn run_until_stopped(
    server: Server,
    doors: Doors,
    (stopper, stop, mut signals): (Stopper, StopReceiver, Signals),
    still: impl Fn(),
    stopping: impl Fn(),
) -> Result<ListenEnd, CliError> {
    let signalled = async {
        signals.next().await;
        stopping();
        stopper.drain();
        let waiting = async {
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            loop {
                seconds.tick().await;
                still();
            }
        };
        tokio::select! {
            _ = signals.next() => {}
            () = waiting => unreachable!("waits for ever"),
        }
        stopper.abort();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        end = server.run(doors, stop) => Ok(end),
        () = signalled => unreachable!("waits for ever"),
    }
}

/// Hands a line to the printer; the server does not wait for a terminal.
fn say(lines: &SyncSender<String>, line: String, missed: &mut u64) {
    if *missed > 0 && lines.try_send(format!("({missed} lines were left out: output is too slow)")).is_ok() {
        *missed = 0;
    }
    if lines.try_send(line).is_err() {
        *missed += 1;
    }
}

/// A server whose output nobody reads goes on.
fn print_all(lines: &Receiver<String>) {
    for line in lines {
        let _ = output::print(&line);
    }
}

impl Args {
    /// Restricts the process to what is served, and to where sockets are made.
    fn contain(&self, files: &[Place], secured: Option<&Secured>) -> Result<Contained, CliError> {
        let folder = (!self.no_files).then(|| (self.dir.clone(), self.access.of_the_folder()));
        let sockets: Vec<Place> = files.iter().chain(&self.echo).cloned().collect();
        let own = secured.and_then(Secured::folder).map(|folder| (folder, contain::Access::Read));
        self.containment.apply(folder, own, &sockets)
    }

    fn config(&self) -> ServerConfig {
        ServerConfig {
            rights: self.access.most().with_share(self.caps.share()),
            limits: self.caps.each(self.timeouts.limits()),
            listen: self.caps.listen(self.drain.0),
            reserve: self.caps.reserve(),
            echo_idle: self.echo_idle_timeout.0,
            durability: self.durable.durability(),
            busy_poll: self.busy_poll,
            ..ServerConfig::default()
        }
    }

    /// What whoever reaches it can do.
    fn can(&self) -> &'static str {
        if self.no_files { "use the echo" } else { self.access.can() }
    }
}

#[cfg(test)]
#[path = "serve_test.rs"]
mod tests;
