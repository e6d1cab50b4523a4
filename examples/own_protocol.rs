//! A protocol of one's own in one file: a server that adds up. Lines of a number go there, and for each a line of the sum so far
//! comes back. Both ends are one sans-IO machine, `Adder`, which knows neither sockets nor clocks; below it runs over TCP, in a pair
//! on a virtual clock with the contract asserted at every step, and on turmoil's simulated network.
//! `cargo run --example own_protocol` does all three.

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::unbounded_channel;
use towline::drive::Run;
use towline::harness::{Duo, Way};
use towline::proto::machine::{Effect, End, Input, Machine, Out};
use towline::time::Time;

/// Longest line: the digits of a `u64`.
const LINE: usize = 20;
/// Bytes that wait to be sent at which reading stops.
const HELD: usize = 64 * 1024;
/// Longest chunk that a driver hands in.
const CHUNK: usize = 1024 * 1024;
/// How long the server waits for the next line.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the application asks of a client.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// Send a number; the sum comes back as an event.
    Add(u64),
    /// Close once all is answered.
    Done,
}

/// Why a machine closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Over {
    Orderly,
    /// The connection broke, or ended with answers missing.
    Lost,
    /// The other side does not speak this protocol.
    Garbage,
    /// The client said nothing for too long.
    Idle,
}

/// Either end.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Adder {
    /// The server's.
    sum: Option<u64>,
    line: Vec<u8>,
    unsent: Vec<u8>,
    room: usize,
    /// Answers that a client waits for.
    owed: u32,
    deadline: Option<Time>,
    over: Option<Over>,
    is_closed: bool,
}

impl Adder {
    fn new(sum: Option<u64>, deadline: Option<Time>) -> Adder {
        let (line, unsent) = (Vec::new(), Vec::new());
        Adder { sum, line, unsent, room: 0, owed: 0, deadline, over: None, is_closed: false }
    }

    pub(crate) fn client() -> Adder {
        Adder::new(None, None)
    }

    pub(crate) fn server(now: Time) -> Adder {
        Adder::new(Some(0), Some(now + PATIENCE))
    }

    fn say(&mut self, number: u64) {
        self.unsent.extend_from_slice(format!("{number}\n").as_bytes());
    }

    fn on_byte(&mut self, byte: u8, out: &mut Out<Adder>) {
        if self.over == Some(Over::Garbage) {
            return;
        }
        if byte != b'\n' && self.line.len() < LINE {
            return self.line.push(byte);
        }
        let number = std::str::from_utf8(&self.line).ok().filter(|_| byte == b'\n');
        match (number.and_then(|digits| digits.parse::<u64>().ok()), self.sum) {
            (Some(number), Some(sum)) => {
                self.sum = Some(sum.wrapping_add(number));
                self.say(sum.wrapping_add(number));
            }
            (Some(sum), None) if self.owed > 0 => {
                self.owed -= 1;
                out.event(sum);
            }
            _ => self.over = Some(Over::Garbage),
        }
        self.line.clear();
    }
}

impl Machine for Adder {
    type Link = ();
    type Rx = Bytes;
    type Tx = Bytes;
    type Command = Ask;
    type Event = u64;
    type Outcome = Over;

    const RESERVE: usize = 0;

