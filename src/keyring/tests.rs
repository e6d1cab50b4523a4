use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;

fn keyring(folder: &Path) -> Keyring {
    Keyring {
        identity: folder.join(IDENTITY),
        authorized: folder.join(AUTHORIZED),
        known: folder.join(KNOWN),
    }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_key_is_made_once_and_is_nobody_elses() {
    let home = tempfile::tempdir().expect("a folder");
    let keyring = keyring(&home.path().join("config/towline"));
    assert!(keyring.identity().expect("there is none").is_none());
    let (made, is_new) = keyring.identity_or_new().expect("it is made");
    let status = std::fs::metadata(&keyring.identity).expect("it is there");
    let folder = std::fs::metadata(home.path().join("config/towline")).expect("it is there");
    assert_eq!((is_new, status.mode() & 0o777, folder.mode() & 0o777), (true, 0o600, 0o700));
    let (again, is_new) = keyring.identity_or_new().expect("it is there");
    assert_eq!((again.public(), is_new), (made.public(), false));
    let names = std::fs::read_dir(home.path().join("config/towline")).expect("a folder").count();
    assert_eq!(names, 1, "nothing is left beside it");
}

#[test]
fn of_several_that_make_a_key_at_once_all_have_the_same() {
    let home = tempfile::tempdir().expect("a folder");
    let keyring = keyring(home.path());
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| keyring.identity_or_new().expect("a key"))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert_eq!(made.iter().filter(|(_, is_new)| *is_new).count(), 1);
    assert!(made.iter().all(|(identity, _)| identity.public() == made[0].0.public()));
}

#[test]
fn a_file_that_others_may_have_touched_is_not_used() {
    let home = tempfile::tempdir().expect("a folder");
    let keyring = keyring(home.path());
    keyring.identity_or_new().expect("a key");
    let said = || keyring.identity().expect_err("it is refused").diagnosis().to_string();
    for bad in [0o640, 0o604, 0o660, 0o666] {
        mode(&keyring.identity, bad);
        assert!(said().contains("others may read it") && said().contains("chmod 600"), "{}", said());
    }
    mode(&keyring.identity, 0o600);
    mode(home.path(), 0o770);
    assert!(said().contains("others may write to its folder (mode 770)"), "{}", said());
    mode(home.path(), 0o700);
    assert!(keyring.identity().is_ok());

    std::fs::write(&keyring.authorized, "").expect("a file");
    mode(&keyring.authorized, 0o664);
    let error = keyring.authorized().expect_err("it is refused").diagnosis().to_string();
    assert!(error.contains("others may write to it (mode 664)") && error.contains("chmod go-w"), "{error}");
    mode(&keyring.authorized, 0o644);
    assert!(keyring.authorized().expect("it is right").is_empty());
}

#[test]
fn no_link_is_followed_to_a_key_and_nothing_else_is_taken_for_one() {
    let home = tempfile::tempdir().expect("a folder");
    let (keyring, elsewhere) = (keyring(home.path()), home.path().join("elsewhere"));
    keyring.identity_or_new().expect("a key");
    std::fs::rename(&keyring.identity, &elsewhere).expect("it is moved");
    symlink(&elsewhere, &keyring.identity).expect("a link");
    let error = keyring.identity().expect_err("it is refused").diagnosis().to_string();
    assert!(error.contains("symbolic link"), "{error}");
    // Nor is one written through: a link that leads nowhere stays one.
    std::fs::remove_file(&keyring.identity).expect("it is removed");
    symlink(home.path().join("nowhere"), &keyring.identity).expect("a link");
    assert!(keyring.identity_or_new().is_err());
    assert!(!home.path().join("nowhere").exists());
    std::fs::remove_file(&keyring.identity).expect("it is removed");
    std::fs::create_dir(&keyring.identity).expect("a folder");
    let error = keyring.identity().expect_err("it is refused").diagnosis().to_string();
    assert!(error.contains("no regular file"), "{error}");
}

