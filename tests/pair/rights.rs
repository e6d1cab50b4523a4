//! What a peer may do: every request under every right, and the folder that a peer is confined to.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use towline::harness::{Lone, Pair, PairConfig};
use towline::proto::client::{JobError, RetryPolicy};
use towline::proto::op::{OpDone, OpError, Question};
use towline::proto::session::{Event, Request};
use towline::proto::{Limits, Right, Rights};
use towline::wire::{
    Body, Capabilities, Code, Failure, FileKind, Hello, Kind, LinkTarget, MakeFolder, MakeLink, generate,
};

use crate::help::*;

fn server_for(rights: Rights) -> Lone {
    let mut lone = Lone::server_for(rights, Limits::default());
    lone.preamble();
    let capabilities = Capabilities::HOLES.and(Capabilities::PULLS).and(Capabilities::PUSHES);
    lone.hear(0, Body::Hello(Hello { capabilities, ..hello() }));
    lone.heard();
    lone
}

/// Whether a frame of this kind begins an operation, or is refused for want of rights; `None` if it begins none at all.
fn begins(kind: Kind, rights: Rights) -> Option<Result<(), Failure>> {
    let mut lone = server_for(rights);
    let body = generate::body(&mut ChaCha8Rng::seed_from_u64(3), kind);
    lone.hear(1, body);
    lone.events.iter().find(|event| matches!(event, Event::Began(..)))?;
    let told = lone.events.iter().find_map(|event| match event {
        Event::Finished(_, Err(error)) => Some(error.failure.clone()),
        _ => None,
    });
    let heard = lone.heard().into_iter().find_map(|frame| match frame.body {
        Body::Failed(failure) if frame.operation.0 == 1 => Some(failure),
        _ => None,
    });
    assert_eq!(told, heard, "whoever watches hears what the client hears");
    Some(heard.map_or(Ok(()), Err))
}

#[test]
fn every_request_under_every_right() {
    let sets = [
        ("none", Rights::NONE),
        ("read", Rights::of(&[Right::Read])),
        ("write", Rights::of(&[Right::Write])),
        ("list", Rights::of(&[Right::List])),
        ("remove", Rights::of(&[Right::Remove])),
        ("overwrite", Rights::of(&[Right::Overwrite])),
        ("write, overwrite", Rights::of(&[Right::Write, Right::Overwrite])),
        ("read-only", Rights::READ_ONLY),
        ("all", Rights::ALL),
    ];
    let mut table = String::new();
    let mut kinds = 0;
    for kind in Kind::ALL.iter().copied().filter(|kind| begins(*kind, Rights::ALL) == Some(Ok(()))) {
        kinds += 1;
        let line = sets.clone().map(|(name, rights)| {
            match begins(kind, rights).expect("it begins with all rights") {
                Ok(()) => format!("  {name:<18} begins\n"),
                Err(Failure { code, text, .. }) => format!("  {name:<18} {code:?}: {text}\n"),
            }
        });
        table += &format!("{kind:?}\n{}", line.concat());
    }
    assert_eq!(kinds, 15, "a kind that begins an operation is in the table");
    snapshot("rights", &table);
}

fn pair_for(rights: Rights) -> Pair {
    let policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    Pair::new(PairConfig { rights, policy, ..PairConfig::default() })
}

