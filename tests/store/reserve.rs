//! Space on the disk that is left to others.

use towline::proto::storage::{Existing, FileOp};
use towline::store::Names;
use towline::store::os::Reserve;
use towline::wire::Code;

use super::help::*;
use super::system::Kernel;

#[test]
fn what_is_kept_free_for_others_is_not_written_to() {
    for reserve in [Reserve::Bytes(u64::MAX), Reserve::Percent(100)] {
        let world = Kernel::default();
        world.put("old", b"content");
        let (mut names, root) = {
            let mut names = Names::new(1);
            let root = names.add_root(world.files().with_reserve(reserve)).unwrap();
            (names, root)
        };
        assert_eq!(download(&mut names, root, "old").unwrap().0, b"content");
        let refused = open(&mut names, root, offer("new", b"content")).unwrap_err();
        assert_eq!(refused.code, Code::NO_SPACE);
        assert!(refused.text.ends_with("it needs 7 bytes, and 0 may be used"), "{refused}");
        let staged = FileOp::Stage {
            root,
            offer: Box::new(offer("new", b"content")),
            data: rope(b"content"),
            existing: Existing::Replace,
        };
        let refused = names.execute_file(staged).unwrap_err();
        assert_eq!(refused.code, Code::NO_SPACE);
        assert!(refused.text.contains("kept for others"), "{refused}");
        names.close_root(root).unwrap();
        assert!(world.look("new").is_none() && world.look(".towline").is_none());
    }
    let world = Kernel::default();
    let mut names = Names::new(1);
    let root = names.add_root(world.files().with_reserve(Reserve::Bytes(1))).unwrap();
    upload(&mut names, root, offer("new", b"content"), b"content").unwrap();
    assert_eq!(world.get("new").unwrap(), b"content");
}
