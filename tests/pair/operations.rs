//! Every operation, alone and many at once.

use towline::harness::{Pair, PairConfig};
use towline::proto::Limits;
use towline::proto::op::OpDone;
use towline::wire::{Code, FileKind};

use crate::help::*;

#[test]
fn an_echo_comes_back_whatever_its_size() {
    let mut pair = pair();
    for length in [0, 1, 65_535, 65_536] {
        assert_eq!(pair.carry_out(echo(noise(length))), Ok(OpDone::Echoed), "{length} bytes");
    }
    pair.close();
}

#[test]
fn a_path_is_described() {
    let mut pair = pair();
    pair.served.put("folder/file", b"content");
    let Ok(OpDone::Described(file)) = pair.carry_out(stat("folder/file")) else { panic!("no metadata") };
    assert_eq!((file.kind, file.length), (FileKind::File, 7));
    let Ok(OpDone::Described(root)) = pair.carry_out(stat("")) else { panic!("no metadata") };
    assert_eq!(root.kind, FileKind::Folder);
    assert_eq!(code(pair.carry_out(stat("nothing"))), Code::NOT_FOUND);
    pair.close();
}

#[test]
fn folders_are_listed_empty_and_over_many_pages() {
    let mut pair = pair();
    pair.served.put_folder("empty");
    assert_eq!(pair.carry_out(list("empty")), Ok(OpDone::Listed));
    assert_eq!(entries(&pair), []);
    let name = |i: usize| format!("{i:04}-{}", "x".repeat(240));
    (0..1000).for_each(|i| pair.served.put(&format!("large/{}", name(i)), b""));
    assert_eq!(pair.carry_out(list("large")), Ok(OpDone::Listed));
    let names: Vec<String> =
        entries(&pair).iter().map(|entry| entry.name.escape_ascii().to_string()).collect();
    assert_eq!(names, (0..1000).map(name).collect::<Vec<_>>());
    assert!(pair.trace.text().matches("Next").count() >= 3, "it should take several pages");
    pair.close();
}

#[test]
fn the_reserved_folder_is_not_listed() {
    let mut pair = pair();
    pair.local.put("file", b"content");
    pair.carry_out(put("file")).expect("a put");
    pair.carry_out(list("")).expect("a listing");
    let names: Vec<Vec<u8>> = entries(&pair).into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, [b"file".to_vec()]);
    pair.close();
}

#[test]
fn a_page_holds_at_most_64_kib_of_entries() {
    let mut lone = served();
    // 282 bytes each: 233 of them are more than 64 KiB, and less than a frame can hold.
    (0..300).for_each(|i| lone.files.put(&format!("{i:03}{}", "x".repeat(252)), b""));
    lone.hear(1, towline::wire::Body::List(path("")));
    lone.settle();
    let pages = bodies(&mut lone);
    let [towline::wire::Body::Page(page)] = &pages[..] else { panic!("{pages:?}") };
    let bytes: usize = page.entries.iter().map(towline::wire::Entry::encoded_len).sum();
    assert!(bytes <= 65_536, "{bytes} bytes of entries");
    lone.peer_ends(towline::proto::machine::End::Reset);
    lone.run_out();
}

#[test]
fn names_are_removed() {
    let mut pair = pair();
    pair.served.put("file", b"content");
    pair.served.put("folder/file", b"content");
    pair.served.put_folder("empty");
    assert_eq!(pair.carry_out(remove("file", 1)), Ok(OpDone::Removed));
    assert_eq!(pair.carry_out(remove("empty", 2)), Ok(OpDone::Removed));
    assert_eq!(code(pair.carry_out(remove("folder", 3))), Code::NOT_EMPTY);
    assert_eq!(code(pair.carry_out(remove("file", 4))), Code::NOT_FOUND);
    assert_eq!(pair.carry_out(remove("file", 1)), Ok(OpDone::Removed), "the same request as before");
    assert_eq!(pair.served.get("file"), None);
    pair.close();
}

