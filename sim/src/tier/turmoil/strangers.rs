//! Peers that do not keep the rules, each on a host of its own, with turmoil's bare streams: strangers that dial the
//! server, and impostors that a client's dial is led to.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf};
use tokio::sync::Notify;
use towline::drive::Door;
use towline::harness::Side;
use turmoil::net::{TcpListener, TcpStream};

use super::super::byzantine::{Act, STRANGERS, acts};
use super::super::driven::state::{Shared, lock};
use super::super::facts::{Dial, Place, SERVER};
use super::net::port;

/// The name of an impostor's host.
pub(super) fn impostor_name(number: u32) -> String {
    format!("impostor{number}")
}

/// What a stranger's host runs.
pub(super) async fn stranger(shared: Shared, number: u32) -> turmoil::Result {
    let stranger = shared.plan().strangers[number as usize];
    tokio::time::sleep(Duration::from_millis(stranger.begins_ms)).await;
    let name = format!("stranger{number}");
    {
        let facts = &mut lock(&shared).facts;
        facts.event(&name, &format!("dials, and will play {:?}", stranger.trick));
        facts.strangers_begun += 1;
    }
    if let Ok(stream) = TcpStream::connect((SERVER, port(Door::Files))).await {
        {
            let mut state = lock(&shared);
            let place = Place::Files(Dial { client: STRANGERS + number, number: 0 });
            state.places.insert(stream.local_addr()?, place);
            state.facts.stranger_connected(number);
        }
        play(&shared, &name, stream, acts(shared.plan(), stranger.trick, stranger.noise, Side::Client)).await;
    }
    std::future::pending().await
}

/// What an impostor's host runs: it answers one dial.
pub(super) async fn impostor(shared: Shared, number: u32) -> turmoil::Result {
    let impostor = shared.plan().impostors[number as usize];
    let listener = TcpListener::bind(("0.0.0.0", port(Door::Files))).await?;
    let (stream, _) = listener.accept().await?;
    let name = impostor_name(number);
    lock(&shared).facts.event(&name, &format!("answers, and will play {:?}", impostor.trick));
    play(&shared, &name, stream, acts(shared.plan(), impostor.trick, impostor.noise, Side::Server)).await;
    std::future::pending().await
}

/// What was heard.
#[derive(Default)]
struct Ear {
    heard: Mutex<Heard>,
    news: Notify,
}

#[derive(Clone, Copy, Default)]
struct Heard {
    bytes: u64,
    is_over: bool,
}

impl Ear {
    fn now(&self) -> Heard {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, count: Option<usize>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.bytes += count.unwrap_or(0) as u64;
        heard.is_over |= count.is_none();
        self.news.notify_one();
    }

    async fn until(&self, is_enough: impl Fn(Heard) -> bool) {
        while !is_enough(self.now()) {
            self.news.notified().await;
        }
    }
}

async fn listen(mut read: ReadHalf<TcpStream>, ear: Arc<Ear>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match read.read(&mut buffer).await {
            Ok(0) | Err(_) => return ear.note(None),
            Ok(count) => ear.note(Some(count)),
        }
    }
}

async fn play(shared: &Shared, name: &str, stream: TcpStream, acts: VecDeque<Act>) {
    let (read, mut write) = tokio::io::split(stream);
    let ear = Arc::new(Ear::default());
    let listening = tokio::spawn(listen(read, Arc::clone(&ear)));
    for act in acts {
        match &act {
            Act::Hear(bytes) => ear.until(|heard| heard.bytes >= *bytes || heard.is_over).await,
            Act::Stay => ear.until(|heard| heard.is_over).await,
            Act::Say(_) | Act::Pause(_) | Act::Deaf | Act::End | Act::Leave => {}
        }
        lock(shared).facts.event(name, &act.to_string());
        let done: io::Result<()> = match act {
            Act::Say(bytes) => write.write_all(&bytes).await,
            Act::End => write.shutdown().await,
            Act::Pause(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(())
            }
            Act::Deaf => {
                listening.abort();
                Ok(())
            }
            Act::Hear(_) => Ok(()),
            Act::Stay | Act::Leave => break,
        };
        // The other side may be gone.
        if done.is_err() {
            break;
        }
    }
    listening.abort();
}
