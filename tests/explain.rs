//! The texts of errors, which are the same as they happen and for `towline explain`.
#![cfg(all(feature = "net", target_os = "linux"))]

use towline::net::diagnose::ENTRIES;

#[test]
fn each_error_is_explained() {
    // These are known whatever the machine.
    let facts = [("listen", ""), ("letters", "ltu")];
    let texts: Vec<String> = ENTRIES.iter().map(|entry| entry.text(&facts)).collect();
    insta::assert_snapshot!("explained", texts.join("\n\n\n"));
}
