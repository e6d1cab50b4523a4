//! Carries one connection to a server, and lets only so much through until it is told to let all.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// A relay; ends when its connection does.
pub(crate) struct Relay {
    pub(crate) address: String,
    open: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Of what the client says `bytes` pass, and the rest after [`Relay::open`].
    pub(crate) fn start(to: &str, bytes: u64) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, to) = (listener.local_addr().unwrap().to_string(), to.to_owned());
        let (open, opened) = channel();
        let thread = std::thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(to).unwrap();
            let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let replies = std::thread::spawn(move || {
                let _ended = std::io::copy(&mut answers, &mut back);
                let _gone = back.shutdown(Shutdown::Both);
            });
            // Either side may go away at any time, which ends it.
            let _some =
                std::io::copy(&mut (&client).take(bytes), &mut &server).and_then(|_| (&server).flush());
            let _told = opened.recv();
            let _rest = std::io::copy(&mut &client, &mut &server);
            let _ended = server.shutdown(Shutdown::Write);
            replies.join().unwrap();
        });
        Relay { address, open: Some(open), thread: Some(thread) }
    }

    /// Lets all through.
    pub(crate) fn open(&mut self) {
        self.open = None;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.open();
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}
