//! Operations between a client and a server in memory, as an input says: over a path that fails, and over disks that do.

use std::collections::{BTreeMap, BTreeSet};

use super::script::Script;
use crate::harness::{Fault, Pair, PairConfig, Side};
use crate::proto::backoff::SplitMix;
use crate::proto::client::{Command, JobId, RetryPolicy};
use crate::proto::machine::ROOM_MIN;
use crate::proto::op::{OpDone, Question};
use crate::proto::session::Request;
use crate::proto::{Connections, Limits};
use crate::store::memory::{MemoryFiles, Primitive};
use crate::store::{FileError, FileErrorKind};
use crate::time::Duration;
use crate::wire::{Attempt, Get, RelPath, Remove, RequestId, Start};

/// Where files are put: two of one folder, and two of which one would stand in the other's way.
const PATHS: [&str; 4] = ["a", "folder/b", "folder/c", "a/d"];
/// Lengths of contents: none, one block and a part, many blocks, and what is kept as a partial.
const LENGTHS: [usize; 6] = [0, 1, 1_000, 65_537, 140_000, 1_200_000];
/// Most rounds of operations of an input.
const ROUNDS: usize = 12;

/// Any sequence of operations over connections that break, fall silent, end early or flip a bit where the input says. Each job
/// ends; what stands at a path is what somebody sent there; what was fetched, stood there; nothing is left behind.
pub fn operations(input: &[u8]) {
    let mut script = Script::new(input);
    let config = config(&mut script, true);
    let (served, local) = (MemoryFiles::new(), MemoryFiles::new());
    let mut told = Told::default();
    let mut pair = Pair::over(config, 1, local, served);
    for _ in 0..ROUNDS {
        if script.is_over() {
            break;
        }
        told.round(&mut pair, &mut script);
        told.check(&pair.served);
    }
    pair.close_keeping_any();
}

/// The same over a path that holds, and a disk of the server's whose operations fail, and whose power does: what was acknowledged
/// is there after it, and what was not is there whole or not at all.
pub fn store(input: &[u8]) {
    let mut script = Script::new(input);
    let (served, local) = (MemoryFiles::volatile().unlogged(), MemoryFiles::new());
    let mut told = Told::default();
    for life in 1..=4 {
        if script.is_over() {
            break;
        }
        let mut pair = Pair::over(config(&mut script, false), life, local.clone(), served.clone());
        let is_cut = plant(&served, &mut script);
        for _ in 0..=script.below(3) {
            told.round(&mut pair, &mut script);
            if !is_cut {
                told.check(&served);
            }
        }
        let is_crash = is_cut || script.byte() & 1 != 0;
        if !is_crash {
            pair.close_leaving_any();
        }
        drop(pair);
        served.die_after(None);
        served.heal();
        if is_crash {
            let mut draws = SplitMix(script.two_bytes().into());
            match script.below(3) {
                0 => served.crash(|| 0),
                1 => served.crash(|| 1),
                _ => served.crash(|| draws.next_u64()),
            }
        }
        told.check(&served);
    }
}

fn config(script: &mut Script<'_>, is_faulty: bool) -> PairConfig {
    let count = if is_faulty { script.below(4) } else { 0 };
    let faults = (0..count).map(|_| fault(script)).collect();
    let connections = script.one_of(&[Connections::One, Connections::Fixed(2), Connections::Adaptive]);
    PairConfig {
        limits: Limits {
            connections,
            operations: script.one_of(&[4, 1, 2, 64]),
            idle: Some(Duration::from_secs(5)),
            handshake: Some(Duration::from_secs(3)),
            ..Limits::default()
        },
        policy: RetryPolicy { attempts: 1 + script.below(3) as u32, ..RetryPolicy::default() },
        latency: script.one_of(&[
            Duration::from_millis(5),
            Duration::from_micros(1),
            Duration::from_millis(40),
        ]),
        piece: script.one_of(&[1 << 20, 16_000, 100_000, 65_536]),
        room: script.one_of(&[2 << 20, ROOM_MIN]),
        faults,
        ..PairConfig::default()
    }
}

