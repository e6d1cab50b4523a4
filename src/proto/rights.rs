//! What a peer may do at a server. A session is given its peer's [`Rights`] as it is made, and asks them in two places that
//! nothing gets around: [`admit`](Rights::admit) before an operation begins, and [`confine`](Rights::confine) of all that it asks of the store.

use core::fmt;

use super::op::Question;
use super::session::Began;
use super::storage::{Existing, FileOp, NameOp, StoreError, StoreOp};
use crate::wire::{Code, Failure, PathError, RelPath};

/// One thing that a peer may do or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Right {
    /// Receive what files hold, and have it compared.
    Read = 1,
    /// Send files to where nothing stands; what is missing of the folders on the way is made.
    Write = 2,
    /// Receive the names in folders, and what stands there.
    List = 4,
    /// Remove files, links and empty folders.
    Remove = 8,
    /// With [`Right::Write`]: send files and links in place of what stands there, and set modes and times of folders.
    Overwrite = 16,
}

impl Right {
    /// Every right.
    pub const ALL: [Right; 5] = [Right::Read, Right::Write, Right::List, Right::Remove, Right::Overwrite];

    /// Its name in files and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Write => "write",
            Right::List => "list",
            Right::Remove => "remove",
            Right::Overwrite => "overwrite",
        }
    }

    /// The right of this name.
    pub fn named(name: &str) -> Option<Right> {
        Right::ALL.into_iter().find(|right| right.name() == name)
    }

    /// What a server does not do for who lacks it.
    const fn lacking(self) -> &'static str {
        match self {
            Right::Read => "it gives nothing of what files hold",
            Right::Write => "it takes nothing",
            Right::List => "it does not list",
            Right::Remove => "it removes nothing",
            Right::Overwrite => "it changes nothing that stands there",
        }
    }
}

/// A set of rights, and the folder below the served one that they are for: to their owner that is all there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rights {
    /// The sum of [`Right`]s.
    may: u8,
    folder: RelPath,
    share: Share,
}

/// How much of a server is for those who have these rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Share {
    /// Bytes that may be stored in their folder, whoever stores them; `None`: as many as fit.
    pub quota: Option<u64>,
    /// Bytes of data a second, both ways and over all connections of theirs together; `None`: as many as come.
    pub rate: Option<u64>,
}

impl Share {
    /// All of it.
    pub const ALL: Share = Share { quota: None, rate: None };

    /// What is not said here is as in `usual`.
    #[must_use]
    pub fn or(self, usual: Share) -> Share {
        Share { quota: self.quota.or(usual.quota), rate: self.rate.or(usual.rate) }
    }
}

