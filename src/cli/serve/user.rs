//! Whom a server runs as: not the superuser, where that can be helped.

use std::io;

use nix::unistd::{Gid, Uid, User, geteuid, setgid, setuid};

use super::super::explain::CliError;
use super::super::output;

/// Somebody to become.
#[derive(Clone, Debug)]
pub(super) struct Somebody {
    name: String,
    user: Uid,
    group: Gid,
    groups: Vec<Gid>,
}

/// Looks `name` up, while that can be done.
pub(super) fn find(name: &str) -> Result<Somebody, CliError> {
    let tried = || format!("cannot become the user \"{}\"", output::escaped(name.as_bytes()));
    let found = User::from_name(name).map_err(|error| CliError::system(tried(), &error.into()))?;
    let Some(found) = found else {
        return Err(CliError::usage(
            tried(),
            "there is no user of that name",
            "the name is looked up in this system's list of users",
            "check it (`getent passwd`), or make one (`useradd --system --no-create-home towline`)",
        ));
    };
    let groups = groups_of(name, found.gid);
    Ok(Somebody { name: name.to_owned(), user: found.uid, group: found.gid, groups })
}

#[cfg(not(target_vendor = "apple"))]
fn groups_of(name: &str, group: Gid) -> Vec<Gid> {
    let name = std::ffi::CString::new(name).unwrap_or_default();
    nix::unistd::getgrouplist(&name, group).unwrap_or_else(|_| vec![group])
}

#[cfg(target_vendor = "apple")]
fn groups_of(_name: &str, group: Gid) -> Vec<Gid> {
    vec![group]
}

impl Somebody {
    /// Becomes them, in every thread and for good: groups first, while that is allowed.
    pub(super) fn become_them(&self) -> Result<(), CliError> {
        let failed = |error: nix::errno::Errno| {
            let tried = format!("cannot become the user \"{}\"", output::escaped(self.name.as_bytes()));
            let told = CliError::system(tried, &io::Error::from(error));
            told.with_next("start it as root, or as that user without --user")
        };
        if geteuid() == self.user && !self.user.is_root() {
            return Ok(());
        }
        set_groups(&self.groups)
            .and_then(|()| setgid(self.group))
            .and_then(|()| setuid(self.user))
            .map_err(failed)?;
        // Who could go back has not gone.
        if !self.user.is_root() && setuid(Uid::from_raw(0)).is_ok() {
            return Err(failed(nix::errno::Errno::EPERM));
        }
        Ok(())
    }
}

#[cfg(not(target_vendor = "apple"))]
fn set_groups(groups: &[Gid]) -> nix::Result<()> {
    nix::unistd::setgroups(groups)
}

#[cfg(target_vendor = "apple")]
fn set_groups(_groups: &[Gid]) -> nix::Result<()> {
    Ok(())
}

/// Nothing here needs the superuser's powers, and whatever goes wrong goes wrong with them.
pub(super) fn warn_of_root(becomes: Option<&Somebody>) {
    if geteuid().is_root() && becomes.is_none_or(|somebody| somebody.user.is_root()) {
        output::note("warning: this runs as root, which it does not need: --user NAME gives that up");
    }
}
