//! A server within a program of one's own: `cargo run --example embedded_server [FOLDER]`, until Ctrl-C.

use std::error::Error;
use std::path::Path;

use towline::net::Place;
use towline::server::{Doors, ListenEnd, Server, ServerConfig, ServerEvent, stopper};

/// Serves `folder` until `stop` is ready, then finishes what runs; tells `line` what a person would like to know.
pub(crate) async fn serve(
    folder: &Path,
    stop: impl Future<Output = ()>,
    mut line: impl FnMut(String),
) -> Result<ListenEnd, Box<dyn Error>> {
    let mut server = Server::new(folder, 0, ServerConfig::default()).await?;
    let mut events = server.events();
    let doors = Doors::at(&Place::Tcp("127.0.0.1:0".parse()?))?;
    line(format!("listening on {}", doors.endpoint()?));
    let (stopper, stopped) = stopper();
    let running = server.run(doors, stopped);
    let told = async {
        while let Some(event) = events.next().await {
            match event {
                ServerEvent::Accepted { connection, peer, .. } => {
                    line(format!("{connection}: {peer} is here"))
                }
                ServerEvent::Session { connection, event } => line(format!("{connection}: {event:?}")),
                ServerEvent::Closed { connection, end } => line(format!("{connection}: over, {end:?}")),
                _ => {}
            }
        }
    };
    let stopping = async {
        stop.await;
        stopper.drain();
    };
    Ok(tokio::join!(running, told, stopping).0)
}

#[tokio::main(flavor = "current_thread")]
#[cfg_attr(test, expect(dead_code, reason = "the tests call what it calls"))]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let interrupt = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    let end = serve(Path::new(&folder), interrupt, |line| println!("{line}")).await?;
    println!("stopped: {end:?}");
    Ok(())
}