#[test]
fn a_pipe_in_the_place_of_a_key_holds_up_nobody() {
    let home = tempfile::tempdir().expect("a folder");
    let keyring = keyring(home.path());
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &keyring.identity, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a pipe");
    let error = keyring.identity().expect_err("it is refused").to_string();
    assert!(error.contains("no regular file"), "{error}");
}

#[test]
fn a_damaged_key_is_told_by_line_and_column() {
    let home = tempfile::tempdir().expect("a folder");
    let keyring = keyring(home.path());
    keyring.identity_or_new().expect("a key");
    let whole = std::fs::read_to_string(&keyring.identity).expect("it is there");
    let said = |text: &str| {
        std::fs::write(&keyring.identity, text).expect("it is written");
        keyring.identity().expect_err("it is refused").to_string()
    };
    // One character of a key that still is one: only the other key shows it.
    let at = whole.find("secret-ed25519:").expect("a secret") + 20;
    let other = if &whole[at..=at] == "A" { "B" } else { "A" };
    let changed = [&whole[..at], other, &whole[at + 1..]].concat();
    assert!(said(&changed).contains("does not belong to the secret one"), "{}", said(&changed));
    let broken = [&whole[..at], "!", &whole[at + 1..]].concat();
    assert!(said(&broken).contains("line 3, column 28: no key has this character"), "{}", said(&broken));
    assert!(
        said(&whole[..at]).contains("line 3, column 23: the key has 5 characters"),
        "{}",
        said(&whole[..at])
    );
    assert!(said("").contains("there is no line \"secret …\""));
}

#[test]
fn hosts_are_remembered_once_and_never_changed() {
    let home = tempfile::tempdir().expect("a folder");
    let keyring = keyring(&home.path().join("towline"));
    let (host, key) = (HostName::new("example.org", 8695), PublicKey([1; 32]));
    assert_eq!(keyring.known(&host).expect("nothing is known"), None);
    keyring.remember(&host, &key).expect("it is new");
    keyring.remember(&host, &key).expect("it is known");
    assert_eq!(keyring.known(&host).expect("it is known"), Some((key, 1)));
    let error = keyring.remember(&host, &PublicKey([2; 32])).expect_err("it is another").to_string();
    assert!(error.contains("line 1 has another key"), "{error}");
    // What stood there stays, also where its last line has no end.
    std::fs::write(&keyring.known, format!("# mine\nother.org {key}")).expect("it is written");
    keyring.remember(&host, &key).expect("it is new");
    let text = std::fs::read_to_string(&keyring.known).expect("it is there");
    assert_eq!(text, format!("# mine\nother.org {key}\nexample.org:8695 {key}\n"));
}

#[test]
fn a_key_is_let_in_once_and_keeps_what_it_may_do() {
    let home = tempfile::tempdir().expect("a folder");
    let keyring = keyring(&home.path().join("towline"));
    let (anna, bob) = (PublicKey([1; 32]), PublicKey([2; 32]));
    let grant = |name: &str, rights: &str| {
        let line = format!("{anna} {name} {rights}");
        AuthorizedKeys::parse(line.as_bytes()).expect("a line").get(&anna).expect("a key").clone()
    };
    assert_eq!(keyring.authorize(&anna, &grant("anna", "read,list")).expect("it is new"), None);
    assert_eq!(keyring.authorize(&bob, &grant("bob", "all")).expect("it is new"), None);
    let before = std::fs::read(&keyring.authorized).expect("it is there");
    let standing = keyring.authorize(&anna, &grant("somebody", "all")).expect("it is there");
    assert_eq!(standing, Some(grant("anna", "read,list")));
    assert_eq!(std::fs::read(&keyring.authorized).expect("it is there"), before);
    // What is wrong in it already is not written behind.
    std::fs::write(&keyring.authorized, "nonsense\n").expect("it is written");
    let error = keyring.authorize(&anna, &grant("anna", "all")).expect_err("it is wrong").to_string();
    assert!(error.contains("line 1"), "{error}");
    assert_eq!(std::fs::read(&keyring.authorized).expect("it is there"), b"nonsense\n");
}
