use clap::Parser;

use super::super::exit::Exit;
use super::reached::endpoint_for;
use super::*;

#[derive(Debug, Parser)]
struct Whole {
    #[command(flatten)]
    args: Args,
}

fn run_with(args: &[&str]) -> Result<(), CliError> {
    run(&Whole::try_parse_from([&["serve"], args].concat()).unwrap().args)
}

#[test]
fn an_echo_beyond_loopback_is_refused_unless_it_is_spelled_out() {
    for place in ["192.0.2.7:0", "udp://0.0.0.0:0"] {
        let Err(CliError::Told(Exit::Usage, told)) = run_with(&["--echo", place]) else { panic!("{place}") };
        assert!(told.to_string().contains("--insecure-plaintext"), "{told}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_told_before_anything_listens() {
    let missing = tempfile::tempdir().unwrap().path().join("missing");
    let Err(CliError::Told(Exit::NotFound, told)) =
        run_with(&[missing.to_str().unwrap(), "--listen", "127.0.0.1:0"])
    else {
        panic!("it is there")
    };
    assert!(told.tried.contains("cannot serve"), "{told}");
}

#[test]
fn commands_to_type_name_an_address_that_can_be_dialled() {
    let shown = |text| endpoint_for(&doors::stream_place(text, 1).unwrap()).to_string();
    assert_eq!(shown("[::1]:9"), "[::1]:9");
    assert_ne!(shown("0.0.0.0:9"), "0.0.0.0:9");
    assert_eq!(shown("unix:here/towline"), "unix:here/towline");
}
