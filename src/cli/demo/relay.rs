//! Carries connections to a server, slowly enough to watch, and breaks the first of them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What passes at once, and how long the next waits: some 50 MiB a second.
const PIECE: usize = 256 << 10;
const PAUSE: Duration = Duration::from_millis(5);

/// A relay on a free port of this machine. Its threads end with the process, or with their connections.
pub(super) struct Relay {
    /// Where it listens.
    pub(super) address: String,
    cuts: Arc<AtomicU32>,
}

impl Relay {
    /// Carries connections to `to`, and breaks the first one after so many bytes from the client.
    pub(super) fn start(to: &str, cut_after: u64) -> io::Result<Relay> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let (cuts, to) = (Arc::new(AtomicU32::new(0)), to.to_owned());
        let counted = Arc::clone(&cuts);
        std::thread::spawn(move || {
            let mut limit = cut_after;
            for client in listener.incoming() {
                let Ok((client, server)) = client.and_then(|client| Ok((client, TcpStream::connect(&to)?)))
                else {
                    continue;
                };
                let (allowed, counted) = (std::mem::replace(&mut limit, u64::MAX), Arc::clone(&counted));
                std::thread::spawn(move || carry(&client, &server, allowed, &counted));
            }
        });
        Ok(Relay { address, cuts })
    }

    /// How many connections it has broken.
    pub(super) fn cuts(&self) -> u32 {
        self.cuts.load(Ordering::Relaxed)
    }
}

fn carry(client: &TcpStream, server: &TcpStream, allowed: u64, cuts: &AtomicU32) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _until_it_ends = io::copy(&mut &*server, &mut &*client);
            let _gone = client.shutdown(Shutdown::Write);
        });
        let (mut left, mut piece) = (allowed, vec![0; PIECE]);
        while let Ok(count @ 1..) = (&*client).read(&mut piece) {
            let passes = left.min(count as u64);
            if (&*server).write_all(&piece[..passes as usize]).is_err() {
                break;
            }
            left -= passes;
            if left == 0 {
                cuts.fetch_add(1, Ordering::Relaxed);
                let _gone = client.shutdown(Shutdown::Both);
                break;
            }
            std::thread::sleep(PAUSE);
        }
        let _gone = server.shutdown(Shutdown::Write);
    });
}
