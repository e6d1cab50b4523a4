//! The whole table of each machine: what every input does in every state. States are reached by inputs, and every state
//! that a machine has must be in its table.

mod client;
mod comparing;
mod flows;
mod operations;
mod pairing;
mod plain;
mod probing;
mod pulling;
mod pushing;
mod session;
mod trees;

use std::collections::BTreeSet;
use std::fmt::Write;

use bytes::Bytes;
use towline::proto::machine::{Effect, Input, Machine, Out};
use towline::proto::storage::{
    BlockDone, BlockOp, BlockSet, FileDone, FileOp, Lease, NameDone, NameOp, StoreError, StoreOp, Stored,
    StreamDone, StreamOp, Ticket, small_extent,
};
use towline::store::blocks;
use towline::store::streams::{MemoryPipe, Stream};
use towline::time::Time;
use towline::wire::{
    Code, Decoder, Entry, FileKind, LinkTarget, Metadata, Modified, PREAMBLE, Resolved, UploadId,
};

use crate::help::{LATER, snapshot};

/// A machine, and the store operations that it waits for.
#[derive(Clone)]
pub(crate) struct Bench<M: Machine> {
    machine: M,
    open: Vec<(Ticket, StoreOp)>,
}

impl<M: Machine> Bench<M> {
    fn new(machine: M) -> Bench<M> {
        Bench { machine, open: Vec::new() }
    }

    fn born(machine: M, born: Out<M>) -> Bench<M> {
        assert!(!born.effects().iter().any(|effect| matches!(effect, Effect::Store(..))));
        Bench::new(machine)
    }

    fn step_at(&mut self, now: Time, input: Input<M>) -> Vec<Effect<M>> {
        let mut out = Out::new();
        if let Input::Stored(ticket, _) = &input {
            self.open.retain(|(open, _)| open != ticket);
        }
        self.machine.step(now, input, &mut out);
        let effects: Vec<Effect<M>> = out.drain().collect();
        for effect in &effects {
            if let Effect::Store(ticket, op) = effect {
                self.open.push((*ticket, op.clone()));
            }
        }
        effects
    }

    /// The state after one more input.
    fn after(mut self, input: Input<M>) -> Bench<M> {
        self.step_at(LATER, input);
        self
    }

    /// The state after the deadline came.
    fn elapsed(mut self) -> Bench<M> {
        let deadline = self.machine.deadline().expect("it waits for a time");
        self.step_at(deadline, Input::Elapsed);
        self
    }

    /// The state after the oldest store operation went well.
    fn stored(self) -> Bench<M> {
        let input = completion(&self, true).expect("something is asked of the store");
        self.after(input)
    }
}

type Maker<M> = dyn Fn(&Bench<M>) -> Option<Input<M>>;

/// An input of a table: `None` where it cannot happen.
pub(crate) struct Row<M: Machine> {
    label: String,
    input: Box<Maker<M>>,
}

/// An input that can always happen.
pub(crate) fn row<M: Machine + 'static>(label: &str, input: Input<M>) -> Row<M> {
    Row { label: label.into(), input: Box::new(move |_| Some(input.clone())) }
}

/// The three inputs that depend on what the machine waits for.
pub(crate) fn waits<M: Machine + 'static>() -> Vec<Row<M>> {
    vec![
        Row {
            label: "Elapsed, at the deadline".into(),
            input: Box::new(|bench| bench.machine.deadline().map(|_| Input::Elapsed)),
        },
        Row { label: "Stored, it went well".into(), input: Box::new(|bench| completion(bench, true)) },
        Row { label: "Stored, it failed".into(), input: Box::new(|bench| completion(bench, false)) },
    ]
}

/// The oldest store operation is completed.
fn completion<M: Machine>(bench: &Bench<M>, is_well: bool) -> Option<Input<M>> {
    let (ticket, op) = bench.open.first()?;
    let failed = StoreError::new(Code::IO, "");
    let stored = match op {
        StoreOp::Name(op) => Stored::Name(if is_well { Ok(name_done(op)) } else { Err(failed) }),
        StoreOp::Stream(op) => Stored::Stream(if is_well { Ok(stream_done(op)) } else { Err(failed) }),
        StoreOp::Block(op) => Stored::Block(if is_well { Ok(block_done(op)) } else { Err(failed) }),
        StoreOp::File(op) => Stored::File(if is_well { Ok(file_done(op)) } else { Err(failed) }),
    };
    Some(Input::Stored(*ticket, stored))
}

fn metadata_of(length: u64) -> Metadata {
    Metadata { kind: FileKind::File, length, mode: 0o644, modified: Modified::default() }
}

