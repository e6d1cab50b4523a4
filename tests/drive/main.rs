//! The driver on real sockets, with files in memory.

mod cancelled;
mod fuse;
mod help;
mod mail;
mod traced;

use std::time::Duration;

use bytes::Bytes;
use help::{World, noise, path};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use towline::proto::listener::ListenEnd;
use towline::proto::op::{Moved, OpDone, Question};
use towline::proto::{Connections, Limits};
use towline::wire::Cv;

#[tokio::test]
async fn server_and_client_run_in_one_thread_of_one_process() {
    let world = World::new().await;
    let jobs = world.client();
    let echo = jobs.carry_out(World::echo(b"Hello, world")).await;
    assert_eq!(echo, Ok(Ok(OpDone::Echoed)));
    jobs.close().await;
    assert_eq!(world.stop().await, ListenEnd::Drained);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_all_sizes_go_both_ways() {
    let world = World::new().await;
    let jobs = world.client();
    for length in [0, 1, 65_536, 65_537, (1 << 20) + 1, 20_000_000] {
        let content = noise(length);
        let root = Cv(*blake3::hash(&content).as_bytes());
        let done = OpDone::Moved(Moved { length: length as u64, root, blocks_refused: 0, skipped: 0 });
        world.local.put("up", &content);
        world.served.put("down", &content);
        assert_eq!(jobs.carry_out(World::put("up")).await, Ok(Ok(done.clone())));
        assert_eq!(jobs.carry_out(World::fetch("down")).await, Ok(Ok(done)));
        assert!(world.served.get("up").as_deref() == Some(&content[..]), "put of {length}");
        assert!(world.local.get("down").as_deref() == Some(&content[..]), "get of {length}");
    }
    jobs.close().await;
    assert_eq!(world.stop().await, ListenEnd::Drained);
}

#[tokio::test]
async fn a_raw_echo_gives_back_every_byte_through_tiny_socket_buffers() {
    let world = World::new().await;
    let stream = world.tiny_stream(world.echo_address).await;
    let sent = noise(1_000_000);
    let (mut read, mut write) = stream.into_split();
    let expected = sent.clone();
    let writing = tokio::spawn(async move {
        write.write_all(&sent).await.expect("the echo takes what is sent");
        write.shutdown().await.expect("half-close");
    });
    let mut received = Vec::new();
    read.read_to_end(&mut received).await.expect("the echo sends it back");
    writing.await.expect("writing");
    assert!(received == expected, "{} bytes came back", received.len());
    world.stop().await;
}

#[tokio::test]
async fn a_raw_echo_that_is_cut_off_by_a_stop_is_told_to_be_over() {
    let world = World::new().await;
    let mut stream = world.tiny_stream(world.echo_address).await;
    stream.write_all(b"?").await.expect("it is there");
    assert_eq!(stream.read_u8().await.expect("it comes back"), b'?');
    let echoes = std::sync::Arc::clone(&world.echoes);
    assert_eq!(world.stop().await, ListenEnd::Drained);
    assert_eq!(*echoes.lock().expect("no panic"), [None]);
}

#[tokio::test]
async fn a_transfer_survives_partial_sends() {
    let world = World::new().await;
    let jobs = world.tiny_client();
    let content = noise(3_000_000);
    world.local.put("up", &content);
    world.served.put("down", &content);
    assert!(matches!(jobs.carry_out(World::put("up")).await, Ok(Ok(OpDone::Moved(_)))));
    assert!(matches!(jobs.carry_out(World::fetch("down")).await, Ok(Ok(OpDone::Moved(_)))));
    assert!(world.served.get("up").as_deref() == Some(&content[..]));
    assert!(world.local.get("down").as_deref() == Some(&content[..]));
    jobs.close().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_file_comes_over_several_connections() {
    let limits = Limits { connections: Connections::Fixed(5), ..Limits::default() };
    let world = World::with_limits(limits).await;
    let content = noise(30_000_001);
    world.served.put("down", &content);
    for jobs in [world.client(), world.tiny_client()] {
        assert!(matches!(jobs.carry_out(World::fetch("down")).await, Ok(Ok(OpDone::Moved(_)))));
        assert!(world.local.get("down").as_deref() == Some(&content[..]));
        jobs.close().await;
        world.local.put("down", b"another");
    }
    let disk = world.disk.clone();
    assert_eq!(world.stop().await, ListenEnd::Drained);
    assert_eq!(disk.leases(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_file_goes_over_several_connections() {
    let limits = Limits { connections: Connections::Fixed(4), ..Limits::default() };
    let world = World::with_limits(limits).await;
    let content = noise(30_000_001);
    world.local.put("up", &content);
    for jobs in [world.client(), world.tiny_client()] {
        assert!(matches!(jobs.carry_out(World::put("up")).await, Ok(Ok(OpDone::Moved(_)))));
        assert!(world.served.get("up").as_deref() == Some(&content[..]));
        jobs.close().await;
        world.served.put("up", b"another");
    }
    let disk = world.disk.clone();
    assert_eq!(world.stop().await, ListenEnd::Drained);
    assert_eq!(disk.leases(), 0);
}

/// A machine that is gone gives its leases back, and what it had begun leaves nothing.
#[tokio::test]
async fn a_client_that_vanishes_in_a_put_leaves_nothing_and_harms_nobody() {
    let world = World::new().await;
    world.served.put("up", b"the old file");
    world.local.put("up", &noise(50_000_000));
    let jobs = world.client();
    {
        let put = jobs.carry_out(World::put("up"));
        let mut put = std::pin::pin!(put);
        let begun = world.progress.notified();
        tokio::select! { biased; result = &mut put => panic!("it cannot be done yet: {result:?}"), () = begun => {} }
    }
    drop(jobs);
    let other = world.client();
    assert_eq!(other.carry_out(World::echo(b"still here")).await, Ok(Ok(OpDone::Echoed)));
    other.close().await;
    let (served, disk) = (world.served.clone(), world.disk.clone());
    assert_eq!(world.stop().await, ListenEnd::Drained);
    assert_eq!(served.get("up").as_deref(), Some(&b"the old file"[..]));
    assert_eq!(disk.leases(), 0);
}

#[tokio::test]
async fn a_peer_of_another_protocol_is_refused_and_the_next_is_served() {
    let world = World::new().await;
    let mut http = tokio::net::TcpStream::connect(world.address).await.expect("connect");
    http.write_all(b"GET / HTTP/1.1\r\nHost: towline\r\n\r\n").await.expect("send");
    let mut answer = Vec::new();
    http.read_to_end(&mut answer).await.expect("the server answers and closes");
    assert!(answer.starts_with(&towline::wire::PREAMBLE), "{answer:?}");
    assert!(String::from_utf8_lossy(&answer).contains("GET / HT"), "the refusal names what it got");
    let jobs = world.client();
    assert_eq!(jobs.carry_out(World::echo(b"next")).await, Ok(Ok(OpDone::Echoed)));
    jobs.close().await;
    world.stop().await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_let_go() {
    let limits = Limits { handshake: Some(Duration::from_millis(50)), ..Limits::default() };
    let world = World::with_limits(limits).await;
    let mut silent = tokio::net::TcpStream::connect(world.address).await.expect("connect");
    let mut answer = Vec::new();
    silent.read_to_end(&mut answer).await.expect("the server gives up and closes");
    assert!(!answer.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn many_jobs_share_one_connection() {
    let world = World::new().await;
    let jobs = world.client();
    for i in 0..100 {
        world.local.put(&format!("f{i}"), &noise(i * 3000));
    }
    let puts = (0..100).map(|i| World::put(&format!("f{i}"))).map(|put| jobs.carry_out(put));
    let mut running: Vec<_> = puts.map(Box::pin).collect();
    for put in &mut running {
        assert!(matches!(put.await, Ok(Ok(OpDone::Moved(_)))));
    }
    drop(running);
    for i in 0..100 {
        assert!(world.served.get(&format!("f{i}")) == Some(noise(i * 3000)));
    }
    let list = jobs.carry_out(towline::proto::session::Request::Ask(Question::List(path("")))).await;
    assert_eq!(list, Ok(Ok(OpDone::Listed)));
    jobs.close().await;
    world.stop().await;
}

#[tokio::test]
async fn a_client_without_a_server_is_told_so() {
    let world = World::new().await;
    let jobs = world.client_of(world.nobody());
    let error =
        jobs.carry_out(World::echo(b"anyone?")).await.expect("the driver runs").expect_err("nobody is there");
    assert!(format!("{error:?}").contains("Refused"), "{error:?}");
    jobs.close().await;
    world.stop().await;
    let _ = Bytes::new();
}
