//! Named streams of random numbers: each is a ChaCha generator of its own, so that a draw more in one moves no other.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// All the streams of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams(u64);

impl Streams {
    /// What clients are asked to do, on which files.
    pub const WORKLOAD: &str = "workload";
    /// What goes wrong, when and where.
    pub const FAULTS: &str = "faults";
    /// How streams are cut and delayed.
    pub const BYTES: &str = "bytes";
    /// What a disk loses at a crash.
    pub const DISK: &str = "disk";
    /// What peers do that do not keep the rules.
    pub const MISCHIEF: &str = "mischief";
    /// What clients do at once, and what they give up.
    pub const HABITS: &str = "habits";
    /// Long files that break off.
    pub const RESUMES: &str = "resumes";
    /// Files over several connections.
    pub const SEVERAL: &str = "several";
    /// Files to a server over several connections.
    pub const PUSHES: &str = "pushes";
    /// What is in the way of a path, and who lies about where a datagram comes from.
    pub const OBSTACLES: &str = "obstacles";
    /// What no client of ours asks for.
    pub const ODDITIES: &str = "oddities";
    /// Who meddles with the folder for partial files, and what else goes wrong beneath a store and a driver.
    pub const MEDDLERS: &str = "meddlers";
    /// What is compared, and what goes in order: parts of files, and streams.
    pub const ORDERED: &str = "ordered";
    /// Trees of folders.
    pub const TREES: &str = "trees";
    /// Trees that are compared with what was made of them.
    pub const COMPARED: &str = "compared";
    /// Latency, limits, retries.
    pub const WORLD: &str = "world";
    /// How many may wait to greet.
    pub const DOORSTEP: &str = "doorstep";

    /// The streams of `seed`.
    pub fn new(seed: u64) -> Streams {
        Streams(seed)
    }

    /// The beginning of the stream `name`.
    pub fn stream(self, name: &str) -> ChaCha8Rng {
        self.part(name, "", 0)
    }

    /// A stream within the stream `name`, for the `number`th of its users, so that their order does not matter.
    pub fn part(self, name: &str, user: &str, number: u64) -> ChaCha8Rng {
        // Hashed at once, which takes a third of the time of many small pieces.
        let mut of = Vec::with_capacity(128);
        of.extend_from_slice(b"towline-sim stream 1");
        of.extend_from_slice(&self.0.to_le_bytes());
        for text in [name, user] {
            of.extend_from_slice(&(text.len() as u64).to_le_bytes());
            of.extend_from_slice(text.as_bytes());
        }
        of.extend_from_slice(&number.to_le_bytes());
        ChaCha8Rng::from_seed(blake3::hash(&of).into())
    }
}

/// A [part](Streams::part) of a stream, begun when it is first drawn from: most of what could draw in a run never does.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    of: (Streams, &'static str, &'static str, u64),
    random: Option<ChaCha8Rng>,
}

impl Part {
    pub(crate) fn new(streams: Streams, name: &'static str, user: &'static str, number: u64) -> Part {
        Part { of: (streams, name, user, number), random: None }
    }

    /// Draws go on here.
    pub(crate) fn random(&mut self) -> &mut ChaCha8Rng {
        let (streams, name, user, number) = self.of;
        self.random.get_or_insert_with(|| streams.part(name, user, number))
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::Streams;

    #[test]
    fn streams_are_apart_and_portable() {
        let draw = |seed, name| Streams::new(seed).stream(name).random::<u64>();
        assert_ne!(draw(1, Streams::WORKLOAD), draw(1, Streams::FAULTS));
        assert_ne!(draw(1, Streams::WORKLOAD), draw(2, Streams::WORKLOAD));
        assert_eq!(draw(1, Streams::BYTES), draw(1, Streams::BYTES));
    }
}
