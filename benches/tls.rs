//! What TLS costs: full handshakes over loopback, both sides on one thread, and bytes through a pipe in memory beside the same without.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use towline::identity::SecretKey;
use towline::net::tls::{ClientTls, Identity, ServerTls, TlsStream};

const LENGTH: usize = 64 << 20;
/// As large as a frame of data.
const PIECE: usize = 256 * 1024;

fn setup() -> (Runtime, ClientTls, ServerTls) {
    let (client, server) = (Identity::new(&SecretKey([1; 32])), Identity::new(&SecretKey([2; 32])));
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    (runtime, ClientTls::new(&client, server.public()), ServerTls::new(&server))
}

fn handshakes(criterion: &mut Criterion) {
    let (runtime, client, server) = setup();
    let mut group = criterion.benchmark_group("tls");
    group.throughput(Throughput::Elements(1));
    group.bench_function("handshake, both sides, over loopback", |bencher| {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        bencher.iter(|| {
            runtime.block_on(async {
                let connecting = async {
                    TlsStream::connect(TcpStream::connect(address).await.expect("it connects"), &client).await
                };
                let accepting = async {
                    TlsStream::accept(listener.accept().await.expect("it accepts").0, &server).await
                };
                let (here, there) = tokio::join!(connecting, accepting);
                black_box((here.is_ok(), there.is_ok()))
            })
        });
    });
    group.finish();
}

async fn pour<S: AsyncRead + AsyncWrite + Unpin>(mut here: S, mut there: S) -> usize {
    let (piece, mut space) = (vec![7; PIECE], vec![0; PIECE]);
    let writing = async {
        for _ in 0..LENGTH / PIECE {
            here.write_all(&piece).await.expect("it is written");
        }
        here.shutdown().await.expect("it is ended");
    };
    let reading = async {
        let mut count = 0;
        loop {
            match there.read(&mut space).await.expect("it is read") {
                0 => return count,
                more => count += more,
            }
        }
    };
    tokio::join!(writing, reading).1
}

fn bulk(criterion: &mut Criterion) {
    let (runtime, client, server) = setup();
    let mut group = criterion.benchmark_group("tls");
    group.throughput(Throughput::Bytes(LENGTH as u64)).sample_size(10);
    group.bench_function("64 MiB, both sides, over a pipe", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let (here, there) = duplex(1 << 20);
                let (here, there) =
                    tokio::join!(TlsStream::connect(here, &client), TlsStream::accept(there, &server));
                let (Ok(here), Ok(there)) = (here, there) else { panic!("they do not meet") };
                assert_eq!(pour(here, there).await, LENGTH);
            });
        });
    });
    group.bench_function("64 MiB over a pipe, without", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let (here, there) = duplex(1 << 20);
                assert_eq!(pour(here, there).await, LENGTH);
            });
        });
    });
    group.finish();
}

criterion_group!(benches, handshakes, bulk);
criterion_main!(benches);
