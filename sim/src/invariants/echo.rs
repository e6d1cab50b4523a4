//! What comes back is what was sent: all of it where the application was told so, and otherwise a part from the start;
//! nothing twice, nothing invented.

use crate::outcome::Outcome;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    for echo in &outcome.echoes {
        let (place, sent) = (&echo.place, echo.request.len());
        match echo.replies.as_slice() {
            [] if echo.done && sent > 0 => broken.push(format!("{place}: nothing of {sent} bytes came back")),
            [] => {}
            [reply] => {
                let is_good =
                    if echo.done { *reply == echo.request } else { echo.request.starts_with(reply) };
                if !is_good {
                    broken.push(format!("{place}: {sent} bytes came back as {} others", reply.len()));
                }
            }
            more => broken.push(format!("{place}: {} replies to one request", more.len())),
        }
    }
    broken
}
