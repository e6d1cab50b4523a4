//! The one page of `--metrics`, over HTTP/1: so small that there is nothing to break. One request a connection, one connection at a
//! time, each with a deadline; whatever is asked for but that page is refused.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::super::explain::CliError;
use super::super::{args, exit::Exit, output};
use crate::net::{Place, SocketOptions, diagnose, listen};

/// Where it is, unless a port is named.
const PORT: u16 = 8696;
/// However long a request's head is.
const HEAD_MAX: usize = 8 * 1024;
/// For all of a request and its answer.
const LIMIT: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, clap::Args)]
pub(in crate::cli) struct Metrics {
    /// Tell what happens in numbers at http://ADDR/metrics (Prometheus); the port is 8696 unless it is given
    #[arg(long, value_name = "ADDR", value_parser = |text: &str| args::listen_address(text, PORT))]
    metrics: Option<SocketAddr>,
}

/// The socket, bound.
pub(super) struct Page(Option<TcpListener>);

impl Metrics {
    /// Where whoever can reach it can read the numbers.
    pub(super) fn place(self) -> Option<Place> {
        self.metrics.map(Place::Tcp)
    }

    pub(super) fn bind(self) -> Result<Page, CliError> {
        let Some(address) = self.metrics else { return Ok(Page(None)) };
        let failed = |error: io::Error| {
            let told = diagnose::listening(&Place::Tcp(address), "tell metrics", &error);
            let in_use = error.kind() == io::ErrorKind::AddrInUse;
            let exit = if in_use { Exit::AddressInUse } else { Exit::CannotListen };
            CliError::Told(exit, Box::new(told))
        };
        listen(address, &SocketOptions::default()).map(|socket| Page(Some(socket))).map_err(failed)
    }
}

impl Page {
    /// The same in the runtime that this is called in.
    pub(super) fn adopted(self) -> io::Result<Page> {
        let adopt = |socket: TcpListener| TcpListener::from_std(socket.into_std()?);
        Ok(Page(self.0.map(adopt).transpose()?))
    }

    /// Says where it is, if it is anywhere.
    pub(super) fn announce(&self) -> Result<(), CliError> {
        match self.0.as_ref().and_then(|socket| socket.local_addr().ok()) {
            Some(at) => output::print(&format!("metrics at http://{at}/metrics")),
            None => Ok(()),
        }
    }

    /// Answers with what `page` gives, for as long as it is polled.
    pub(super) async fn serve(self, page: impl Fn() -> String) -> std::convert::Infallible {
        let Some(socket) = self.0 else { return std::future::pending().await };
        loop {
            match socket.accept().await {
                // Who takes too long, or goes away, is not waited for.
                Ok((stream, _)) => drop(timeout(LIMIT, answer(stream, &page)).await),
                // The system is short of something: not at once again.
                Err(_) => tokio::time::sleep(LIMIT).await,
            }
        }
    }
}

async fn answer(mut stream: TcpStream, page: &impl Fn() -> String) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).await?;
        head.extend_from_slice(&piece[..count]);
        if count == 0 || head.len() > HEAD_MAX {
            return Ok(());
        }
    }
    let (status, body) = match head.split(|byte| *byte == b'\r').next() {
        Some(b"GET /metrics HTTP/1.1" | b"GET /metrics HTTP/1.0") => ("200 OK", page()),
        Some(line) if line.starts_with(b"GET /") => ("404 Not Found", "see /metrics\n".to_owned()),
        Some(_) | None => ("405 Method Not Allowed", "GET /metrics is all there is\n".to_owned()),
    };
    let length = body.len();
    let kind = "Content-Type: text/plain; version=0.0.4; charset=utf-8";
    let answer =
        format!("HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
