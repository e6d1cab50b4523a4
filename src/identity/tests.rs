use super::*;
use crate::proto::{Right, Rights, Share};
use crate::wire::RelPath;

const ALICE: &str = "ed25519:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const BOB: &str = "ed25519:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";

fn key(byte: u8) -> PublicKey {
    PublicKey([byte; 32])
}

fn below(folder: &str) -> RelPath {
    RelPath::new(folder).expect("a path")
}

/// What is wrong with each of these, one after another.
fn wrong<T: std::fmt::Debug>(texts: &[&[u8]], parse: impl Fn(&[u8]) -> Result<T, ParseError>) -> String {
    let told = texts.iter().map(|text| {
        let shown = String::from_utf8_lossy(text).escape_debug().to_string();
        format!("{shown}\n    {}\n", parse(text).expect_err(&shown))
    });
    told.collect()
}

#[test]
fn keys_are_written_in_one_way_only() {
    assert_eq!((key(1).to_string(), key(2).to_string()), (ALICE.to_owned(), BOB.to_owned()));
    for byte in [0, 1, 0x3f, 0x80, 0xfb, 0xff] {
        assert_eq!(key(byte).to_string().parse(), Ok(key(byte)));
    }
    // Each of the bits of a key shows in what is written.
    for bit in 0..256 {
        let mut changed = [7; 32];
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(PublicKey(changed).to_string().parse(), Ok(PublicKey(changed)));
        assert_ne!(PublicKey(changed).to_string(), key(7).to_string());
    }
}

#[test]
fn fingerprints_are_short_and_may_be_typed() {
    let fingerprint = key(1).fingerprint();
    assert_eq!(fingerprint.to_string().len(), 24);
    let typed = fingerprint.to_string();
    assert_eq!(typed.parse(), Ok(fingerprint));
    assert_eq!(typed.to_uppercase().replace('-', "").parse(), Ok(fingerprint));
    assert_ne!(fingerprint, key(2).fingerprint());
    for text in ["", "abcd", "abcd-efgh-ijkl-mnop-qrs1", &format!("{typed}a")] {
        assert!(
            text.parse::<Fingerprint>().is_err_and(|error| error.to_string().contains("towline key")),
            "{text}"
        );
    }
}

#[test]
fn a_secret_key_is_shown_by_nothing() {
    let secret = SecretKey([3; 32]);
    assert!(!format!("{secret:?}").contains('3'));
}

#[test]
fn a_file_of_a_key_has_both_and_tells_what_is_wrong() {
    let (secret, public) = (SecretKey([9; 32]), key(9));
    let file = write_key_file(&secret, &public);
    assert_eq!(parse_key_file(file.as_bytes()), Ok((secret, public)));
    let line = file.lines().find(|line| line.starts_with("secret")).expect("a secret line").to_owned();
    let damaged = line.replace("CQkJ", "CQ*J");
    let texts: &[&[u8]] = &[
        b"",
        b"# nothing\n",
        line.as_bytes(),
        b"public ed25519:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n",
        &[file.as_bytes(), line.as_bytes()].concat(),
        &[file.as_bytes(), b"public x"].concat(),
        damaged.as_bytes(),
        &line.as_bytes()[..line.len() - 1],
        b"secret",
        b"public",
        b"secret ed25519:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
        b"-----BEGIN OPENSSH PRIVATE KEY-----",
        b"\x00\x01\x02",
        b"\xff\xfe",
    ];
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("wrong_key_files", wrong(texts, parse_key_file));
    });
}

#[test]
fn who_may_come_is_told_line_by_line() {
    let text = format!(
        "# ours\r\n\n  {ALICE}  alice\tall  \n{BOB} bob@home write,list in/bob's photos\n{ALICE} alice all\n"
    );
    let parsed = AuthorizedKeys::parse(text.as_bytes()).expect("it is right");
    assert_eq!(parsed.len(), 2);
    assert_eq!(parsed.get(&key(1)), Some(&Grant { name: "alice".into(), rights: Rights::ALL }));
    let rights = Rights::of(&[Right::Write, Right::List]).below(below("in/bob's photos"));
    assert_eq!(parsed.get(&key(2)), Some(&Grant { name: "bob@home".into(), rights }));
    assert_eq!(parsed.get(&key(3)), None);
    // What is written says the same.
    for (number, grant) in [1, 2].map(|number| (number, parsed.get(&key(number)).expect("it is there"))) {
        let line = AuthorizedKeys::line(&key(number), grant);
        let again = AuthorizedKeys::parse(line.as_bytes()).expect("it is right");
        assert_eq!(again.get(&key(number)), Some(grant));
    }
}

