use super::*;

fn endpoint(text: &str) -> Result<(String, u16), AddressError> {
    text.parse::<HostPort>().map(|endpoint| (endpoint.host, endpoint.port))
}

#[test]
fn hosts_with_and_without_ports() {
    let cases = [
        ("localhost", "localhost", DEFAULT_PORT),
        ("example.org:7", "example.org", 7),
        ("127.0.0.1:65535", "127.0.0.1", 65535),
        ("[::1]", "::1", DEFAULT_PORT),
        ("[fe80::1%eth0]:9", "fe80::1%eth0", 9),
        ("my_host", "my_host", DEFAULT_PORT),
    ];
    for (text, host, port) in cases {
        assert_eq!(endpoint(text), Ok((host.to_owned(), port)), "{text}");
    }
}

#[test]
fn what_is_shown_parses_to_the_same() {
    for text in ["localhost:1", "[::1]:8695", "192.0.2.7:80", "unix:/run/towline", "unix:here"] {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint.to_string(), text);
    }
    for text in ["[::1]:5/a/b.txt", "unix:/run/towline:/a/b.txt", "unix:here"] {
        assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
    }
}

#[test]
fn what_is_not_a_host_says_what_was_expected() {
    let cases = [
        ("", AddressError::NoHost),
        (":8695", AddressError::NoHost),
        ("http://example.org", AddressError::Url("http".into())),
        ("me@example.org", AddressError::User("me".into())),
        ("example.org:", AddressError::BadPort("".into())),
        ("example.org:notes.txt", AddressError::BadPort("notes.txt".into())),
        ("example.org:-1", AddressError::BadPort("-1".into())),
        ("example.org:+80", AddressError::BadPort("+80".into())),
        ("example.org:0", AddressError::PortZero),
        ("example.org:65536", AddressError::PortRange("65536".into())),
        ("::1", AddressError::NoBrackets("::1".into())),
        ("fe80::1%eth0", AddressError::NoBrackets("fe80::1%eth0".into())),
        ("[::1", AddressError::BadBrackets("[::1".into())),
        ("[::1]8695", AddressError::BadBrackets("[::1]8695".into())),
        ("[localhost]", AddressError::BadBrackets("[localhost]".into())),
        ("exa mple", AddressError::BadHost("exa mple".into())),
        ("a\u{1b}[2J", AddressError::BadHost("a\\u{1b}[2J".into())),
    ];
    for (text, error) in cases {
        assert_eq!(endpoint(text), Err(error.clone()), "{text:?}");
        assert!(error.to_string().contains('"') || error == AddressError::PortZero, "no example: {error}");
    }
}

#[test]
fn a_unix_socket_is_told_from_a_host_and_from_a_path_there() {
    let long = "x".repeat(SOCKET_PATH_MAX + 1);
    let cases = [
        ("unix:".to_owned(), AddressError::NoSocketPath),
        ("unix::/a".to_owned(), AddressError::NoSocketPath),
        (format!("unix:{long}"), AddressError::SocketPathLong(108)),
        ("unix:a\0b".to_owned(), AddressError::SocketPathNul("a\\0b".into())),
        ("unix:8695".to_owned(), AddressError::SocketOrHost("8695".into())),
        ("unix:8695/notes".to_owned(), AddressError::SocketOrHost("8695".into())),
        ("unix:a:b".to_owned(), AddressError::SocketColon("unix:a:b".into())),
        ("unix:a:".to_owned(), AddressError::SocketColon("unix:a:".into())),
        ("unix:a:/../b".to_owned(), AddressError::BadPath(PathError::Dots)),
        ("unix:a://b".to_owned(), AddressError::BadPath(PathError::Absolute)),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Target>(), Err(error.clone()), "{text:?}");
        assert!(error.to_string().len() < 300, "{error}");
    }
    assert!(
        matches!("unix:a:/b".parse::<Endpoint>(), Err(AddressError::SocketColon(_))),
        "a server has no path"
    );
    assert!(matches!("unix:./8695".parse(), Ok(Endpoint::Unix(_))));
    assert!(matches!("unix.:8695".parse(), Ok(Endpoint::Tcp(_))));
    assert_eq!("unix:///run/s".parse(), Ok(Endpoint::Unix("///run/s".into())));
}

#[test]
fn errors_never_carry_a_whole_megabyte() {
    let error = endpoint(&"x".repeat(1_000_000)).unwrap_err();
    assert!(error.to_string().len() < 300, "{error}");
}

#[test]
fn targets_tell_a_file_from_a_folder() {
    let cases: [(&str, &[u8], bool); 9] = [
        ("h", b"", true),
        ("h/", b"", true),
        ("h:1/a", b"a", false),
        ("h:1/a/", b"a", true),
        ("h/a b/c", b"a b/c", false),
        ("unix:s", b"", true),
        ("unix:/run/s:/", b"", true),
        ("unix:../s:/a:/b", b"a:/b", false),
        ("unix:s:/a/", b"a", true),
    ];
    for (text, path, is_folder) in cases {
        let target: Target = text.parse().unwrap();
        assert_eq!((target.path.as_bytes(), target.is_folder), (path, is_folder), "{text}");
    }
}

#[test]
fn paths_that_are_not_allowed_are_refused_before_anything_is_dialled() {
    let cases = [
        ("h/../etc", PathError::Dots),
        ("h//etc", PathError::Absolute),
        ("h/a//b", PathError::EmptyName),
        ("h/.towline/x", PathError::Reserved),
        ("h/a\0b", PathError::Nul),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Target>(), Err(AddressError::BadPath(error)), "{text:?}");
    }
    assert_eq!("http://h/a".parse::<Target>(), Err(AddressError::Url("http".into())));
    assert_eq!(Target::from_bytes(b"h/\xff").unwrap().path.as_bytes(), b"\xff");
    assert!(matches!(Target::from_bytes(b"\xff/a"), Err(AddressError::BadHost(_))));
}
