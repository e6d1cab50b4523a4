//! `authorized_keys`: who may come to a server, and what they may do. A line is `KEY NAME RIGHTS [FOLDER]`.

use std::collections::BTreeMap;

use super::key::{PUBLIC, PublicKey};
use super::lines::{Line, ParseError, Problem, Word, lines};
use crate::proto::{Right, Rights};
use crate::wire::{PairName, RelPath};

/// What stands for every right.
const ALL: &str = "all";

/// What the owner of a key is called, and may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// As the server's log has it: letters, digits and `-_.@+`.
    pub name: String,
    /// What it may do, and where.
    pub rights: Rights,
}

/// Who may come to a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizedKeys {
    keys: BTreeMap<PublicKey, (Grant, usize)>,
}

impl AuthorizedKeys {
    /// Parses a file.
    ///
    /// # Errors
    /// See [`Problem`].
    pub fn parse(bytes: &[u8]) -> Result<AuthorizedKeys, ParseError> {
        let mut authorized = AuthorizedKeys::default();
        for mut line in lines(bytes)? {
            let number = line.number;
            let (at, key, grant) = entry(&mut line)?;
            match authorized.keys.get(&key) {
                Some((before, first)) if *before != grant => {
                    return Err(line.error(at, Problem::KeyAgain(*first)));
                }
                Some(_) => {}
                None => drop(authorized.keys.insert(key, (grant, number))),
            }
        }
        Ok(authorized)
    }

    /// What the owner of this very key may do.
    pub fn get(&self, key: &PublicKey) -> Option<&Grant> {
        self.keys.get(key).map(|(grant, _)| grant)
    }

    /// One more key, or another grant for one that is there.
    pub fn allow(&mut self, key: PublicKey, grant: Grant) {
        self.keys.insert(key, (grant, 0));
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True if nobody may come.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The line of a key.
    pub fn line(key: &PublicKey, grant: &Grant) -> String {
        let Grant { name, rights } = grant;
        let named = Right::ALL.into_iter().filter(|right| rights.may(*right)).map(Right::name);
        let mut listed = named.collect::<Vec<_>>().join(",");
        if Right::ALL.into_iter().all(|right| rights.may(right)) {
            ALL.clone_into(&mut listed);
        }
        match rights.folder().is_root() {
            true => format!("{key} {name} {listed}\n"),
            false => {
                format!("{key} {name} {listed} {}\n", String::from_utf8_lossy(rights.folder().as_bytes()))
            }
        }
    }
}

fn entry(line: &mut Line<'_>) -> Result<(usize, PublicKey, Grant), ParseError> {
    let Word { at, text } = line.word().ok_or(()).map_err(|()| line.error_here(Problem::NoKey(PUBLIC)))?;
    let key =
        PublicKey::parse(text.as_bytes()).map_err(|(offset, problem)| line.error(at + offset, problem))?;
    let name = line.word().ok_or(()).map_err(|()| line.error_here(Problem::NoName))?;
    if PairName::new(name.text).is_none() {
        return Err(line.error(name.at, Problem::BadName));
    }
    let listed = line.word().ok_or(()).map_err(|()| line.error_here(Problem::NoRights))?;
    let rights = rights(listed).map_err(|(at, problem)| line.error(at, problem))?;
    let rights = match line.rest() {
        None => rights,
        Some(folder) => {
            let path = RelPath::new(folder.text.as_bytes());
            rights.below(path.map_err(|error| line.error(folder.at, Problem::BadFolder(error.to_string())))?)
        }
    };
    Ok((at, key, Grant { name: name.text.to_owned(), rights }))
}

fn rights(listed: Word<'_>) -> Result<Rights, (usize, Problem)> {
    if listed.text == ALL {
        return Ok(Rights::ALL);
    }
    let (mut rights, mut at) = (Vec::new(), listed.at);
    for name in listed.text.split(',') {
        let right = Right::named(name).ok_or_else(|| (at, Problem::BadRight(name.to_owned())))?;
        if rights.contains(&right) {
            return Err((at, Problem::RightTwice(name.to_owned())));
        }
        rights.push(right);
        at += name.len() + 1;
    }
    Ok(Rights::of(&rights))
}