#[test]
fn each_wrong_line_of_authorized_keys_says_what_to_do() {
    let line = |rest: &str| format!("{ALICE}{rest}").into_bytes();
    let texts: Vec<Vec<u8>> = vec![
        b"alice read".to_vec(),
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ alice".to_vec(),
        b"ed25519: alice read".to_vec(),
        b"ed25519:AQEB alice read".to_vec(),
        ALICE.replace("AQE", "A\u{e9}E").into_bytes(),
        ALICE.replacen("EB", "=B", 1).into_bytes(),
        [&ALICE.as_bytes()[..ALICE.len() - 1], b"F alice read"].concat(),
        b"secret-ed25519:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE alice all".to_vec(),
        line(""),
        line(" "),
        line(" alice"),
        line(" al/ice read"),
        line(&format!(" {} read", "a".repeat(65))),
        line(" alice reed"),
        line(" alice read,,list"),
        line(" alice read, write"),
        line(" alice READ"),
        line(" alice read,list,read"),
        line(" alice all,read"),
        line(" alice read /etc"),
        line(" alice read ../x"),
        line(" alice read .towline/in"),
        line(" alice re\x1bad"),
        [line(" alice read\n"), line(" alice write")].concat(),
        [line(" alice read\n\n"), line(" eve read")].concat(),
        [line(" alice read\n"), line(" alice read in")].concat(),
        b"\xc3\x28".to_vec(),
    ];
    let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("wrong_authorized_keys", wrong(&texts, AuthorizedKeys::parse));
    });
}

#[test]
fn known_hosts_are_known_by_name_and_port() {
    let text = format!(
        "# met\nExample.org {ALICE}\nexample.org:9 {BOB}\n[::1]:8695 {BOB}\n192.0.2.7 {ALICE}\nexample.org:8695 {ALICE}\n"
    );
    let known = KnownHosts::parse(text.as_bytes(), 8695).expect("it is right");
    let get = |host, port| known.get(&HostName::new(host, port));
    assert_eq!(get("EXAMPLE.org", 8695), Some((key(1), 2)));
    assert_eq!(get("example.org", 9), Some((key(2), 3)));
    assert_eq!(get("::1", 8695), Some((key(2), 4)));
    assert_eq!(get("example.org", 10), None);
    for host in [HostName::new("::1", 7), HostName::new("Host", 8695)] {
        let again = KnownHosts::parse(KnownHosts::line(&host, &key(5)).as_bytes(), 1).expect("it is right");
        assert_eq!(again.get(&host), Some((key(5), 1)));
    }
}

#[test]
fn each_wrong_line_of_known_hosts_says_what_to_do() {
    let texts = [
        "example.org".to_owned(),
        format!("{ALICE} example.org"),
        format!("example.org {ALICE} since monday"),
        format!("example.org: {ALICE}"),
        format!("example.org:0 {ALICE}"),
        format!("example.org:99999 {ALICE}"),
        format!("example.org:+1 {ALICE}"),
        format!("::1 {ALICE}"),
        format!("[::1 {ALICE}"),
        format!("[::1]x {ALICE}"),
        format!("a/b {ALICE}"),
        format!("{} {ALICE}", "a".repeat(254)),
        "example.org ssh-ed25519 AAAA".to_owned(),
        format!("example.org {ALICE}\nEXAMPLE.ORG:8695 {BOB}"),
    ];
    let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("wrong_known_hosts", wrong(&texts, |text| KnownHosts::parse(text, 8695)));
    });
}

#[test]
fn files_that_never_end_are_refused() {
    let problem = |bytes: &[u8]| AuthorizedKeys::parse(bytes).expect_err("too much").problem;
    assert_eq!(problem(&vec![b'\n'; FILE_MAX + 1]), Problem::FileLong);
    let long = [b"# ".to_vec(), vec![b'x'; LINE_MAX]].concat();
    assert_eq!(problem(&long), Problem::LineLong);
    let lines: String = (0..=LINES_MAX).map(|_| "x\n").collect();
    assert_eq!(problem(lines.as_bytes()), Problem::TooManyLines);
}

