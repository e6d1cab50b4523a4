//! How much may be stored where, by flags and by who may come: counted as the server starts, and again when it is told to read its keys again.

use std::collections::BTreeMap;

use super::super::explain::CliError;
use super::super::keys::Secured;
use crate::server::{Quotas, Server};
use crate::wire::RelPath;

/// See the [module](self).
pub(super) struct Shares<'a> {
    quotas: Quotas,
    /// For whoever's line says nothing.
    usual: Option<u64>,
    /// Somebody may come who needs no key.
    is_open: bool,
    secured: Option<&'a Secured>,
}

impl<'a> Shares<'a> {
    /// Those of `server`, which are in force from now on.
    pub(super) async fn of(
        server: &Server,
        usual: Option<u64>,
        is_open: bool,
        secured: Option<&'a Secured>,
    ) -> Result<Shares<'a>, CliError> {
        let shares = Shares { quotas: server.quotas(), usual, is_open, secured };
        let counted = shares.quotas.set(shares.meant()).await;
        counted.map_err(|error| CliError::local("cannot count what is stored", error))?;
        Ok(shares)
    }

    fn meant(&self) -> BTreeMap<RelPath, u64> {
        let mut quotas = self.secured.map(|secured| secured.guard.quotas(self.usual)).unwrap_or_default();
        if let Some(usual) = self.usual.filter(|_| self.is_open) {
            // Whoever needs no key has all that is served.
            let least = quotas.entry(RelPath::ROOT).or_insert(usual);
            *least = usual.min(*least);
        }
        quotas
    }

    /// Reads the keys again, and counts again what is stored, since others may have changed it. Gives what there is to say.
    pub(super) async fn again(&self) -> Vec<String> {
        let mut said = self.secured.map(Secured::reload).unwrap_or_default();
        let quotas = self.meant();
        let count = quotas.len();
        match (self.quotas.set(quotas).await, count) {
            (Ok(()), 0) => {}
            (Ok(()), 1) => {
                said.push("counted again what is stored in the folder that has a quota".to_owned())
            }
            (Ok(()), _) => {
                said.push(format!("counted again what is stored in the {count} folders that have a quota"))
            }
            (Err(error), _) => {
                said.push(format!("the quotas stay as they were: cannot count what is stored: {error}"))
            }
        }
        said
    }
}
