//! What the process may reach of the file system and the network, held to by the kernel (Landlock): whatever a peer brings a server to
//! do, it opens nothing but the folder that it serves and its own files, and connects to nobody.

use std::io;
use std::path::{Path, PathBuf};

/// What may be done below a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Files are read, and folders listed.
    Read,
    /// Files, folders and links are made, changed and removed as well.
    Write,
    /// Sockets are made and removed.
    Sockets,
}

/// How much of it the kernel holds the process to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// All.
    Fully,
    /// What this kernel knows: an older one lets files be cut short, or connections be made.
    Partly,
    /// Nothing: this kernel has no Landlock, or it is switched off.
    NotAtAll,
}

/// Restricts this thread, and those that it starts from now on, to what is named, for good; paths that are not there are left out. So it
/// has to be called before any other thread is started. Sockets that are open, or are bound later, go on; no TCP connection is made any more.
///
/// # Errors
/// If the kernel has Landlock and does not take this, as where the process may open no more files.
#[cfg(target_os = "linux")]
pub fn contain(allowed: &[(PathBuf, Access)]) -> io::Result<Held> {
    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetStatus,
    };
    const KNOWN: ABI = ABI::V5;
    let failed = |error: landlock::RulesetError| io::Error::other(error);
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))
        .and_then(|rules| rules.handle_access(AccessNet::ConnectTcp))
        .and_then(Ruleset::create)
        .map_err(failed)?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    for (path, access) in allowed {
        let granted = match access {
            Access::Read => read,
            // Devices can be made by nobody, and nothing is run.
            Access::Write => {
                (read | AccessFs::from_write(KNOWN))
                    & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev)
            }
            Access::Sockets => AccessFs::MakeSock | AccessFs::RemoveFile,
        };
        let granted = if path.is_dir() { granted } else { granted & AccessFs::from_file(KNOWN) };
        match PathFd::new(path) {
            Ok(at) => rules = rules.add_rule(PathBeneath::new(at, granted)).map_err(failed)?,
            // Whoever needs it says so.
            Err(_) => continue,
        }
    }
    let status = rules.restrict_self().map_err(failed)?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Held::Fully,
        RulesetStatus::PartiallyEnforced => Held::Partly,
        RulesetStatus::NotEnforced => Held::NotAtAll,
    })
}

/// There is no such thing here.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn contain(_allowed: &[(PathBuf, Access)]) -> io::Result<Held> {
    Ok(Held::NotAtAll)
}

/// The folder that a socket's file is made in.
pub fn folder_of(socket: &Path) -> PathBuf {
    match socket.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    }
}