fn refusal(result: Result<OpDone, JobError>) -> Failure {
    match result {
        Err(JobError::Operation(OpError { failure, .. })) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_may_only_read_changes_nothing_and_hears_why() {
    let mut pair = pair_for(Rights::READ_ONLY);
    pair.served.put("file", &noise(100_000));
    pair.local.put("new", &noise(300_000));
    let before = pair.served.tree();
    assert_eq!(pair.carry_out(fetch("file")), Ok(moved(&noise(100_000), 0)));
    let folder = MakeFolder { path: path("f"), mode: 0o755, modified: None };
    let link = MakeLink { path: path("l"), target: LinkTarget::new(b"file".to_vec()).expect("a target") };
    for request in [
        put("new"),
        remove("file", 1),
        Request::Ask(Question::MakeFolder(folder)),
        Request::Ask(Question::MakeLink(link)),
    ] {
        let failure = refusal(pair.carry_out(request));
        assert_eq!(failure.code, Code::NOT_ALLOWED);
        assert!(failure.text.starts_with("this server is read-only for you: it "), "{failure}");
    }
    assert_eq!(pair.served.tree(), before);
    pair.close();
}

#[test]
fn a_drop_box_takes_what_is_new_and_shows_nothing() {
    let mut pair = pair_for(Rights::DROP_BOX);
    pair.served.put("old", b"theirs");
    let content = noise(3 << 20);
    pair.local.put("new", &content);
    pair.local.put("small", b"mine");
    pair.local.put("old", b"mine");
    assert_eq!(pair.carry_out(put("new")), Ok(moved(&content, 0)));
    assert_eq!(pair.carry_out(put("small")), Ok(moved(b"mine", 0)));
    let taken = refusal(pair.carry_out(put("old")));
    assert_eq!((taken.code, &*taken.text), (Code::EXISTS, "\"old\""));
    assert_eq!(pair.served.get("old").as_deref(), Some(&b"theirs"[..]));
    for request in [fetch("new"), stat("new"), list(""), remove("new", 1)] {
        assert_eq!(refusal(pair.carry_out(request)).code, Code::NOT_ALLOWED);
    }
    pair.close();
}

#[test]
fn a_peer_that_is_confined_sees_its_folder_as_all_there_is() {
    let own = Rights::ALL.below(path("people/anna"));
    let mut pair = pair_for(own);
    pair.served.put("people/bob/secret", b"secret");
    let content = noise(2 << 20);
    pair.local.put("a/file", &content);
    pair.local.put("small", b"small");
    for (name, content) in [("a/file", &content[..]), ("small", b"small")] {
        assert_eq!(pair.carry_out(put(name)), Ok(moved(content, 0)));
        assert_eq!(pair.served.get(&format!("people/anna/{name}")).as_deref(), Some(content));
        pair.local.take_away(name);
        assert_eq!(pair.carry_out(fetch(name)), Ok(moved(content, 0)));
    }
    assert_eq!(pair.carry_out(list("")), Ok(OpDone::Listed));
    let names: Vec<_> = entries(&pair).into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, [b"a".to_vec(), b"small".to_vec()]);
    let Ok(OpDone::Described(root)) = pair.carry_out(stat("")) else { panic!("it has a root") };
    assert_eq!(root.kind, FileKind::Folder);
    let missing = refusal(pair.carry_out(stat("people/bob/secret")));
    assert_eq!(missing.code, Code::NOT_FOUND);
    assert!(!missing.text.contains("anna"), "{missing}");
    assert_eq!(pair.carry_out(remove("small", 1)), Ok(OpDone::Removed));
    assert_eq!(pair.served.get("people/bob/secret").as_deref(), Some(&b"secret"[..]));
    pair.close();
}

#[test]
fn a_path_that_does_not_fit_below_its_folder_is_refused() {
    let folder = path(&["f"; 10].join("/"));
    let mut pair = pair_for(Rights::ALL.below(folder));
    let deep = ["d"; 250].join("/");
    pair.local.put("file", b"content");
    for request in [stat(&deep), list(&deep), fetch(&deep), remove(&deep, 1)] {
        assert_eq!(refusal(pair.carry_out(request)).code, Code::BAD_PATH);
    }
    pair.close();
}

#[test]
fn an_upload_to_a_drop_box_goes_on_where_it_broke_off() {
    use towline::harness::{Fault, Side};
    let faults = vec![Fault::Reset(0, Side::Client, 5 << 20)];
    let mut pair = Pair::new(PairConfig { rights: Rights::DROP_BOX, faults, ..PairConfig::default() });
    let content = noise(8 << 20);
    pair.local.put("file", &content);
    let Ok(OpDone::Moved(moved)) = pair.carry_out(put("file")) else { panic!("it was not sent") };
    assert!(moved.skipped > 1 << 20, "{moved:?}");
    assert_eq!(pair.served.get("file"), Some(content));
    pair.close();
}
