//! `authorized_keys`: who may come to a server, what they may do, and how much. A line is `KEY NAME RIGHTS [FOLDER]`; among the rights may
//! stand `quota=SIZE` and `rate=SIZE[/s]`.

use std::collections::BTreeMap;

use super::key::{PUBLIC, PublicKey};
use super::lines::{Line, ParseError, Problem, Word, lines};
use super::size::{parse_size, write_size};
use crate::proto::{Right, Rights, Share};
use crate::wire::{PairName, RelPath};

/// What stands for every right.
const ALL: &str = "all";
/// How much may be stored in the folder.
const QUOTA: &str = "quota";
/// How much a second.
const RATE: &str = "rate";
/// The least rate: a block would take minutes.
pub const RATE_MIN: u64 = 1024;

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

    /// The folders of keys that may write, and how much may be stored in each: where keys of one folder have different quotas, the least.
    /// `usual` is for those whose line says nothing.
    pub fn quotas(&self, usual: Option<u64>) -> BTreeMap<RelPath, u64> {
        let mut quotas = BTreeMap::new();
        for (Grant { rights, .. }, _) in
            self.keys.values().filter(|(grant, _)| grant.rights.may(Right::Write))
        {
            if let Some(quota) = rights.share().quota.or(usual) {
                let least = quotas.entry(rights.folder().clone()).or_insert(quota);
                *least = quota.min(*least);
            }
        }
        quotas
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
        let Share { quota, rate } = rights.share();
        quota.iter().for_each(|bytes| listed += &format!(",{QUOTA}={}", write_size(*bytes)));
        rate.iter().for_each(|bytes| listed += &format!(",{RATE}={}/s", write_size(*bytes)));
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
    let (mut rights, mut share, mut is_all, mut at) = (Vec::new(), Share::ALL, false, listed.at);
    for word in listed.text.split(',') {
        let twice = || (at, Problem::RightTwice(word.to_owned()));
        if let Some((name, value)) = word.split_once('=') {
            let (of, size) = sized(name, value).map_err(|problem| (at, problem))?;
            let slot = if of == QUOTA { &mut share.quota } else { &mut share.rate };
            if slot.replace(size).is_some() {
                return Err(twice());
            }
        } else if word == ALL && rights.is_empty() && !is_all {
            is_all = true;
        } else {
            let right = Right::named(word).ok_or_else(|| (at, Problem::BadRight(word.to_owned())))?;
            if is_all {
                return Err((listed.at, Problem::BadRight(ALL.to_owned())));
            }
            if rights.contains(&right) {
                return Err(twice());
            }
            rights.push(right);
        }
        at += word.len() + 1;
    }
    match (is_all, rights.is_empty()) {
        (true, _) => Ok(Rights::ALL.with_share(share)),
        // What is had of nothing is a mistake.
        (false, true) => Err((listed.at, Problem::NoRights)),
        (false, false) => Ok(Rights::of(&rights).with_share(share)),
    }
}

/// A share: what of, and how many bytes.
fn sized(name: &str, value: &str) -> Result<(&'static str, u64), Problem> {
    let (of, number, least) = match name {
        QUOTA => (QUOTA, value, 1),
        RATE => (RATE, value.strip_suffix("/s").unwrap_or(value), RATE_MIN),
        _ => return Err(Problem::BadRight(name.to_owned())),
    };
    let size = parse_size(number).filter(|size| *size >= least);
    size.map(|size| (of, size)).ok_or_else(|| Problem::BadSize(of, value.to_owned()))
}
