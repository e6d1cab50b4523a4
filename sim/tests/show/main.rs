//! What `show` shows: text and JSON as snapshots, the page in a real browser, the packets in a real tool. Without those
//! tools installed, their tests say that they are skipped.

mod packets;
mod page;
mod words;

use towline_sim::plan::{Application, Content, Cut, Expect, Fault, Operation, Plan, Step, What, When, Whom};

/// True if the tool is installed; says that the test is skipped if it is not.
fn is_installed(tool: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()));
    if !found {
        println!("skipped: {tool} is not installed");
    }
    found
}

/// A small conversation: a put and an echo.
fn small() -> Plan {
    let mut plan = Plan::empty("a put and an echo", 1);
    let put = Operation::Put { path: "file".to_owned(), content: Content { length: 1_000, noise: 2 } };
    plan.clients[0].steps = vec![step(put), step(Operation::Echo(Content { length: 12, noise: 1 }))];
    plan
}

/// Three clients with `echoes` echoes each, the network apart for a while in between, and the server killed.
fn busy(echoes: usize) -> Plan {
    let mut plan = Plan::empty("three clients, a partition, a crash", 7);
    let mut steps: Vec<Step> =
        (0..echoes).map(|noise| step(Operation::Echo(Content { length: 40, noise: noise as u64 }))).collect();
    steps.push(step(Operation::Get { path: "file".to_owned() }));
    plan.served = vec![("file".to_owned(), Content { length: 200_000, noise: 9 })];
    plan.clients = vec![Application { steps, ..Application::default() }; 3];
    let fault = |when, what| Fault { when, what };
    plan.faults = vec![
        fault(When::At(200), What::Partition(Cut::Both, Whom::Client(1))),
        fault(When::After(150), What::Repair),
        fault(When::After(100), What::KillServer),
        fault(When::After(200), What::StartServer),
    ];
    plan
}

fn step(operation: Operation) -> Step {
    Step::new(operation, Expect::Any)
}
