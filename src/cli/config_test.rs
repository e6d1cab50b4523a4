use std::os::unix::fs::{PermissionsExt, symlink};

use clap::CommandFactory;

use super::super::{Cli, Exit};
use super::*;

fn file(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("towline.toml"), text).unwrap();
    std::fs::set_permissions(folder.path().join("towline.toml"), PermissionsExt::from_mode(0o600)).unwrap();
    folder
}

fn merge(folder: &tempfile::TempDir, typed: &[&str]) -> Result<Vec<String>, CliError> {
    let path = folder.path().join("towline.toml").into_os_string();
    let args = ["towline", "serve", "--config"].iter().map(OsString::from).chain([path]);
    let args = args.chain(typed.iter().map(OsString::from)).collect();
    let (args, config) = merged(&Cli::command(), args)?;
    assert!(config.is_some());
    Ok(args
        .into_iter()
        .map(|arg| arg.into_string().unwrap())
        .filter(|arg| !arg.contains("towline.toml"))
        .collect())
}

/// What is said of a file.
fn told(text: &str) -> String {
    match merge(&file(text), &[]) {
        Err(CliError::Told(Exit::Usage, told)) => format!("{}; {}", told.said, told.next),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_line_is_the_flag_that_it_names() {
    let text = "dir = \"shared\"\nlisten = [\"127.0.0.1:0\", \"unix:socket\"]\nread-only = true\ninsecure-plaintext = false\n\
                max-connections = 7\ndrain = 2.5\n";
    let args = merge(&file(text), &[]).unwrap();
    let mut flags: Vec<_> = args[2..].iter().filter(|arg| *arg != "--config").collect();
    flags.sort();
    let expected = [
        "--drain=2.5",
        "--listen=127.0.0.1:0",
        "--listen=unix:socket",
        "--max-connections=7",
        "--read-only",
        "shared",
    ];
    assert_eq!(flags, expected.iter().collect::<Vec<_>>());
    assert_eq!(merge(&file(""), &["here"]).unwrap()[2..], ["--config", "here"]);
}

#[test]
fn what_a_flag_says_wins() {
    let text = "dir = \"shared\"\nlisten = [\"127.0.0.1:1\"]\nmax-connections = 7\nread-only = true\n";
    let args = merge(&file(text), &["--listen", "127.0.0.1:0", "--max-connections=9", "here"]).unwrap();
    assert_eq!(
        args[2..],
        ["--read-only", "--config", "--listen", "127.0.0.1:0", "--max-connections=9", "here"]
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, expected) in [
        ("\nlisen = \"127.0.0.1\"", "line 2: \"lisen\" is nothing that can be set; perhaps listen was meant"),
        ("read_only = true", "line 1: \"read_only\" is nothing that can be set; write read-only"),
        (
            "zzzzzzzz = 1",
            "line 1: \"zzzzzzzz\" is nothing that can be set; `towline serve --help` lists the names",
        ),
        ("config = \"other\"", "line 1: \"config\" is nothing that can be set"),
        ("read-only = \"yes\"", "line 1: \"read-only\" is a string, and true or false is needed"),
        (
            "# a\n\nmax-connections = true",
            "line 3: \"max-connections\" is true or false, and a string or a number is needed",
        ),
        ("listen = [1, [2]]", "line 1: \"listen\" is a list, and strings are needed in it"),
        ("[limits]\nmax-connections = 1", "line 1: \"limits\" is nothing that can be set"),
        ("drain = ", "line 1: "),
        ("drain = 1\ndrain = 2", "line 2: duplicate key"),
    ] {
        let told = told(text);
        assert!(told.starts_with(expected), "{text}\n{told}");
    }
}

#[test]
fn a_value_that_the_flag_refuses_is_told_with_its_line() {
    let folder = file("\ndrain = \"soon\"\n");
    let path = folder.path().join("towline.toml").into_os_string();
    let args = vec!["towline".into(), "serve".into(), "--config".into(), path];
    let (args, config) = merged(&Cli::command(), args).unwrap();
    let error = <Cli as clap::Parser>::try_parse_from(args).unwrap_err();
    let Some(CliError::Told(Exit::Usage, told)) = config.unwrap().explain(&error) else { panic!("{error}") };
    assert!(told.said.starts_with("line 2: invalid value 'soon' for '--drain"), "{told}");
}

#[test]
fn a_file_that_others_may_write_or_that_is_a_link_is_not_read() {
    let folder = file("read-only = true");
    let path = folder.path().join("towline.toml");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o620)).unwrap();
    let said = |result: Result<Vec<String>, CliError>| match result {
        Err(CliError::Told(_, told)) => told.said.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(said(merge(&folder, &[])), "others may write it (mode 620)");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::rename(&path, folder.path().join("real")).unwrap();
    symlink("real", &path).unwrap();
    assert_eq!(said(merge(&folder, &[])), "it is a symbolic link");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(said(merge(&folder, &[])), "it is not a regular file");
    std::fs::remove_dir(&path).unwrap();
    assert!(said(merge(&folder, &[])).contains("No such file"));
}

/// The commented file in `packaging/` names every flag, and sets nothing but what it says.
#[test]
fn the_example_names_every_flag_with_its_default() {
    let text = include_str!("../../packaging/serve.toml");
    let command = Cli::command();
    let flags = command.find_subcommand("serve").unwrap();
    for flag in flags.get_arguments().filter(|flag| may_be_set(flag)) {
        let name = name_of(flag);
        let line = text.lines().find(|line| line.trim_start_matches("# ").starts_with(&format!("{name} = ")));
        assert!(line.is_some(), "{name} is not in packaging/serve.toml");
    }
    // With all of it in force it is still right.
    let is_set = |line: &&str| !line.starts_with("#:") && line.trim_start_matches("# ").contains(" = ");
    let lines: Vec<&str> = text.lines().filter(is_set).map(|line| line.trim_start_matches("# ")).collect();
    for line in lines {
        let folder = file(line);
        let path = folder.path().join("towline.toml").into_os_string();
        let (args, _) =
            merged(&Cli::command(), vec!["towline".into(), "serve".into(), "--config".into(), path])
                .unwrap_or_else(|error| panic!("{line}: {error:?}"));
        // Alone, some want another one beside them.
        if let Err(error) = <Cli as clap::Parser>::try_parse_from(args) {
            assert_eq!(error.kind(), clap::error::ErrorKind::MissingRequiredArgument, "{line}: {error}");
        }
    }
}
