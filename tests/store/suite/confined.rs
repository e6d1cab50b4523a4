//! What a peer that may not do everything asks for: paths that are confined to a folder, and files that take nothing's place.

use towline::proto::storage::{Existing, FileDone, FileOp, Owner};
use towline::store::{Files, Links, Names};

use super::*;

const FOLDER: &str = "people/anna";

/// As a peer that is confined to [`FOLDER`] means it.
fn confined(at: &str) -> RelPath {
    path(at).within(&path(FOLDER)).unwrap()
}

fn with_neighbours<W: World>() -> W {
    let world = W::default();
    world.put("people/anna/own", b"own");
    world.put("people/anna/deep/er/own", b"own");
    world.put("people/bob/secret", b"secret");
    world.put("secret", b"secret");
    world
}

pub(super) fn a_link_does_not_lead_out_of_the_folder_that_a_peer_is_confined_to<W: World>() {
    let world = with_neighbours::<W>();
    world.put_link("people/anna/inside", "deep/er");
    for (name, target) in
        [("bob", "../bob"), ("top", "../.."), ("file", "../bob/secret"), ("far", "deep/../../bob")]
    {
        world.put_link(&format!("people/anna/{name}"), target);
    }
    let (mut names, root) = store(&world, 1);
    let mut reads = |at: &str| {
        let path = confined(at);
        let asked = [
            NameOp::OpenSource { root, path: path.clone() },
            NameOp::OpenFolder { root, path: path.parent().unwrap() },
            NameOp::Stat { root, path: path.clone() },
            NameOp::Resolve { root, path: path.clone() },
        ];
        let found = asked.map(|op| names.execute(op).map(|_| ()).map_err(|error| error.code));
        let loaded = names.execute_file(FileOp::Load { root, path }).map(|_| ()).map_err(|error| error.code);
        (found, loaded)
    };
    assert_eq!(reads("own"), ([Ok(()); 4], Ok(())));
    // A walk that the kernel does not help with follows no links at all.
    let inside = reads("inside/own");
    assert!(
        inside == ([Ok(()); 4], Ok(())) || inside == ([Err(Code::OUTSIDE); 4], Err(Code::OUTSIDE)),
        "{inside:?}"
    );
    for at in ["bob/secret", "top/secret", "far/secret"] {
        assert_eq!(reads(at), ([Err(Code::OUTSIDE); 4], Err(Code::OUTSIDE)), "{at}");
    }
    let (found, loaded) = reads("file");
    assert_eq!(
        found,
        [Err(Code::OUTSIDE), Ok(()), Ok(()), Err(Code::OUTSIDE)],
        "the folder and the link are its own"
    );
    assert_eq!(loaded, Err(Code::OUTSIDE));
    let links = ["bob/x", "top/x"].map(|at| names.execute(NameOp::ReadLink { root, path: confined(at) }));
    assert!(links.into_iter().all(|link| code(link) == Code::OUTSIDE));
}

pub(super) fn a_confined_peer_reaches_its_folder_over_no_link<W: World>() {
    let world = W::default();
    world.put("people/bob/secret", b"secret");
    world.put_link("people/anna", "bob");
    let (mut names, root) = store(&world, 1);
    for op in [
        NameOp::OpenSource { root, path: confined("secret") },
        NameOp::OpenFolder { root, path: confined("") },
        NameOp::Resolve { root, path: confined("") },
    ] {
        assert_eq!(code(names.execute(op)), Code::OUTSIDE);
    }
    let told = names.execute(NameOp::Stat { root, path: confined("secret") }).unwrap_err();
    assert!(told.text.contains("\"secret\"") && !told.text.contains("people"), "{told}");
}

