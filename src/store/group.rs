//! Publications that wait together share their syncs: one barrier makes what was received durable, together with the new
//! folders and what is intended; then all get their names; a second barrier makes the names durable; and only then each
//! is answered. A group of one is the ordinary case.
//!
//! The barriers need nobody's [`Names`]: meanwhile others may open, read and write, so that the next group forms while this
//! one waits for the disk. Names change only between them, where the caller lets one group run at a time.
//!
//! Within a group no path and no request comes twice: what a crash leaves of it is decided publication by publication
//! ([`log`](super::log)), each by what stands at its path.

mod barriers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::errors::{because, no_lease, refused};
use super::log::{Act, Acting};
use super::names::Held;
use super::partials::Partial;
use super::record::{Target, What};
use super::requests::Intent;
use super::reserved::Unique;
use super::root::{Fresh, Root};
use super::{File, Files, Links, Names};
use crate::probe::{Mark, mark, mark_if};
use crate::proto::storage::{Lease, NameDone, RootId, StoreError};
use crate::wire::{Code, Cv, FileKind, RelPath, RequestId};

/// Most publications in a group.
const GROUP_MAX: usize = 1024;
/// What is to be published: the lease of a complete partial, and the root that the machine has compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// A lease from `OpenPartial` or `Stage`.
    pub lease: Lease,
    /// The file's root.
    pub hash: Cv,
}

/// How a publication ended.
pub type Published = Result<NameDone, StoreError>;

/// Publications below one root, on their way.
pub struct Group<F: Files> {
    members: Vec<Member<F>>,
    /// `None` where there is nothing to do for any of them.
    shared: Option<Shared<F>>,
}

/// What the members have in common.
struct Shared<F: Files> {
    root: RootId,
    files: Arc<F>,
    top: F::Folder,
    reserved: Option<Arc<F::Folder>>,
    acting: Acting<F::File>,
    fresh: Fresh<F>,
    /// The folders that files are published in.
    folders: Vec<F::Folder>,
    by_path: BTreeMap<RelPath, usize>,
    /// The whole file system could not be synced: whatever was written lately may be lost.
    is_doubtful: bool,
    /// The log of requests could not be synced.
    log_failed: bool,
}

struct Member<F: Files> {
    lease: Lease,
    state: State<F>,
}

enum State<F: Files> {
    /// It waits for the next step.
    Ready(Ready<F>),
    /// It was carried out before, by an earlier attempt.
    Remembered,
    /// It failed; with the act that is to be forgotten, if it came so far.
    Failed(StoreError, Option<Act>),
    /// A sync failed: what was written may be lost although a second sync would say that all is well.
    Broken(StoreError, Act),
}

struct Ready<F: Files> {
    act: Act,
    path: RelPath,
    file: Arc<F::File>,
    /// Somebody wrote to the file before this process did, or may go on with it: its own sync tells of errors that one of
    /// the whole file system has told already.
    syncs_alone: bool,
    /// What its name in the reserved folder follows from, if it has none.
    unnamed: Option<Unique>,
    target: Option<Target>,
    /// In `folders`.
    folder: usize,
}

impl<F: Files> Names<F> {
    /// Carries out as many of the first publications as go together, at least one; gives their ends, in order.
    pub fn publish_group(&mut self, waiting: &mut VecDeque<Publication>) -> Vec<Published> {
        let mut group = self.begin_group(waiting);
        group.sync_contents();
        self.rename_group(&mut group);
        group.sync_names();
        self.end_group(group)
    }

    /// Takes what goes together from the front of `waiting`, and prepares it: modes, times, folders, and what is intended
    /// are written, and nothing that was there has changed but for folders that were missing.
    pub fn begin_group(&mut self, waiting: &mut VecDeque<Publication>) -> Group<F> {
        let taken = self.take_group(waiting);
        mark_if(Mark::GroupCommit, || taken.len() > 1);
        let mut group = Group { members: Vec::with_capacity(taken.len()), shared: None };
        let root =
            taken.iter().find_map(|publication| self.partial(publication.lease)).map(|found| found.root);
        let is_requested = taken.iter().any(|publication| {
            let attempt = self.partial(publication.lease).map(|partial| partial.offer.attempt);
            attempt.is_some_and(|attempt| attempt.request != RequestId::default())
        });
        let shared = match root.map(|root| self.share(root, is_requested)) {
            Some(Ok(shared)) => shared,
            Some(Err(error)) => return group.all_failed(&taken, |_| error.clone()),
            None => return group.all_failed(&taken, no_lease),
        };
        let shared = group.shared.insert(shared);
        for Publication { lease, hash } in taken {
            let state = self.prepare(lease, hash, shared).unwrap_or_else(|error| State::Failed(error, None));
            group.members.push(Member { lease, state });
        }
        self.intend(&mut group);
        group
    }

