//! Whether there is room for what is offered: on the disk, and what becomes of what was opened where there is none.

use super::errors::{because, refused};
use super::root::Root;
use super::slots::Slot;
use super::{Files, Names};
use crate::probe::{Mark, mark};
use crate::proto::storage::{BlockSet, RootId, StoreError};
use crate::wire::{Code, Offer};

/// What others are about to fill counts as free: a disk may still run full in the middle.
pub(super) fn check_space<F: Files>(
    place: &Root<F>,
    offer: &Offer,
    held: &BlockSet,
) -> Result<(), StoreError> {
    let Some(reserved) = &place.reserved else { return Ok(()) };
    let free =
        place.files.free_space(&reserved.folder).map_err(because("see the free space for", &offer.path))?;
    let needed = offer.length.saturating_sub(held.len() as u64 * u64::from(offer.block_size()));
    if free >= needed {
        return Ok(());
    }
    mark(Mark::NoSpace);
    let why = format!("it needs {needed} bytes, and {free} may be used");
    Err(refused(Code::NO_SPACE, "receive", &offer.path, why))
}

impl<F: Files> Names<F> {
    /// What was opened for what may not be stored is removed again; what was kept before stays for another time.
    pub(super) fn not_granted(&self, root: RootId, slot: Option<Slot<F>>, (name, held): (&[u8], BlockSet)) {
        drop(slot);
        if let Ok(place) = self.root(root)
            && let Some(reserved) = &place.reserved
            && held.is_empty()
        {
            let _left_to_the_next_sweep = place.files.remove_file(&reserved.folder, name);
        }
    }
}
