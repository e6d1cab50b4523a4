//! An event as bytes, for the digest: every field, numbers in little-endian order, texts after their length. It is read by
//! nothing but the hash, so that it need not be decodable, only different for what is different.

use towline::harness::{Brief, Side};

use super::event::{Application, Connection, Door, Event, Frame, Kind, Lane, Network, Passed, Store};
use crate::outcome::Ended;

/// Appends `event` to `out`.
pub(super) fn encode(event: &Event, out: &mut Vec<u8>) {
    let Event { at_nanos, lane, connection, kind } = event;
    number(*at_nanos, out);
    match lane {
        Lane::Server => out.push(0),
        Lane::SecondServer => out.push(1),
        Lane::Client(client) => {
            out.push(2);
            number(u64::from(*client), out);
        }
        Lane::Run(heading) => {
            out.push(3);
            text(heading, out);
        }
    }
    match connection {
        None => out.push(0),
        Some(Connection { client, door: at, dial }) => {
            out.push(1 + door(*at));
            number(u64::from(*client) << 32 | u64::from(*dial), out);
        }
    }
    match kind {
        Kind::Frame(said) => frame(said, out),
        Kind::Fault(what) => {
            out.push(2);
            text(&format!("{what:?}"), out);
        }
        Kind::Application(application) => self::application(application, out),
        Kind::Store(Store::Publishes { path, content }) => {
            out.push(5);
            text(path, out);
            content.encode(out);
        }
        Kind::Store(Store::IsGone(primitive)) => {
            out.push(6);
            text(&format!("{primitive:?}"), out);
        }
        Kind::Network(network) => self::network(network, out),
        Kind::Note(what) => {
            out.push(12);
            text(what, out);
        }
    }
}

fn number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn text(text: &str, out: &mut Vec<u8>) {
    bytes(text.as_bytes(), out);
}

fn door(door: Door) -> u8 {
    match door {
        Door::Files => 0,
        Door::Echo => 1,
    }
}

fn frame(frame: &Frame, out: &mut Vec<u8>) {
    let Frame { by, is_heard, start, end, passed } = frame;
    let by = match by {
        Side::Client => 0,
        Side::Server => 1,
    };
    out.extend([1, by, u8::from(*is_heard)]);
    number(*start, out);
    number(*end, out);
    match passed {
        Passed::Frame(Brief::Data { operation, offset, length, cv }) => {
            out.push(0);
            number(u64::from(operation.0), out);
            number(*offset, out);
            number(*length as u64, out);
            bytes(cv.as_ref().map_or(&[], |cv| &cv.0), out);
        }
        Passed::Frame(Brief::Echo { operation, is_reply, start, length }) => {
            out.push(1 + u8::from(*is_reply));
            number(u64::from(operation.0), out);
            bytes(start, out);
            number(*length as u64, out);
        }
        Passed::Frame(Brief::Whole(frame)) => {
            out.push(3);
            // Its encoding tells its length.
            let _no_payload = frame.encode(out);
        }
        Passed::NoFrame(error) => {
            out.push(4);
            text(&format!("{error:?}"), out);
        }
    }
}

fn application(application: &Application, out: &mut Vec<u8>) {
    match application {
        Application::Begins { step, operation } => {
            out.push(3);
            number(*step as u64, out);
            text(&format!("{operation:?}"), out);
        }
        Application::Ends { step, ended } => {
            out.push(4);
            number(*step as u64, out);
            let (tag, why) = match ended {
                Ended::Done => (0, ""),
                Ended::Refused(why) => (1, why.as_str()),
                Ended::Failed(why) => (2, why.as_str()),
                Ended::GivenUp => (3, ""),
            };
            out.push(tag);
            text(why, out);
        }
    }
}

fn network(network: &Network, out: &mut Vec<u8>) {
    match network {
        Network::Dials => out.push(7),
        Network::Connected => out.push(8),
        Network::CannotConnect(why) => {
            out.push(9);
            text(why, out);
        }
        Network::Accepted { number: connection, door: at } => {
            out.extend([10, door(*at)]);
            number(*connection, out);
        }
        Network::Over { number: connection, door: at, end } => {
            out.extend([11, door(*at)]);
            number(*connection, out);
            text(end, out);
        }
    }
}
