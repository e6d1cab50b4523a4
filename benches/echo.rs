//! The RFC 862 machine through the driver, beside bare tokio code that does the same: read the two of a group as a
//! ratio. Loopback, client and server in one process on two worker threads.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use towline::drive::{Disk, Door, Mode, Serve, Traffic, stopper};
use towline::net::Listener;
use towline::proto::storage::RootId;
use towline::proto::{Limits, ListenLimits, Rights};
use towline::store::memory::MemoryFiles;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// What one would write without towline.
async fn bare() -> SocketAddr {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("nodelay");
            tokio::spawn(async move {
                let mut buffer = vec![0; 256 * 1024];
                loop {
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(count) => {
                            if stream.write_all(&buffer[..count]).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            });
        }
    });
    address
}

/// The machine, the driver and the accept loop.
async fn towline() -> SocketAddr {
    let (listener, address) = listener().await;
    let disk: Disk<MemoryFiles> = Disk::new(0, Mode::Inline);
    let serve = Serve {
        doors: vec![(Door::Echo, Listener::Tcp(listener))],
        store: (Arc::new(disk), RootId(0)),
        rights: Rights::NONE,
        guard: None,
        limits: Limits::default(),
        listen: ListenLimits::default(),
        echo_idle: Some(Duration::from_secs(300)),
        traffic: Traffic::default(),
        watch: Arc::new(|_| {}),
    };
    let (stopper, stop) = stopper();
    tokio::spawn(async move {
        let _runs_until_dropped = stopper;
        serve.run(stop).await
    });
    address
}

async fn ping_pong(address: SocketAddr, size: usize, rounds: u64) -> Duration {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    stream.set_nodelay(true).expect("nodelay");
    let sent = vec![7; size];
    let mut received = vec![0; size];
    let begin = Instant::now();
    for _ in 0..rounds {
        let (mut read, mut write) = stream.split();
        let writing = write.write_all(&sent);
        let reading = read.read_exact(&mut received);
        let (written, heard) = tokio::join!(writing, reading);
        written.expect("send");
        heard.expect("receive");
    }
    assert_eq!(black_box(&received), &sent);
    begin.elapsed()
}

/// `flows` connections at once, each `rounds / flows` times.
async fn many(address: SocketAddr, flows: u64, rounds: u64) -> Duration {
    let begin = Instant::now();
    let each = rounds.div_ceil(flows);
    let tasks: Vec<_> = (0..flows).map(|_| tokio::spawn(ping_pong(address, 64, each))).collect();
    for task in tasks {
        task.await.expect("a flow");
    }
    begin.elapsed()
}

fn echo(c: &mut Criterion) {
    let runtime = Runtime::new().expect("tokio");
    let servers = [("bare tokio", runtime.block_on(bare())), ("towline", runtime.block_on(towline()))];
    for (what, size) in [("64 bytes", 64), ("64 KiB", 65_536)] {
        let mut group = c.benchmark_group(format!("echo, one connection, {what}"));
        group.throughput(Throughput::Elements(1)).sample_size(20);
        for (name, address) in servers {
            group.bench_function(name, |b| {
                b.iter_custom(|rounds| runtime.block_on(ping_pong(address, size, rounds)));
            });
        }
        group.finish();
    }
    let mut group = c.benchmark_group("echo, 64 connections, 64 bytes");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    for (name, address) in servers {
        group.bench_function(name, |b| b.iter_custom(|rounds| runtime.block_on(many(address, 64, rounds))));
    }
    group.finish();
}

criterion_group!(benches, echo);
criterion_main!(benches);
