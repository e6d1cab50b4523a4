//! Messages: a frame where it was said and where it was heard, known to be the same by its place in its stream.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::trace::{Kind, Trace};

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Arrow {
    /// The number of the event where it was said.
    pub said: usize,
    /// The number of the event where it was heard, if it was.
    pub heard: Option<usize>,
}

/// All messages of a run, in the order in which they were said.
pub fn arrows(trace: &Trace) -> Vec<Arrow> {
    let (mut arrows, mut waiting) = (Vec::new(), BTreeMap::new());
    for (number, event) in trace.events().iter().enumerate() {
        let (Kind::Frame(frame), Some(connection)) = (&event.kind, event.connection) else { continue };
        let at = (connection, frame.by, frame.end);
        if !frame.is_heard {
            waiting.insert(at, arrows.len());
            arrows.push(Arrow { said: number, heard: None });
        } else if let Some(arrow) = waiting.remove(&at) {
            arrows[arrow].heard = Some(number);
        }
    }
    arrows
}

#[cfg(test)]
mod tests {
    use towline::harness::Side;
    use towline::wire::DecodeError;

    use super::{Arrow, arrows};
    use crate::trace::{Connection, Door, Event, Frame, Kind, Passed, Trace};

    fn frame(trace: &mut Trace, dial: u32, end: u64, is_heard: bool) {
        let connection = Connection { client: 0, door: Door::Files, dial };
        let passed = Passed::NoFrame(DecodeError::Length("test"));
        let frame = Frame { by: Side::Client, is_heard, start: 0, end, passed };
        let lane = connection.end(if is_heard { Side::Server } else { Side::Client });
        trace.record(Event { at_nanos: 0, lane, connection: Some(connection), kind: Kind::Frame(frame) });
    }

    #[test]
    fn a_message_goes_from_where_it_was_said_to_where_it_was_heard() {
        let mut trace = Trace::default();
        for (dial, end, is_heard) in
            [(0, 10, false), (0, 20, false), (1, 10, false), (0, 10, true), (1, 10, true)]
        {
            frame(&mut trace, dial, end, is_heard);
        }
        let arrow = |said, heard| Arrow { said, heard };
        assert_eq!(arrows(&trace), [arrow(0, Some(3)), arrow(1, None), arrow(2, Some(4))]);
    }
}
