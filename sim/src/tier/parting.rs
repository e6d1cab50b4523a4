//! How clients go, and what they count of what they did.

use super::facts::Facts;
use crate::ledger::Rare;
use crate::outcome::Ended;

impl Facts {
    /// What a client's library counts of its connections, beside what passed on them: both said and heard.
    #[cfg(feature = "turmoil")]
    pub(super) fn counted(&mut self, client: u32, passed: (u64, u64), counted: (u64, u64)) {
        if passed != counted {
            self.outcome.miscounted.push((client, passed, counted));
        }
    }

    /// A client drops what it works with: what it has given up may be under way, and is answered to nobody.
    pub(super) fn client_leaves(&mut self, client: u32) {
        let mut is_abrupt = false;
        for job in self.outcome.jobs.iter_mut().filter(|job| job.client == client && !job.cut_off) {
            let is_open = job.ended == Some(Ended::GivenUp) && job.replies == 0;
            job.died_unanswered |= is_open;
            is_abrupt |= is_open;
        }
        if is_abrupt {
            self.reach(Rare::LeftAbruptly);
        }
        self.client_closed(client);
    }
}