    fn step(&mut self, now: Time, input: Input<Adder>, out: &mut Out<Adder>) {
        if self.is_closed {
            return;
        }
        match input {
            Input::Received((), bytes) => {
                self.deadline = self.sum.map(|_| now + PATIENCE);
                bytes.iter().for_each(|byte| self.on_byte(*byte, out));
            }
            Input::Command(Ask::Add(number)) => {
                self.owed += 1;
                self.say(number);
            }
            Input::Command(Ask::Done) => self.over = self.over.or(Some(Over::Orderly)),
            Input::Room((), room) => self.room = room,
            Input::Ended((), End::Orderly) if self.owed == 0 => self.over = self.over.or(Some(Over::Orderly)),
            Input::Ended((), _) => self.over = Some(Over::Lost),
            Input::Elapsed if self.deadline.is_some_and(|at| at <= now) => self.over = Some(Over::Idle),
            Input::Elapsed | Input::Dialed(()) | Input::DialFailed((), _) | Input::Stored(..) => {}
        }
        let sent: Vec<u8> = self.unsent.drain(..self.room.min(self.unsent.len())).collect();
        if !sent.is_empty() {
            self.room -= sent.len();
            out.push(Effect::Transmit((), sent.into()));
        }
        let waits = self.owed > 0 || !self.unsent.is_empty();
        match self.over {
            Some(Over::Orderly) if waits => {}
            Some(Over::Garbage) if !self.unsent.is_empty() => {}
            Some(over) => {
                (self.is_closed, self.deadline) = (true, None);
                out.push(Effect::Close(over));
            }
            None => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    fn wants_read(&self, (): ()) -> bool {
        self.unsent.len() < HELD
    }

    fn footprint(&self) -> usize {
        self.line.capacity() + self.unsent.capacity()
    }

    /// Two bytes may ask for a whole line; a client's application is trusted to ask for no more at once.
    fn footprint_max(&self) -> usize {
        2 * (LINE + HELD + CHUNK / 2 * (LINE + 1))
    }

    fn rebase(&mut self, now: Time) {
        self.deadline = self.deadline.map(|at| Time::ZERO + at.since(now));
    }
}

/// A client's end over any stream: the sums, and how it ended.
async fn add_up<S>(stream: S, numbers: &[u64]) -> (Vec<u64>, Over)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (ask, asked) = unbounded_channel();
    let all = numbers.iter().map(|number| Ask::Add(*number)).chain([Ask::Done]);
    all.for_each(|what| ask.send(what).expect("the machine is not run yet"));
    let mut sums = Vec::new();
    let run = Run::over(stream, |_, _| Adder::client()).with_commands(asked);
    let over = run.to_end(|sum| sums.push(sum)).await;
    (sums, over)
}

/// A server's end over any stream.
async fn serve<S>(stream: S) -> Over
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Run::over(stream, |now, _| Adder::server(now)).to_end(|_| {}).await
}

/// Over TCP, on loopback: the sums, and how both ends ended.
pub(crate) async fn over_tcp(numbers: &[u64]) -> std::io::Result<(Vec<u64>, Over, Over)> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let stream = tokio::net::TcpStream::connect(listener.local_addr()?).await?;
    let (accepted, _) = listener.accept().await?;
    let (served, (sums, over)) = tokio::join!(serve(accepted), add_up(stream, numbers));
    Ok((sums, over, served))
}

/// In a pair: no socket, no runtime, no waiting, and each byte arrives by itself.
pub(crate) fn in_a_pair(numbers: &[u64]) -> (Vec<u64>, Option<Over>, Option<Over>) {
    let way = Way { piece: 1, ..Way::default() };
    let mut duo = Duo::new(way, |_, _| Adder::client(), |now, _| Adder::server(now));
    numbers.iter().for_each(|number| duo.command(Ask::Add(*number)));
    duo.command(Ask::Done);
    duo.run();
    (duo.events().0.to_vec(), duo.ends().0.copied(), duo.ends().1.copied())
}

/// On turmoil, from one simulated host to another, with a client beside it that says nothing for a minute of simulated time: the sums,
/// and how the server's ends ended.
pub(crate) fn on_turmoil(numbers: &'static [u64]) -> turmoil::Result<(Vec<u64>, Vec<Over>)> {
    let mut sim = turmoil::Builder::new().simulation_duration(Duration::from_secs(120)).build();
    let (told, mut ends) = unbounded_channel();
    sim.host("server", move || {
        let told = told.clone();
        async move {
            let listener = turmoil::net::TcpListener::bind(("0.0.0.0", 7)).await?;
            loop {
                let ((stream, _), told) = (listener.accept().await?, told.clone());
                tokio::spawn(async move { told.send(serve(stream).await) });
            }
        }
    });
    let (summed, mut sums) = unbounded_channel();
    sim.client("client", async move {
        let stream = turmoil::net::TcpStream::connect(("server", 7)).await?;
        Ok(summed.send(add_up(stream, numbers).await.0)?)
    });
    sim.client("silent", async {
        let stream = turmoil::net::TcpStream::connect(("server", 7)).await?;
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
        Ok(())
    });
    sim.run()?;
    let ends = std::iter::from_fn(|| ends.try_recv().ok()).collect();
    Ok((sums.try_recv()?, ends))
}

#[cfg_attr(test, expect(dead_code, reason = "the tests call what it calls"))]
fn main() -> Result<(), Box<dyn Error>> {
    let numbers = &[1, 20, 300];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("over TCP    {:?}", runtime.block_on(over_tcp(numbers))?);
    println!("in a pair   {:?}", in_a_pair(numbers));
    println!("on turmoil  {:?}", on_turmoil(numbers)?);
    Ok(())
}
