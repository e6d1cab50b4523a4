//! What the documents show is tried: each `console` block of README.md and docs/*.md is typed line by line, and what comes is
//! compared with what stands there. The rules are in `docs/blocks.rs`.

mod blocks;

use std::path::Path;

use self::blocks::{Block, Session, blocks};

fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = docs.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect();
    paths.push(root.join("README.md"));
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        (name, std::fs::read_to_string(path).unwrap())
    };
    paths.iter().map(read).collect()
}

#[test]
fn what_the_documents_show_is_so() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for (name, text) in documents() {
        // The blocks of a document are one session, in a folder of its own.
        let mut session = Session::new();
        for block in blocks(&text).iter().filter(|block| block.is_tried) {
            tried += 1;
            wrong.extend(session.run(block).into_iter().map(|what| format!("{name}:{what}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried >= 4, "only {tried} blocks were tried");
}

/// What cannot be tried says so, and why; the number of those may only shrink.
#[test]
fn what_is_not_tried_is_counted() {
    let documents = documents();
    let all: Vec<Block> = documents.iter().flat_map(|(_, text)| blocks(text)).collect();
    let untried: Vec<&Block> = all.iter().filter(|block| !block.is_tried).collect();
    assert_eq!(untried.len(), UNTRIED, "{untried:#?}");
}

/// Those that build, campaign, fuzz, measure for minutes or need another machine.
const UNTRIED: usize = 4;

#[test]
fn the_check_can_fail() {
    let run = |text: &str| {
        let text = format!("```console\n{text}```\n");
        Session::new().run(&blocks(&text)[0])
    };
    assert_eq!(run("$ towline --version\ntowline [..]\n"), Vec::<String>::new());
    assert_eq!(
        run("$ towline explain 98 --json | cut -c1-9\n{\"name\":\"\n$ echo a; false\na\n[1]\n"),
        Vec::<String>::new()
    );
    for wrong in [
        "$ towline --version\nrowline [..]\n",
        "$ towline --version\n",
        "$ towline --version\ntowline [..]\nand more\n",
        "$ towline frobnicate\n",
        "$ towline hash /nowhere\n…\n[1]\n",
        "$ false\n",
        "$ echo sent 19.1 MiB in 1.2 s\nsent 19.2 MiB in 1.2 s\n",
        "$ echo 3 made in 1.2 s\n2 made in 1.2 s\n",
        "$ echo 1.2 MiB/s\n1.2 ms\n",
        "towline --version\n",
    ] {
        assert!(!run(wrong).is_empty(), "{wrong}");
    }
}
