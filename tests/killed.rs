//! The real server, killed (SIGKILL) in the middle of uploads, on a real disk: nothing is torn, nothing stays locked, and what was
//! acknowledged is there. `TOWLINE_KILLS=200 cargo test --test killed` does it as often as that.
#![cfg(all(feature = "cli", target_os = "linux"))]

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use towline::proto::backoff::SplitMix;

#[path = "output/help.rs"]
#[expect(dead_code, reason = "of the helpers this needs a few")]
mod help;

use help::Served;

/// Longer than what is kept as a partial.
const LENGTH: usize = 3 << 20;
/// Uploads that are cut off in the ordinary run.
const KILLS: u64 = 20;

fn content(round: u64) -> Vec<u8> {
    let mut random = SplitMix(round);
    let words = (0..LENGTH / 8).flat_map(|_| random.next_u64().to_le_bytes());
    words.chain((0..round % 8).map(|byte| byte as u8)).collect()
}

fn put(source: &Path, server: &Served) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    command.arg("put").arg(source).arg(server.at("/file")).args(["--retries", "0", "--quiet"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Bytes that lie on the disk below the reserved folder.
fn arrived(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder.join(".towline")) else { return 0 };
    let blocks = entries.flatten().filter_map(|entry| Some(entry.metadata().ok()?.blocks() * 512));
    blocks.sum()
}

/// What lies there beside the lock and the log of requests.
fn left(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder.join(".towline")) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name != "lock" && name != "requests").collect()
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_an_upload_leaves_nothing_torn_and_nothing_locked() {
    let kills = std::env::var("TOWLINE_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let source = folder.path().join("source");
    let served = folder.path().join("served");
    std::fs::create_dir(&served).unwrap();
    let mut random = SplitMix(7);
    let (mut stands, mut cut, mut acknowledged) = (None, 0, 0);
    // Until so many uploads were cut off: how many others are over before that is a matter of how busy the machine is.
    for round in 0.. {
        if cut == kills {
            break;
        }
        assert!(round < 20 * kills, "{cut} of {round} were cut off: too few for anything to be shown");
        let sent = content(round);
        std::fs::write(&source, &sent).unwrap();
        let mut server = Served::of(&served, &[]);
        let mut client = put(&source, &server);
        // Anywhere from before the first byte to behind the last: then it dies as it publishes, or after.
        let until = random.next_u64() % (LENGTH as u64 * 5 / 4);
        let is_over = loop {
            if let Some(status) = client.try_wait().unwrap() {
                break status.success();
            }
            if arrived(&served) >= until {
                server.kill();
                break client.wait().unwrap().success();
            }
            std::thread::yield_now();
        };
        server.kill();
        let found = std::fs::read(served.join("file")).ok();
        match is_over {
            true => assert!(found.as_ref() == Some(&sent), "round {round}: acknowledged, and not there"),
            false => assert!(found == stands || found.as_ref() == Some(&sent), "round {round}: torn"),
        }
        if is_over {
            acknowledged += 1
        } else {
            cut += 1
        }
        // Whoever comes next is let in at once, goes on, and leaves nothing behind.
        let server = Served::of(&served, &[]);
        assert!(put(&source, &server).wait().unwrap().success(), "round {round}: locked");
        assert!(std::fs::read(served.join("file")).unwrap() == sent, "round {round}");
        assert_eq!(left(&served), Vec::<String>::new(), "round {round}");
        stands = Some(sent);
    }
    eprintln!("{cut} uploads cut off by a killed server, {acknowledged} acknowledged before it was");
}
