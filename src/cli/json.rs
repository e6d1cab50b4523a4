//! `--json`: one object a line on standard output, and nothing else there. What the objects say is in `docs/JSON.md`.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::exit::Exit;
use super::explain::CliError;
use super::output;
use super::verify::Bytes;
use crate::client::{Compared, Moved, Traffic};
use crate::net::SocketOptions;
use crate::net::diagnose::Diagnosis;
use crate::proto::tree_job::{Direction, Outcome, Purpose, Summary};
use crate::wire::{Cv, Entry, FileKind};

/// An object of a kind, for `print`.
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn new(kind: &str) -> Object {
        Object(Map::from_iter([("type".to_owned(), kind.into())]))
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Object {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// A path or name of any bytes: where they are not UTF-8, what they are stands beside it.
    pub(super) fn with_path(self, name: &str, bytes: &[u8]) -> Object {
        let object = self.with(name, String::from_utf8_lossy(bytes));
        if std::str::from_utf8(bytes).is_ok() {
            return object;
        }
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        object.with(&format!("{name}_hex"), hex)
    }

    pub(super) fn with_root(self, root: Cv) -> Object {
        self.with("root", root.to_string())
    }

    /// What went over the connection, and how long it took.
    pub(super) fn with_cost(self, traffic: Traffic, time: Duration) -> Object {
        self.with("bytes_sent", traffic.sent)
            .with("bytes_received", traffic.received)
            .with("seconds", time.as_secs_f64())
    }

    /// Prints it as a line.
    pub(super) fn print(self) -> Result<(), CliError> {
        output::print(&self.to_string())
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The map's own words are those of an object.
        write!(f, "{}", Value::Object(self.0.clone()))
    }
}

/// A connection, from where to where, and what holds of its socket, by the names of `--socket`.
pub(super) fn connection(local: Option<String>, peer: Option<String>, options: &SocketOptions) -> Object {
    let options: Map<String, Value> =
        options.asked().into_iter().map(|(name, value)| (name.name().to_owned(), value.into())).collect();
    Object::new("connection").with("local", local).with("peer", peer).with("options", options)
}

/// A file that was moved; `path` is that of this side.
pub(super) fn moved(path: &Path, moved: &Moved, traffic: Traffic, time: Duration) -> Object {
    Object::new("file")
        .with_path("path", path.as_os_str().as_encoded_bytes())
        .with("outcome", "moved")
        .with("bytes", moved.length)
        .with_cost(traffic, time)
        .with("bytes_skipped", moved.skipped)
        .with("blocks_refused", moved.blocks_refused)
        .with_root(moved.root)
}

/// The last line of a command that has moved files.
pub(super) fn summary(files: u64, bytes: u64, traffic: Traffic, time: Duration) -> Object {
    Object::new("summary").with("files", files).with("bytes", bytes).with_cost(traffic, time)
}

/// What became of an entry of a tree, or would.
pub(super) fn told(path: &[u8], outcome: &Outcome, direction: Direction, purpose: Purpose) -> Object {
    let object = |name: &str| Object::new("file").with_path("path", path).with("outcome", name);
    let is_dry = purpose == Purpose::DryRun;
    let object = match outcome {
        Outcome::Moved { length, moved } => {
            let skipped = moved.as_ref().map_or(0, |moved| moved.skipped);
            let data = if is_dry { 0 } else { length.saturating_sub(skipped) };
            let (sent, received) = if direction == Direction::Up { (data, 0) } else { (0, data) };
            let object = object("moved").with("bytes", *length).with("bytes_skipped", skipped);
            let object = object.with("bytes_sent", sent).with("bytes_received", received);
            match moved {
                Some(moved) => object.with("blocks_refused", moved.blocks_refused).with_root(moved.root),
                None => object,
            }
        }
        Outcome::Unchanged(bytes) if purpose == Purpose::Compare => object("equal").with("bytes", *bytes),
        Outcome::Unchanged(bytes) => object("unchanged").with("bytes", *bytes),
        Outcome::Differs => object("differs"),
        Outcome::OnlyAtSource(_) => object("only-here"),
        Outcome::OnlyAtDestination(_) => object("only-there"),
        Outcome::FolderMade => object("folder-made"),
        Outcome::LinkMade => object("link-made"),
        Outcome::Excluded => object("excluded"),
        Outcome::LinkSkipped => object("link-skipped"),
        Outcome::Special => object("special"),
        Outcome::Reserved => object("reserved"),
        Outcome::Removed(_) => object("removed"),
        Outcome::Failed(error) => object("failed").with("why", error.to_string()),
    };
    if is_dry { object.with("dry_run", true) } else { object }
}

/// The last line of a command that has moved trees.
pub(super) fn tree(of: &Summary, traffic: Traffic, time: Duration) -> Object {
    summary(of.files, of.bytes, traffic, time)
        .with("bytes_skipped", of.bytes_skipped)
        .with("blocks_refused", of.blocks_refused)
        .with("unchanged", of.unchanged)
        .with("folders", of.folders)
        .with("links", of.links)
        .with("excluded", of.excluded)
        .with("left_out", of.left_out)
        .with("removed", of.removed)
        .with("failed", of.failed)
}

/// The last line of a command that has compared trees.
pub(super) fn comparison(of: &Summary, traffic: Traffic, time: Duration) -> Object {
    Object::new("summary")
        .with("equal", of.unchanged)
        .with("bytes", of.unchanged_bytes)
        .with_cost(traffic, time)
        .with("differing", of.differing)
        .with("only_here", of.only_at_source)
        .with("only_there", of.only_at_destination)
        .with("excluded", of.excluded)
        .with("left_out", of.left_out)
        .with("failed", of.failed)
}

/// A comparison; `ranges` is what differs.
pub(super) fn compared(path: &Path, compared: &Compared, ranges: &[Bytes]) -> Object {
    let range = |range: &Bytes| json!({ "first": range.first, "last": range.last, "what": range.what });
    let blocks: u64 = compared.differing.iter().map(|range| u64::from(range.count)).sum();
    Object::new("file")
        .with_path("path", path.as_os_str().as_encoded_bytes())
        .with("outcome", if compared.is_equal() { "equal" } else { "differs" })
        .with("bytes", compared.here)
        .with("bytes_there", compared.there)
        .with("block_size", compared.block)
        .with("blocks_differing", blocks)
        .with("ranges", ranges.iter().map(range).collect::<Vec<_>>())
        .with("root_there", compared.root.to_string())
}

/// A name in a folder.
pub(super) fn entry(entry: &Entry) -> Object {
    let Entry { name, metadata } = entry;
    let kind = match metadata.kind {
        FileKind::File => "file",
        FileKind::Folder => "folder",
        FileKind::Link => "link",
        FileKind::Other => "other",
    };
    let modified =
        json!({ "seconds": metadata.modified.seconds, "nanoseconds": metadata.modified.nanoseconds });
    Object::new("entry")
        .with_path("name", name)
        .with("kind", kind)
        .with("bytes", if metadata.kind == FileKind::File { metadata.length.into() } else { Value::Null })
        .with("mode", metadata.mode)
        .with("modified", modified)
}

/// An error, as it is told to a person, with its code where the protocol has one.
pub(super) fn error(exit: Exit, diagnosis: &Diagnosis) -> Object {
    let Diagnosis { tried, said, why, next, code } = diagnosis;
    let name = code.map(|code| code.name().map_or_else(|| format!("{:#06x}", code.0), str::to_owned));
    Object::new("error")
        .with("exit", exit as u8)
        .with("code", name)
        .with("tried", tried.as_str())
        .with("said", said.as_str())
        .with("why", why.as_str())
        .with("next", next.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Code;

    #[test]
    fn objects_are_lines() {
        let line = |object: Object| Value::Object(object.0).to_string();
        let odd = Object::new("x").with_path("path", b"a\n\"\xff");
        assert_eq!(line(odd), "{\"path\":\"a\\n\\\"\u{fffd}\",\"path_hex\":\"610a22ff\",\"type\":\"x\"}");
        let diagnosis = Diagnosis {
            tried: "cannot".into(),
            said: "no".into(),
            why: String::new(),
            next: "go on".into(),
            code: Some(Code(0x2fff)),
        };
        let told = line(error(Exit::Refused, &diagnosis));
        assert!(told.contains("\"code\":\"0x2fff\",\"exit\":7"), "{told}");
    }
}
