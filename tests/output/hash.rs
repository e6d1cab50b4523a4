//! `towline hash`.

use super::help::{complaint, printed, towline, towline_with};

#[test]
fn several_files_and_standard_input_are_hashed_as_b3sum_does() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, odd) = (folder.path().join("plain"), folder.path().join("odd\nname"));
    std::fs::write(&plain, "abc").unwrap();
    std::fs::write(&odd, "").unwrap();
    let (plain, odd) = (plain.to_str().unwrap(), odd.to_str().unwrap());
    let output = towline_with(&["hash", plain, "-", odd], b"from a pipe");
    let [abc, pipe, empty] = [&b"abc"[..], b"from a pipe", b""].map(|bytes| blake3::hash(bytes).to_hex());
    let escaped = odd.replace('\n', "\\n");
    assert_eq!(printed(&output), format!("{abc}  {plain}\n{pipe}  -\n\\{empty}  {escaped}\n"));
    assert_eq!(printed(&towline_with(&["hash"], b"from a pipe")), format!("{pipe}  -\n"));
}

#[test]
fn what_cannot_be_hashed_does_not_stop_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "abc").unwrap();
    let missing = folder.path().join("missing");
    let at = folder.path().to_str().unwrap();
    let output = towline(&["hash", missing.to_str().unwrap(), at, file.to_str().unwrap()]);
    let said = complaint(&output, 6);
    assert!(said.contains("missing: No such file or directory"), "{said}");
    assert!(said.contains(&format!("cannot hash {at}: it is a folder")), "{said}");
    let line = format!("{}  {}\n", blake3::hash(b"abc").to_hex(), file.display());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), line);
}
