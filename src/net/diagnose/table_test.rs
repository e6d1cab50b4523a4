use super::*;

#[test]
fn names_and_numbers_are_found_in_any_case() {
    assert_eq!(find("EADDRINUSE").unwrap().name, "EADDRINUSE");
    assert_eq!(find("eaddrinuse").unwrap().name, "EADDRINUSE");
    assert_eq!(find("EWOULDBLOCK").unwrap().name, "EAGAIN");
    assert_eq!(find("EAI_NONAME").unwrap().number(), None);
    for entry in ENTRIES.iter().filter(|entry| entry.number().is_some()) {
        let number = entry.number().unwrap();
        assert_eq!(find(&number.to_string()).unwrap().name, entry.name);
    }
}

#[test]
fn what_is_no_name_leads_to_the_nearest() {
    let nearest = |word: &str| -> Vec<&str> {
        find(word).unwrap_err().nearest.iter().map(|entry| entry.name).collect()
    };
    assert_eq!(nearest("EADRINUSE"), ["EADDRINUSE"]);
    assert_eq!(nearest("ADDRINUSE"), ["EADDRINUSE"]);
    assert_eq!(nearest("CONNREFUSE"), ["ECONNREFUSED"]);
    assert!(nearest("ENFIL").contains(&"ENFILE"));
    assert!(nearest(&"x".repeat(1_000_000)).is_empty());
    assert!(nearest("").is_empty() && nearest("foo").is_empty(), "nothing that it could have been");
    let unknown = find("2222").unwrap_err();
    assert!(unknown.nearest.is_empty() && unknown.said.is_some());
    assert!(find("-5").unwrap_err().said.is_none());
}

#[test]
fn every_entry_has_causes_and_every_text_is_whole() {
    let mut numbers: Vec<i32> = ENTRIES.iter().filter_map(Entry::number).collect();
    assert!(numbers.is_sorted(), "by number: {numbers:?}");
    numbers.dedup();
    assert_eq!(numbers.len() + 1, ENTRIES.len(), "each number once, and the resolver's answer");
    for entry in ENTRIES {
        assert!(!entry.causes.is_empty(), "{entry}");
        assert!(entry.usual.is_none_or(|usual| entry.causes.contains(&usual)), "{entry}");
        for cause in entry.causes {
            for text in [cause.when, cause.why, cause.next] {
                assert!(!text.is_empty() && !text.ends_with('.') && !text.contains("  "), "{entry}: {text}");
            }
        }
    }
}

#[test]
fn facts_are_filled_in_once_and_what_is_not_known_is_in_capitals() {
    let cause = Cause { when: "", why: "{host} and {port}, awk '{print $1}', {", next: "{host}" };
    let (why, next) = cause.told(&[("host", "{port}")]);
    assert_eq!((why.as_str(), next.as_str()), ("{port} and PORT, awk '{print $1}', {", "{port}"));
}
