//! A root that is lent to one job, and goes with it, however the job ends.

use super::Disk;
use crate::proto::storage::RootId;
use crate::store::Files;

/// A root of a store that is closed once this is gone: at once with [`close`](LentRoot::close), and when its leases have ended where
/// this is dropped, which may be at any point and outside of any runtime.
pub struct LentRoot<F>
where
    F: Files + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
    F::Folder: Send + Sync + 'static,
    F::Listing: Send + 'static,
{
    disk: Disk<F>,
    root: RootId,
    is_open: bool,
}

impl<F> LentRoot<F>
where
    F: Files + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
    F::Folder: Send + Sync + 'static,
    F::Listing: Send + 'static,
{
    pub(super) fn new(disk: Disk<F>, root: RootId) -> LentRoot<F> {
        LentRoot { disk, root, is_open: true }
    }

    /// What operations call it.
    pub fn id(&self) -> RootId {
        self.root
    }

    /// Ends its leases and tidies up below it.
    pub async fn close(mut self) {
        self.is_open = false;
        // What could not be tidied up is left to the next use of the folder.
        let _ = self.disk.close_root(self.root).await;
    }
}

impl<F> Drop for LentRoot<F>
where
    F: Files + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
    F::Folder: Send + Sync + 'static,
    F::Listing: Send + 'static,
{
    fn drop(&mut self) {
        if self.is_open {
            self.disk.abandon_root(self.root);
        }
    }
}