#[test]
fn a_change_of_keys_severs_those_it_is_about_and_nobody_else() {
    let grant = |name: &str, rights| Grant { name: name.into(), rights };
    let mut before = AuthorizedKeys::default();
    for number in 1..=3 {
        before.allow(key(number), grant("some", Rights::ALL));
    }
    let mut registry = Registry::new(before.clone());
    for (connection, number) in [(10, 1), (20, 2), (21, 2), (30, 3), (31, 3)] {
        assert!(registry.enter(connection, key(number)).is_some());
    }
    assert_eq!(registry.enter(40, key(4)), None, "nobody knows it");
    registry.leave(31);
    assert_eq!(registry.replace(before), Vec::new(), "nothing has changed");

    let mut after = AuthorizedKeys::default();
    after.allow(key(1), grant("some", Rights::ALL));
    after.allow(key(2), grant("some", Rights::READ_ONLY));
    let severed = registry.replace(after);
    assert_eq!(severed, [(20, Severed::Changed), (21, Severed::Changed), (30, Severed::Removed)]);
    assert_eq!(registry.enter(50, key(3)), None);
    assert!(registry.enter(51, key(2)).is_some_and(|grant| grant.rights == Rights::READ_ONLY));
    assert_eq!(registry.authorized(), 2);
}

#[test]
fn shares_stand_among_the_rights() {
    let key = key(1);
    let parsed = |listed: &str| {
        let line = format!("{key} somebody {listed} in/photos\n");
        let parsed = AuthorizedKeys::parse(line.as_bytes()).map_err(|error| error.to_string())?;
        let grant = parsed.get(&key).expect("it stands there").clone();
        // What is written is read as the same.
        let again =
            AuthorizedKeys::parse(AuthorizedKeys::line(&key, &grant).as_bytes()).expect("a good line");
        assert_eq!(again.get(&key), Some(&grant));
        let Share { quota, rate } = grant.rights.share();
        Ok::<_, String>((quota, rate, grant.rights.may(Right::Remove)))
    };
    assert_eq!(parsed("read,write,quota=10G"), Ok((Some(10 << 30), None, false)));
    assert_eq!(parsed("all,rate=5M/s,quota=7"), Ok((Some(7), Some(5 << 20), true)));
    assert_eq!(parsed("quota=1K,rate=1K,all"), Ok((Some(1024), Some(1024), true)));
    for (listed, told) in [
        ("all,quota=", "\"\" is no quota"),
        ("all,quota=0", "\"0\" is no quota"),
        ("all,rate=1", "\"1\" is no rate"),
        ("all,rate=5M/m", "\"5M/m\" is no rate"),
        ("all,quota=99999999999999999999", "is no quota"),
        ("all,quota=1,quota=1", "stands here twice"),
        ("quota=1", "the rights are missing"),
        ("all,space=1", "there is no right \"space\""),
    ] {
        let error = parsed(listed).expect_err(listed);
        assert!(error.contains(told) && error.starts_with("line 1, column "), "{listed}: {error}");
    }
}

/// The folder has the quota, so that of two keys for it the lesser one holds; who may not write stores nothing.
#[test]
fn quotas_are_of_folders() {
    let line = |number, listed: &str, folder: &str| format!("{} somebody {listed} {folder}\n", key(number));
    let text = line(1, "all,quota=10K", "in")
        + &line(2, "write,quota=5K", "in")
        + &line(3, "read,quota=1K", "in")
        + &line(4, "all", "other")
        + &line(5, "all,quota=2K", "");
    let quotas = |usual| {
        let quotas = AuthorizedKeys::parse(text.as_bytes()).expect("good lines").quotas(usual);
        quotas.into_iter().map(|(folder, most)| (folder.to_string(), most)).collect::<Vec<_>>()
    };
    let of = |folder: &str, most| (RelPath::new(folder).expect("a path").to_string(), most);
    assert_eq!(quotas(None), [of("", 2048), of("in", 5120)]);
    assert_eq!(quotas(Some(99)), [of("", 2048), of("in", 5120), of("other", 99)]);
}
