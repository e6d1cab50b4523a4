//! Peers that do not keep the rules, each on a host of its own, with turmoil's bare streams: strangers that dial the
//! server, and impostors that a client's dial is led to.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use towline::drive::Door;
use towline::harness::Side;
use turmoil::net::{TcpListener, TcpStream};

use super::super::byzantine::{Act, STRANGERS, Talk, acts, talk};
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
        let acts = acts(shared.plan(), stranger.trick, stranger.noise, Side::Client);
        play(&shared, &name, stream, acts, talk(shared.plan(), stranger.noise, Side::Client)).await;
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
    let acts = acts(shared.plan(), impostor.trick, impostor.noise, Side::Server);
    play(&shared, &name, stream, acts, talk(shared.plan(), impostor.noise, Side::Server)).await;
    std::future::pending().await
}

/// What was heard.
#[derive(Default)]
struct Ear {
    heard: Mutex<Heard>,
    news: Notify,
}

#[derive(Default)]
struct Heard {
    bytes: u64,
    is_over: bool,
    /// For who answers.
    unanswered: Vec<u8>,
}

impl Ear {
    fn now(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, bytes: Option<&[u8]>, answers: bool) {
        let mut heard = self.now();
        heard.bytes += bytes.map_or(0, <[u8]>::len) as u64;
        heard.is_over |= bytes.is_none();
        if answers {
            heard.unanswered.extend_from_slice(bytes.unwrap_or_default());
        }
        self.news.notify_one();
    }

    async fn until(&self, is_enough: impl Fn(&Heard) -> bool) {
        while !is_enough(&self.now()) {
            self.news.notified().await;
        }
    }
}

async fn listen(mut read: ReadHalf<TcpStream>, ear: Arc<Ear>, answers: bool) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match read.read(&mut buffer).await {
            Ok(0) | Err(_) => return ear.note(None, answers),
            Ok(count) => ear.note(Some(&buffer[..count]), answers),
        }
    }
}

/// Answers until it has said what it had to say, or nobody listens.
async fn converse(talk: &mut Talk, ear: &Ear, write: &mut WriteHalf<TcpStream>) -> io::Result<()> {
    while !talk.is_over() {
        ear.until(|heard| !heard.unanswered.is_empty() || heard.is_over).await;
        let heard = core::mem::take(&mut ear.now().unanswered);
        if heard.is_empty() {
            break;
        }
        write.write_all(&talk.hears(heard.into())).await?;
    }
    Ok(())
}

async fn play(shared: &Shared, name: &str, stream: TcpStream, acts: VecDeque<Act>, mut talk: Talk) {
    let (read, mut write) = tokio::io::split(stream);
    let ear = Arc::new(Ear::default());
    let listening = tokio::spawn(listen(read, Arc::clone(&ear), acts.contains(&Act::Talk)));
    for act in acts {
        match &act {
            Act::Hear(bytes) => ear.until(|heard| heard.bytes >= *bytes || heard.is_over).await,
            Act::Stay => ear.until(|heard| heard.is_over).await,
            Act::Say(_) | Act::Talk | Act::Pause(_) | Act::Deaf | Act::End | Act::Leave => {}
        }
        lock(shared).facts.event(name, &act.to_string());
        let done: io::Result<()> = match act {
            Act::Say(bytes) => write.write_all(&bytes).await,
            Act::Talk => converse(&mut talk, &ear, &mut write).await,
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
