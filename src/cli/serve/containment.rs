//! What a server can do to this machine beyond what it serves.

use std::path::PathBuf;

use super::super::explain::CliError;
use super::super::output;
use super::user;
use crate::contain::{self, Access, Held};
use crate::net::Place;

#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Containment {
    /// Become this user, with its groups, once the sockets are bound and before anything is read from anybody
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

impl Containment {
    /// Whether the user is there.
    pub(super) fn check(&self) -> Result<(), CliError> {
        self.user.as_deref().map(user::find).transpose().map(|_| ())
    }

    /// True where it stays who it is.
    pub(super) fn is_nobody_else(&self) -> bool {
        self.user.is_none()
    }
}

/// What the kernel holds the process to.
pub(super) struct Contained(Held);

impl Containment {
    /// Becomes who it is to be, and restricts the process to `folder`, to its `own` files, and to where its sockets were made: after they
    /// are bound, and before any thread is started.
    pub(super) fn apply(
        &self,
        folder: Option<(PathBuf, Access)>,
        own: impl IntoIterator<Item = (PathBuf, Access)>,
        sockets: &[Place],
    ) -> Result<Contained, CliError> {
        let somebody = self.user.as_deref().map(user::find).transpose()?;
        user::warn_of_root(somebody.as_ref());
        if let Some(somebody) = &somebody {
            somebody.become_them()?;
        }
        let sockets = sockets.iter().filter_map(|place| match place {
            Place::Unix(path) | Place::Unixgram(path) => Some((contain::folder_of(path), Access::Sockets)),
            Place::Tcp(_) | Place::Udp(_) => None,
        });
        let allowed: Vec<_> = folder.into_iter().chain(own).chain(sockets).collect();
        let held = contain::contain(&allowed)
            .map_err(|error| CliError::system("cannot restrict this process (Landlock)", &error))?;
        Ok(Contained(held))
    }
}

impl Contained {
    /// Says so.
    pub(super) fn announce(&self) -> Result<(), CliError> {
        output::print(match self.0 {
            Held::Fully => {
                "contained by the kernel: it reaches what is served and its own files, and connects to nobody"
            }
            Held::Partly => {
                "contained by the kernel in part (an older Landlock): it reaches what is served and its own files"
            }
            Held::NotAtAll => "not contained: this kernel has no Landlock, or it is switched off",
        })
    }
}
