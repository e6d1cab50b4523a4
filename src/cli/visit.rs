//! What the client commands share: a runtime, a client, the signals that stop it, and its goodbye.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::args::{Common, Moving};
use super::causes;
use super::exit::Exit;
use super::explain::CliError;
use super::json;
use super::output;
use super::runtime;
use super::screen::Screen;
use super::trust::Trusted;
use crate::client::{Client, ClientError, Connection};
use crate::net::diagnose::Diagnosis;
use crate::net::{Endpoint, Place};
use crate::proto::Connections;
use crate::proto::client::JobError;
use crate::wire::Start;

/// How long a goodbye may take; the process ends all the same.
const GOODBYE: Duration = Duration::from_secs(3);

/// How long it is waited for in silence.
const PATIENCE: Duration = Duration::from_millis(300);

/// One visit to a server.
pub(super) struct Visit {
    pub(super) client: Client,
    pub(super) screen: Arc<Screen>,
    pub(super) server: Endpoint,
    /// Results are for a program.
    pub(super) is_json: bool,
    go_on: GoOn,
    trusted: Option<Trusted>,
}

impl Visit {
    /// How to go on with what failed in part.
    pub(super) fn again(&self) -> String {
        match &self.go_on.again {
            Some(again) => format!("run `{again}`"),
            None => "run the same command again".to_owned(),
        }
    }

    /// Puts a job's error in words. `tried` begins with "cannot".
    pub(super) fn explain(&self, tried: String) -> impl FnOnce(ClientError) -> CliError {
        move |error| {
            // What is below the words, for whoever asked for all there is to know.
            let chain = causes::of(&error);
            chain.iter().for_each(|cause| self.screen.detail(&format!("cause: {cause}")));
            let was_there = self.client.traffic().received > 0;
            let is_gone = was_there && matches!(error, ClientError::Job(JobError::Dial(_)));
            if let Some(changed) = self.trusted.as_ref().and_then(|trusted| trusted.told_by(&error)) {
                return changed;
            }
            let told = CliError::job(tried.clone(), &self.server, error);
            if is_gone { told.in_the_middle_of(tried, &self.go_on.words()) } else { told }
        }
    }
}

/// Does `work` with a client of `server`, then says goodbye. A signal ends the work early and in order: what is half
/// done is cancelled, and nothing of it is left behind but what a transfer can go on with.
pub(super) fn with<T>(
    common: &Common,
    server: &Endpoint,
    work: impl AsyncFnOnce(&Visit) -> Result<T, CliError>,
) -> Result<T, CliError> {
    over_and_kept(Kept::Nothing, Connections::One, common, Moving::default(), server, work)
}

/// What is there of a job that was stopped, to go on with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// Of long files, what has arrived.
    Partials,
    Nothing,
}

/// How to go on with a job that was stopped.
struct GoOn {
    kept: Kept,
    /// What is typed for it, where that is not the same again.
    again: Option<String>,
}

impl GoOn {
    fn words(&self) -> String {
        match (self.kept, &self.again) {
            (Kept::Partials, Some(again)) => format!("to go on, `{again}`"),
            (Kept::Nothing, Some(again)) => format!("to do it after all, `{again}`"),
            (Kept::Partials, None) => "run the same command again to go on".to_owned(),
            (Kept::Nothing, None) => "run the same command again to do it after all".to_owned(),
        }
    }

    /// The same, with what is typed in any case.
    fn whole(&self) -> String {
        match &self.again {
            Some(_) => self.words(),
            None => format!("{}: {}", self.words(), output::typed(std::env::args_os())),
        }
    }
}

/// The same for transfers.
pub(super) fn moving<T>(
    common: &Common,
    how: impl Into<Moving>,
    server: &Endpoint,
    work: impl AsyncFnOnce(&Visit) -> Result<T, CliError>,
) -> Result<T, CliError> {
    over(Connections::One, common, how, server, work)
}

/// The same, where one long file may come over several connections.
pub(super) fn over<T>(
    connections: Connections,
    common: &Common,
    how: impl Into<Moving>,
    server: &Endpoint,
    work: impl AsyncFnOnce(&Visit) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let how = how.into();
    let kept = if how.start == Start::Resume { Kept::Partials } else { Kept::Nothing };
    over_and_kept(kept, connections, common, how, server, work)
}

