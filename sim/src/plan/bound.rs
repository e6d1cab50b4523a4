//! How long a plan may take: what is not done by then waits for something that does not come.

use super::{Fault, Numbers, Operation, Plan, Shape, Step, What, When};

impl Plan {
    /// Bytes that the steps move, files and echoes alike.
    pub fn bytes(&self) -> u64 {
        let length = |path: &str| self.contents_at(path).map(|content| content.length).max().unwrap_or(0);
        let of = |step: &Step| match &step.operation {
            Operation::Put { content, .. } => content.length,
            // Of what has no end as much as may be on its way when that is given up.
            Operation::Get { path } if self.is_hollow(path) => {
                self.limits.window + self.network.window as u64
            }
            Operation::Get { path } | Operation::Print { path, .. } => length(path),
            Operation::Pour { content, .. } => content.length,
            Operation::PutTree { .. } => {
                step.operation.puts().iter().map(|(_, content)| content.length).sum()
            }
            Operation::GetTree { path, .. } => self.tree_at(path).map(|(_, content)| content.length).sum(),
            Operation::Echo(content) | Operation::RawEcho(content) => 2 * content.length,
            Operation::DatagramEcho { count, length, .. } => 2 * u64::from(*count) * length,
            Operation::List | Operation::Stat { .. } | Operation::Remove { .. } => 0,
            Operation::Compare { .. } => 0,
        };
        let listed = self.steps().filter(|step| step.operation == Operation::List).count() as u64;
        self.steps().map(of).sum::<u64>() + 300 * u64::from(self.crowd) * listed
    }

    /// Milliseconds in which all that the steps move is moved at the shim's pace, if nothing breaks it off.
    pub(super) fn moving_ms(&self) -> u64 {
        let steps = self.steps().count() as u64;
        let write = if self.shape.write_max == 0 { 65_536 } else { self.shape.write_max as u64 };
        let write = write.min(65_536).min(self.network.window as u64);
        let naps = u64::from(self.shape.nap_permille) * self.shape.nap_ms_max;
        let bytes = 3 * (self.bytes() + 2_000 * steps);
        let writes = bytes / write + 1;
        let carried = self.network.bytes_per_ms.map_or(0, |most| bytes / most.max(1));
        // A window that is full waits for a round trip.
        let trips = 2 * self.network.latency_ms.max * (bytes / self.network.window as u64);
        writes / u64::from(Shape::WRITES_PER_MS) + 2 * writes * naps / 1000 + carried + trips + 100
    }

    /// How long a raw echo may take: its application has no other deadline.
    pub fn echo_limit_ms(&self) -> u64 {
        self.moving_ms() + 4 * self.limits.idle_ms + 4 * self.network.latency_ms.max
    }

    /// The virtual time in which everything that can end has ended: what is moved, as often as something may break it off,
    /// and each deadline that may have to be waited for. Generous by a factor, not by magnitudes.
    pub fn bound_ms(&self) -> u64 {
        let steps = self.steps().count() as u64;
        let begins = self.clients.iter().map(|client| client.begins_ms);
        let begins =
            begins.chain(self.strangers.iter().map(|stranger| stranger.begins_ms)).max().unwrap_or(0);
        let script: u64 = self.faults.iter().map(|fault| fault_ms(fault, steps)).sum();
        let of_step = |step: &Step| match &step.operation {
            Operation::DatagramEcho { count, gap_ms, .. } => u64::from(*count) * gap_ms + 3_000,
            Operation::RawEcho(_) => self.echo_limit_ms(),
            Operation::Put { .. } | Operation::Get { .. } | Operation::List => 0,
            Operation::Compare { .. } | Operation::Print { .. } | Operation::Pour { .. } => 0,
            // Each of its files may have to be waited for.
            Operation::PutTree { contents, nodes, .. } => 200 * (contents.len() + nodes.len()) as u64,
            Operation::GetTree { path, .. } => 200 * self.tree_at(path).count() as u64,
            Operation::Stat { .. } | Operation::Remove { .. } | Operation::Echo(_) => 0,
        };
        let waits: u64 = self.steps().map(of_step).sum();
        let Numbers { idle_ms, handshake_ms, linger_ms, drain_ms, .. } = self.limits;
        let one = 2 * idle_ms + handshake_ms + linger_ms + self.retry.connect_ms + 2 * self.retry.cap_ms;
        let breaks = (self.faults.len() + self.impostors.len() + self.strangers.len()) as u64 + 1;
        let latency = 40 * self.network.latency_ms.max * (steps + 1);
        let disk = 40 * self.disks.latency_us.max * (steps + 1) / 1_000;
        let moving = breaks * (2 * self.moving_ms() + one);
        moving + script + begins + waits + latency + disk + drain_ms + 2 * linger_ms + 5_000
    }
}

/// What a fault may cost by itself.
fn fault_ms(fault: &Fault, steps: u64) -> u64 {
    let when = match fault.when {
        When::At(ms) | When::After(ms) => ms,
        When::Byte { .. } | When::Primitive { .. } => 0,
    };
    let what = match fault.what {
        What::SlowDisk(_, ms) => ms * 40 * (steps + 1),
        What::ClockJump(_, ms) => ms,
        What::AcceptFails(times) => 2_000 * u64::from(times),
        _ => 0,
    };
    when + what
}