fn name_done(op: &NameOp) -> NameDone {
    let metadata = metadata_of(LENGTH);
    match op {
        NameOp::OpenPartial { .. } => {
            let (held, basis) = (BlockSet::default(), BlockSet::default());
            NameDone::Partial { lease: Lease(1), upload: UploadId(1), held, basis }
        }
        NameOp::Publish { .. } => NameDone::Published,
        NameOp::Join { .. } => NameDone::Joined { lease: Lease(2) },
        NameOp::Gather { .. } => NameDone::Gathered { landed: Vec::new(), doubtful: BlockSet::default() },
        NameOp::Discard { .. } | NameOp::Keep { .. } | NameOp::Release { .. } => NameDone::Released,
        NameOp::Note { .. } => NameDone::Noted,
        NameOp::OpenSource { path, .. } if path.as_bytes() == b"large" => {
            NameDone::Source { lease: Lease(1), metadata: metadata_of(3 << 20), version: 7 }
        }
        NameOp::OpenSource { .. } => NameDone::Source { lease: Lease(1), metadata, version: 7 },
        NameOp::Recheck { .. } => NameDone::Unchanged,
        NameOp::OpenFolder { .. } => NameDone::Folder { lease: Lease(1) },
        NameOp::ReadFolder { .. } => {
            NameDone::Entries { entries: vec![Entry { name: b"file".to_vec(), metadata }], last: false }
        }
        NameOp::Stat { .. } => NameDone::Metadata(metadata),
        NameOp::Remove { .. } => NameDone::Removed,
        NameOp::MakeFolder { .. } | NameOp::MakeLink { .. } => NameDone::Made,
        NameOp::ReadLink { .. } => NameDone::Target(LinkTarget::new(b"file".to_vec()).expect("a target")),
        NameOp::Resolve { .. } => NameDone::Resolved(Resolved { identity: 7, metadata }),
    }
}

/// A file called "large" is, and all others are small.
fn file_done(op: &FileOp) -> FileDone {
    let cvs = |data: &Bytes| blocks::cvs(small_extent(LENGTH).expect("small"), std::slice::from_ref(data));
    match op {
        FileOp::Load { path, .. } if path.as_bytes() == b"large" => {
            FileDone::Source { lease: Lease(1), metadata: metadata_of(LARGE), version: 7 }
        }
        FileOp::Load { .. } => {
            let data = Bytes::from(vec![0; LENGTH as usize]);
            FileDone::Loaded { metadata: metadata_of(LENGTH), version: 7, cvs: cvs(&data), data }
        }
        FileOp::Stage { data, .. } => {
            FileDone::Staged { lease: Lease(1), cvs: cvs(&data.clone().into_bytes()) }
        }
    }
}

/// The length of the small file that the tables move; all of it is zeros.
pub(crate) const LENGTH: u64 = 100;
/// The length of the other one: three blocks, of zeros as well.
pub(crate) const LARGE: u64 = 2 * 65_536 + 100;

fn block_done(op: &BlockOp) -> BlockDone {
    let shape = op.shape();
    let data = match op {
        BlockOp::Write { data, .. } => data.clone().into_bytes(),
        BlockOp::Read { .. } | BlockOp::Zero { .. } | BlockOp::Check { .. } | BlockOp::Copy { .. } => {
            Bytes::from(vec![0; shape.length as usize])
        }
        BlockOp::Land { .. } => return BlockDone::Landed,
    };
    let cvs = blocks::cvs(shape, std::slice::from_ref(&data));
    match op {
        BlockOp::Read { .. } => BlockDone::Read { data, cvs },
        BlockOp::Write { .. } | BlockOp::Zero { .. } => BlockDone::Written { cvs },
        BlockOp::Check { .. } | BlockOp::Copy { .. } => BlockDone::Written { cvs },
        BlockOp::Land { .. } => BlockDone::Landed,
    }
}

/// All that is read is one block of zeros.
fn stream_done(op: &StreamOp) -> StreamDone {
    match op {
        StreamOp::Take { offset: 0, .. } => {
            let mut stream =
                Stream::new(MemoryPipe { input: vec![0; LENGTH as usize].into(), ..MemoryPipe::default() });
            stream.carry_out_in_memory(op.clone()).expect("memory can be read")
        }
        StreamOp::Take { .. } => StreamDone::Taken { data: Bytes::new(), cv: None, root: None },
        StreamOp::Give { .. } => StreamDone::Given { is_right: true },
        StreamOp::Stop { .. } => StreamDone::Stopped,
    }
}

