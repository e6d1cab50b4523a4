//! What holds for every implementation of the primitive operations.

use towline::proto::storage::{Lease, NameDone, NameOp, RootId};
use towline::store::blocks;
use towline::wire::{Code, Cv, FileKind, Modified, RESERVED, RelPath, RequestId};

mod confined;
mod kept;
mod once;
mod places;
mod reading;
mod reserved;

use super::help::*;
use confined::*;
use kept::*;
use once::*;
use places::*;
use reading::*;
use reserved::*;

macro_rules! suite {
    ($($test:ident)*) => {
        mod in_memory { $(#[test] fn $test() { super::$test::<crate::memory::Memory>() })* }
        #[cfg(feature = "net")]
        mod on_the_system { $(#[test] fn $test() { super::$test::<crate::system::Kernel>() })* }
        #[cfg(feature = "net")]
        mod on_the_system_by_a_walk { $(#[test] fn $test() { super::$test::<crate::system::Walk>() })* }
    };
}

suite! {
    what_is_uploaded_is_what_is_downloaded
    blocks_come_in_any_order_and_zeros_are_zeros
    times_have_nanoseconds_and_may_be_before_1970
    every_mode_is_set_exactly
    missing_folders_are_made_and_nothing_else_is_left
    a_folder_a_file_and_a_link_on_the_way_are_refused
    what_came_onto_the_way_meanwhile_is_refused_at_publishing
    the_old_file_is_whole_until_the_new_one_is_published
    two_uploads_that_look_alike_do_not_meet
    of_two_attempts_of_a_request_the_later_publishes
    of_two_offers_the_last_publisher_wins
    a_retry_is_answered_with_the_same_success_and_acts_once
    a_request_id_for_something_else_is_another_request
    a_retry_in_a_new_process_acts_once
    processes_that_live_at_once_share_what_they_remember
    attempts_are_remembered_with_what_they_did
    what_needs_no_memory_leaves_none
    a_source_is_a_regular_file
    a_source_that_changed_is_told
    links_lead_readers_beneath_the_root_only
    a_link_does_not_lead_out_of_the_folder_that_a_peer_is_confined_to
    a_confined_peer_reaches_its_folder_over_no_link
    no_link_leads_into_the_reserved_folder
    what_stands_there_stays_where_nothing_may_be_replaced
    what_comes_while_a_file_is_received_stays_where_nothing_may_be_replaced
    a_retry_finds_its_own_file_where_nothing_may_be_replaced
    a_large_folder_is_read_in_pages
    the_reserved_folder_is_hidden_at_the_root_only
    paths_are_described
    what_is_removed_is_gone
    folders_are_made_with_mode_and_time_however_often
    a_folder_is_made_over_no_file_and_over_no_link
    links_are_made_read_and_replaced_and_never_over_a_folder
    what_a_path_leads_to_is_told_apart
    partials_of_a_crash_are_swept
    partials_of_the_living_are_not_swept
    a_reserved_folder_that_is_none_forbids_to_receive_but_not_to_serve
    a_reserved_folder_that_was_removed_is_made_again
    leases_end_once
    a_partial_is_found_by_the_next_process
    a_partial_serves_a_source_that_changed
    afresh_looks_at_nothing
    what_is_too_small_or_empty_is_not_kept
    an_abandoned_partial_is_kept_as_it_was_noted
    what_was_kept_can_be_removed
    one_too_many_has_a_file_that_is_not_kept
    what_breaks_off_after_its_file_was_published_is_not_kept
    what_was_done_already_leaves_nothing
    what_was_kept_goes_when_a_short_file_is_published_there
}

const RESERVED_NAME: &str = ".towline";

fn partials<W: World>(world: &W) -> usize {
    use towline::store::{Files, Links};
    let files = world.files();
    let top = files.root().unwrap();
    let Ok(folder) = files.open_folder(&top, RESERVED, Links::None) else { return 0 };
    let mut listing = files.list(&folder).unwrap();
    let all = files.next_names(&mut listing, 1000).unwrap();
    all.iter().filter(|name| name.ends_with(b".partial")).count()
}

fn what_is_uploaded_is_what_is_downloaded<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    const MIB: usize = 1024 * 1024;
    for length in [0, 1, 65_535, 65_536, 65_537, MIB - 1, MIB, MIB + 1, 3 * MIB + 70_000] {
        let content = bytes(length);
        let hash = upload(&mut names, root, offer("a file", &content), &content).unwrap();
        assert_eq!(&hash.0, blake3::hash(&content).as_bytes(), "{length} bytes");
        assert!(world.get("a file").unwrap() == content, "{length} bytes");
        assert!(download(&mut names, root, "a file").unwrap() == (content, hash), "{length} bytes");
    }
    assert_eq!(names.leases().count(), 0);
    let described = stat(&mut names, root, "a file").unwrap();
    assert_eq!(described.modified, offer("a file", b"").modified);
    assert_eq!((described.kind, described.mode), (FileKind::File, 0o640));
}

fn blocks_come_in_any_order_and_zeros_are_zeros<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let mut content = bytes(3 * 1024 * 1024 + 5);
    content[1_048_576..2_097_152].fill(0);
    let lease = open(&mut names, root, offer("f", &content)).unwrap();
    let file = names.open(lease).unwrap().file;
    let mut cvs = Vec::new();
    for (i, extent) in extents(content.len()).into_iter().enumerate().rev() {
        let start = extent.offset as usize;
        let now = &content[start..start + extent.length as usize];
        if i == 1 {
            // What was written there before is gone.
            blocks::write(&*file, extent, rope(&bytes(now.len()))).unwrap();
            cvs.push(blocks::zero(&*file, extent).unwrap());
        } else {
            cvs.push(blocks::write(&*file, extent, rope(now)).unwrap());
        }
    }
    cvs.reverse();
    let hash = towline::proto::tree::merge_root(&cvs.concat());
    assert_eq!(&hash.0, blake3::hash(&content).as_bytes());
    drop(file);
    publish(&mut names, lease, hash).unwrap();
    assert!(world.get("f").unwrap() == content);
}

fn times_have_nanoseconds_and_may_be_before_1970<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    for (seconds, nanoseconds) in [(0, 0), (1, 999_999_999), (-1, 1), (-86_400 * 365, 500_000_000)] {
        let modified = Modified { seconds, nanoseconds };
        let mut offer = offer("f", b"x");
        offer.modified = modified;
        upload(&mut names, root, offer, b"x").unwrap();
        assert_eq!(stat(&mut names, root, "f").unwrap().modified, modified);
    }
}

fn every_mode_is_set_exactly<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    for mode in [0, 0o400, 0o777, 0o666, 0o111] {
        let mut offer = offer("f", b"content");
        offer.mode = mode;
        upload(&mut names, root, offer, b"content").unwrap();
        assert_eq!(stat(&mut names, root, "f").unwrap().mode, mode);
    }
    let mut offer = offer("f", b"content");
    offer.mode = 0o4755;
    upload(&mut names, root, offer, b"content").unwrap();
    assert_eq!(stat(&mut names, root, "f").unwrap().mode, 0o755);
}

fn missing_folders_are_made_and_nothing_else_is_left<W: World>() {
    let world = W::default();
    world.put("there/already", b"");
    let (mut names, root) = store(&world, 1);
    assert_eq!(world.look(RESERVED_NAME), None, "nothing is written before it must be");
    upload(&mut names, root, offer("there/a/b/c", b"1"), b"1").unwrap();
    upload(&mut names, root, offer("there/a/d", b"22"), b"22").unwrap();
    assert_eq!(world.get("there/a/b/c").unwrap(), b"1");
    assert_eq!(world.get("there/a/d").unwrap(), b"22");
    assert_eq!(partials(&world), 0);
    assert_eq!(world.look(RESERVED_NAME).unwrap().mode, 0o700);
    let lease = open(&mut names, root, offer("there/e", b"3")).unwrap();
    assert_eq!(partials(&world), 1);
    names.close_root(root).unwrap();
    assert_eq!(world.look(RESERVED_NAME), None);
    assert_eq!(world.look("there/e"), None);
    assert!(names.open(lease).is_none());
    assert_eq!(code(open(&mut names, root, offer("x", b""))), Code::IO, "the root is closed");
}

fn a_folder_a_file_and_a_link_on_the_way_are_refused<W: World>() {
    let world = W::default();
    world.put_folder("folder");
    world.put("file", b"old");
    world.put_link("link to a folder", "folder");
    world.put_link("link to a file", "file");
    world.put_link("link to nothing", "nothing");
    let (mut names, root) = store(&world, 1);
    let refusals = [
        ("folder", Code::NOT_A_FILE),
        ("file/below", Code::NOT_A_FOLDER),
        ("file/further/below", Code::NOT_A_FOLDER),
        ("link to a folder", Code::OUTSIDE),
        ("link to a folder/file", Code::OUTSIDE),
        ("link to a folder/a/b/file", Code::OUTSIDE),
        ("link to a file", Code::OUTSIDE),
        ("link to nothing", Code::OUTSIDE),
        ("", Code::BAD_PATH),
    ];
    for (at, expected) in refusals {
        assert_eq!(code(open(&mut names, root, offer(at, b"new"))), expected, "{at}");
    }
    assert_eq!(names.leases().count(), 0);
    assert_eq!(partials(&world), 0);
    assert_eq!(world.get("file").unwrap(), b"old");
    assert_eq!(world.look("link to a file").unwrap().kind, FileKind::Link);
    assert_eq!(listed(&mut names, root, "folder"), [""; 0]);
}

fn what_came_onto_the_way_meanwhile_is_refused_at_publishing<W: World>() {
    let world = W::default();
    world.put_folder("elsewhere");
    let (mut names, root) = store(&world, 1);
    let paths = ["to be a folder", "swapped/f", "to be a file/f", "to be a link"];
    let leases = paths.map(|at| open(&mut names, root, offer(at, b"new")).unwrap());
    let hashes = leases.map(|lease| fill(&names, lease, b"new").unwrap());
    world.put_folder("to be a folder");
    world.put_link("swapped", "elsewhere");
    world.put("to be a file", b"old");
    world.put_link("to be a link", "to be a file");
    let expected = [Code::NOT_A_FILE, Code::OUTSIDE, Code::NOT_A_FOLDER, Code::OUTSIDE];
    for i in 0..leases.len() {
        assert_eq!(code(publish(&mut names, leases[i], hashes[i])), expected[i], "{}", paths[i]);
        assert!(names.open(leases[i]).is_some(), "a failed publish keeps the lease");
        discard(&mut names, leases[i]).unwrap();
    }
    assert_eq!(partials(&world), 0);
    assert_eq!(world.get("to be a file").unwrap(), b"old");
    assert_eq!(listed(&mut names, root, "elsewhere"), [""; 0]);
}

fn the_old_file_is_whole_until_the_new_one_is_published<W: World>() {
    let world = W::default();
    world.put("f", b"old");
    let (mut names, root) = store(&world, 1);
    let lease = open(&mut names, root, offer("f", b"newer")).unwrap();
    let hash = fill(&names, lease, b"newer").unwrap();
    assert_eq!(world.get("f").unwrap(), b"old");
    discard(&mut names, lease).unwrap();
    assert_eq!(world.get("f").unwrap(), b"old");
    assert_eq!(partials(&world), 0);
    let lease = open(&mut names, root, offer("f", b"newer")).unwrap();
    fill(&names, lease, b"newer").unwrap();
    publish(&mut names, lease, hash).unwrap();
    assert_eq!(world.get("f").unwrap(), b"newer");
}

/// Equal length and time say nothing of who sends, nor of what: two clients may have made their files in one tick.
fn two_uploads_that_look_alike_do_not_meet<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let one = open(&mut names, root, offer("f", b"ones")).unwrap();
    let two = open(&mut names, root, offer("f", b"twos")).unwrap();
    let two_hash = fill(&names, two, b"twos").unwrap();
    let one_hash = fill(&names, one, b"ones").unwrap();
    publish(&mut names, two, two_hash).unwrap();
    assert_eq!(world.get("f").unwrap(), b"twos");
    publish(&mut names, one, one_hash).unwrap();
    assert_eq!(world.get("f").unwrap(), b"ones", "the last one wins");

    let one = open(&mut names, root, offer("f", b"ones")).unwrap();
    let two = open(&mut names, root, offer("f", b"twos")).unwrap();
    discard(&mut names, two).unwrap();
    fill(&names, one, b"ones").unwrap();
    publish(&mut names, one, one_hash).unwrap();
}

/// An attempt whose connection was given up may commit after all, before its retry does or behind it, or be opened late.
fn of_two_attempts_of_a_request_the_later_publishes<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let old = open(&mut names, root, attempt(1, 1, offer("f", b"older"))).unwrap();
    let old_hash = fill(&names, old, b"older").unwrap();
    let new = open(&mut names, root, attempt(1, 2, offer("f", b"newer"))).unwrap();
    let new_hash = fill(&names, new, b"newer").unwrap();
    assert_eq!(code(publish(&mut names, old, old_hash)), Code::SUPERSEDED);
    publish(&mut names, new, new_hash).unwrap();
    assert_eq!(code(publish(&mut names, old, old_hash)), Code::SUPERSEDED);
    assert_eq!(world.get("f").unwrap(), b"newer");
    discard(&mut names, old).unwrap();
    let late = open(&mut names, root, attempt(1, 1, offer("f", b"older")));
    assert_eq!(code(late), Code::SUPERSEDED);
    open(&mut names, root, attempt(2, 0, offer("f", b"older")))
        .expect("another request is none of its business");
}

