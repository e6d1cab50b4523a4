//! A client that shows how far it is: `cargo run --example progress FILE HOST[:PORT] PATH`.

use std::error::Error;
use std::path::Path;

use towline::client::{Client, ClientConfig, Event, Moved, OpEvent};
use towline::net::Endpoint;
use towline::wire::RelPath;

/// Sends `file` to stand at the server's `to`; tells `progress` bytes that are there, and bytes in all. Dropped, it is called off.
pub(crate) async fn put(
    file: &Path,
    server: Endpoint,
    to: &str,
    mut progress: impl FnMut(u64, u64),
) -> Result<Moved, Box<dyn Error>> {
    let client = Client::connect(server, ClientConfig::default()).await?;
    let mut events = client.events();
    let (mut there, mut all) = (0, 0);
    let moved = {
        let mut put = std::pin::pin!(client.put(file, RelPath::new(to)?));
        loop {
            tokio::select! {
                biased;
                Some(event) = events.next() => match event {
                    Event::Job(_, OpEvent::Started { length }) => all = length,
                    Event::Job(_, OpEvent::Progress(bytes) | OpEvent::Skipped(bytes)) => there += bytes,
                    // What is there is found out anew.
                    Event::Retrying { error, .. } => {
                        eprintln!("once more: {error}");
                        there = 0;
                    }
                    _ => continue,
                },
                moved = &mut put => break moved?,
            }
            progress(there, all);
        }
    };
    client.close().await;
    Ok(moved)
}

#[tokio::main(flavor = "current_thread")]
#[cfg_attr(test, expect(dead_code, reason = "the tests call what it calls"))]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, server, to] = &arguments[..] else { return Err("give FILE HOST[:PORT] PATH".into()) };
    let show = |there: u64, all: u64| eprint!("\r{:3} %", (there * 100).checked_div(all).unwrap_or(100));
    let moved = put(Path::new(file), server.parse()?, to, show).await?;
    eprintln!();
    println!("{}  {file}", moved.root);
    Ok(())
}
