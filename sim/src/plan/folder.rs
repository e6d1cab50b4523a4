//! Trees of folders: what is in one, and how it is moved.

use serde::{Deserialize, Serialize};
use towline::proto::tree_job::{LinkPolicy, Purpose, TreeOptions};

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
}

impl How {
    /// As nobody has to ask for.
    pub(super) fn is_plain(&self) -> bool {
        *self == How::default()
    }

    /// As the tree's machine takes it.
    pub fn options(self) -> TreeOptions {
        let How { links, delete, dry_run, checksum } = self;
        let links = match links {
            Links::Keep => LinkPolicy::Keep,
            Links::Follow => LinkPolicy::Follow,
            Links::Skip => LinkPolicy::Skip,
        };
        let purpose = if dry_run { Purpose::DryRun } else { Purpose::Copy };
        TreeOptions { links, delete, purpose, checksum, ..TreeOptions::default() }
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
        Node::Folder | Node::Link(_) => None,
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
            Node::File(_) | Node::Folder => Vec::new(),
        };
        let followed: Vec<_> = nodes.iter().flat_map(behind).collect();
        files.extend(followed);
    }
    files
}