    /// Gives each its name. A rename takes the name out of the reserved folder, which is not synced: if a crash brings that
    /// back, it is swept.
    pub fn rename_group(&mut self, group: &mut Group<F>) {
        let Some(shared) = &mut group.shared else { return };
        let Some(place) = self.roots.get_mut(&shared.root) else { return };
        if shared.log_failed {
            place.log_is_broken();
        }
        if group.members.iter().any(Member::is_ready) {
            place.are_durable(core::mem::take(&mut shared.fresh));
        }
        for member in &mut group.members {
            let State::Ready(ready) = &member.state else { continue };
            let Some(Held::Partial(partial)) = self.leases.get_mut(&member.lease) else { continue };
            let folder = &shared.folders[ready.folder];
            // An attempt that took its place may have begun while the disk was waited for.
            let current = place.requests.is_current(ready.act.attempt);
            let current = current.map_err(|why| refused(Code::SUPERSEDED, "publish", &ready.path, why));
            let is_named = ready.unnamed.is_none();
            let (replaced, length) = if self.meters.is_about(shared.root, &ready.path) {
                let stands = ready.path.name().and_then(|name| place.files.status(folder, name).ok());
                let replaced = stands.filter(|status| status.kind == FileKind::File);
                (
                    replaced.map_or(0, |status| status.length),
                    ready.file.status().map_or(0, |status| status.length),
                )
            } else {
                (0, 0)
            };
            match current.and_then(|()| partial.publish(place, folder, is_named)) {
                Ok(()) => {
                    self.meters.settle(member.lease, length);
                    self.meters.publish(member.lease, replaced);
                }
                Err(error) => member.state = State::Failed(error, Some(ready.act)),
            }
        }
    }

    /// Remembers what came of each, and ends the leases of those that are published.
    ///
    /// An error of the last sync leaves a new file visible, but not known to be durable.
    pub fn end_group(&mut self, group: Group<F>) -> Vec<Published> {
        let Group { members, shared } = group;
        if let Some(shared) = &shared
            && shared.is_doubtful
        {
            self.distrust(shared.root);
        }
        if let Some(shared) = shared
            && let Some(place) = self.roots.get_mut(&shared.root)
        {
            let acts = members.iter().filter_map(|member| match &member.state {
                State::Ready(ready) => Some((ready.act, true)),
                State::Failed(_, act) => act.map(|act| (act, false)),
                State::Broken(_, act) => Some((*act, false)),
                State::Remembered => None,
            });
            place.acted(&shared.acting, acts);
        }
        let ends = members.into_iter().map(|member| self.end(member)).collect();
        // The last lease of a root whose job was given up may have been one of these.
        self.close_retired();
        ends
    }

    fn end(&mut self, member: Member<F>) -> Published {
        match member.state {
            State::Ready(_) => self.end_partial(member.lease),
            State::Remembered => {
                mark(Mark::AnsweredAgain);
                let _left_to_the_next_sweep = self.discard(member.lease);
            }
            State::Failed(error, _) => return Err(error),
            State::Broken(error, _) => {
                mark(Mark::SyncFailed);
                if let Some(Held::Partial(partial)) = self.leases.get_mut(&member.lease) {
                    partial.broken = Some(error.clone());
                }
                return Err(error);
            }
        }
        Ok(NameDone::Published)
    }

    /// As many from the front as are below one root, and no path and no request twice.
    fn take_group(&self, waiting: &mut VecDeque<Publication>) -> Vec<Publication> {
        let (mut root, mut paths, mut requests) = (None, BTreeSet::new(), BTreeSet::new());
        let mut taken = Vec::new();
        while let Some(next) = waiting.front() {
            if let Some(partial) = self.partial(next.lease) {
                let request = partial.offer.attempt.request;
                let fits = *root.get_or_insert(partial.root) == partial.root
                    && paths.insert(&partial.offer.path)
                    && (request == RequestId::default() || requests.insert(request));
                if !fits || taken.len() == GROUP_MAX {
                    break;
                }
            }
            taken.extend(waiting.pop_front());
        }
        taken
    }

    fn partial(&self, lease: Lease) -> Option<&Partial<F>> {
        match self.leases.get(&lease)? {
            Held::Partial(partial) => Some(partial),
            Held::Source(_) | Held::Folder(_) | Held::Joined(..) => None,
        }
    }