/// How a table shows its machine.
pub(crate) struct Show<M: Machine> {
    /// The name of the state that it is in.
    pub(crate) state: fn(&M) -> String,
    /// What is sent at once, in words.
    pub(crate) sent: fn(Vec<M::Tx>) -> String,
    /// All states that there must be.
    pub(crate) all: &'static [&'static str],
}

/// Makes the table and compares it with its snapshot.
pub(crate) fn assert_table<M: Machine>(
    name: &str,
    states: Vec<(&str, Bench<M>)>,
    rows: Vec<Row<M>>,
    show: &Show<M>,
) {
    let mut text = String::new();
    let mut reached = BTreeSet::new();
    for (label, bench) in states {
        let before = (show.state)(&bench.machine);
        reached.insert(before.clone());
        let _infallible = writeln!(text, "{before}: {label}");
        let mut nothing = Vec::new();
        for Row { label, input } in &rows {
            let Some(input) = input(&bench) else { continue };
            let now = match input {
                Input::Elapsed => bench.machine.deadline().map_or(LATER, |deadline| deadline.max(LATER)),
                _ => LATER,
            };
            let mut after = bench.clone();
            let effects = after.step_at(now, input);
            let state = (show.state)(&after.machine);
            reached.insert(state.clone());
            if effects.is_empty() && after.machine == bench.machine {
                nothing.push(label.as_str());
                continue;
            }
            let to = if state == before { "stays".into() } else { format!("-> {state}") };
            let line = format!("  {label:<26}{to:<28}{}", describe(effects, show));
            let _infallible = writeln!(text, "{}", line.trim_end());
        }
        if !nothing.is_empty() {
            let _infallible = writeln!(text, "  nothing comes of: {}", nothing.join("; "));
        }
        text.push('\n');
    }
    let parts: BTreeSet<&str> = reached.iter().flat_map(|state| state.split(' ')).collect();
    let missing: Vec<&&str> = show.all.iter().filter(|state| !parts.contains(**state)).collect();
    assert!(missing.is_empty(), "{name}: {missing:?} were not reached");
    snapshot(name, &text);
}

fn describe<M: Machine>(effects: Vec<Effect<M>>, show: &Show<M>) -> String {
    let mut words = Vec::new();
    let mut sent = Vec::new();
    for effect in effects {
        match effect {
            Effect::Transmit(_, tx) => {
                sent.push(tx);
                continue;
            }
            Effect::Store(_, op) => words.push(format!("store {}", kind_of(&op))),
            Effect::Event(event) => words.push(format!("tell {}", short(&event))),
            Effect::Close(outcome) => words.push(format!("close {}", short(&outcome))),
            Effect::Dial(_) => words.push("dial".into()),
            Effect::Finish(_) => words.push("end the stream".into()),
            Effect::Hangup(_) => words.push("hang up".into()),
        }
    }
    if !sent.is_empty() {
        words.insert(0, format!("send {}", (show.sent)(sent)));
    }
    words.join("; ")
}

fn kind_of(op: &StoreOp) -> String {
    let debug = match op {
        StoreOp::Name(op) => format!("{op:?}"),
        StoreOp::Block(op) => format!("{op:?}"),
        StoreOp::File(op) => format!("{op:?}"),
        StoreOp::Stream(op) => format!("{op:?}"),
    };
    debug.split(' ').next().unwrap_or_default().into()
}

fn short(value: &impl std::fmt::Debug) -> String {
    let debug =
        format!("{value:?}").replace("OpError { by: ", "").replace(", failure: Failure { code: ", " ");
    if let Some((before, _)) = debug.split_once(", delay_ms") {
        return before.replace("Failure { code: ", "") + "..";
    }
    let cut: String = debug.chars().take(84).collect();
    if cut.len() < debug.len() { format!("{cut}..") } else { cut }
}

/// Frames of a stream, by kind.
pub(crate) fn frames(sent: Vec<Bytes>) -> String {
    let all = Bytes::from(sent.concat());
    let mut decoder = if all.starts_with(&PREAMBLE) { Decoder::new() } else { Decoder::after_preamble() };
    decoder.push(all);
    let mut kinds = Vec::new();
    while let Some(frame) = decoder.next().expect("it sends frames") {
        kinds.push(of_body(&frame.body));
    }
    kinds.join(", ")
}

pub(crate) fn of_body(body: &towline::wire::Body) -> String {
    use towline::wire::Body;
    match body {
        Body::Failed(failure) => format!("Failed {:?}", failure.code),
        Body::Refused(refused) => format!("Refused {:?}", refused.code),
        body => format!("{:?}", body.kind()),
    }
}
