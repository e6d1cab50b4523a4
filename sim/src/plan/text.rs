//! A plan as a file, in RON (Rusty Object Notation), and back. What a file leaves out is as in a plain world; what it
//! names and nobody knows is an error.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ron::extensions::Extensions;
use ron::ser::PrettyConfig;
use towline::probe::{Bug, HAS_BUGS, NoneInThisBuild};
use towline::wire::{RESERVED, RelPath};

use super::{Application, Datagrams, Expect, Fault, Host, Operation, Plan, What, When, Whom};

/// Why a text is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadPlan {
    /// It cannot be read from its file.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: String,
    },
    /// It is not written as a plan is.
    Text {
        /// Where: line and column, from 1.
        at: (usize, usize),
        /// What was expected there.
        error: String,
    },
    /// It says something that no world can do.
    Meaning(String),
}

impl std::fmt::Display for BadPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BadPlan::Unreadable { path, error } => write!(f, "{} cannot be read: {error}", path.display()),
            BadPlan::Text { at: (line, column), error } => {
                write!(
                    f,
                    "line {line}, column {column}: {error}; `show --format plan 0` prints one as it should be"
                )
            }
            BadPlan::Meaning(what) => write!(f, "the plan makes no sense: {what}"),
        }
    }
}

impl std::error::Error for BadPlan {}

impl Plan {
    /// Its text: the same for the same plan, and [`Plan::parse`] gives the plan back.
    pub fn text(&self) -> String {
        let pretty = PrettyConfig::new()
            .extensions(Extensions::IMPLICIT_SOME)
            .depth_limit(3)
            .indentor("  ")
            .new_line("\n");
        let text = ron::ser::to_string_pretty(self, pretty).expect("a plan is plain data");
        text + "\n"
    }

    /// The plan of a text.
    ///
    /// # Errors
    /// Where the text is not written as a plan is, or says what no world can do.
    pub fn parse(text: &str) -> Result<Plan, BadPlan> {
        let options = ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
        let plan: Plan = options.from_str(text).map_err(|error| BadPlan::Text {
            at: (error.span.start.line, error.span.start.col),
            error: error.code.to_string(),
        })?;
        plan.check()?;
        Ok(plan)
    }

