//! Calls of the library that are given up by dropping their futures, at every point where that can be: what they held is given back
//! at both sides, nothing is torn, and the connection goes on.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use towline::client::{Client, ClientError, Places};
use towline::drive::Disk;
use towline::harness::strays;
use towline::proto::tree_job::{Direction, TreeOptions};
use towline::store::memory::MemoryFiles;
use towline::wire::{Modified, RelPath, Span};

use super::fuse::{Fuse, FusedDialer};
use super::help::{World, noise, path};

/// Points that are all tried; beyond, each a third further than the one before.
const EACH: u32 = 16;
/// However slow a machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every call of the library that waits for something.
#[derive(Clone, Copy, Debug)]
enum Call {
    Echo,
    List,
    Stat,
    Remove,
    Put(&'static str),
    Get(&'static str),
    Compare,
    Print,
    Pour,
    Tree(Direction),
}

const CALLS: [Call; 12] = [
    Call::Echo,
    Call::List,
    Call::Stat,
    Call::Remove,
    Call::Put("small"),
    Call::Put("long"),
    Call::Get("small"),
    Call::Get("long"),
    Call::Compare,
    Call::Print,
    Call::Tree(Direction::Up),
    Call::Tree(Direction::Down),
];

/// What a name holds: a file of one breath, or one of many pieces.
fn content(name: &str) -> Vec<u8> {
    noise(if name.ends_with("long") { 1_500_000 } else { 30_000 })
}

impl Call {
    async fn make(self, client: &Client<MemoryFiles>, local: &MemoryFiles) -> Result<(), ClientError> {
        let here = || local.clone();
        match self {
            Call::Echo => client.echo(Bytes::from(vec![7; 60_000])).await.map(drop),
            Call::List => {
                let names = client.list(path("many")).await?;
                assert_eq!(names.len(), 1_500, "entries of another listing, or none of some");
                Ok(())
            }
            Call::Stat => client.stat(path("tree/small")).await.map(drop),
            Call::Remove => client.remove(path("gone")).await,
            Call::Put(name) => client.put_from(here(), path(name), path("there")).await.map(drop),
            Call::Get(name) => {
                client.get_to(path("tree").join(name.as_bytes())?, here(), path("here")).await.map(drop)
            }
            Call::Compare => client.compare_from(here(), path("long"), path("tree/long")).await.map(drop),
            Call::Print => {
                client.print(path("tree/long"), Span::Rest { first: 0 }, io::sink()).await.map(drop)
            }
            Call::Pour => {
                let input = io::Cursor::new(content("long"));
                client.pour(input, path("there"), 0o600, Modified::default()).await.map(drop)
            }
            Call::Tree(direction) => {
                let (from, to) = match direction {
                    Direction::Up => (path("tree"), path("copied")),
                    Direction::Down => (path("tree"), path("copy")),
                };
                let places = Places { folders: vec![here()], items: vec![(0, from, to)] };
                client.move_trees(direction, places, TreeOptions::default()).await.map(drop)
            }
        }
    }
}

/// A world and one client in it.
struct Stage {
    world: World,
    client: Client<MemoryFiles>,
    disk: Disk<MemoryFiles>,
    fuse: Arc<Fuse>,
}

impl Stage {
    async fn new() -> Stage {
        let world = World::new().await;
        for files in [&world.served, &world.local] {
            for name in ["small", "long", "tree/small", "tree/long", "tree/deeper/small"] {
                files.put(name, &content(name));
            }
        }
        for number in 0..1_500 {
            world
                .served
                .put(&format!("many/a name that is somewhat longer than it had to be, {number}"), b"");
        }
        let fuse = Arc::new(Fuse::default());
        let (client, disk) = world.library(FusedDialer(world.dialer(), Arc::clone(&fuse)));
        Stage { world, client, disk, fuse }
    }

    fn set(&self) {
        self.world.served.put("there", b"the old file");
        self.world.local.put("here", b"the old file");
        self.world.served.put("gone", b"");
    }

    /// What stands where something was to be written is the old file or the new one.
    fn nothing_is_torn(&self, what: &str) {
        for found in [self.world.served.get("there"), self.world.local.get("here")] {
            let found = found.unwrap_or_else(|| panic!("{what}: the file is gone"));
            let whole = [b"the old file".to_vec(), content("small"), content("long")];
            assert!(whole.contains(&found), "{what}: {} bytes stand there", found.len());
        }
        for (files, folder) in [(&self.world.served, "copied"), (&self.world.local, "copy")] {
            for name in ["small", "long", "deeper/small"] {
                let found = files.get(&format!("{folder}/{name}"));
                assert!(found.is_none_or(|found| found == content(name)), "{what}: {folder}/{name}");
            }
        }
    }

    /// Waits until nothing is held any more, at either side.
    async fn settle(&self, what: &str) {
        let held = || {
            let running = self.world.visits.lock().expect("no panic").running.len();
            (running, self.world.disk.leases(), self.disk.leases(), self.disk.roots())
        };
        let all = async {
            while held() != (0, 0, 0, 0) {
                tokio::task::yield_now().await;
            }
        };
        let settled = tokio::time::timeout(PATIENCE, all).await;
        assert!(settled.is_ok(), "{what}: operations, leases there and here, folders here: {:?}", held());
    }

    /// After a call that was dropped: all is given back, and the same connection goes on.
    async fn goes_on(&self, what: &str) {
        let echo = self.client.echo(Bytes::from_static(b"still here"));
        let echoed =
            tokio::time::timeout(PATIENCE, echo).await.unwrap_or_else(|_| panic!("{what}: it hangs"));
        echoed.unwrap_or_else(|error| panic!("{what}: {error}"));
        self.settle(what).await;
        self.nothing_is_torn(what);
        assert_eq!(
            self.world.visits.lock().expect("no panic").accepted,
            1,
            "{what}: it had to connect again"
        );
    }

    async fn end(self) {
        self.client.close().await;
        let (served, local, disk) =
            (self.world.served.clone(), self.world.local.clone(), self.world.disk.clone());
        self.world.stop().await;
        assert_eq!((disk.leases(), self.disk.leases(), self.disk.roots()), (0, 0, 0));
        let left = [&served, &local].map(strays).concat();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Polls at most so often; `None` if that is not enough.
async fn polled<T>(mut future: Pin<&mut impl Future<Output = T>>, times: u32) -> Option<T> {
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn a_call_may_be_dropped_after_any_number_of_polls() {
    let stage = Stage::new().await;
    for call in CALLS.into_iter().chain([Call::Pour]) {
        for times in 0.. {
            stage.set();
            let what = format!("{call:?} after {times} polls");
            let done = {
                let made = pin!(call.make(&stage.client, &stage.world.local));
                polled(made, times).await
            };
            stage.goes_on(&what).await;
            if let Some(result) = done {
                result.unwrap_or_else(|error| panic!("{what}: {error}"));
                break;
            }
        }
    }
    stage.end().await;
}

#[tokio::test]
async fn a_call_may_be_dropped_wherever_its_bytes_are() {
    for call in CALLS {
        let stage = Stage::new().await;
        let mut point = 1;
        loop {
            stage.set();
            let what = format!("{call:?} at poll {point} of the stream");
            stage.fuse.left.store(point, Ordering::Relaxed);
            let done = tokio::select! {
                biased;
                () = stage.fuse.burnt.notified() => None,
                result = call.make(&stage.client, &stage.world.local) => Some(result),
            };
            stage.fuse.left.store(0, Ordering::Relaxed);
            stage.goes_on(&what).await;
            if let Some(result) = done {
                result.unwrap_or_else(|error| panic!("{what}: {error}"));
                break;
            }
            point += 1.max(point.saturating_sub(EACH) / 3);
        }
        assert!(point > 3, "{call:?}: only {point} points");
        stage.end().await;
    }
}

#[tokio::test]
async fn a_client_may_be_dropped_wherever_its_bytes_are() {
    for call in CALLS {
        for point in [1, 2, 3, 5, 8, 13, 21, 34] {
            let stage = Stage::new().await;
            stage.set();
            let what = format!("{call:?} at poll {point} of the stream");
            stage.fuse.left.store(point, Ordering::Relaxed);
            tokio::select! {
                biased;
                () = stage.fuse.burnt.notified() => {}
                result = call.make(&stage.client, &stage.world.local) => {
                    result.unwrap_or_else(|error| panic!("{what}: {error}"));
                }
            }
            let Stage { world, client, disk, .. } = stage;
            drop(client);
            let over = async {
                while !world.visits.lock().expect("no panic").open.is_empty()
                    || disk.roots() + disk.leases() > 0
                {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(PATIENCE, over).await.unwrap_or_else(|_| panic!("{what}: it is held"));
            let served = world.disk.clone();
            world.stop().await;
            assert_eq!(served.leases(), 0, "{what}");
        }
    }
}

/// Whoever serves gives that up as well by dropping a future: no task of a connection goes on.
#[tokio::test]
async fn a_server_may_be_dropped_wherever_it_is() {
    for point in [1, 2, 3, 5, 8, 13, 21, 34] {
        let Stage { world, client, fuse, .. } = Stage::new().await;
        world.served.put("there", b"the old file");
        fuse.left.store(point, Ordering::Relaxed);
        let local = world.local.clone();
        let (served, disk, visits) = (world.served.clone(), world.disk.clone(), Arc::clone(&world.visits));
        let mut put = pin!(Call::Put("long").make(&client, &local));
        let done = tokio::select! {
            biased;
            () = fuse.burnt.notified() => None,
            result = &mut put => Some(result),
        };
        let idle = towline::net::SocketOptions::default();
        let address = towline::net::Place::Tcp(world.address);
        world.cut_off().await;
        let given_back = async {
            while disk.leases() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, given_back).await.expect("a lease is held");
        assert!(done.is_none_or(|result| result.is_ok()));
        let found = served.get("there").expect("a file stands there");
        assert!(found == b"the old file" || found == content("long"), "{} bytes", found.len());
        assert!(visits.lock().expect("no panic").ends.is_empty(), "a connection's task went on");
        // Its socket is closed.
        assert!(
            towline::net::connect(&address.to_string().parse().expect("an address"), &idle).await.is_err()
        );
    }
}

/// A future may end up with whoever has no runtime at all.
#[test]
fn a_call_may_be_dropped_outside_of_its_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let stage = runtime.block_on(Stage::new());
    for call in CALLS {
        for times in 0..3 {
            stage.set();
            let mut made = Box::pin(call.make(&stage.client, &stage.world.local));
            let _early = runtime.block_on(polled(made.as_mut(), times));
            drop(made);
            runtime.block_on(stage.goes_on(&format!("{call:?} after {times} polls, outside")));
        }
    }
    runtime.block_on(stage.end());
}

/// Two at once: neither is told the other's names.
#[tokio::test]
async fn listings_run_beside_each_other() {
    let stage = Stage::new().await;
    let (many, few) = tokio::join!(stage.client.list(path("many")), stage.client.list(RelPath::ROOT));
    assert_eq!(many.expect("it is listed").len(), 1_500);
    assert!(few.expect("it is listed").len() < 10);
    stage.end().await;
}
