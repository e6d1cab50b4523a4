//! `towline ls`: a folder's names, or one file.

use super::addresses;
use super::args::Common;
use super::explain::{CliError, code_of};
use super::output::{self, Utc, escaped};
use super::{json, visit};
use crate::net::Target;
use crate::wire::{Code, Entry, FileKind, Metadata};

/// List a folder at a server
#[derive(Debug, clap::Args)]
#[command(after_help = super::examples::LS)]
pub(super) struct Args {
    /// The folder, or a file to show; unix:SOCKET[:/PATH] goes over a Unix socket
    #[arg(value_name = "HOST[:PORT][/PATH]", value_parser = addresses::target())]
    at: Target,

    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let tried = format!("cannot list {}", args.at);
    let path = &args.at.path;
    visit::with(&args.common, &args.at.endpoint, async |visit| {
        let listed = match (visit.client.list(path.clone()).await, path.name()) {
            // Not a folder, or a link that leads out: shown for what it is.
            (Err(error), Some(name))
                if !args.at.is_folder
                    && matches!(code_of(&error), Some(Code::NOT_A_FOLDER | Code::OUTSIDE)) =>
            {
                let found = visit.client.stat(path.clone()).await;
                found.map(|metadata| vec![Entry { name: name.to_vec(), metadata }])
            }
            (listed, _) => listed,
        };
        let mut entries = listed.map_err(visit.explain(tried))?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let width = entries.iter().map(|entry| size(&entry.metadata).len()).max().unwrap_or(0);
        visit.screen.detail(&format!("{} names", entries.len()));
        entries.iter().try_for_each(|entry| match args.common.json {
            true => json::entry(entry).print(),
            false => output::print(&line(entry, width)),
        })
    })
}

fn line(entry: &Entry, width: usize) -> String {
    let Entry { name, metadata } = entry;
    let kind = match metadata.kind {
        FileKind::File => "file",
        FileKind::Folder => "folder",
        FileKind::Link => "link",
        FileKind::Other => "other",
    };
    let mark = if metadata.kind == FileKind::Folder { "/" } else { "" };
    let (size, modified) = (size(metadata), Utc(metadata.modified));
    format!("{kind:<6}  {size:>width$}  {modified}  {}{mark}", escaped(name))
}

/// Bytes of a file; nothing else has a size that means something.
fn size(metadata: &Metadata) -> String {
    match metadata.kind {
        FileKind::File => metadata.length.to_string(),
        FileKind::Folder | FileKind::Link | FileKind::Other => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Modified;

    #[test]
    fn one_name_a_line_with_kind_size_and_time() {
        let entry = |name: &[u8], kind, length| {
            let modified = Modified { seconds: 0, nanoseconds: 0 };
            Entry { name: name.to_vec(), metadata: Metadata { kind, length, mode: 0o644, modified } }
        };
        assert_eq!(line(&entry(b"a", FileKind::File, 12), 4), "file      12  1970-01-01T00:00:00Z  a");
        assert_eq!(line(&entry(b"b", FileKind::Folder, 0), 4), "folder     -  1970-01-01T00:00:00Z  b/");
        let forged = line(&entry(b"x\nfile 1 y\x1b[2J\xff", FileKind::Link, 0), 1);
        assert_eq!(forged, "link    -  1970-01-01T00:00:00Z  x\\nfile 1 y\\u{1b}[2J\\xff");
    }
}