fn of_two_offers_the_last_publisher_wins<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let one = open(&mut names, root, offer("f", b"one")).unwrap();
    let three = open(&mut names, root, offer("f", b"three")).unwrap();
    let one_hash = fill(&names, one, b"one").unwrap();
    let three_hash = fill(&names, three, b"three").unwrap();
    publish(&mut names, three, three_hash).unwrap();
    assert_eq!(world.get("f").unwrap(), b"three");
    publish(&mut names, one, one_hash).unwrap();
    assert_eq!(world.get("f").unwrap(), b"one");
}

fn a_retry_is_answered_with_the_same_success_and_acts_once<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let lease = open(&mut names, root, attempt(5, 1, offer("f", b"first"))).unwrap();
    let hash = fill(&names, lease, b"first").unwrap();
    publish(&mut names, lease, hash).unwrap();
    world.put("f", b"by somebody else since");
    let lease = open(&mut names, root, attempt(5, 2, offer("f", b"first"))).unwrap();
    assert_eq!(publish(&mut names, lease, hash).unwrap(), NameDone::Published);
    assert_eq!(world.get("f").unwrap(), b"by somebody else since");
    assert!(names.open(lease).is_none());
    assert_eq!(partials(&world), 0);

    remove(&mut names, root, "f", 6).unwrap();
    world.put("f", b"again");
    assert_eq!(remove(&mut names, root, "f", 6).unwrap(), NameDone::Removed);
    assert_eq!(world.get("f").unwrap(), b"again");

    assert_eq!(code(remove(&mut names, root, "missing", 8)), Code::NOT_FOUND);
    world.put("missing", b"");
    remove(&mut names, root, "missing", 8).unwrap();
    assert_eq!(world.look("missing"), None, "only successes are remembered");
}

fn a_request_id_for_something_else_is_another_request<W: World>() {
    let world = W::default();
    world.put("a", b"");
    world.put("b", b"");
    let (mut names, root) = store(&world, 1);
    remove(&mut names, root, "a", 9).unwrap();
    remove(&mut names, root, "b", 9).unwrap();
    assert_eq!(world.look("b"), None);
    for id in [0, 0] {
        world.put("a", b"");
        remove(&mut names, root, "a", id).unwrap();
        assert_eq!(world.look("a"), None, "0 is never remembered");
    }
}
