//! Trees of folders: what is in one, and how it is moved.

use serde::{Deserialize, Serialize};
use towline::proto::tree_job::{Filter, LinkPolicy, Purpose, TreeOptions};
use towline::wire::RESERVED;

use super::Content;

/// Something in a folder, beside the files that are called by numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// A file.
    File(Content),
    /// A folder in which nothing is but what is named by itself.
    Folder,
    /// A symbolic link that leads there.
    Link(String),
    /// Neither file, folder nor link.
    Device,
}

/// What becomes of symbolic links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Links {
    /// They are made as links.
    #[default]
    Keep,
    /// What they lead to is moved in their place.
    Follow,
    /// They are left out.
    Skip,
}

/// How a tree is moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct How {
    /// What becomes of links.
    pub links: Links,
    /// What the source has not is removed.
    pub delete: bool,
    /// Nothing is changed.
    pub dry_run: bool,
    /// The bytes of files of the same length and time are looked at, too.
    pub checksum: bool,
    /// It is compared, and nothing is changed.
    #[serde(skip_serializing_if = "is_false")]
    pub compare: bool,
    /// Names that begin with this letter are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without: Option<char>,
}

fn is_false(it: &bool) -> bool {
    !it
}

impl How {
    /// True if something may be changed.
    pub fn changes(self) -> bool {
        !self.dry_run && !self.compare
    }

    /// As nobody has to ask for.
    pub(super) fn is_plain(&self) -> bool {
        *self == How::default()
    }

    /// As the tree's machine takes it.
    pub fn options(self) -> TreeOptions {
        let How { links, delete, dry_run, checksum, compare, without } = self;
        let links = match links {
            Links::Keep => LinkPolicy::Keep,
            Links::Follow => LinkPolicy::Follow,
            Links::Skip => LinkPolicy::Skip,
        };
        let filter = without.map_or(Filter::default(), |letter| {
            let is_left_out = move |path: &[u8], _is_folder| {
                let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                name.first() == Some(&(letter as u8))
            };
            Filter::new(vec![format!("{letter}*")], is_left_out)
        });
        let purpose = match (compare, dry_run) {
            (true, _) => Purpose::Compare,
            (false, true) => Purpose::DryRun,
            (false, false) => Purpose::Copy,
        };
        TreeOptions { links, delete, purpose, checksum, filter, ..TreeOptions::default() }
    }

    /// True if what is called so, or a folder that it is in, is left out: by its first letter, or since the name is kept for
    /// partial files.
    pub fn leaves_out(self, path: &str) -> bool {
        let is_left_out = |name: &str| {
            name.as_bytes().eq_ignore_ascii_case(RESERVED)
                || self.without.is_some_and(|letter| name.starts_with(letter))
        };
        path.split('/').any(is_left_out)
    }
}

/// The files that come of a folder, each by its path there: those that links lead to among them, where those are followed.
pub(super) fn files<'a>(
    contents: &'a [Content],
    nodes: &'a [(String, Node)],
    how: How,
) -> Vec<(String, &'a Content)> {
    let numbered = contents.iter().enumerate().map(|(number, content)| (number.to_string(), content));
    let named = nodes.iter().filter_map(|(at, node)| match node {
        Node::File(content) => Some((at.clone(), content)),
        Node::Folder | Node::Link(_) | Node::Device => None,
    });
    let mut files: Vec<(String, &Content)> = numbered.chain(named).collect();
    if how.links == Links::Follow {
        // The file itself, or what is in the folder.
        let behind = |(at, node): &'a (String, Node)| match node {
            Node::Link(target) => {
                let folder = at.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
                let leads_to = format!("{folder}{target}");
                let within = files.iter().filter_map(|(file, content)| {
                    let rest = file.strip_prefix(&leads_to)?;
                    (rest.is_empty() || rest.starts_with('/')).then(|| (format!("{at}{rest}"), *content))
                });
                within.collect()
            }
            Node::File(_) | Node::Folder | Node::Device => Vec::new(),
        };
        let followed: Vec<_> = nodes.iter().flat_map(behind).collect();
        files.extend(followed);
    }
    files.retain(|(at, _)| !how.leaves_out(at));
    files
}
