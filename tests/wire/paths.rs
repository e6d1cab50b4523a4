//! `RelPath`: what is a path, what is not, and how it is shown.

use rand::{Rng, RngExt};
use towline::wire::{
    Body, DecodeError, Entry, Frame, OperationId, Page, PathError, RESERVED, RelPath, generate,
};

use crate::{control, decode, for_seeds};

#[test]
fn what_is_a_path_and_what_is_not() {
    let name = |length: usize| "n".repeat(length);
    let deep = |depth: usize| vec!["d"; depth].join("/");
    let long = |length: usize| {
        let mut path = vec![name(255); 17].join("/");
        path.replace_range(4093..4096, "/nn");
        path[..length].to_owned()
    };
    let right =
        ["", "a", "a/b", "a b", "...", "..a", ".a", "a.", "a/.towline", ".towline2", "-rf", "~", "\\", "C:"];
    for path in right.into_iter().map(String::from).chain([name(255), deep(256), long(4096)]) {
        assert_eq!(RelPath::new(&path).as_ref().map(RelPath::as_bytes), Ok(path.as_bytes()), "{path}");
    }
    let wrong: &[(&str, PathError)] = &[
        ("/", PathError::Absolute),
        ("/a", PathError::Absolute),
        ("//a", PathError::Absolute),
        ("a/", PathError::EmptyName),
        ("a//b", PathError::EmptyName),
        (".", PathError::Dots),
        ("..", PathError::Dots),
        ("a/..", PathError::Dots),
        ("../a", PathError::Dots),
        ("a/./b", PathError::Dots),
        ("a\0", PathError::Nul),
        ("a/\0/b", PathError::Nul),
        (".towline", PathError::Reserved),
        (".towline/a", PathError::Reserved),
        (".TowLine/a", PathError::Reserved),
        (".TOWLINE", PathError::Reserved),
        (&name(256), PathError::NameTooLong),
        (&deep(257), PathError::TooDeep),
        (&long(4097), PathError::TooLong),
        (&("/".to_owned() + &name(5000)), PathError::TooLong),
    ];
    for (path, error) in wrong {
        assert_eq!(RelPath::new(path), Err(*error), "{path:?}");
    }
}

/// What every holder of a `RelPath` relies on.
fn check_promises(path: &RelPath) {
    let bytes = path.as_bytes();
    assert!(bytes.len() <= 4096 && !bytes.contains(&0) && !bytes.starts_with(b"/"));
    assert_eq!(path.is_root(), bytes.is_empty());
    let names: Vec<&[u8]> = path.components().collect();
    assert!(names.len() <= 256);
    for name in &names {
        assert!(
            !name.is_empty() && name.len() <= 255 && *name != b"." && *name != b".." && !name.contains(&b'/')
        );
    }
    assert!(names.first().is_none_or(|name| !name.eq_ignore_ascii_case(RESERVED)));
    assert_eq!(names.join(&b'/'), bytes);
    assert_eq!(path.name(), names.last().copied());
    match path.parent() {
        None => assert!(path.is_root()),
        Some(parent) => {
            assert_eq!(parent.components().collect::<Vec<_>>(), names[..names.len() - 1]);
            assert_eq!(parent.join(names[names.len() - 1]).as_ref(), Ok(path));
        }
    }
    let joined = names.iter().try_fold(RelPath::ROOT, |path, name| path.join(name));
    assert_eq!(joined.as_ref(), Ok(path));
    assert!(!path.to_string().contains(char::is_control));
}

#[test]
fn whatever_is_accepted_keeps_every_promise() {
    let mut accepted = 0;
    for_seeds(5000, |rng| {
        check_promises(&generate::rel_path(rng));
        let alphabet: [&[u8]; 10] =
            [b"/", b".", b"..", b"a", b"\0", b".towline", b"\xff", b"\x1b", b"a/", b"B"];
        let bytes: Vec<u8> =
            (0..rng.random_range(0..6)).flat_map(|_| alphabet[rng.random_range(0..10)]).copied().collect();
        if let Ok(path) = RelPath::new(&bytes) {
            accepted += 1;
            check_promises(&path);
        }
        let mut bytes = vec![0; rng.random_range(0..40)];
        rng.fill_bytes(&mut bytes);
        RelPath::new(&bytes).iter().for_each(check_promises);
    });
    assert!(accepted > 0);
}

#[test]
fn join_takes_one_name_and_no_more() {
    let base = RelPath::new("a").expect("a path");
    for name in [&b""[..], b".", b"..", b"b/c", b"/b", b"b\0", &[b'n'; 256]] {
        assert!(base.join(name).is_err(), "{name:?}");
    }
    assert_eq!(RelPath::ROOT.join(RESERVED), Err(PathError::Reserved));
    assert!(base.join(RESERVED).is_ok(), "reserved at the root only");
    let full = RelPath::new(vec!["d"; 256].join("/")).expect("the deepest path");
    assert_eq!(full.join(b"x"), Err(PathError::TooDeep));
}