fn fault(script: &mut Script<'_>) -> Fault {
    let (kind, dial) = (script.below(6), script.below(4) as u32);
    let side = script.one_of(&[Side::Client, Side::Server]);
    // Early bytes one by one, later ones in steps.
    let at = u64::from(script.two_bytes());
    let at = if at < 0x8000 { at } else { (at - 0x8000) * 64 };
    match kind {
        0 => Fault::Refuse(dial),
        1 => Fault::Busy(dial, u32::from(script.byte())),
        2 => Fault::Reset(dial, side, at),
        3 => Fault::Silence(dial, side, at),
        4 => Fault::CutShort(dial, side, at),
        _ => Fault::Flip(dial, side, at * 8 + u64::from(script.byte() & 7)),
    }
}

/// What is to go wrong on a disk. True if it is cut off.
fn plant(files: &MemoryFiles, script: &mut Script<'_>) -> bool {
    for _ in 0..script.below(4) {
        let kinds = [
            FileErrorKind::NoSpace,
            FileErrorKind::Other,
            FileErrorKind::Denied,
            FileErrorKind::TooManyFiles,
        ];
        let (primitive, passes) = (script.one_of(Primitive::ALL), script.below(64));
        files.fail(primitive, passes, FileError::from(script.one_of(&kinds)));
    }
    let is_cut = script.byte() & 1 != 0;
    if is_cut {
        files.die_after(Some(usize::from(script.two_bytes() & 0x3ff)));
    }
    is_cut
}

/// What may stand at a path: nothing, or the content of a number.
type State = Option<u8>;

/// What was told of the server's files.
#[derive(Default)]
struct Told {
    next: u64,
    states: BTreeMap<&'static str, Path>,
}

struct Path {
    /// As the last operation that succeeded left it.
    settled: BTreeSet<State>,
    /// As operations would leave it that nobody knows the outcome of: they may come to be later.
    unknown: BTreeSet<State>,
}

impl Default for Path {
    fn default() -> Path {
        Path { settled: BTreeSet::from([None]), unknown: BTreeSet::new() }
    }
}

impl Path {
    fn may_be(&self, state: State) -> bool {
        self.settled.contains(&state) || self.unknown.contains(&state)
    }
}

/// An operation of a round.
struct Asked {
    job: JobId,
    path: &'static str,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Changes(State),
    Fetches(u64),
    Nothing,
}

impl Told {
    /// Starts one to three operations, perhaps gives some up, runs until all have ended, and takes down what was told.
    fn round(&mut self, pair: &mut Pair, script: &mut Script<'_>) {
        let mut asked = Vec::new();
        for _ in 0..=script.below(3) {
            asked.push(self.ask(pair, script));
            for _ in 0..script.below(8) {
                pair.advance();
            }
        }
        if script.byte() & 7 == 7 {
            let steps = script.two_bytes() & 0x3ff;
            let given_up = &asked[script.below(asked.len())];
            for _ in 0..steps {
                pair.advance();
            }
            pair.command(Command::Cancel(given_up.job));
        }
        pair.run_until(|pair| asked.iter().all(|asked| pair.result(asked.job).is_some()));
        self.note(pair, &asked);
    }

    fn ask(&mut self, pair: &mut Pair, script: &mut Script<'_>) -> Asked {
        let path = script.one_of(&PATHS);
        let at = RelPath::new(path).expect("a path");
        self.next += 1;
        let number = self.next;
        let (request, what) = match script.below(8) {
            0..=2 => {
                let content = script.byte();
                let source = format!("source-{number}");
                pair.local.put(&source, &content_of(content));
                let start = if script.byte() & 1 == 0 { Start::Resume } else { Start::Afresh };
                let attempt = Attempt { request: RequestId(number.into()), number: 0, start };
                let source = RelPath::new(source).expect("a path");
                let put = Request::Put { root: Pair::ROOT, source, path: at, attempt };
                (put, What::Changes(Some(content)))
            }
            3 | 4 => {
                let get = Get { path: at, version: 0 };
                let at = RelPath::new(format!("fetched-{number}")).expect("a path");
                (Request::Fetch { root: Pair::ROOT, at, get, start: Start::Resume }, What::Fetches(number))
            }
            5 => {
                let remove = Remove { request: RequestId(number.into()), path: at };
                (Request::Ask(Question::Remove(remove)), What::Changes(None))
            }
            6 => (Request::Ask(Question::List(RelPath::ROOT)), What::Nothing),
            _ => (Request::Ask(Question::Stat(at)), What::Nothing),
        };
        let job = pair.start(request);
        Asked { job, path, what }
    }

