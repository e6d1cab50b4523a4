//! What is done about an entry, a step at a time.

use super::decide::{Decision, Entry, decide};
use super::folders::FolderId;
use super::parts::{Part, Step, code, ends_all, mistaken};
use super::told::Outcome;
use super::{Phase, Purpose, TreeJob};
use crate::probe::{Bug, Mark, mark, mark_if, planted};
use crate::proto::client::JobError;
use crate::proto::machine::Out;
use crate::proto::op::{OpDone, OpError, Question};
use crate::wire::{Code, FileKind, LinkTarget, Resolved};

type Done = Result<OpDone, JobError>;

impl TreeJob {
    pub(super) fn look_at_source(&mut self, entry: Entry, out: &mut Out<TreeJob>) {
        let question = Question::Stat(entry.from.clone());
        self.ask(entry.item, None, Step::LookSource(entry), question, out);
    }

    /// Decides about an entry, and begins what was decided.
    pub(super) fn handle(&mut self, above: Option<FolderId>, entry: Entry, out: &mut Out<TreeJob>) {
        let is_dry = !self.request.options.changes();
        match decide(&entry, &self.request.options) {
            Decision::Tell(outcome) => self.end(above, &entry, outcome, out),
            Decision::Resolve => {
                let question = Question::Resolve(entry.from.clone());
                self.ask(entry.item, above, Step::Resolve(entry), question, out);
            }
            Decision::Link => {
                let question = Question::ReadLink(entry.from.clone());
                self.ask(entry.item, above, Step::ReadSource(entry), question, out);
            }
            Decision::Enter => self.open_folder(above, entry, false, out),
            Decision::Clear => self.open_folder(above, entry, true, out),
            Decision::Move if is_dry && !planted(Bug::MoveInDryRun) => {
                let length = entry.source.map_or(0, |source| source.length);
                self.end(above, &entry, Outcome::Moved { length, moved: None }, out);
            }
            Decision::Move => self.move_file(above, entry, out),
            Decision::Compare => self.compare_file(above, entry, out),
            Decision::Remove if is_dry => self.on_removed(above, entry, Ok(()), out),
            Decision::Remove => {
                let step = Step::Remove(entry.clone());
                self.remove(&entry, above, step, out);
            }
        }
    }

    /// A part is over.
    pub(super) fn on_over(&mut self, part: Part, result: Done, out: &mut Out<TreeJob>) {
        let Part { folder, step } = part;
        let (files, bytes) = step.moving();
        self.moving.0 -= files;
        self.moving.1 -= bytes;
        if !matches!(self.phase, Phase::Walking) {
            return;
        }
        if let Err(error) = &result
            && ends_all(error)
        {
            mark_if(Mark::TreeGivenUp, || !self.parts.is_empty());
            return self.leave(error.clone(), out);
        }
        match step {
            Step::LookSource(entry) => self.on_source(entry, result, out),
            Step::LookDestination(entry) => self.on_destination(entry, result, out),
            Step::Resolve(entry) => self.on_resolved(folder, entry, result, out),
            Step::ReadSource(entry) => self.on_target(folder, entry, result, out),
            Step::ReadDestination(entry, target) => {
                self.on_other_target(folder, entry, target, result, out);
            }
            Step::MakeLink(entry) => match result {
                Ok(_) => self.end(folder, &entry, Outcome::LinkMade, out),
                Err(error) => self.end(folder, &entry, Outcome::Failed(error), out),
            },
            Step::Move(entry) => self.on_moved(folder, &entry, result, out),
            Step::Compare(entry) => self.on_compared(folder, &entry, result, out),
            Step::Remove(entry) => self.on_removed(folder, entry, result.map(|_| ()), out),
            Step::Make | Step::List(_) | Step::Settle | Step::RemoveFolder => {
                if let Some(id) = folder {
                    self.on_folder_step(id, &step, result.map(|_| ()), out);
                }
            }
        }
    }

    fn on_folder_step(
        &mut self,
        id: FolderId,
        step: &Step,
        result: Result<(), JobError>,
        out: &mut Out<TreeJob>,
    ) {
        match step {
            Step::Make => self.on_made(id, result, out),
            Step::List(listing) => self.on_listed(id, listing.side, result, out),
            Step::Settle => self.on_settled(id, result, out),
            Step::RemoveFolder => self.on_folder_removed(id, result, out),
            Step::LookSource(_) | Step::LookDestination(_) | Step::Resolve(_) | Step::ReadSource(_) => {}
            Step::ReadDestination(..) | Step::MakeLink(_) | Step::Move(_) | Step::Compare(_) => {}
            Step::Remove(_) => {}
        }
    }

    fn on_source(&mut self, mut entry: Entry, result: Done, out: &mut Out<TreeJob>) {
        match result {
            Ok(OpDone::Described(metadata)) => {
                entry.source = Some(metadata);
                let question = Question::Stat(entry.to.clone());
                self.ask(entry.item, None, Step::LookDestination(entry), question, out);
            }
            Ok(other) => self.end(None, &entry, Outcome::Failed(mistaken(&other)), out),
            Err(error) => self.end(None, &entry, Outcome::Failed(error), out),
        }
    }

    fn on_destination(&mut self, mut entry: Entry, result: Done, out: &mut Out<TreeJob>) {
        match result {
            Ok(OpDone::Described(metadata)) => entry.found = Some(metadata),
            Err(error) if code(&error) == Some(Code::NOT_FOUND) => {}
            Ok(other) => return self.end(None, &entry, Outcome::Failed(mistaken(&other)), out),
            Err(error) => return self.end(None, &entry, Outcome::Failed(error), out),
        }
        self.handle(None, entry, out);
    }

