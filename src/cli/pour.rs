//! `towline put - HOST/PATH`: standard input, to its end, as a file.

use std::io;
use std::path::Path;
use std::time::Instant;

use super::args::Common;
use super::exit::Exit;
use super::explain::CliError;
use super::held::Way;
use super::output::Utc;
use super::put::{hash_line, one, report};
use super::visit;
use crate::net::Target;
use crate::wire::Start;

/// Permission bits of the file, since a stream has none.
const MODE: u32 = 0o644;

/// Sends standard input to stand at `to`.
pub(super) fn run(common: &Common, to: &Target) -> Result<(), CliError> {
    let tried = format!("cannot put standard input to {to}");
    if to.is_folder {
        let next = format!("give it one: {}", to.endpoint.with_path("PATH"));
        return Err(CliError::usage(
            tried,
            "no file is named",
            "standard input has no name of its own",
            next,
        ));
    }
    let poured = visit::moving(common, Start::Afresh, &to.endpoint, async |visit| {
        let began = Instant::now();
        visit.screen.settle(Way::Put);
        let moved = visit.client.pour(io::stdin(), to.path.clone(), MODE, Utc::now().0).await;
        let moved = moved.map_err(visit.explain(tried))?;
        report("sent", &moved, began, &visit.screen);
        visit.screen.note_held(Way::Put);
        if common.json {
            return one(Path::new("-"), &moved, visit, began.elapsed());
        }
        visit.screen.detail(&format!("it stands at {to}"));
        hash_line(&moved, "-".to_owned())
    });
    poured.map_err(again)
}

/// What was read cannot be read again: trying again begins where the input comes from.
fn again(error: CliError) -> CliError {
    match error {
        CliError::Told(Exit::Lost | Exit::Busy | Exit::Interrupted | Exit::Terminated, _) => error.with_next(
            "begin the whole pipeline again: what was read from standard input cannot be read again; a file can be sent \
             by its name, and goes on where it was",
        ),
        CliError::Told(..) | CliError::Complained(_) | CliError::OutputClosed => error,
    }
}
