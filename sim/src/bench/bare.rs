//! Turmoil and nothing else: as many hosts, ticks, writes and bytes as a plan took on the turmoil tier. What that tier
//! costs beyond this is ours.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::{TcpListener, TcpStream};

use crate::outcome::Traffic;
use crate::plan::{Plan, Shape};

const PORT: u16 = 8695;
/// The turmoil tier's.
const TCP_CAPACITY: usize = 4_096;

/// What a plan took on the turmoil tier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) ticks: u64,
    /// By side.
    pub(super) traffic: [Traffic; 2],
}

/// A server and the plan's clients on a thread of their own. Each client has a connection, on which each side writes its
/// share of the plan's writes and bytes, as fast as the shim lets it, and reads what the other writes; then all sit
/// there until the ticks are over.
pub(super) fn run(plan: &Plan, load: Load) {
    let plan = plan.clone();
    let thread = std::thread::spawn(move || simulate(&plan, load).map_err(|error| error.to_string()));
    thread.join().expect("it does not panic").expect("nothing fails");
}

fn simulate(plan: &Plan, load: Load) -> turmoil::Result {
    let mut sim = turmoil::Builder::new()
        .epoch(UNIX_EPOCH + Duration::from_secs(1_000_000_000))
        .simulation_duration(Duration::from_secs(1_000_000))
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(Duration::from_millis(plan.network.latency_ms.min))
        .max_message_latency(Duration::from_millis(plan.network.latency_ms.max))
        .tcp_capacity(TCP_CAPACITY)
        .rng_seed(plan.seed)
        .build();
    let clients = plan.clients.len() as u64;
    let [client, server] = load.traffic;
    sim.host("server", move || async move {
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        for number in 0..clients {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(exchange(stream, share(server, number, clients)));
        }
        std::future::pending().await
    });
    for number in 0..clients {
        sim.host(format!("client{number}"), move || async move {
            let stream = TcpStream::connect(("server", PORT)).await?;
            exchange(stream, share(client, number, clients)).await?;
            std::future::pending().await
        });
    }
    for _ in 0..load.ticks {
        sim.step()?;
    }
    Ok(())
}

/// One of `shares` parts that are as equal as can be, and together all.
fn share(traffic: Traffic, number: u64, shares: u64) -> Traffic {
    let part = |all: u64| all * (number + 1) / shares - all * number / shares;
    Traffic { writes: part(traffic.writes), bytes: part(traffic.bytes) }
}

async fn exchange(stream: TcpStream, traffic: Traffic) -> io::Result<()> {
    let (mut read, mut write) = stream.into_split();
    let say = async {
        let content = vec![0; usize::try_from(traffic.bytes).expect("it fits in memory")];
        let mut rest = &content[..];
        for left in (1..=traffic.writes).rev() {
            let (piece, others) = rest.split_at(rest.len().div_ceil(left as usize));
            write.write_all(piece).await?;
            rest = others;
            if left % u64::from(Shape::WRITES_PER_MS) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        write.shutdown().await
    };
    let hear = async {
        let mut buffer = vec![0; 64 * 1024];
        while read.read(&mut buffer).await? > 0 {}
        Ok(())
    };
    let (said, heard) = tokio::join!(biased; say, hear);
    said.and(heard)
}
