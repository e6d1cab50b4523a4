//! `towline verify`: compares a file or a tree here with one at a server, without moving it.

use std::path::PathBuf;
use std::time::Instant;

use super::addresses;
use super::args::Common;
use super::exit::Exit;
use super::explain::CliError;
use super::extent::Extent;
use super::output::{self, Size, rate, shown};
use super::trees::{self, Names};
use super::{hash, json, put, visit};
use crate::client::Compared;
use crate::net::Target;
use crate::proto::tree_job::{Direction, Purpose, TreeOptions};
use crate::wire::RelPath;

/// Compare a file or a tree with one at a server by their hashes, block by block, without moving either
#[derive(Debug, clap::Args)]
#[command(after_help = super::examples::VERIFY)]
pub(super) struct Args {
    /// The file here, or with -r the folder; DIR/. is what is in DIR
    file: PathBuf,

    /// The one there; a PATH that ends in '/' is the folder it is in, under its own name; unix:SOCKET[:/PATH]
    /// goes over a Unix socket
    #[arg(value_name = "HOST[:PORT][/PATH]", value_parser = addresses::target())]
    with: Target,

    #[command(flatten)]
    extent: Extent,

    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let tried = format!("cannot compare {} with {}", shown(&args.file), args.with);
    let path = put::destination(&args.with, &args.file, args.with.is_folder, &tried)?;
    if args.extent.recursive {
        return compare_trees(args, path, tried);
    }
    if args.file.is_dir() {
        let said = format!("{} is a folder", shown(&args.file));
        let why = "a folder is compared only if that is asked for";
        return Err(CliError::usage(tried, &said, why, "add -r to compare all that is in it"));
    }
    visit::with(&args.common, &args.with.endpoint, async |visit| {
        let began = Instant::now();
        let compared = visit.client.compare(&args.file, path.clone()).await;
        let compared = compared.map_err(visit.explain(tried))?;
        if args.common.json {
            let ranges = ranges(&compared);
            let object = json::compared(&args.file, &compared, &ranges);
            object.with_cost(visit.client.traffic(), began.elapsed()).print()?;
            return if compared.is_equal() { Ok(()) } else { Err(CliError::Complained(Exit::Differs)) };
        }
        if compared.is_equal() {
            visit.screen.note(&format!("equal: {}", rate(compared.there, began.elapsed())));
            return output::print_exact(&hash::line(compared.root, &args.file));
        }
        ranges(&compared).iter().try_for_each(|range| output::print(&range.line()))?;
        visit.screen.note(&format!("{} and {} differ: {}", shown(&args.file), args.with, extent(&compared)));
        Err(CliError::Complained(Exit::Differs))
    })
}

fn compare_trees(args: &Args, path: RelPath, tried: String) -> Result<(), CliError> {
    let options = TreeOptions { purpose: Purpose::Compare, ..args.extent.options()? };
    let names = vec![Names::one(shown(&args.file))];
    visit::with(&args.common, &args.with.endpoint, async |visit| {
        let places = [(args.file.clone(), path.clone())];
        let work = visit.client.put_trees(&places, options.clone());
        trees::moving(visit, tried, Direction::Up, Purpose::Compare, names, work).await
    })
}

/// How many blocks differ, and by how much the lengths do.
fn extent(compared: &Compared) -> String {
    let Compared { here, there, block, .. } = *compared;
    let blocks: u64 = compared.differing.iter().map(|range| u64::from(range.count)).sum();
    let of = format!("{blocks} of {} blocks of {}", there.div_ceil(block), Size(block));
    if here == there { of } else { format!("{of}; {here} bytes here, {there} there") }
}

/// Bytes of which blocks differ, or which only one of the two has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) what: &'static str,
}

impl Bytes {
    fn new(first: u64, end: u64, what: &'static str) -> Option<Bytes> {
        (first < end).then(|| Bytes { first, last: end - 1, what })
    }

    fn line(&self) -> String {
        format!("{}-{}  {}", self.first, self.last, self.what)
    }
}

/// What differs, in bytes, first to last. A block counts as a whole: a byte is not looked for.
pub(super) fn ranges(compared: &Compared) -> Vec<Bytes> {
    let Compared { here, there, block, .. } = *compared;
    let both = here.min(there);
    let differing = compared.differing.iter().filter_map(|range| {
        let (first, end) = (u64::from(range.first), u64::from(range.first) + u64::from(range.count));
        Bytes::new(first * block, (end * block).min(both), "differs")
    });
    let mut ranges: Vec<Bytes> = differing.collect();
    ranges.extend(Bytes::new(there, here, "only here"));
    ranges.extend(Bytes::new(here, there, "only there"));
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Cv, Range};

    #[test]
    fn what_differs_is_told_in_bytes() {
        let (root, block) = (Cv([0; 32]), 100);
        let differing = vec![Range { first: 0, count: 1 }, Range { first: 2, count: 2 }];
        let lines = |here, there| {
            let compared = Compared { here, there, root, block, differing: differing.clone() };
            ranges(&compared).iter().map(Bytes::line).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(lines(350, 350), "0-99  differs, 200-349  differs");
        assert_eq!(lines(250, 350), "0-99  differs, 200-249  differs, 250-349  only there");
        assert_eq!(lines(351, 350), "0-99  differs, 200-349  differs, 350-350  only here");
        assert_eq!(lines(0, 350), "0-349  only there");
    }
}
