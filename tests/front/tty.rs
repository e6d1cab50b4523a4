//! A program on a terminal: a pseudo-terminal, and what it would show.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

const ROWS: u16 = 24;
/// What is waited for comes long before.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program, its terminal, and what was written to that.
pub(crate) struct Tty {
    pub(crate) child: Child,
    controller: OwnedFd,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
    is_over: bool,
}

impl Tty {
    /// Runs it with a terminal of so many columns as its standard output and standard error.
    pub(crate) fn start(command: &mut Command, columns: u16) -> Tty {
        Tty::started(command, columns, false)
    }

    /// The same with the terminal as its standard input, too, for [`type_in`](Tty::type_in).
    pub(crate) fn start_with_keys(command: &mut Command, columns: u16) -> Tty {
        Tty::started(command, columns, true)
    }

    fn started(command: &mut Command, columns: u16, has_keys: bool) -> Tty {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = std::ffi::OsString::from_vec(ptsname(&controller, Vec::new()).unwrap().into_bytes());
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let user = rustix::fs::open(name, flags, Mode::empty()).unwrap();
        let seen = Seen { parser: vt100::Parser::new(ROWS, columns, 1000), raw: Vec::new(), is_over: false };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        resize(&controller, columns);
        let end = || Stdio::from(user.try_clone().unwrap());
        if has_keys {
            command.stdin(end());
        }
        let child = command.stdout(end()).stderr(end()).spawn().unwrap();
        // The command holds the ends that it was given.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (mut from, to) = (File::from(controller.try_clone().unwrap()), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Once nobody has the terminal open any more, reading fails (EIO).
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let mut seen = to.0.lock().unwrap();
                seen.raw.extend_from_slice(&buffer[..count]);
                seen.parser.process(&buffer[..count]);
                to.1.notify_all();
            }
            to.0.lock().unwrap().is_over = true;
            to.1.notify_all();
        });
        Tty { child, controller, seen }
    }

    /// As if it were typed; `\x04` at the beginning of a line is the end of what is typed.
    pub(crate) fn type_in(&self, text: &str) {
        File::from(self.controller.try_clone().unwrap()).write_all(text.as_bytes()).unwrap();
    }

    /// Gives the terminal another width.
    pub(crate) fn resize(&self, columns: u16) {
        self.seen.0.lock().unwrap().parser.screen_mut().set_size(ROWS, columns);
        resize(&self.controller, columns);
    }

    /// Waits until what is on the screen is as `is_it` says; gives the screen.
    pub(crate) fn wait_for(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        let mut seen = self.seen.0.lock().unwrap();
        loop {
            let screen = seen.parser.screen().contents();
            if is_it(&screen) {
                return screen;
            }
            assert!(!seen.is_over && Instant::now() < until, "{what} never was on the screen:\n{screen}");
            seen = self.seen.1.wait_timeout(seen, Duration::from_secs(1)).unwrap().0;
        }
    }

    /// Waits for the end; gives the exit code, the screen, and all that was written.
    pub(crate) fn end(&mut self) -> (Option<i32>, String, String) {
        let code = self.child.wait().unwrap().code();
        let mut seen = self.seen.0.lock().unwrap();
        while !seen.is_over {
            seen = self.seen.1.wait(seen).unwrap();
        }
        let screen = seen.parser.screen().contents();
        (code, screen.trim_end().to_owned(), String::from_utf8(seen.raw.clone()).unwrap())
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(controller: &OwnedFd, columns: u16) {
    let size = Winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(controller, size).unwrap();
}
