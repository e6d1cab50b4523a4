//! `--json`: every line of standard output is an object that says what docs/JSON.md says.

use std::process::Output;

use serde_json::Value;

use super::help::{Served, bytes, complaint, towline, towline_with};

fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let objects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(objects.iter().all(Value::is_object), "{text}");
    objects
}

/// The objects of a run that went well, by their types.
fn good(output: &Output, types: &[&str]) -> Vec<Value> {
    assert!(output.status.success(), "{output:?}");
    let objects = objects(output);
    let found: Vec<&str> = objects.iter().filter_map(|object| object["type"].as_str()).collect();
    assert_eq!(found, types);
    objects
}

#[test]
fn a_moved_file_is_told_with_what_it_cost() {
    let served = Served::start();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("here");
    let (length, hash) = (3_000_000, blake3::hash(&bytes(3_000_000)).to_hex().to_string());
    std::fs::write(&here, bytes(length)).unwrap();
    let output = towline(&["put", "--json", here.to_str().unwrap(), &served.at("/file")]);
    let put = good(&output, &["file", "summary"]);
    assert_eq!(put[0]["path"], here.to_str().unwrap());
    assert_eq!((&put[0]["outcome"], &put[0]["bytes"]), (&"moved".into(), &length.into()));
    assert_eq!((&put[0]["root"], &put[0]["blocks_refused"]), (&hash.clone().into(), &0.into()));
    let sent = put[0]["bytes_sent"].as_u64().unwrap();
    assert!(sent > length as u64 && sent < length as u64 + 10_000, "{sent}");
    assert!(put[0]["bytes_received"].as_u64().unwrap() > 100);
    assert!(put[0]["seconds"].as_f64().unwrap() > 0.0);
    let waits = &put[0]["waits"];
    let waited = ["reading", "network", "peer", "writing"].map(|stage| waits[stage].as_f64().unwrap());
    assert!(
        waited.iter().sum::<f64>() > 0.0 && waited.iter().sum::<f64>() <= put[0]["seconds"].as_f64().unwrap()
    );
    assert_eq!((&put[1]["files"], &put[1]["bytes"]), (&1.into(), &length.into()));

    // It is there already: next to nothing goes over the wire.
    let again =
        good(&towline(&["put", "--json", here.to_str().unwrap(), &served.at("/file")]), &["file", "summary"]);
    assert_eq!(again[0]["bytes_skipped"], length);
    assert!(again[0]["bytes_sent"].as_u64().unwrap() < 10_000);

    let got = folder.path().join("got");
    let get =
        good(&towline(&["get", "--json", &served.at("/file"), got.to_str().unwrap()]), &["file", "summary"]);
    assert_eq!((&get[0]["root"], &get[0]["path"]), (&hash.into(), &got.to_str().unwrap().into()));
    assert!(get[0]["bytes_received"].as_u64().unwrap() > length as u64);

    let stream = towline_with(&["put", "--json", "-", &served.at("/stream")], b"piped");
    assert_eq!(good(&stream, &["file", "summary"])[0]["path"], "-");
}

/// On loopback one connection does as well, unless more are asked for.
#[test]
fn a_file_over_several_connections_says_how_many() {
    let served = Served::start();
    let folder = tempfile::tempdir().unwrap();
    let length = 20_000_000;
    std::fs::write(served.path("there"), bytes(length)).unwrap();
    let here = folder.path().join("here");
    for (flags, connections) in [(&["-j", "4"][..], 4), (&["-j", "1"], 1), (&[], 1)] {
        let there = served.at("/there");
        let args = [&["get", "--json", "--no-resume", &there, here.to_str().unwrap()], flags].concat();
        let got = good(&towline(&args), &["file", "summary"]);
        assert_eq!(got[0]["connections"], connections, "{flags:?}");
        assert_eq!(got[0]["root"], blake3::hash(&bytes(length)).to_hex().to_string());
        let received = got[0]["bytes_received"].as_u64().unwrap();
        assert!(received > length as u64 && received < length as u64 * 101 / 100, "{received}");
        assert!(std::fs::read(&here).unwrap() == bytes(length));
    }
    for (flags, connections) in [(&["-j", "4"][..], 4), (&["-j", "1"], 1), (&[], 1)] {
        let there = served.at("/up");
        let args = [&["put", "--json", "--no-resume", here.to_str().unwrap(), &there], flags].concat();
        let put = good(&towline(&args), &["file", "summary"]);
        assert_eq!(put[0]["connections"], connections, "{flags:?}");
        assert_eq!(put[0]["root"], blake3::hash(&bytes(length)).to_hex().to_string());
        let sent = put[0]["bytes_sent"].as_u64().unwrap();
        assert!(sent > length as u64 && sent < length as u64 * 101 / 100, "{sent}");
        assert!(std::fs::read(served.path("up")).unwrap() == bytes(length));
    }
}

