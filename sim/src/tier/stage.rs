//! What a run waits for, until it is over.

use super::facts::{Facts, SERVER};
use super::script::Script;

/// What the run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The client's steps, and the script.
    Story,
    /// The server's connections, of which nobody is at the other end any more.
    Quiet,
    /// The server's end, once it was told to stop.
    Stop,
    /// The last segments.
    Aftermath(u64),
}

/// Where a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Stage(Stage),
    /// In `Stop`, once the server has been told to.
    TellServer,
    Over,
}

/// True once nobody is to come any more.
fn story_is_over(facts: &Facts, script: &Script) -> bool {
    let strangers_are_there = facts.strangers_begun == facts.outcome.plan.strangers.len();
    facts.clients_are_over(script) && !script.has_timed_ahead() && strangers_are_there
}

impl Stage {
    /// Milliseconds after the end in which the last segments arrive.
    const AFTERMATH_MS: u64 = 50;

    /// Where the run stands now.
    pub(super) fn next(self, facts: &mut Facts, script: &Script) -> Next {
        Next::Stage(match self {
            Stage::Story if story_is_over(facts, script) => Stage::Quiet,
            Stage::Story => Stage::Story,
            // What happened meanwhile may have a sequel.
            Stage::Quiet | Stage::Stop if script.has_timed_ahead() => Stage::Story,
            Stage::Quiet if !facts.server.connections.is_empty() => Stage::Quiet,
            Stage::Quiet => {
                facts.event(SERVER, "is told to stop");
                return Next::TellServer;
            }
            Stage::Stop if facts.server.serves => Stage::Stop,
            Stage::Stop => Stage::Aftermath(facts.now_ms + Stage::AFTERMATH_MS),
            Stage::Aftermath(until) if facts.now_ms < until => self,
            Stage::Aftermath(_) => return Next::Over,
        })
    }

    /// Who waits for what.
    pub(super) fn waiting(self, facts: &Facts, script: &Script) -> Vec<String> {
        let mut waiting = vec![format!("the run is in its stage {self:?}")];
        for job in facts.outcome.jobs.iter().filter(|job| job.ended.is_none() && !job.cut_off) {
            let operation = facts.outcome.operation(job);
            waiting.push(format!("client {} waits for step {}, {operation:?}", job.client, job.step));
        }
        if !facts.server.connections.is_empty() {
            waiting.push(format!("the server has connections {:?}", facts.server.connections));
        }
        let broken = facts.outcome.plan.broken_still(&facts.outcome.faults_at_ms);
        waiting.extend(broken.map(|fault| format!("{:?} was not put right", fault.what)));
        waiting.extend(script.ahead().map(|fault| format!("the script waits for {fault:?}")));
        waiting
    }
}
