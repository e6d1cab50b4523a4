//! Whose deadline comes first, looked for when one may have moved.

use towline::proto::Echo;
use towline::proto::machine::{Input, Machine};
use towline::time::Time;

use super::net::ConnId;
use super::world::World;
use crate::plan::Host;

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Client(u32),
    Listener,
    Session(ConnId),
    Echo(ConnId),
}

impl World {
    /// Whose deadline comes first.
    pub(super) fn deadline(&mut self) -> Option<(Time, Who)> {
        match self.deadline {
            Some(known) => {
                let is_so = self.observed_one_in > 1 || known == self.look_for_deadline();
                assert!(is_so, "a deadline was moved and not noticed");
                known
            }
            None => *self.deadline.insert(self.look_for_deadline()),
        }
    }

    fn look_for_deadline(&self) -> Option<(Time, Who)> {
        let mut first: Option<(Time, Who)> = None;
        let mut see = |host: Host, at: Option<Time>, who: Who| {
            if let Some(at) = at.filter(|_| !self.paused.contains(&host)) {
                let at = self.moment(host, at);
                first = Some(first.map_or((at, who), |first| first.min((at, who))));
            }
        };
        for (client, host) in (0..).zip(&self.clients) {
            let deadline = host.as_ref().and_then(|host| host.machine.machine().deadline());
            see(Host::Client(client), deadline, Who::Client(client));
        }
        if let Some(host) = &self.server {
            see(Host::Server, host.listener.machine().deadline(), Who::Listener);
            for (conn, session) in &host.sessions {
                see(Host::Server, session.machine().deadline(), Who::Session(*conn));
            }
            for (conn, echo) in &host.echoes {
                see(Host::Server, echo.machine().deadline(), Who::Echo(*conn));
            }
        }
        first
    }

    /// It has come.
    pub(super) fn elapse(&mut self, who: Who) {
        match who {
            Who::Client(client) => self.step_client(client, Input::Elapsed),
            Who::Listener => self.step_listener(Input::Elapsed),
            Who::Session(conn) => self.step_session(conn, Input::Elapsed),
            Who::Echo(conn) => self.step_echo(conn, Input::<Echo>::Elapsed),
        }
    }
}
