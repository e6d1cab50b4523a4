//! Replays the committed corpora of the fuzzer through the bodies of its targets, so that what it once found stays
//! found in the ordinary test run. `write_seeds` makes the first corpus of `decode` from the test vectors.

use std::fs;
use std::path::PathBuf;

/// What a target does with an input: panics where a law is broken.
type Target = fn(&[u8]);

/// Each target by its name, which is also that of its corpus.
const TARGETS: &[(&str, Target)] = &[("decode", towline::fuzz::decode)];

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

#[test]
fn every_input_of_the_corpora_passes() {
    for (target, body) in TARGETS {
        let mut count = 0;
        for entry in fs::read_dir(corpus(target)).expect("a corpus for each target") {
            let path = entry.expect("an entry of a readable folder").path();
            let input = fs::read(&path).expect("a readable input");
            eprintln!("{}, {} bytes", path.display(), input.len());
            body(&input);
            count += 1;
        }
        assert!(count > 0, "the corpus of {target} is empty");
    }
}

#[test]
#[ignore = "writes fuzz/corpus/decode; see fuzz/README.md"]
fn write_seeds() {
    let folder = corpus("decode");
    fs::create_dir_all(&folder).expect("a folder for seeds");
    let mut all = Vec::new();
    let mut name = "";
    for line in include_str!("vectors.txt").lines() {
        match line.split_once(' ') {
            Some(("name", found)) => name = found,
            Some(("hex", hex)) => {
                let digits = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
                let bytes: Vec<u8> =
                    digits.map(|two| u8::from_str_radix(two, 16).expect("hexadecimal")).collect();
                all.extend_from_slice(&bytes);
                // Frames without a preamble, checksums mended, pieces of 1, 3 and 17 bytes.
                let seed = [&[0xc3, 1, 3, 17], &bytes[..]].concat();
                fs::write(folder.join(name), seed).expect("a written seed");
            }
            _ => {}
        }
    }
    // A conversation of many frames, with its preamble and its own checksums, until the first wrong one.
    let seed = [&[0x02, 5, 0], &towline::wire::PREAMBLE[..], &all].concat();
    fs::write(folder.join("stream-of-all"), seed).expect("a written seed");
}