#[test]
fn files_of_all_sizes_go_both_ways() {
    let sizes = [0, 1, 1000, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 5_000_000, 20_000_000];
    for length in sizes {
        let mut pair = pair();
        let content = noise(length);
        pair.local.put("up", &content);
        pair.served.put("down", &content);
        assert_eq!(pair.carry_out(put("up")), Ok(moved(&content, 0)), "put of {length}");
        assert_eq!(pair.carry_out(fetch("down")), Ok(moved(&content, 0)), "get of {length}");
        assert!(pair.served.get("up").as_deref() == Some(&content[..]));
        assert!(pair.local.get("down").as_deref() == Some(&content[..]));
        pair.close();
    }
}

#[test]
fn pieces_of_a_few_bytes_and_a_narrow_transport_change_nothing() {
    for piece in [1, 7, 1000] {
        let room = 300 * 1024;
        let mut pair = Pair::new(PairConfig { piece, room, ..PairConfig::default() });
        let content = noise(200_000);
        pair.local.put("up", &content);
        pair.served.put("down", &content);
        assert_eq!(pair.carry_out(put("up")), Ok(moved(&content, 0)));
        assert_eq!(pair.carry_out(fetch("down")), Ok(moved(&content, 0)));
        pair.close();
    }
}

/// Ids ascend on the wire although an offer waits for its source and an echo does not.
#[test]
fn sixty_four_jobs_of_all_kinds_share_a_connection() {
    let mut pair = pair();
    let mut jobs = Vec::new();
    for i in 0..64_usize {
        let name = format!("f{i}");
        let content = noise([0, 100, 70_000, 3_000_000][i % 4] + i);
        jobs.push(match i % 5 {
            0 | 1 => {
                pair.local.put(&name, &content);
                pair.start(put(&name))
            }
            2 | 3 => {
                pair.served.put(&name, &content);
                pair.start(fetch(&name))
            }
            _ => pair.start(echo(noise(i * 1000))),
        });
    }
    pair.run_until(|pair| jobs.iter().all(|job| pair.result(*job).is_some()));
    for (i, job) in jobs.iter().enumerate() {
        assert!(matches!(pair.result(*job), Some(Ok(_))), "job {i}: {:?}", pair.result(*job));
        if i % 5 != 4 {
            let name = format!("f{i}");
            assert!(pair.served.get(&name) == pair.local.get(&name), "job {i}");
        }
    }
    assert_eq!(retries(&pair), 0, "nothing had to be tried again");
    let (client, server) = pair.footprint_peaks();
    assert!(client < 24 << 20 && server < 24 << 20, "{client} and {server} bytes held");
    pair.close();
}

/// More jobs than the server takes at once wait for their turn, and none fails for it.
#[test]
fn a_client_keeps_to_the_servers_number_of_operations() {
    let serves = Limits { operations: 3, ..Limits::default() };
    let mut pair = Pair::new(PairConfig { serves: Some(serves), ..PairConfig::default() });
    (0..30).for_each(|i| pair.served.put(&format!("folder/{i}"), b""));
    let jobs: Vec<_> =
        (0..40).map(|i| pair.start(if i % 2 == 0 { echo(noise(i)) } else { list("folder") })).collect();
    pair.run_until(|pair| jobs.iter().all(|job| pair.result(*job).is_some()));
    assert!(jobs.iter().all(|job| matches!(pair.result(*job), Some(Ok(_)))));
    assert_eq!(retries(&pair), 0);
    pair.close();
}

#[test]
fn a_missing_source_harms_no_other_job() {
    let mut pair = pair();
    let missing = pair.start(put("missing"));
    let echoed = pair.start(echo("still here"));
    pair.run_until(|pair| pair.result(missing).is_some() && pair.result(echoed).is_some());
    assert_eq!(code(pair.result(missing).expect("it ran")), Code::NOT_FOUND);
    assert_eq!(pair.result(echoed), Some(Ok(OpDone::Echoed)));
    assert_eq!(retries(&pair), 0);
    pair.close();
}
