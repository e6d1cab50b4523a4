//! The errors that users of sockets meet, by name and number, each with its causes.

use std::fmt;
use std::io;

use rustix::io::Errno;

use super::causes::{self, Cause};

/// An error of the system, or of its resolver.
#[derive(Debug)]
pub struct Entry {
    /// Its name, as C has it.
    pub name: &'static str,
    errno: Option<Errno>,
    /// What it means where nothing says more of the situation.
    pub(super) usual: Option<&'static Cause>,
    /// All causes that are known here.
    pub causes: &'static [&'static Cause],
}

macro_rules! entries {
    ($($name:literal $errno:ident $usual:ident: $($cause:ident)*;)*) => {
        /// All of them, by number.
        pub const ENTRIES: &[Entry] = &[
            $(Entry {
                name: $name,
                errno: Some(Errno::$errno),
                usual: usual!($usual),
                causes: &[$(&causes::$cause),*],
            },)*
            // The resolver's answer has a number of its own, which no call of the system has.
            Entry { name: "EAI_NONAME", errno: None, usual: None, causes: &[&causes::NAME_UNKNOWN] },
        ];
    };
}

macro_rules! usual {
    (none) => {
        None
    };
    ($cause:ident) => {
        Some(&causes::$cause)
    };
}

entries! {
    "EPERM" PERM DENIED: DENIED PORT_GUARDED FIREWALL_HERE SOCKET_DENIED;
    "ENOENT" NOENT MISSING: MISSING SOCKET_MISSING SOCKET_FOLDER;
    "EIO" IO DISK_ERROR: DISK_ERROR;
    "EAGAIN" AGAIN none: WOULD_BLOCK SOCKET_FULL;
    "EACCES" ACCESS DENIED: DENIED PORT_GUARDED POLICY FIREWALL_HERE SOCKET_DENIED;
    "ENOTDIR" NOTDIR none: SOCKET_BELOW_FILE;
    "ENFILE" NFILE FILES_OF_MACHINE: FILES_OF_MACHINE;
    "EMFILE" MFILE FILES_OF_PROCESS: FILES_OF_PROCESS;
    "ENOSPC" NOSPC DISK_FULL: DISK_FULL;
    "EROFS" ROFS READ_ONLY: READ_ONLY;
    "EPIPE" PIPE BROKEN_PIPE: BROKEN_PIPE;
    "ENAMETOOLONG" NAMETOOLONG NAME_LONG: NAME_LONG SOCKET_PATH_LONG;
    "EMSGSIZE" MSGSIZE TOO_LONG: TOO_LONG;
    "EPROTOTYPE" PROTOTYPE none: SOCKET_OF_LETTERS;
    "EAFNOSUPPORT" AFNOSUPPORT NO_FAMILY: NO_FAMILY;
    "EADDRINUSE" ADDRINUSE none: HELD HIDDEN HELD_HERE TIME_WAIT CONNECTED UNSEEN UNKNOWN SOCKET_HELD SOCKET_BUSY SOCKET_NAME_TAKEN;
    "EADDRNOTAVAIL" ADDRNOTAVAIL none: NOT_OWN_ADDRESS NO_OWN_PORT;
    "ENETDOWN" NETDOWN none: NO_ROUTE;
    "ENETUNREACH" NETUNREACH none: NO_ROUTE;
    "ECONNABORTED" CONNABORTED ABORTED: ABORTED;
    "ECONNRESET" CONNRESET RESET: RESET;
    "ENOBUFS" NOBUFS NO_BUFFERS: NO_BUFFERS;
    "ENOTCONN" NOTCONN NOT_CONNECTED: NOT_CONNECTED;
    "ETIMEDOUT" TIMEDOUT FELL_SILENT: TIMED_OUT TIMED_OUT_UP TIMED_OUT_GONE FELL_SILENT;
    "ECONNREFUSED" CONNREFUSED none: REFUSED SOCKET_STALE SOCKET_IS_FILE;
    "EHOSTUNREACH" HOSTUNREACH none: HOST_SILENT UNREACHABLE;
    "EINPROGRESS" INPROGRESS none: NOT_YET;
    "EDQUOT" DQUOT QUOTA: QUOTA;
}

/// Why a word names no entry.
#[derive(Debug)]
pub struct Unknown {
    /// Those whose names are most like it, the likest first.
    pub nearest: Vec<&'static Entry>,
    /// The system's words, where it is a number of its own.
    pub said: Option<String>,
}

/// The entry of a number or a name; upper or lower case.
///
/// # Errors
/// What it could have meant.
pub fn find(word: &str) -> Result<&'static Entry, Unknown> {
    if let Ok(number) = word.parse::<i32>() {
        let entry = ENTRIES.iter().find(|entry| entry.number() == Some(number));
        let said = (number > 0).then(|| io::Error::from_raw_os_error(number).to_string());
        return entry.ok_or(Unknown { nearest: Vec::new(), said });
    }
    let word = word.to_ascii_uppercase();
    // Where both names have one number.
    let word = if word == "EWOULDBLOCK" { "EAGAIN" } else { &word };
    let mut nearest: Vec<(usize, &Entry)> =
        ENTRIES.iter().map(|entry| (distance(entry.name, word), entry)).collect();
    nearest.sort_by_key(|(distance, _)| *distance);
    match nearest.first() {
        Some((0, entry)) => Ok(entry),
        Some(_) | None => {
            let least = nearest.first().map_or(0, |(distance, _)| *distance);
            // Of what has little in common with any name none was meant.
            let most = (least + 1).min(word.len().min(LONGEST) / 2);
            let alike = nearest.into_iter().take_while(|(distance, _)| *distance <= most).take(3);
            Err(Unknown { nearest: alike.map(|(_, entry)| entry).collect(), said: None })
        }
    }
}

/// What is known of an error where nothing says more of the situation.
pub(super) fn usual(errno: Errno) -> Option<&'static Cause> {
    ENTRIES.iter().find(|entry| entry.errno == Some(errno)).and_then(|entry| entry.usual)
}

/// The letters of the longest name, about.
const LONGEST: usize = 12;

/// How many letters have to be added, taken away or replaced (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    // Nobody means one of a dozen letters by hundreds.
    let other: Vec<u8> = other.bytes().take(40).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, with) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *with);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

impl Entry {
    /// Its number here, if it is the system's.
    pub fn number(&self) -> Option<i32> {
        self.errno.map(Errno::raw_os_error)
    }

    /// What the system calls it, in words.
    pub fn said(&self) -> String {
        let Some(number) = self.number() else { return "the name does not resolve".to_owned() };
        let said = io::Error::from_raw_os_error(number).to_string();
        said.split(" (os error").next().unwrap_or_default().to_owned()
    }

    /// All that is known of it, with `facts` of this machine in it; what depends on the situation has its name in capitals.
    pub fn text(&self, facts: &[(&str, &str)]) -> String {
        let mut text = format!("{self}: {}", self.said());
        for cause in self.causes {
            let (why, next) = cause.told(facts);
            let when = Cause { when: "", why: cause.when, next: "" }.told(facts).0;
            text.push_str(&format!("\n\nwhen {when}\n  why   {why}\n  next  {next}"));
        }
        text
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(number) => write!(f, "{} ({number})", self.name),
            None => f.write_str(self.name),
        }
    }
}

#[cfg(test)]
#[path = "table_test.rs"]
mod tests;
