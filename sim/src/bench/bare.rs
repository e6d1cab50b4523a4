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

/// Two hosts on a thread of their own: a connection, on which each side writes as often and as many bytes as in the
/// plan, as fast as the shim lets it, and reads what the other writes; then they sit there until the ticks are over.
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
        .min_message_latency(Duration::from_millis(plan.latency_ms.min))
        .max_message_latency(Duration::from_millis(plan.latency_ms.max))
        .tcp_capacity(TCP_CAPACITY)
        .rng_seed(plan.seed)
        .build();
    let [client, server] = load.traffic;
    sim.host("server", move || async move {
        let (stream, _) = TcpListener::bind(("0.0.0.0", PORT)).await?.accept().await?;
        exchange(stream, server).await?;
        std::future::pending().await
    });
    sim.host("client", move || async move {
        exchange(TcpStream::connect(("server", PORT)).await?, client).await?;
        std::future::pending().await
    });
    for _ in 0..load.ticks {
        sim.step()?;
    }
    Ok(())
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
