//! What a server says as it starts.

use super::super::doors::Opened;
use super::super::explain::CliError;
use super::super::keys::{self, Secured};
use super::super::output::{self, shown};
use super::Args;
use super::containment::Contained;
use super::reached::{endpoint_for, others};
use crate::net::{Place, SocketOptions};

/// Where it listens, for programs; then what is served and what to type, for people.
pub(super) fn announce(
    args: &Args,
    opened: &Opened,
    (contained, secured): (&Contained, Option<&Secured>),
) -> Result<(), CliError> {
    for held in &opened.files {
        output::print(&format!("listening on {}", held.at))?;
    }
    for held in &opened.echo {
        output::print(&format!("echoing on {}", held.at))?;
    }
    let asked = &args.sockets.options;
    if args.talk.verbose || (*asked != SocketOptions::default() && !args.talk.quiet) {
        opened.files.iter().chain(&opened.echo).try_for_each(|held| output::print(&held.line(asked)))?;
    }
    if args.talk.quiet {
        return Ok(());
    }
    opened.told.iter().try_for_each(|line| output::print(line))?;
    secured.map_or(Ok(()), Secured::announce)?;
    contained.announce()?;
    let Some(first) = opened.files.first() else { return announce_echo(opened) };
    let folder = std::fs::canonicalize(&args.dir).unwrap_or_else(|_| args.dir.clone());
    let (program, at) = (output::typed(std::env::args_os().take(1)), endpoint_for(&first.at));
    let tls = keys::to_speak(&at, !opened.doors.guarded.is_empty());
    let sends = format!("  {program} put FILE {at}{tls}\n");
    let reads = format!("  {program} ls {at}{tls}\n  {program} get {}{tls}\n", at.with_path("FILE"));
    output::print_all(&format!(
        "serving {}{}\n\nIn another terminal:\n{}{}  {program} echo {at}{tls}",
        shown(&folder),
        args.access.told(),
        if args.access.takes() { &*sends } else { "" },
        if args.access.gives() { &*reads } else { "" },
    ))?;
    let others = others(&first.at);
    if !others.is_empty() {
        output::print(&format!("This machine is also reached as {}.", others.join(", ")))?;
    }
    output::print_all("Ctrl-C stops.\n")
}

/// Where nothing else is served.
fn announce_echo(opened: &Opened) -> Result<(), CliError> {
    let program = output::typed(std::env::args_os().take(1));
    let lines = opened.echo.iter().map(|held| match &held.at {
        Place::Tcp(_) => format!("  {program} echo tcp://{}\n", endpoint_for(&held.at)),
        Place::Udp(_) => format!("  {program} echo udp://{}\n", endpoint_for(&held.at)),
        Place::Unix(_) | Place::Unixgram(_) => format!("  {program} echo {}\n", held.at),
    });
    output::print_all(&format!("\nIn another terminal:\n{}Ctrl-C stops.\n", lines.collect::<String>()))
}
