//! `towline get HOST/PATH -`: a file, or a range of it, to standard output.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::args::Common;
use super::explain::CliError;
use super::held::Way;
use super::output::rate;
use super::{terminal, visit};
use crate::net::Target;
use crate::wire::{Span, Start};

/// Prints `span` of what stands at `from`. Nothing else goes to standard output.
pub(super) fn run(common: &Common, from: &Target, span: Span) -> Result<(), CliError> {
    let tried = format!("cannot print {from}");
    if common.json {
        let said = "--json and '-' both want standard output";
        return Err(CliError::usage(tried, said, "", "leave one of them out"));
    }
    visit::moving(common, Start::Afresh, &from.endpoint, async |visit| {
        let (began, closed) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let output = Stdout { closed: Arc::clone(&closed) };
        let printed = visit.client.print(from.path.clone(), span, output).await;
        let printed = printed.map_err(|error| match closed.load(Ordering::Relaxed) {
            true => CliError::OutputClosed,
            false => visit.explain(tried)(error),
        })?;
        visit.screen.note(&format!("printed {}", rate(printed.bytes, began.elapsed())));
        visit.screen.note_held(Way::Print);
        if let Some(root) = printed.root {
            visit.screen.detail(&format!("{root}  {}", from.path));
        }
        Ok(())
    })
}

/// Standard output, and whether its reader has gone.
struct Stdout {
    closed: Arc<AtomicBool>,
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.note(terminal::raw().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.note(terminal::raw().flush())
    }
}

impl Stdout {
    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            self.closed.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// `FIRST-LAST`, `FIRST-` or `-COUNT`, in bytes from 0 on, the last one included (RFC 9110, section 14.1.2).
pub(super) fn range(text: &str) -> Result<Span, String> {
    let wrong = || {
        "bytes are needed as FIRST-LAST (from 0 on, both included), FIRST- or -COUNT (the last ones), such as 0-499 or -500"
            .to_owned()
    };
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<u64>().map_err(|_| wrong()),
        false => Err(wrong()),
    };
    match text.split_once('-').ok_or_else(wrong)? {
        ("", count) => match number(count)? {
            0 => Err("the last 0 bytes are nothing".to_owned()),
            count => Ok(Span::Last { count }),
        },
        (first, "") => Ok(Span::Range { first: number(first)?, last: u64::MAX }),
        (first, last) => match (number(first)?, number(last)?) {
            (first, last) if first <= last => Ok(Span::Range { first, last }),
            _ => Err("the last byte stands before the first".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        assert_eq!(range("0-0"), Ok(Span::Range { first: 0, last: 0 }));
        assert_eq!(range("5-499"), Ok(Span::Range { first: 5, last: 499 }));
        assert_eq!(range("5-"), Ok(Span::Range { first: 5, last: u64::MAX }));
        assert_eq!(range("-500"), Ok(Span::Last { count: 500 }));
        for text in ["", "-", "5", "-0", "9-8", "a-b", "1-2-3", "+1-2", "1 -2", "99999999999999999999-"] {
            assert!(range(text).is_err(), "{text}");
        }
    }
}
