//! A partial that several connections fill.

use towline::proto::storage::{BlockOp, BlockSet, Existing, Extent, Lease, NameDone, NameOp, Owner, RootId};
use towline::store::memory::MemoryFiles;
use towline::store::{Joined, Names};
use towline::wire::{Code, Cv, Offer, Push, RelPath, UploadId};

use crate::help::{code, offer};

const BLOCK: u64 = 64 * 1024;
const LENGTH: u64 = 20 * BLOCK;

fn path() -> RelPath {
    RelPath::new("file").expect("a good path")
}

fn opened() -> (Names<MemoryFiles>, RootId, Lease, Push) {
    let mut names = Names::new(7);
    let root = names.add_root(MemoryFiles::new()).expect("memory can be read");
    let offer = Offer { length: LENGTH, ..offer("file", b"") };
    let NameDone::Partial { lease, upload, .. } = names
        .execute(NameOp::OpenPartial { root, offer, existing: Existing::Replace, owner: Owner::ANYBODY })
        .expect("a partial")
    else {
        panic!("another completion")
    };
    (names, root, lease, Push { upload, length: LENGTH, path: path() })
}

fn join(names: &mut Names<MemoryFiles>, root: RootId, push: &Push) -> Lease {
    match names.execute(NameOp::Join { root, push: push.clone() }).expect("it is under way") {
        NameDone::Joined { lease } => lease,
        other => panic!("{other:?}"),
    }
}

fn shape(block: u64) -> Extent {
    Extent { offset: block * BLOCK, length: BLOCK as u32, unit: BLOCK as u32, whole: false }
}

fn zero(lease: Lease, block: u64) -> BlockOp {
    BlockOp::Zero { lease, shape: shape(block) }
}

fn land(names: &mut Names<MemoryFiles>, lease: Lease, block: u64) {
    let op = BlockOp::Land { lease, shape: shape(block), cvs: vec![Cv([block as u8; 32])] };
    assert!(matches!(names.begin_joined(&op), Ok(Joined::Landed)));
}

fn write(names: &mut Names<MemoryFiles>, lease: Lease, block: u64) {
    let Ok(Joined::Write(_, to)) = names.begin_joined(&zero(lease, block)) else { panic!("it is refused") };
    names.end_joined(to);
}

fn gather(names: &mut Names<MemoryFiles>, lease: Lease) -> (Vec<u32>, BlockSet) {
    match names.execute(NameOp::Gather { lease }).expect("the opener's") {
        NameDone::Gathered { landed, doubtful } => {
            (landed.iter().map(|(block, _)| *block).collect(), doubtful)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_who_knows_name_path_and_length_joins() {
    let (mut names, root, lease, push) = opened();
    for push in [
        Push { upload: UploadId(push.upload.0 ^ 1), ..push.clone() },
        Push { length: LENGTH - 1, ..push.clone() },
        Push { path: RelPath::new("other").unwrap(), ..push.clone() },
    ] {
        assert_eq!(code(names.execute(NameOp::Join { root, push })), Code::NOT_FOUND);
    }
    for _ in 0..64 {
        join(&mut names, root, &push);
    }
    assert_eq!(code(names.execute(NameOp::Join { root, push: push.clone() })), Code::BUSY);
    names.execute(NameOp::Discard { lease }).expect("the opener's");
    assert_eq!(code(names.execute(NameOp::Join { root, push })), Code::NOT_FOUND);
}

#[test]
fn what_landed_is_told_and_what_two_have_written_is_doubtful() {
    let (mut names, root, lease, push) = opened();
    let (one, other) = (join(&mut names, root, &push), join(&mut names, root, &push));
    for block in [0, 1, 2] {
        write(&mut names, one, block);
    }
    land(&mut names, one, 0);
    land(&mut names, one, 1);
    write(&mut names, other, 1);
    assert_eq!(gather(&mut names, lease), (vec![0], BlockSet::from_iter([1])));
    assert_eq!(code(names.begin_joined(&zero(one, 3))), Code::SUPERSEDED);
}

#[test]
fn who_gathers_waits_for_writes_also_of_those_who_left_meanwhile() {
    let (mut names, root, lease, push) = opened();
    let one = join(&mut names, root, &push);
    let Ok(Joined::Write(_, to)) = names.begin_joined(&zero(one, 0)) else { panic!("it is refused") };
    assert_eq!(to, lease);
    names.abandon(one);
    assert!(names.fence(lease));
    names.end_joined(to);
    assert!(!names.fence(lease));
}

#[test]
fn what_others_brought_is_published_only_once_it_was_gathered() {
    let (mut names, root, lease, push) = opened();
    let one = join(&mut names, root, &push);
    write(&mut names, one, 0);
    let publish = NameOp::Publish { lease, hash: Cv([0; 32]) };
    assert_eq!(code(names.execute(publish.clone())), Code::UNEXPECTED);
    gather(&mut names, lease);
    assert_eq!(names.execute(publish), Ok(NameDone::Published));
    assert_eq!(code(names.begin_joined(&zero(one, 1))), Code::SUPERSEDED);
}

#[test]
fn what_landed_is_kept_and_nobody_who_joined_holds_the_file() {
    let (mut names, root, lease, push) = opened();
    let one = join(&mut names, root, &push);
    write(&mut names, one, 4);
    land(&mut names, one, 4);
    names.execute(NameOp::Note { lease: one, held: BlockSet::default() }).expect("a hint");
    names.execute(NameOp::Keep { lease, held: BlockSet::from_iter([2]) }).expect("the opener's");
    let offer = Offer { length: LENGTH, ..offer("file", b"") };
    let again = names.execute(NameOp::OpenPartial {
        root,
        offer,
        existing: Existing::Replace,
        owner: Owner::ANYBODY,
    });
    let Ok(NameDone::Partial { held, upload, .. }) = again else { panic!("{again:?}") };
    assert_eq!(held, BlockSet::from_iter([2, 4]));
    assert_ne!(upload, push.upload, "each opener has a name of its own");
}
