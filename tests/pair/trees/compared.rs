//! Trees are compared where they stand, and nothing is changed.

use towline::store::FileErrorKind;
use towline::store::memory::Primitive;

use super::*;

fn compare(pair: &mut Pair, direction: Direction, links: LinkPolicy) -> Summary {
    copy(pair, direction, TreeOptions { purpose: Purpose::Compare, links, ..TreeOptions::default() })
}

#[test]
fn a_comparison_finds_a_copy_equal_and_changes_nothing() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        fill(&source);
        copy(&mut pair, direction, TreeOptions::default());
        // Neither time nor mode is what is compared.
        destination.set("copy/a", 0o644, Modified { seconds: 5, nanoseconds: 0 });
        pair.events.clear();
        let before = (source.tree(), destination.tree());
        let summary = compare(&mut pair, direction, LinkPolicy::Keep);
        assert!(summary.is_equal(), "{:?}", words(&pair));
        assert_eq!((summary.unchanged, summary.unchanged_bytes, summary.files), (6, 3_070_010, 0));
        assert_eq!((source.tree(), destination.tree()), before);
        pair.close();
    }
}

#[test]
fn a_comparison_tells_what_differs_and_what_stands_at_one_side_alone() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        fill(&source);
        copy(&mut pair, direction, TreeOptions::default());
        let mut large = noise(3_000_000);
        large[1_999_999] ^= 1;
        destination.put("copy/sub/large", &large);
        destination.put("copy/a", &noise(11));
        destination.put("copy/sub/none/extra", b"");
        destination.put("copy/other/deep/extra", b"");
        destination.put_link("copy/sub/loop", "elsewhere");
        source.put("tree/new/deep/file", b"");
        source.put("tree/kind", b"a file");
        destination.put("copy/kind/within", b"");
        pair.events.clear();
        let before = (source.tree(), destination.tree());
        let summary = compare(&mut pair, direction, LinkPolicy::Keep);
        let expected = [
            "a: differs",
            "empty: unchanged",
            "kind: differs",
            "link: unchanged",
            "new: only at source",
            "other: only at destination",
            "sub/deep/x: unchanged",
            "sub/large: differs",
            "sub/loop: differs",
            "sub/none/extra: only at destination",
            "sub/pipe: special",
        ];
        assert_eq!(words(&pair), expected);
        let counts = (summary.differing, summary.only_at_source, summary.only_at_destination);
        assert_eq!((counts, summary.is_equal()), ((4, 1, 2), false));
        assert_eq!((source.tree(), destination.tree()), before);
        pair.close();
    }
}

/// What a link leads to was sent in its place, and is what is compared.
#[test]
fn a_comparison_follows_links_where_the_copy_did() {
    let mut pair = pair();
    pair.local.put("tree/file", b"content");
    pair.local.put_link("tree/also", "file");
    let follow = TreeOptions { links: LinkPolicy::Follow, ..TreeOptions::default() };
    copy(&mut pair, Direction::Up, follow);
    assert!(compare(&mut pair, Direction::Up, LinkPolicy::Follow).is_equal());
    assert_eq!(compare(&mut pair, Direction::Up, LinkPolicy::Keep).differing, 1);
    pair.close();
}

#[test]
fn what_cannot_be_compared_is_told_and_the_rest_is() {
    let mut pair = pair();
    pair.local.put("tree/a", b"a");
    pair.local.put("tree/b", b"b");
    pair.served.put("copy/a", b"a");
    pair.served.put("copy/b", b"b");
    pair.served.fail(Primitive::OpenFile, 1, FileErrorKind::Denied.into());
    let summary = compare(&mut pair, Direction::Up, LinkPolicy::Keep);
    assert_eq!((summary.unchanged, summary.failed, summary.is_equal()), (1, 1, false), "{:?}", words(&pair));
    pair.close();
}

#[test]
fn a_link_that_cannot_be_read_does_not_differ_for_all_that_is_known() {
    let mut pair = pair();
    pair.local.put_link("tree/link", "target");
    pair.served.put_link("copy/link", "target");
    pair.served.fail(Primitive::ReadLink, 0, FileErrorKind::Denied.into());
    let summary = compare(&mut pair, Direction::Up, LinkPolicy::Keep);
    assert_eq!((summary.differing, summary.failed), (0, 1), "{:?}", words(&pair));
    pair.close();
}