    /// The plan of a file.
    ///
    /// # Errors
    /// As [`Plan::parse`], and where the file cannot be read.
    pub fn read(path: &Path) -> Result<Plan, BadPlan> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| BadPlan::Unreadable { path: path.to_owned(), error: error.to_string() })?;
        Plan::parse(&text)
    }

    /// The bug that it plants in the library.
    ///
    /// # Errors
    /// If there is none of this name, or this build has none at all.
    pub fn bug(&self) -> Result<Option<Bug>, BadPlan> {
        let Some(name) = &self.plant else { return Ok(None) };
        match Bug::named(name) {
            Some(bug) if HAS_BUGS => Ok(Some(bug)),
            Some(_) => Err(BadPlan::Meaning(format!("it plants {name:?}, and {NoneInThisBuild}"))),
            None => {
                let known: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
                Err(BadPlan::Meaning(format!("no bug is named {name:?}; there are {}", known.join(", "))))
            }
        }
    }

    /// What a world must be able to rely on.
    ///
    /// # Errors
    /// The first thing that makes no sense.
    pub fn check(&self) -> Result<(), BadPlan> {
        let bad = |what: String| Err(BadPlan::Meaning(what));
        let clients = self.clients.len() as u32;
        if clients == 0 {
            return bad("it has no client".to_owned());
        }
        if self.clients.len() > Plan::CLIENTS_MAX {
            return bad(format!("it has {clients} clients, and may have {}", Plan::CLIENTS_MAX));
        }
        self.bug()?;
        if self.network.latency_ms.min > self.network.latency_ms.max
            || self.disks.latency_us.min > self.disks.latency_us.max
        {
            return bad("a span's `min` is above its `max`".to_owned());
        }
        if self.network.latency_ms.min == 0 || self.network.window == 0 || self.network.backlog == 0 {
            return bad("the network's latency, window and backlog are at least 1".to_owned());
        }
        let Datagrams { lost_percent, doubled_percent, late_percent } = self.datagrams;
        let percents = [lost_percent, doubled_percent, late_percent, self.network.resent_percent];
        if percents.iter().chain([&self.shape.pending_percent]).any(|percent| *percent > 100)
            || self.shape.nap_permille > 1_000
            || self.shape.interrupted_permille > 500
            || self.shape.flush_permille > 500
        {
            return bad("a share is at most the whole".to_owned());
        }
        if self.limits.window < 2 * 1024 * 1024 {
            return bad("limits.window is at least 2097152".to_owned());
        }
        self.check_steps()?;
        let served: BTreeSet<&String> = self.served.iter().map(|(path, _)| path).collect();
        if served.len() != self.served.len() {
            return bad("a path is served twice".to_owned());
        }
        let is_taken = |at: &String| served.contains(at) || RelPath::new(at).is_err() && !is_reserved(at);
        let obstacles: BTreeSet<&String> = self.obstacles.iter().map(|(path, _)| path).collect();
        if obstacles.len() != self.obstacles.len() || obstacles.into_iter().any(is_taken) {
            return bad("an obstacle stands where something else does, or at no path".to_owned());
        }
        let unknown = |fault: &&Fault| fault.client().is_some_and(|client| client >= clients);
        if let Some(fault) = self.faults.iter().find(unknown) {
            return bad(format!("{fault:?} names a client that it does not have"));
        }
        let is_of_one = |fault: &Fault| {
            matches!(fault.what, What::Partition(_, Whom::Dial(..)) | What::Hold(Whom::Dial(..)))
        };
        if self.faults.iter().any(is_of_one) {
            return bad("a network is cut or held up, and not one connection".to_owned());
        }
        if self.faults.iter().any(|fault| self.changes_nothing(fault)) {
            return bad("a source changes in a step that sends none".to_owned());
        }
        if self.impostors.iter().any(|impostor| impostor.client >= clients) {
            return bad("an impostor waits for a client that it does not have".to_owned());
        }
        if self.faults.first().is_some_and(|fault| matches!(fault.when, When::After(_))) {
            return bad("the first fault comes after none".to_owned());
        }
        if let Some(fault) = self.never_healed() {
            return bad(format!("nothing is certain to put {:?} right", fault.what));
        }
        Ok(())
    }

    /// True for a source that changes in a step that has none.
    fn changes_nothing(&self, fault: &Fault) -> bool {
        let has_source =
            |operation: &Operation| matches!(operation, Operation::Put { .. } | Operation::Compare { .. });
        match fault.what {
            What::SourceChanges { client, step, .. } => {
                !self.step(client, step).is_some_and(|step| has_source(&step.operation))
            }
            _ => false,
        }
    }

    fn check_steps(&self) -> Result<(), BadPlan> {
        let bad = |what: String| Err(BadPlan::Meaning(what));
        for step in self.steps() {
            if let Operation::DatagramEcho { length, .. } = &step.operation
                && !(8..=65_507).contains(length)
            {
                return bad("a datagram has 8 bytes, for its number, to 65507".to_owned());
            }
            if let Operation::Print { part, .. } = &step.operation
                && !part.is_one()
            {
                return bad(format!("{part:?} is no part of a file"));
            }
            if let Operation::PutTree { nodes, .. } = &step.operation
                && let Some((at, _)) =
                    nodes.iter().find(|(at, _)| RelPath::new(at).is_err() && !is_reserved(at))
            {
                return bad(format!("{at:?} is no path in a folder"));
            }
            if let Some(path) = step.operation.path()
                && let Err(error) = RelPath::new(path)
            {
                return bad(format!("{path:?} is no path: {error}"));
            }
            if step.give_up_ms.is_some() && step.expect != Expect::Any {
                return bad("what is given up ends in whatever way: it needs `expect: any`".to_owned());
            }
            if step.expect == Expect::Refused && self.server_at_start {
                return bad("nobody is refused while a server is there from the beginning".to_owned());
            }
        }
        if self.clients.iter().any(has_no_job) {
            return bad("raw echoes and datagrams are begun alone, and are not given up".to_owned());
        }
        let lists = |client: &Application, at: usize| {
            let group = &client.steps[client.group_of(at)];
            group.iter().filter(|step| step.operation == Operation::List).count()
        };
        if self.clients.iter().any(|client| (0..client.steps.len()).any(|at| lists(client, at) > 1)) {
            return bad("a client lists one folder at a time".to_owned());
        }
        Ok(())
    }
}