/// What a request needs.
enum Need {
    Nothing,
    All(&'static [Right]),
    Any(&'static [Right]),
}

impl Rights {
    /// None.
    pub const NONE: Rights = Rights::of(&[]);
    /// All of them, of all that is served.
    pub const ALL: Rights = Rights::of(&Right::ALL);
    /// To look and to fetch.
    pub const READ_ONLY: Rights = Rights::of(&[Right::Read, Right::List]);
    /// To bring what is new, and nothing else: not even to see what is there.
    pub const DROP_BOX: Rights = Rights::of(&[Right::Write]);

    /// These, of all that is served.
    pub const fn of(rights: &[Right]) -> Rights {
        let (mut may, mut at) = (0, 0);
        while at < rights.len() {
            may |= rights[at] as u8;
            at += 1;
        }
        Rights { may, folder: RelPath::ROOT, share: Share::ALL }
    }

    /// The same, of what is in `folder` alone, which is below the served one.
    pub fn below(self, folder: RelPath) -> Rights {
        Rights { folder, ..self }
    }

    /// The same, with this share of the server.
    #[must_use]
    pub fn with_share(self, share: Share) -> Rights {
        Rights { share, ..self }
    }

    /// How much of the server is theirs.
    pub const fn share(&self) -> Share {
        self.share
    }

    /// Those of them that `most` has as well; the folder stays, and so does the share, as far as it says something.
    #[must_use]
    pub fn at_most(self, most: &Rights) -> Rights {
        let share = self.share.or(most.share);
        Rights { may: self.may & most.may, share, ..self }
    }

    /// True if this is one of them.
    pub const fn may(&self, right: Right) -> bool {
        self.may & right as u8 != 0
    }

    /// The folder that they are for; the root is the served one.
    pub fn folder(&self) -> &RelPath {
        &self.folder
    }

    /// Bytes held.
    pub(super) fn footprint(&self) -> usize {
        self.folder.as_bytes().len()
    }

    /// Whether what a peer asks for may begin.
    pub(super) fn admit(&self, began: &Began) -> Result<(), Failure> {
        let lacking = match need(began) {
            Need::Nothing => None,
            Need::All(rights) => rights.iter().find(|right| !self.may(**right)).map(|right| right.lacking()),
            Need::Any(rights) if rights.iter().any(|right| self.may(*right)) => None,
            Need::Any(_) => Some("it does not tell what is there"),
        };
        if let Some(lacking) = lacking {
            return Err(Failure::new(Code::NOT_ALLOWED, format!("{self}: {lacking}")));
        }
        self.place(began.path()).map(|_| ()).map_err(|error| Failure::new(Code::BAD_PATH, error.describe()))
    }

    /// What a peer's operation asks of the store, with the paths that its peer means, and no more than it may.
    pub(super) fn confine(&self, op: StoreOp) -> Result<StoreOp, StoreError> {
        if self.is_everything() {
            return Ok(op);
        }
        let confined = match op {
            StoreOp::Name(op) => self.confine_name(op).map(StoreOp::Name),
            StoreOp::File(op) => self.confine_file(op).map(StoreOp::File),
            // What is leased was opened by one of those above; streams are the application's own.
            op @ (StoreOp::Block(_) | StoreOp::Stream(_)) => Ok(op),
        };
        confined.map_err(|error| StoreError::new(Code::BAD_PATH, error.describe()))
    }

    fn is_everything(&self) -> bool {
        self.folder.is_root() && self.may(Right::Overwrite)
    }

    fn place(&self, path: &RelPath) -> Result<RelPath, PathError> {
        path.within(&self.folder)
    }

    fn existing(&self) -> Existing {
        if self.may(Right::Overwrite) { Existing::Replace } else { Existing::Refuse }
    }

    fn confine_name(&self, op: NameOp) -> Result<NameOp, PathError> {
        Ok(match op {
            NameOp::OpenPartial { root, mut offer, existing: _, owner } => {
                offer.path = self.place(&offer.path)?;
                NameOp::OpenPartial { root, offer, existing: self.existing(), owner }
            }
            NameOp::Join { root, mut push } => {
                push.path = self.place(&push.path)?;
                NameOp::Join { root, push }
            }
            NameOp::OpenSource { root, path } => NameOp::OpenSource { root, path: self.place(&path)? },
            NameOp::OpenFolder { root, path } => NameOp::OpenFolder { root, path: self.place(&path)? },
            NameOp::Stat { root, path } => NameOp::Stat { root, path: self.place(&path)? },
            NameOp::Remove { root, path, request } => {
                NameOp::Remove { root, path: self.place(&path)?, request }
            }
            NameOp::MakeFolder { root, mut folder } => {
                folder.path = self.place(&folder.path)?;
                NameOp::MakeFolder { root, folder }
            }
            NameOp::MakeLink { root, mut link } => {
                link.path = self.place(&link.path)?;
                NameOp::MakeLink { root, link }
            }
            NameOp::ReadLink { root, path } => NameOp::ReadLink { root, path: self.place(&path)? },
            NameOp::Resolve { root, path } => NameOp::Resolve { root, path: self.place(&path)? },
            // By a lease, which one of those above gave.
            op @ (NameOp::Publish { .. } | NameOp::Note { .. } | NameOp::Keep { .. }) => op,
            op @ (NameOp::Discard { .. } | NameOp::Gather { .. } | NameOp::Recheck { .. }) => op,
            op @ (NameOp::ReadFolder { .. } | NameOp::Release { .. }) => op,
        })
    }

    fn confine_file(&self, op: FileOp) -> Result<FileOp, PathError> {
        Ok(match op {
            FileOp::Load { root, path } => FileOp::Load { root, path: self.place(&path)? },
            FileOp::Stage { root, mut offer, data, existing: _ } => {
                offer.path = self.place(&offer.path)?;
                FileOp::Stage { root, offer, data, existing: self.existing() }
            }
        })
    }
}

/// Whoever adds a request is asked here what it needs.
fn need(began: &Began) -> Need {
    match began {
        Began::Question(Question::Echo(_)) => Need::Nothing,
        Began::Question(Question::Stat(_) | Question::ReadLink(_) | Question::Resolve(_)) => {
            Need::Any(&[Right::List, Right::Read])
        }
        Began::Question(Question::List(_)) => Need::All(&[Right::List]),
        Began::Question(Question::Remove(_)) => Need::All(&[Right::Remove]),
        // Both may change what stands there.
        Began::Question(Question::MakeFolder(_) | Question::MakeLink(_)) => {
            Need::All(&[Right::Write, Right::Overwrite])
        }
        // What stands there already is the store's to find out.
        Began::Offer(_) | Began::Stream(_) | Began::Push(_) => Need::All(&[Right::Write]),
        Began::Get(_) | Began::Pull(_) | Began::Read(_) | Began::Sum(_) => Need::All(&[Right::Read]),
    }
}

/// For whom they are, as a refusal begins.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.may {
            may if may == Rights::ALL.may => f.write_str("you have all rights at this server"),
            may if may == Rights::NONE.may => f.write_str("you have no rights at this server"),
            may if may == Rights::READ_ONLY.may => f.write_str("this server is read-only for you"),
            may if may == Rights::DROP_BOX.may => f.write_str("this server takes new files only"),
            _ => {
                let names: Vec<_> =
                    Right::ALL.iter().filter(|right| self.may(**right)).map(|right| right.name()).collect();
                write!(f, "your rights at this server are {}", names.join(", "))
            }
        }
    }
}