#[test]
fn names_hashes_comparisons_removals_and_echoes_are_objects() {
    let served = Served::start();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("here");
    std::fs::write(&here, "abc").unwrap();
    std::fs::write(served.path("there"), "abd").unwrap();
    let here = here.to_str().unwrap();

    let names = good(&towline(&["ls", "--json", &served.at("")]), &["entry"]);
    assert_eq!(
        (&names[0]["name"], &names[0]["kind"], &names[0]["bytes"]),
        (&"there".into(), &"file".into(), &3.into())
    );

    let hash = good(&towline(&["hash", "--json", here]), &["file"]);
    assert_eq!(hash[0]["root"], blake3::hash(b"abc").to_hex().to_string());

    let verify = towline(&["verify", "--json", here, &served.at("/there")]);
    assert_eq!(verify.status.code(), Some(14));
    let found = &objects(&verify)[0];
    assert_eq!((&found["outcome"], &found["blocks_differing"]), (&"differs".into(), &1.into()));
    assert_eq!((&found["ranges"][0]["first"], &found["ranges"][0]["last"]), (&0.into(), &2.into()));

    let removed = good(&towline(&["rm", "--json", &served.at("/there")]), &["file"]);
    assert_eq!((&removed[0]["outcome"], &removed[0]["path"]), (&"removed".into(), &"there".into()));

    let echo = good(&towline(&["echo", "--json", "--count", "3", &served.at("")]), &["echo"]);
    assert_eq!((&echo[0]["sent"], &echo[0]["received"]), (&3.into(), &3.into()));
    assert!(echo[0]["seconds_p50"].as_f64().unwrap() > 0.0);
}

#[test]
fn partial_files_and_explanations_are_objects() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        good(&towline(&["partials", "--json", folder.path().to_str().unwrap()]), &[]),
        Vec::<Value>::new()
    );
    let errno = good(&towline(&["explain", "--json", "98"]), &["errno"]);
    assert_eq!(errno[0]["name"], "EADDRINUSE (98)");
    assert!(errno[0]["text"].as_str().unwrap().contains("port PORT is held by"));
    let all = towline(&["explain", "--json"]);
    assert!(objects(&all).len() > 20 && objects(&all).iter().all(|object| object["text"].is_null()));
}

#[test]
fn errors_are_objects_too() {
    let served = Served::start();
    let output = towline(&["get", "--json", &served.at("/nothing")]);
    assert!(complaint(&output, 6).contains("no such file"));
    let error = &objects(&output)[0];
    assert_eq!(
        (&error["type"], &error["code"], &error["exit"]),
        (&"error".into(), &"NOT_FOUND".into(), &6.into())
    );
    assert!(error["tried"].as_str().unwrap().starts_with("cannot get"));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "abc").unwrap();
    let output = towline(&["hash", "--json", "/nowhere/at/all", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(6));
    let types: Vec<Value> = objects(&output).iter().map(|object| object["type"].clone()).collect();
    assert_eq!(types, ["error", "file"]);

    let output = towline(&["get", "--json", &served.at("/nothing"), "-"]);
    assert!(complaint(&output, 2).contains("both want standard output"));
    assert_eq!(objects(&output)[0]["exit"], 2);
}