    fn on_resolved(
        &mut self,
        above: Option<FolderId>,
        mut entry: Entry,
        result: Done,
        out: &mut Out<TreeJob>,
    ) {
        let Resolved { identity, metadata } = match result {
            Ok(OpDone::Resolved(resolved)) => resolved,
            Ok(other) => return self.end(above, &entry, Outcome::Failed(mistaken(&other)), out),
            Err(error) => return self.end(above, &entry, Outcome::Failed(error), out),
        };
        if metadata.kind == FileKind::Link
            || metadata.kind == FileKind::Folder && self.is_within(above, identity)
        {
            mark(Mark::TreeOfLoop);
            let error = OpError::us(Code::BAD_PATH, "the link leads back to a folder that it is in");
            return self.end(above, &entry, Outcome::Failed(JobError::Operation(error)), out);
        }
        entry.source = Some(metadata);
        // 0 is for what was not asked; whoever has it is looked at once more at most.
        entry.identity = identity.max(1);
        self.handle(above, entry, out);
    }

    fn on_target(&mut self, above: Option<FolderId>, entry: Entry, result: Done, out: &mut Out<TreeJob>) {
        let target = match result {
            Ok(OpDone::Target(target)) => target,
            Ok(other) => return self.end(above, &entry, Outcome::Failed(mistaken(&other)), out),
            Err(error) => return self.end(above, &entry, Outcome::Failed(error), out),
        };
        if entry.found.is_some_and(|found| found.kind == FileKind::Link) {
            let question = Question::ReadLink(entry.to.clone());
            return self.ask(entry.item, above, Step::ReadDestination(entry, target), question, out);
        }
        self.link(above, entry, target, out);
    }

    /// A link stands there already. Whatever keeps it from being read, another one can be made in its place.
    fn on_other_target(
        &mut self,
        above: Option<FolderId>,
        entry: Entry,
        target: LinkTarget,
        result: Done,
        out: &mut Out<TreeJob>,
    ) {
        match result {
            Ok(OpDone::Target(found)) if found == target => {
                self.end(above, &entry, Outcome::Unchanged(0), out);
            }
            // What cannot be read cannot be compared.
            Err(error) if self.request.options.purpose == Purpose::Compare => {
                self.end(above, &entry, Outcome::Failed(error), out);
            }
            Ok(_) | Err(_) => self.link(above, entry, target, out),
        }
    }

    fn link(&mut self, above: Option<FolderId>, entry: Entry, target: LinkTarget, out: &mut Out<TreeJob>) {
        match self.request.options.purpose {
            Purpose::Copy => self.make_link(above, entry, target, out),
            Purpose::DryRun => self.end(above, &entry, Outcome::LinkMade, out),
            Purpose::Compare => self.end(above, &entry, Outcome::Differs, out),
        }
    }

    fn on_moved(&mut self, above: Option<FolderId>, entry: &Entry, result: Done, out: &mut Out<TreeJob>) {
        let outcome = match result {
            Ok(OpDone::Moved(moved)) => Outcome::Moved { length: moved.length, moved: Some(moved) },
            Ok(other) => Outcome::Failed(mistaken(&other)),
            Err(error) => Outcome::Failed(error),
        };
        self.end(above, entry, outcome, out);
    }

    fn on_compared(&mut self, above: Option<FolderId>, entry: &Entry, result: Done, out: &mut Out<TreeJob>) {
        let length = entry.source.map_or(0, |source| source.length);
        let outcome = match (result, self.request.options.purpose) {
            (Ok(OpDone::Compared(compared)), _) if compared.is_equal() => Outcome::Unchanged(compared.there),
            (Ok(OpDone::Compared(_)), Purpose::Compare) => Outcome::Differs,
            (Ok(OpDone::Compared(_)), Purpose::Copy | Purpose::DryRun) => {
                Outcome::Moved { length, moved: None }
            }
            (Ok(other), _) => Outcome::Failed(mistaken(&other)),
            (Err(error), _) => Outcome::Failed(error),
        };
        self.end(above, entry, outcome, out);
    }

    /// A name is gone: whoever removed it.
    fn on_removed(
        &mut self,
        above: Option<FolderId>,
        mut entry: Entry,
        result: Result<(), JobError>,
        out: &mut Out<TreeJob>,
    ) {
        let kind = entry.found.map_or(FileKind::Other, |found| found.kind);
        match result {
            Ok(()) => self.tell_of(&entry, Outcome::Removed(kind), out),
            Err(error) if code(&error) == Some(Code::NOT_FOUND) => {}
            Err(error) => {
                self.tell_of(&entry, Outcome::Failed(error), out);
                return self.finish(above, false, true, out);
            }
        }
        if entry.source.is_none() {
            return self.finish(above, true, false, out);
        }
        entry.found = None;
        self.again.push_back((above, entry));
    }

    /// The last word about an entry.
    fn end(&mut self, above: Option<FolderId>, entry: &Entry, outcome: Outcome, out: &mut Out<TreeJob>) {
        let is_changed = matches!(outcome, Outcome::Moved { .. } | Outcome::LinkMade);
        self.tell_of(entry, outcome, out);
        self.finish(above, is_changed, false, out);
    }
}
