//! Where the files of keys are: `$XDG_CONFIG_HOME/towline`, or `~/.config/towline`.

use std::path::PathBuf;

use super::{KeyringError, Wrong};

/// The folder of this user's files of keys (XDG Base Directory Specification, 0.8). A relative `XDG_CONFIG_HOME` counts as none, as
/// the specification wants it.
///
/// # Errors
/// Where neither variable says anything.
pub fn folder() -> Result<PathBuf, KeyringError> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    config
        .map(|config| config.join("towline"))
        .ok_or_else(|| KeyringError::new("~/.config/towline", Wrong::NoHome))
}
