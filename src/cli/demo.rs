//! `towline demo`: the other commands, one after another, on this machine. It calls them as they are typed, and has nothing of its
//! own but a folder that it removes, a server that it ends, and a relay that loses a connection.

mod relay;

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Builder;

use self::relay::Relay;
use super::args::size;
use super::exit::Exit;
use super::explain::CliError;
use super::output::{self, Short, Size, shown};
use super::visit::Signals;
use super::{examples, runtime};

/// The least that is worth cutting: what is shorter goes in one breath.
const SIZE_MIN: u64 = 4 << 20;
const SIZE: u64 = 64 << 20;

/// Show what towline does, on this machine alone, and remove all of it: an upload that is cut off and goes on, and the way back
#[derive(Debug, clap::Args)]
#[command(after_help = examples::DEMO)]
pub(super) struct Args {
    /// Bytes of the file that is moved
    #[arg(long, value_name = "BYTES", default_value_t = SIZE, value_parser = size::<u64>(SIZE_MIN))]
    size: u64,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let stopped = watch_signals()?;
    let folder = Folder::new()?;
    let (served, here) = (folder.0.join("served"), folder.0.join("here"));
    for path in [&served, &here] {
        fs::create_dir(path)
            .map_err(|error| CliError::system(format!("cannot make {}", shown(path)), &error))?;
    }
    let (server, address) = Served::start(&served)?;
    let mut show = Show { stopped, times: Vec::new() };
    show.run("how far away it is", "echo", &["echo", &address, "--duration", "0.5"])?;

    let (film, copy) = (here.join("film"), here.join("copy"));
    fill(&film, args.size)
        .map_err(|error| CliError::system(format!("cannot write {}", shown(&film)), &error))?;
    output::print("")?;
    output::print(&format!("# {} are written to {}", Size(args.size), shown(&film)))?;
    let relay =
        Relay::start(&address, args.size / 2).map_err(|error| CliError::system("cannot relay", &error))?;
    let (film, copy) = (text(&film)?, text(&copy)?);
    let (through, there) = (format!("{}/film", relay.address), format!("{address}/film"));
    show.run(
        "sent through a relay that loses the connection half way: it goes on where it was",
        "upload",
        &["put", film, &through],
    )?;
    if relay.cuts() == 0 {
        return Err(CliError::usage("cannot show how a transfer goes on", "nothing was cut off", "", ""));
    }
    show.run("and back again", "download", &["get", &there, copy])?;
    show.run("what came back is compared with what is there", "check", &["verify", copy, &there])?;
    drop((relay, server, folder));
    output::print("")?;
    let times: Vec<String> =
        show.times.iter().map(|(name, time)| format!("{name} {}", Short(*time))).collect();
    output::print(&format!(
        "# done: {}; the server is stopped, and all that was written is removed",
        times.join(", ")
    ))
}

/// What is shown, and how long it took.
struct Show {
    stopped: Receiver<Exit>,
    times: Vec<(&'static str, Duration)>,
}

impl Show {
    /// Says what is typed, and does what that does.
    fn run(&mut self, why: &str, name: &'static str, args: &[&str]) -> Result<(), CliError> {
        match self.stopped.try_recv() {
            Ok(exit) => return Err(CliError::Complained(exit)),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        output::print("")?;
        output::print(&format!("# {why}"))?;
        output::print(&format!("$ towline {}", args.join(" ")))?;
        let began = Instant::now();
        let exit = super::run(std::iter::once("towline").chain(args.iter().copied()).map(OsString::from));
        self.times.push((name, began.elapsed()));
        if exit == Exit::Success { Ok(()) } else { Err(CliError::Complained(exit)) }
    }
}

/// From now on a signal ends no more than what is being shown, so that all is removed.
fn watch_signals() -> Result<Receiver<Exit>, CliError> {
    let runtime = runtime::start(&mut Builder::new_current_thread())?;
    let mut signals = runtime.block_on(async { Signals::new() })?;
    let (told, stopped) = channel();
    std::thread::spawn(move || {
        runtime.block_on(async {
            // Nobody listens any more once the demo is over.
            while told.send(signals.next().await).is_ok() {}
        });
    });
    Ok(stopped)
}

/// A folder that is removed when the demo ends, however it ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, CliError> {
        let path = std::env::temp_dir().join(format!("towline-demo-{}", std::process::id()));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| CliError::system(format!("cannot make {}", shown(&path)), &error))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            output::complain(&format!("cannot remove {}: {error}", shown(&self.0)));
        }
    }
}

/// A server, which ends with the demo.
struct Served(Child);

impl Served {
    /// Starts one, and waits until it listens; gives its address.
    fn start(folder: &Path) -> Result<(Served, String), CliError> {
        let failed = |error: std::io::Error| CliError::system("cannot start a server", &error);
        output::print("# a server of an empty folder")?;
        output::print(&format!("$ towline serve {} --listen 127.0.0.1:0", shown(folder)))?;
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("serve").arg(folder).args(["--listen", "127.0.0.1:0", "--quiet"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let from = child.stdout.take();
        let served = Served(child);
        let mut line = String::new();
        BufReader::new(from.ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?)
            .read_line(&mut line)
            .map_err(failed)?;
        // A server that could not start has said why.
        let address = line
            .trim_end()
            .strip_prefix("listening on ")
            .ok_or(CliError::Complained(Exit::Failure))?
            .to_owned();
        output::print(line.trim_end())?;
        Ok((served, address))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that has ended already needs no signal.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

/// Writes bytes that no compression would shorten, and that are the same each time.
fn fill(path: &Path, length: u64) -> std::io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
    let (mut state, mut left) = (0x9e37_79b9_7f4a_7c15_u64, length);
    while left > 0 {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let word = (mixed ^ (mixed >> 31)).to_le_bytes();
        let count = left.min(word.len() as u64) as usize;
        file.write_all(&word[..count])?;
        left -= count as u64;
    }
    file.flush()
}

fn text(path: &Path) -> Result<&str, CliError> {
    path.to_str().ok_or_else(|| {
        let next = "set TMPDIR to a folder with a plain name";
        CliError::usage(format!("cannot use {}", shown(path)), "its name is not UTF-8", "", next)
    })
}
