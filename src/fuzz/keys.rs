//! The files of keys: whatever they hold, a parser ends, tells of a place that is there, and reads what it writes.

use crate::identity::{
    AuthorizedKeys, KnownHosts, ParseError, PublicKey, SecretKey, parse_key_file, write_key_file,
};

/// What an error tells of is in the file.
fn check(input: &[u8], error: &ParseError) {
    let lines = input.split(|byte| *byte == b'\n').count();
    assert!(error.line <= lines, "line {} of {lines}", error.line);
    let line = input.split(|byte| *byte == b'\n').nth(error.line.saturating_sub(1)).unwrap_or_default();
    assert!(error.column <= line.len() + 1, "column {} of {}", error.column, line.len());
    assert!(!error.to_string().contains(|c: char| c.is_control()), "{error:?}");
}

/// Any bytes as a server's `authorized_keys`.
pub fn authorized_keys(input: &[u8]) {
    let parsed = match AuthorizedKeys::parse(input) {
        Ok(parsed) => parsed,
        Err(error) => return check(input, &error),
    };
    let mut again = AuthorizedKeys::default();
    let words = input.split(|byte| byte.is_ascii_whitespace());
    let keys = words.filter_map(|word| core::str::from_utf8(word).ok()?.parse::<PublicKey>().ok());
    for key in keys {
        let Some(grant) = parsed.get(&key) else { continue };
        let line = AuthorizedKeys::line(&key, grant);
        let one = AuthorizedKeys::parse(line.as_bytes()).expect("what is written is right");
        assert_eq!(one.get(&key), Some(grant), "{line}");
        again.allow(key, grant.clone());
    }
    assert_eq!(again.len(), parsed.len(), "a key that stands nowhere may come");
}

/// Any bytes as a client's `known_hosts`.
pub fn known_hosts(input: &[u8]) {
    match KnownHosts::parse(input, 8695) {
        Ok(parsed) => assert_eq!(KnownHosts::parse(&[input, b"\n# the end"].concat(), 8695), Ok(parsed)),
        Err(error) => check(input, &error),
    }
}

/// Any bytes as the file of a machine's own key.
pub fn key_file(input: &[u8]) {
    match parse_key_file(input) {
        Ok((secret, public)) => {
            let written = write_key_file(&SecretKey(secret.0), &public);
            assert_eq!(parse_key_file(written.as_bytes()), Ok((secret, public)));
        }
        Err(error) => check(input, &error),
    }
}
