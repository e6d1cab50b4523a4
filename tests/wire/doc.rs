//! `docs/PROTOCOL.md` lists what the crate has, and nothing else.

use towline::wire::{Code, DecodeError, Kind, PREAMBLE, generate};

use crate::for_seeds;

const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");

/// The rows of the table below `heading`, as cells without back-ticks.
fn table(heading: &str) -> Vec<Vec<String>> {
    let from = PROTOCOL.lines().skip_while(|line| *line != heading).skip(1);
    let rows = from.take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with('|'));
    rows.skip(2)
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect()
}

#[test]
fn the_table_of_kinds_is_the_list_of_kinds() {
    let listed: Vec<_> = table("## Kinds").iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let kinds = Kind::ALL.iter().map(|kind| (format!("{:#04x}", *kind as u8), format!("{kind:?}")));
    assert_eq!(listed, kinds.collect::<Vec<_>>());
}

#[test]
fn the_table_of_kinds_says_where_each_is_sent() {
    for_seeds(100, |rng| {
        for (row, kind) in table("## Kinds").iter().zip(Kind::ALL) {
            let operation = generate::frame_of(rng, *kind).operation.0;
            assert!(row[2] == "0 or n" || (row[2] == "0") == (operation == 0), "{kind:?}");
        }
    });
}

#[test]
fn the_table_of_codes_is_the_list_of_codes() {
    let listed: Vec<_> = table("## Codes").iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let codes = Code::ALL.iter().map(|(code, name, _)| (format!("{:#06x}", code.0), (*name).to_owned()));
    assert_eq!(listed, codes.collect::<Vec<_>>());
}

#[test]
fn the_errors_map_to_the_codes_that_are_specified() {
    let table = [
        (DecodeError::Preamble([0; 8]), Code::NOT_TOWLINE),
        (DecodeError::Checksum, Code::CHECKSUM),
        (DecodeError::TooLong(2, 1), Code::TOO_LONG),
        (DecodeError::Kind(0), Code::UNKNOWN_KIND),
        (DecodeError::Reserved, Code::MALFORMED),
        (DecodeError::Length(""), Code::MALFORMED),
        (DecodeError::Value(""), Code::MALFORMED),
        (DecodeError::Operation(1), Code::MALFORMED),
    ];
    for (error, code) in table {
        assert_eq!(error.code(), code, "{error:?}");
    }
}

#[test]
fn the_preamble_is_the_one_specified() {
    let bytes: Vec<String> = PREAMBLE.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(PROTOCOL.contains(&bytes.join(" ")));
}