fn over_and_kept<T>(
    kept: Kept,
    connections: Connections,
    common: &Common,
    how: Moving,
    server: &Endpoint,
    work: impl AsyncFnOnce(&Visit) -> Result<T, CliError>,
) -> Result<T, CliError> {
    common.sockets.check(&[server.dialling()])?;
    let mut config = common.config(&how)?;
    let go_on = GoOn { kept, again: how.again };
    config.limits.connections = connections;
    let runtime = runtime::start(Builder::new_current_thread().max_blocking_threads(8))?;
    // Before the signals are taken: whoever is asked may leave by Ctrl-C.
    let patience = (common.timeout.0, common.wait);
    let trusted = runtime.block_on(common.trust.in_server(server, &common.sockets.options, patience))?;
    config.tls = trusted.as_ref().map(|trusted| trusted.tls.clone());
    let (result, is_hurried) = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let screen = Arc::new(Screen::new(common.talk, server));
        let watch = Arc::clone(&screen);
        let client = Client::watched(server.clone(), config, move |event| watch.on_event(event));
        let (server, is_json) = (server.clone(), common.json);
        let visit = Visit { client, screen, server, is_json, go_on, trusted };
        let result = tokio::select! {
            biased;
            exit = signals.next() => {
                // The jobs were dropped, and are cancelled; the goodbye behind that tells the server.
                visit.screen.clear();
                Err(interrupted(exit, &visit.go_on))
            }
            result = work(&visit) => result,
            () = visit.screen.keep_drawing() => unreachable!("it draws for ever"),
        };
        visit.screen.clear();
        let told = if common.talk.verbose { tell_connections(&visit) } else { Ok(()) };
        let Visit { client, screen, .. } = visit;
        let is_hurried = say_goodbye(client, &screen, &mut signals).await;
        Ok((result.and_then(|done| told.map(|()| done)), is_hurried))
    })?;
    // A name that is still being resolved cannot be called off.
    if is_hurried {
        runtime.shutdown_background()
    } else {
        runtime.shutdown_timeout(GOODBYE)
    }
    result
}

/// Tells the server that all is over; true if a signal asked not to wait for that.
async fn say_goodbye(client: Client, screen: &Screen, signals: &mut Signals) -> bool {
    let mut goodbye = std::pin::pin!(tokio::time::timeout(GOODBYE, client.close()));
    let mut patience = std::pin::pin!(tokio::time::sleep(PATIENCE));
    let mut is_told = false;
    loop {
        tokio::select! {
            biased;
            _ = signals.next() => return true,
            // A server that does not answer it is left without one.
            _ = &mut goodbye => return false,
            () = &mut patience, if !is_told => {
                screen.note("waiting for the server to say goodbye; Ctrl-C ends at once");
                is_told = true;
            }
        }
    }
}

/// For whoever wants to know more: from where to where it went, and what held of the sockets.
fn tell_connections(visit: &Visit) -> Result<(), CliError> {
    let named = |place: Option<Place>| place.map(|place| place.to_string());
    for Connection { local, peer, options } in visit.client.connections() {
        let (local, peer) = (named(local), named(peer));
        if visit.is_json {
            json::connection(local, peer, &options).print()?;
            continue;
        }
        let (from, to) =
            (local.map(|local| format!(" from {local}")), peer.unwrap_or_else(|| visit.server.to_string()));
        visit.screen.note(&format!("connected{} to {to}: {options}", from.unwrap_or_default()));
    }
    Ok(())
}

/// SIGHUP, which from now on does not end the process.
pub(super) fn hangups() -> Result<Signal, CliError> {
    signal(SignalKind::hangup()).map_err(|error| CliError::system("cannot take the system's signals", &error))
}

/// SIGINT and SIGTERM.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on the signals do not end the process.
    pub(super) fn new() -> Result<Signals, CliError> {
        let listen =
            |kind| signal(kind).map_err(|error| CliError::system("cannot take the system's signals", &error));
        let interrupt = listen(SignalKind::interrupt())?;
        Ok(Signals { interrupt, terminate: listen(SignalKind::terminate())? })
    }

    /// The next of them, as what a process ends with that it has stopped.
    pub(super) async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}

fn interrupted(exit: Exit, go_on: &GoOn) -> CliError {
    let said = if exit == Exit::Interrupted { "interrupted (SIGINT)" } else { "terminated (SIGTERM)" };
    let why = match go_on.kept {
        Kept::Partials => {
            "a signal asked for it; what had arrived of a file above 1 MiB is kept for a week, and nothing else"
        }
        Kept::Nothing => "a signal asked for it",
    };
    let diagnosis = Diagnosis {
        tried: "stopped before the end".into(),
        said: said.into(),
        why: why.into(),
        next: go_on.whole(),
        code: None,
    };
    CliError::Told(exit, Box::new(diagnosis))
}