    fn note(&mut self, pair: &Pair, asked: &[Asked]) {
        // What was fetched stood there at some time of the round.
        for one in asked {
            let (What::Fetches(number), true) = (one.what, is_done(pair, one)) else { continue };
            let fetched = pair.local.get(&format!("fetched-{number}")).expect("a file that was told of");
            let meanwhile =
                asked.iter().filter(|other| other.path == one.path).filter_map(|other| match other.what {
                    What::Changes(Some(content)) => Some(content),
                    What::Changes(None) | What::Fetches(_) | What::Nothing => None,
                });
            let before = self.states.entry(one.path).or_default();
            let before = before.settled.iter().chain(&before.unknown).flatten().copied();
            let mut may_be: Vec<u8> = meanwhile.chain(before).collect();
            may_be.dedup();
            assert!(
                may_be.iter().any(|content| content_of(*content) == fetched),
                "{} bytes of nobody's",
                fetched.len()
            );
        }
        for path in PATHS {
            let changes: Vec<(State, bool)> = asked
                .iter()
                .filter(|asked| asked.path == path)
                .filter_map(|asked| match asked.what {
                    What::Changes(state) => Some((state, is_done(pair, asked))),
                    What::Fetches(_) | What::Nothing => None,
                })
                .collect();
            let known = self.states.entry(path).or_default();
            known.unknown.extend(changes.iter().filter(|(_, is_done)| !is_done).map(|(state, _)| *state));
            // Which of several came last, nobody says.
            let done: BTreeSet<State> =
                changes.iter().filter(|(_, is_done)| *is_done).map(|(state, _)| *state).collect();
            if !done.is_empty() {
                known.settled = done;
            }
        }
    }

    /// What stands at each path is what may.
    fn check(&mut self, served: &MemoryFiles) {
        for path in PATHS {
            let stands = served.get(path);
            let known = self.states.entry(path).or_default();
            let is_told = match &stands {
                None => known.may_be(None),
                Some(bytes) => {
                    (0..=u8::MAX).any(|content| known.may_be(Some(content)) && content_of(content) == *bytes)
                }
            };
            let what =
                stands.map_or("nothing".to_owned(), |bytes| format!("a file of {} bytes", bytes.len()));
            assert!(
                is_told,
                "at {path} stands {what}, and told was {:?} or {:?}",
                known.settled, known.unknown
            );
        }
    }
}

fn is_done(pair: &Pair, asked: &Asked) -> bool {
    match pair.result(asked.job) {
        Some(Ok(done)) => {
            let is_fitting = match asked.what {
                What::Changes(Some(_)) | What::Fetches(_) => matches!(done, OpDone::Moved(_)),
                What::Changes(None) => matches!(done, OpDone::Removed),
                What::Nothing => true,
            };
            assert!(is_fitting, "{done:?}");
            true
        }
        Some(Err(_)) => false,
        None => panic!("a job never ended:\n{}", pair.trace.text()),
    }
}

/// The bytes of a content by its number, which says how long it is, and what is in it: those of one length share their first half.
fn content_of(number: u8) -> Vec<u8> {
    let length = LENGTHS[usize::from(number) % LENGTHS.len()];
    let (mut shared, mut own) = (SplitMix(length as u64), SplitMix(1_000 + u64::from(number)));
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        let draws = if bytes.len() < length / 2 { &mut shared } else { &mut own };
        bytes.extend_from_slice(&draws.next_u64().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