    fn share(&mut self, root: RootId, is_requested: bool) -> Result<Shared<F>, StoreError> {
        let place = self.root_mut(root)?;
        let acting = place.act(is_requested)?;
        let top = place.files.open_folder(&place.top, b"", Links::None);
        let top = top.map_err(because("reach", &RelPath::ROOT))?;
        let (files, fresh) = (Arc::clone(&place.files), Fresh::default());
        let reserved = place.reserved.as_ref().map(|reserved| Arc::clone(&reserved.folder));
        let (folders, by_path) = (Vec::new(), BTreeMap::new());
        Ok(Shared {
            root,
            files,
            top,
            reserved,
            acting,
            fresh,
            folders,
            by_path,
            is_doubtful: false,
            log_failed: false,
        })
    }

    /// Every opener has a file of its own, so that the last one to publish wins, whoever opened last. A retry comes with
    /// a lease of its own, too: of the attempts of one request the first one publishes, and what the others hold is dropped.
    fn prepare(&mut self, lease: Lease, hash: Cv, shared: &mut Shared<F>) -> Result<State<F>, StoreError> {
        let Some(Held::Partial(partial)) = self.leases.get_mut(&lease) else { return Err(no_lease(lease)) };
        let place = self.roots.get_mut(&partial.root).expect("a root outlives its leases");
        let (path, attempt) = (partial.offer.path.clone(), partial.offer.attempt);
        let act = Act::new(attempt, Intent::publish(&path, hash));
        if place.requests.succeeded(attempt.request, act.intent) {
            return Ok(State::Remembered);
        }
        let current = place.requests.is_current(attempt);
        current.map_err(|why| refused(Code::SUPERSEDED, "publish", &path, why))?;
        let (file, status) = partial.prepare()?;
        let folder = shared.folder_for(place, &path)?;
        let name = path.name().expect("checked when it was opened");
        if partial.is_named {
            place.check_name(&shared.folders[folder], name, &path)?;
        }
        let target = Some(Target::new(&path, &status));
        let syncs_alone = partial.may_be_kept();
        let unnamed = (!partial.is_named).then_some(partial.unique);
        Ok(State::Ready(Ready { act, path, file, syncs_alone, unnamed, target, folder }))
    }

    fn intend(&mut self, group: &mut Group<F>) {
        let Some(shared) = &mut group.shared else { return };
        let Some(place) = self.roots.get_mut(&shared.root) else { return };
        let acts = group.members.iter_mut().filter_map(|member| match &mut member.state {
            State::Ready(ready) => {
                ready.target.take().map(|target| (&mut ready.act, What::Publishes(target)))
            }
            State::Remembered | State::Failed(..) | State::Broken(..) => None,
        });
        let intended = place.intend(&mut shared.acting, acts);
        if let Err(error) = intended.and_then(|()| place.name_log(&shared.acting)) {
            group.fail_ready(&error);
        }
    }

    /// All that is being received below this root may be lost although it can be read, and so may what was logged.
    fn distrust(&mut self, root: RootId) {
        if let Some(place) = self.roots.get_mut(&root) {
            place.log_is_broken();
        }
        for held in self.leases.values_mut() {
            if let Held::Partial(partial) = held
                && partial.root == root
            {
                let text = "the file system could not be synced, and what was written may be lost";
                partial.broken.get_or_insert(StoreError::new(Code::IO, text));
            }
        }
    }
}

impl<F: Files> Shared<F> {
    fn folder_for(&mut self, place: &mut Root<F>, path: &RelPath) -> Result<usize, StoreError> {
        let parent = path.parent().unwrap_or(RelPath::ROOT);
        if let Some(folder) = self.by_path.get(&parent) {
            return Ok(*folder);
        }
        let folder = place.folder_for(path, &mut self.fresh)?;
        place.refuse_reserved(&folder, path)?;
        self.folders.push(folder);
        self.by_path.insert(parent, self.folders.len() - 1);
        Ok(self.folders.len() - 1)
    }
}

impl<F: Files> Group<F> {
    fn all_failed(mut self, taken: &[Publication], error: impl Fn(Lease) -> StoreError) -> Group<F> {
        let failed = |lease| Member { lease, state: State::Failed(error(lease), None) };
        self.members = taken.iter().map(|publication| failed(publication.lease)).collect();
        self
    }

    fn fail_ready(&mut self, error: &StoreError) {
        for member in &mut self.members {
            if let State::Ready(ready) = &member.state {
                member.state = State::Failed(error.clone(), Some(ready.act));
            }
        }
    }
}

impl<F: Files> Member<F> {
    fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready(_))
    }
}
