//! What contents are known by: one that is met again and again, as most are, is hashed once.

use crate::outcome::ContentId;

/// Longer ones are hashed each time, and not kept.
const LENGTH_MAX: usize = 64 * 1024;
/// How many are kept.
const MOST: usize = 64;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Known(Vec<(Vec<u8>, ContentId)>);

impl Known {
    /// What these bytes are known by.
    pub(super) fn id(&mut self, bytes: &[u8]) -> ContentId {
        if let Some((_, id)) = self.0.iter().find(|(known, _)| known == bytes) {
            return *id;
        }
        let id = ContentId::of(bytes);
        if bytes.len() <= LENGTH_MAX && self.0.len() < MOST {
            self.0.push((bytes.to_vec(), id));
        }
        id
    }
}