fn open_new<F: towline::store::Files>(
    names: &mut towline::store::Names<F>,
    root: RootId,
    offer: towline::wire::Offer,
) -> Result<Lease, towline::proto::storage::StoreError> {
    match names.execute(NameOp::OpenPartial {
        root,
        offer,
        existing: Existing::Refuse,
        owner: Owner::ANYBODY,
    })? {
        NameDone::Partial { lease, basis, .. } => {
            assert!(basis.is_empty(), "nobody is told what stands there");
            Ok(lease)
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn what_stands_there_stays_where_nothing_may_be_replaced<W: World>() {
    let world = W::default();
    world.put("file", b"old");
    world.put_folder("folder");
    world.put_link("link", "nowhere");
    let (mut names, root) = store(&world, 1);
    for at in ["file", "folder", "link"] {
        assert_eq!(code(open_new(&mut names, root, offer(at, b"new"))), Code::EXISTS, "{at}");
    }
    let lease = open_new(&mut names, root, offer("new/file", b"new")).unwrap();
    let hash = fill(&names, lease, b"new").unwrap();
    publish(&mut names, lease, hash).unwrap();
    assert_eq!(
        (world.get("new/file").unwrap(), world.get("file").unwrap()),
        (b"new".to_vec(), b"old".to_vec())
    );
    assert_eq!(partials(&world), 0);
}

pub(super) fn what_comes_while_a_file_is_received_stays_where_nothing_may_be_replaced<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    let lease = open_new(&mut names, root, offer("long", b"new")).unwrap();
    let hash = fill(&names, lease, b"new").unwrap();
    let short = FileOp::Stage {
        root,
        offer: Box::new(offer("short", b"new")),
        data: rope(b"new"),
        existing: Existing::Refuse,
    };
    let FileDone::Staged { lease: staged, cvs } = names.execute_file(short).unwrap() else {
        panic!("not staged")
    };
    world.put("long", b"old");
    world.put("short", b"old");
    assert_eq!(code(publish(&mut names, lease, hash)), Code::EXISTS);
    assert_eq!(code(publish(&mut names, staged, towline::proto::tree::merge_root(&cvs))), Code::EXISTS);
    for (at, lease) in [("long", lease), ("short", staged)] {
        assert_eq!(world.get(at).unwrap(), b"old");
        discard(&mut names, lease).unwrap();
    }
    assert_eq!(partials(&world), 0);
}

pub(super) fn a_retry_finds_its_own_file_where_nothing_may_be_replaced<W: World>() {
    let world = W::default();
    let (mut names, root) = store(&world, 1);
    for number in 0..3 {
        let lease = open_new(&mut names, root, attempt(7, number, offer("file", b"new"))).unwrap();
        let hash = fill(&names, lease, b"new").unwrap();
        publish(&mut names, lease, hash).unwrap();
    }
    let other = attempt(7, 3, offer("file", b"two"));
    let lease = open_new(&mut names, root, other).unwrap();
    let hash = fill(&names, lease, b"two").unwrap();
    assert_eq!(code(publish(&mut names, lease, hash)), Code::EXISTS, "the same request with another file");
    discard(&mut names, lease).unwrap();
    assert_eq!(code(open_new(&mut names, root, attempt(8, 0, offer("file", b"new")))), Code::EXISTS);
    assert_eq!(world.get("file").unwrap(), b"new");
}

/// Whatever name a link gives it: what is being received is nobody's to read.
pub(super) fn no_link_leads_into_the_reserved_folder<W: World>() {
    let world = W::default();
    world.put("folder/plain", b"plain");
    for (name, target) in
        [("here", "."), ("way", ".towline"), ("folder/up", "../.towline"), ("log", ".towline/requests")]
    {
        world.put_link(name, target);
    }
    let content = bytes(20 * 64 * 1024);
    let (mut names, root) = store(&world, 1);
    let lease = open(&mut names, root, offer("folder/secret", &content)).unwrap();
    fill(&names, lease, &content).unwrap();
    let files = world.files();
    let reserved = files.open_folder(&files.root().unwrap(), b".towline", Links::None).unwrap();
    let mut listing = files.list(&reserved).unwrap();
    let own = files.next_names(&mut listing, 100).unwrap();
    assert!(own.len() >= 2, "a partial and a lock: {own:?}");
    let asked = |at: &str, names: &mut Names<W::Files>| {
        let path = path(at);
        let found = [
            NameOp::OpenSource { root, path: path.clone() },
            NameOp::OpenFolder { root, path: path.clone() },
        ];
        let found = found.map(|op| names.execute(op).map(|_| ()).map_err(|error| error.code));
        (found, names.execute_file(FileOp::Load { root, path }).map(|_| ()).map_err(|error| error.code))
    };
    for way in ["here/.towline", "way", "folder/up"] {
        let ([_, listed], _) = asked(way, &mut names);
        assert_eq!(listed, Err(Code::OUTSIDE), "{way}");
        for name in &own {
            let ([opened, _], loaded) =
                asked(&format!("{way}/{}", String::from_utf8_lossy(name)), &mut names);
            assert_eq!((opened, loaded), (Err(Code::OUTSIDE), Err(Code::OUTSIDE)), "{way}");
        }
    }
    let hash = fill(&names, lease, &content).unwrap();
    publish(&mut names, lease, hash).unwrap();
    assert!(world.get("folder/secret").unwrap() == content);
}
