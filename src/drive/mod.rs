//! The only async code: runs machines over streams and a store. Takes no decision: what to send, when to give up, whom
//! to admit are effects and events of machines; here they are carried out. May import all but `server`, `client`, `cli`.
//!
//! | file | what |
//! |---|---|
//! | `run` | the loop: one machine, its connections, its store operations, its deadline |
//! | `link` | one connection: what is queued to go out, what is read |
//! | `buffers` | pooled buffers for what is read, from sockets and from files |
//! | `disk` | store operations on threads, or in line where there must be none; publications in groups |
//! | `completions` | one machine's use of a store, and its leases |
//! | `roots` | a root that goes with the job that it is for |
//! | `inbox` | where those arrive |
//! | `awake` | polling in place of sleeping |
//! | `traced` | what machines tell, as spans and events of `tracing` |
//! | `traffic` | how many bytes went over connections |
//! | `streams` | what the application reads or writes in order |
//! | `mail` | sockets of datagrams, under the echo machine |
//! | `probing` | what carries probes, under the prober |
//! | `alarm` | a timer that is exact enough for them |
//! | `serve` | the accept loop, which the listener machine decides for |
//! | `visitor` | the task of one connection that speaks the protocol |
//! | `guard` | TLS, and who may come |
//! | `pairing` | both sides of a pairing |
//! | `server_event` | what is told of that |
//! | `jobs` | the client machine as a handle to ask things of |
//! | `events` | what happens, as a stream |

mod alarm;
mod awake;
mod buffers;
mod completions;
mod disk;
mod events;
mod guard;
mod inbox;
mod jobs;
mod link;
mod links;
mod mail;
pub mod pairing;
mod probing;
mod roots;
mod run;
mod serve;
mod server_event;
mod streams;
mod timer;
mod traced;
mod traffic;
mod visitor;

pub use awake::stay_awake;
pub use buffers::Pool;
pub use completions::Completions;
pub use disk::{Disk, Mode, Submit};
pub use events::{EventSink, Events, Teller, event_sink};
pub use guard::Guard;
pub use inbox::{Completed, Reply};
pub use jobs::{Jobs, Stopped};
pub use link::Link;
pub use mail::{LocalMail, Mail, Tally, UdpMail, serve_mail};
pub use probing::{CallWire, DatagramSocket, DatagramWire, Probed, StreamWire, Wire, WireError, run_probe};
pub use roots::LentRoot;
pub use run::{Dial, NoDial, Run};
pub use serve::{Accept, Door, Serve, StopReceiver, Stopper, stopper};
pub use server_event::{ServerEvent, Watch};
pub use streams::AnyPipe;
pub use traffic::Traffic;

use crate::time::Time;

/// A machine's clock: nanoseconds since it was made, by tokio's clock, which tests can pause and simulations own.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: tokio::time::Instant,
}

impl Clock {
    /// A clock whose epoch is now.
    pub fn start() -> Clock {
        Clock { epoch: tokio::time::Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Time {
        Time::from_nanos(u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The moment of tokio's clock at which `time` comes.
    pub fn instant(&self, time: Time) -> tokio::time::Instant {
        self.epoch + time.since(Time::ZERO)
    }
}