#[test]
fn a_path_is_shown_so_that_it_cannot_steer_a_terminal() {
    let table: &[(&[u8], &str)] = &[
        (b"", "/"),
        (b"a/b c", "a/b c"),
        ("ä/☃/🦀".as_bytes(), "ä/☃/🦀"),
        (b"\x1b[2J", "\\u{1b}[2J"),
        (b"a\r\nb\tc\x7f", "a\\r\\nb\\tc\\u{7f}"),
        ("\u{9b}31m\u{85}".as_bytes(), "\\u{9b}31m\\u{85}"),
        (b"\xff\xfea", "\\xff\\xfea"),
        (b"\x9b31m", "\\x9b31m"),
        (b"\xe2\x98", "\\xe2\\x98"),
        ("a\u{202e}txt.exe".as_bytes(), "a\\u{202e}txt.exe"),
        ("\u{2066}a\u{2069}\u{200f}".as_bytes(), "\\u{2066}a\\u{2069}\\u{200f}"),
        ("a\u{2028}b".as_bytes(), "a\\u{2028}b"),
    ];
    for (bytes, shown) in table {
        let path = RelPath::new(bytes).expect("odd, but a path");
        assert_eq!((path.to_string(), format!("{path:?}")), (shown.to_string(), format!("\"{shown}\"")));
    }
    for control in (0x01..0x20).chain(0x7f..0xa0).filter_map(char::from_u32) {
        let path = RelPath::new(format!("a{control}b")).expect("odd, but a path");
        assert!(path.to_string().chars().all(|c| !c.is_control()), "{control:?}");
    }
}

/// The same rules hold for paths and names that come off the wire.
#[test]
fn a_bad_path_in_a_frame_is_refused() {
    let body = |path: &[u8]| [&(path.len() as u16).to_le_bytes()[..], path].concat();
    for path in [&b"/etc/passwd"[..], b"..", b"a/../b", b".towline/x", b"a\0"] {
        for kind in [0x30, 0x33] {
            assert!(matches!(decode(control(kind, 0, 1, &body(path))).1, Some(DecodeError::Value(_))));
        }
    }
    assert_eq!(decode(control(0x33, 0, 1, &body(&[b'x'; 4097]))).1, Some(DecodeError::TooLong(4097, 4096)));
    for_seeds(1, |rng| {
        for name in [&b""[..], b".", b"..", b"a/b", b"a\0b"] {
            let entries = vec![Entry { name: name.to_vec(), metadata: generate::metadata(rng) }];
            let page = Frame::of(OperationId(1), Body::Page(Page { entries, last: true }));
            assert!(matches!(decode(page.to_bytes()).1, Some(DecodeError::Value(_))), "{name:?}");
        }
    });
}

#[test]
fn a_confined_path_stays_below_its_folder_and_is_shown_from_there() {
    for_seeds(2000, |rng| {
        let (folder, path) = (generate::file_path(rng), generate::rel_path(rng));
        let Ok(within) = path.within(&folder) else {
            let length = folder.as_bytes().len() + 1 + path.as_bytes().len();
            let depth = folder.components().count() + path.components().count();
            return assert!(length > 4096 || depth > 256);
        };
        check_promises(&within);
        assert_eq!(within.confinement(), (folder.as_bytes(), path.as_bytes()));
        assert!(within.components().zip(folder.components()).all(|(a, b)| a == b));
        assert_eq!(
            within.components().skip(folder.components().count()).collect::<Vec<_>>(),
            path.components().collect::<Vec<_>>()
        );
        assert_eq!(within.to_string(), path.to_string());
        // Two who mean the same place mean the same path, whoever may name it.
        assert_eq!(within, RelPath::new(within.as_bytes()).expect("a path"));
    });
    let folder = RelPath::new("people/anna").expect("a path");
    let deep = RelPath::new("a/b").expect("a path").within(&folder).expect("short");
    let above: Vec<_> =
        std::iter::successors(Some(deep), RelPath::parent).map(|path| path.to_string()).collect();
    assert_eq!(above, ["a/b", "a", "/", "/", "/"]);
    assert_eq!(RelPath::ROOT.within(&RelPath::ROOT), Ok(RelPath::ROOT));
    let own = RelPath::ROOT.within(&folder).expect("short");
    assert_eq!(own.join(b"x").expect("a name").confinement(), (&b"people/anna"[..], &b"x"[..]));
    assert_eq!(RelPath::new("d/".repeat(255) + "d").expect("deep").within(&folder), Err(PathError::TooDeep));
}