/// True in the folder for partial files, and for that itself: no path of a peer's is.
fn is_reserved(path: &str) -> bool {
    path.as_bytes().strip_prefix(RESERVED).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// True if something is asked of a step that only a job of the client's machine can do.
fn has_no_job(client: &Application) -> bool {
    let asks = |at: usize| client.steps[at].give_up_ms.is_some() || client.group_of(at).len() > 1;
    (0..client.steps.len()).any(|at| asks(at) && !client.steps[at].operation.is_job())
}

impl Fault {
    /// The client that it names.
    fn client(&self) -> Option<u32> {
        let of_host = |host: Host| match host {
            Host::Server => None,
            Host::Client(client) => Some(client),
        };
        let of_whom = Whom::client;
        let when = match self.when {
            When::Byte { client, .. } => Some(client),
            When::Primitive { host, .. } => of_host(host),
            When::At(_) | When::After(_) => None,
        };
        let what = match self.what {
            What::Partition(_, whom) | What::Hold(whom) | What::Reset(whom) => of_whom(whom),
            What::End(_, whom) | What::Mute(_, whom) | What::Damage(_, whom) => of_whom(whom),
            What::BreakWrites(_, whom) => of_whom(whom),
            What::NoteRots(host, _) | What::Meddle(host, _) => of_host(host),
            What::KillClient(client) | What::PowerLossClient(client) | What::StartClient(client) => {
                Some(client)
            }
            What::Pause(host) | What::Resume(host) | What::StopReading(host) | What::StartReading(host) => {
                of_host(host)
            }
            What::ClockJump(host, _) | What::DiskFull(host) | What::DiskFree(host) => of_host(host),
            What::SourceChanges { client, .. } => Some(client),
            What::DiskError { host, .. } | What::SlowDisk(host, _) | What::BitRot(host, _) => of_host(host),
            What::Repair | What::Release | What::KillServer | What::PowerLossServer => None,
            What::StartServer | What::SecondServer | What::DrainServer | What::AbortServer => None,
            What::AcceptFails(_) | What::Forged(_) => None,
        };
        when.max(what)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Plan, Scenario};
    use super::BadPlan;

    #[test]
    fn a_plan_is_its_text() {
        for seed in 0..200 {
            let plan = Plan::from_seed(seed);
            assert_eq!(Plan::parse(&plan.text()), Ok(plan), "seed {seed}, {:?}", Scenario::of(seed));
        }
    }

    #[test]
    fn a_short_text_is_a_plan() {
        let text = r#"(
            story: "a put", // and nothing else
            clients: [(steps: [(do: put(path: "a", content: (length: 5, noise: 1)))])],
            faults: [(when: at(5), what: partition(both, all)), (when: after(9), what: repair)],
        )"#;
        let plan = Plan::parse(text).expect("a plan");
        assert_eq!((plan.clients.len(), plan.faults.len(), plan.server_at_start), (1, 2, true));
        assert_eq!(Plan::parse(&plan.text()), Ok(plan));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let text = "(\n  story: \"x\",\n  clients: [],\n  partitions: 3,\n)";
        let error = Plan::parse(text).expect_err("no field has this name");
        assert!(matches!(error, BadPlan::Text { at: (4, _), .. }), "{error:?}");
        assert!(error.to_string().contains("partitions"), "{error}");
        let error = Plan::parse("(story: \"x\", clients: [])").expect_err("no client");
        assert_eq!(error, BadPlan::Meaning("it has no client".to_owned()));
        let faults = "(story: \"x\", clients: [(steps: [])], faults: [(when: at(1), what: kill-client(1))])";
        assert!(matches!(Plan::parse(faults), Err(BadPlan::Meaning(_) | BadPlan::Text { .. })));
    }
}
