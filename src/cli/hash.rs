//! `towline hash`: what `b3sum` prints, by the code that hashes what is moved.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::bar::Bar;
use super::explain::CliError;
use super::json::Object;
use super::output::{self, shown};
use super::progress::Progress;
use crate::drive::Pool;
use crate::net::diagnose::Diagnosis;
use crate::proto::storage::Extent;
use crate::proto::tree;
use crate::store::blocks;
use crate::wire::Cv;
use crate::wire::limits::EXTENT;

/// Print the BLAKE3 hash of files, as b3sum does
#[derive(Debug, clap::Args)]
#[command(after_help = super::examples::HASH)]
pub(super) struct Args {
    /// The files; '-' is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    files: Vec<PathBuf>,

    /// Print one JSON object a line, and nothing else, to standard output
    #[arg(long)]
    pub(super) json: bool,

    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

/// Bytes that a thread hashes before it takes the next piece of a file: a subtree of the hash, so a power of two of
/// extents.
const RUN: u64 = 16 * EXTENT;

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let progress = Progress::reading(Instant::now(), length(&args.files));
    let hasher = Hasher { bar: Some(Bar::new(progress, args.quiet)), ..Hasher::new() };
    let mut first = None;
    for file in &args.files {
        let hashed = hasher.hash(file);
        // What one file comes to stands above the progress of the others.
        let tell = || match hashed {
            Ok(root) if args.json => {
                let object = Object::new("file").with_path("path", file.as_os_str().as_encoded_bytes());
                object.with("outcome", "hashed").with_root(root).print().map(|()| None)
            }
            Ok(root) => output::print_exact(&line(root, file)).map(|()| None),
            Err(error) => Ok(error.tell(args.json)),
        };
        let exit = hasher.aside(tell)?;
        first = first.or(exit);
    }
    first.map_or(Ok(()), |exit| Err(CliError::Complained(exit)))
}

/// How much is in all of them; `None` if one of them does not say, as standard input.
fn length(files: &[PathBuf]) -> Option<u64> {
    let of = |file: &PathBuf| {
        std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file).map(|found| found.len())
    };
    files.iter().map(of).sum()
}

/// A line as b3sum prints it: a name that would break it is escaped, and a stroke at its beginning says so.
pub(super) fn line(root: Cv, file: &Path) -> String {
    let name = file.to_string_lossy();
    let escaped = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    let mark = if escaped == name { "" } else { "\\" };
    format!("{mark}{root}  {escaped}")
}

/// Hashes files, long ones on all cores.
pub(super) struct Hasher {
    pool: Pool,
    threads: u64,
    bar: Option<Bar>,
}

impl Hasher {
    pub(super) fn new() -> Hasher {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(16);
        Hasher { pool: Pool::new(EXTENT as usize, threads), threads: threads as u64, bar: None }
    }

    fn advance(&self, bytes: usize) {
        if let Some(bar) = &self.bar {
            let now = Instant::now();
            bar.progress().advance(now, bytes as u64, false);
            bar.show(now);
        }
    }

    fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.aside(write),
            None => write(),
        }
    }

    /// The root of a file, or of standard input.
    pub(super) fn hash(&self, file: &Path) -> Result<Cv, CliError> {
        let tried = || format!("cannot hash {}", shown(file));
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::IsADirectory => folder(tried()),
            io::ErrorKind::UnexpectedEof => changed(tried()),
            _ => CliError::system(tried(), &error),
        };
        if file.as_os_str() == "-" {
            return self.stream(io::stdin().lock()).map_err(failed);
        }
        let opened = File::open(file).map_err(failed)?;
        let metadata = opened.metadata().map_err(failed)?;
        if metadata.is_file() && metadata.len() > RUN && self.threads > 1 {
            return self.regular(&opened, metadata.len()).map_err(failed);
        }
        self.stream(opened).map_err(failed)
    }

    /// To its end, whatever it is.
    fn stream(&self, mut from: impl Read) -> io::Result<Cv> {
        let (mut hasher, mut buffer) = (blake3::Hasher::new(), self.pool.take());
        loop {
            match from.read(buffer.space()) {
                Ok(0) => return Ok(Cv(hasher.finalize().into())),
                Ok(count) => {
                    hasher.update(&buffer.space()[..count]);
                    self.advance(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The first `length` bytes, which is more than a run: each thread takes the next run as it has done its last.
    fn regular(&self, file: &File, length: u64) -> io::Result<Cv> {
        let (next, runs) = (AtomicU64::new(0), length.div_ceil(RUN));
        let work = || {
            let mut done = Vec::new();
            loop {
                let run = next.fetch_add(1, Ordering::Relaxed);
                if run >= runs {
                    return Ok(done);
                }
                done.push((run, self.run(file, run * RUN, length)?));
            }
        };
        let mut cvs: Vec<(u64, Cv)> = Vec::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads.min(runs)).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| {
                let done: io::Result<Vec<(u64, Cv)>> = thread.join().expect("hashing does not panic");
                cvs.extend(done?);
                Ok::<(), io::Error>(())
            })
        })?;
        cvs.sort_unstable_by_key(|(run, _)| *run);
        Ok(tree::merge_root(&cvs.into_iter().map(|(_, cv)| cv).collect::<Vec<_>>()))
    }

    /// The chaining value of a run, read an extent at a time.
    fn run(&self, file: &File, start: u64, length: u64) -> io::Result<Cv> {
        let (mut units, end) = (Vec::new(), (start + RUN).min(length));
        for offset in (start..end).step_by(EXTENT as usize) {
            let mut buffer = self.pool.take();
            let count = EXTENT.min(end - offset) as usize;
            file.read_exact_at(&mut buffer.space()[..count], offset)?;
            let shape = Extent { offset, length: count as u32, unit: EXTENT as u32, whole: false };
            units.extend(blocks::cvs(shape, &[buffer.freeze(count)]));
            self.advance(count);
        }
        Ok(tree::merge_block(&units))
    }
}

fn folder(tried: String) -> CliError {
    let (said, why) = ("it is a folder".to_owned(), "the hash is that of one file's bytes".to_owned());
    let next = "name the files in it: `find FOLDER -type f -exec towline hash {} +`".to_owned();
    CliError::Told(super::Exit::Refused, Box::new(Diagnosis { tried, said, why, next, code: None }))
}

fn changed(tried: String) -> CliError {
    let said = "it became shorter while it was read".to_owned();
    let (why, next) = ("somebody writes to the file".to_owned(), "try again when nobody does".to_owned());
    CliError::Told(super::Exit::Busy, Box::new(Diagnosis { tried, said, why, next, code: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_b3sum() {
        let root = Cv([0xab; 32]);
        let hex = "ab".repeat(32);
        assert_eq!(line(root, Path::new("a b")), format!("{hex}  a b"));
        assert_eq!(line(root, Path::new("a\\b\nc\rd")), format!("\\{hex}  a\\\\b\\nc\\rd"));
    }

    #[test]
    fn a_file_of_any_length_has_the_hash_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let data: Vec<u8> = (0..2 * RUN as usize + 70_000).map(|i| (i / 251 + i % 251) as u8).collect();
        let path = folder.path().join("file");
        let hashers = [1, 3].map(|threads| Hasher { threads, ..Hasher::new() });
        for length in [0, 1, EXTENT as usize, RUN as usize, RUN as usize + 1, 2 * RUN as usize, data.len()] {
            std::fs::write(&path, &data[..length]).unwrap();
            for hasher in &hashers {
                let root = hasher.hash(&path).unwrap();
                assert_eq!(root.0, *blake3::hash(&data[..length]).as_bytes(), "{length} bytes");
            }
        }
    }

    #[test]
    fn a_file_that_shrinks_under_the_threads_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![0; RUN as usize + 5]).unwrap();
        let error = Hasher::new().regular(&File::open(&path).unwrap(), RUN + 6).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
