//! Examples at the end of each command's help. A test below parses every one of them, so that what is shown can be typed.

/// Of `towline` alone.
pub(super) const TOWLINE: &str = "\
Begin with:
  towline demo                               shows all of it at work on this machine, in seconds
  towline serve                              serves this folder, and says what to type elsewhere

Addresses are HOST[:PORT][/PATH]; the port is 8695 unless it is given, IPv6 stands in brackets
([::1]:8695/notes), unix:SOCKET[:/PATH] goes over a Unix socket. Paths begin at the served folder.";

pub(super) const SERVE: &str = "\
Examples:
  towline serve                              the current folder, on 127.0.0.1:8695
  towline serve shared --listen 127.0.0.1:0  another folder, on any port that is free
  towline serve --listen unix:/run/towline   over a Unix socket, whose file says who may connect
  towline serve shared --read-only           for others to fetch from, and not to change
  towline serve inbox --drop-box             for others to send to, and not to see what is there
  towline serve --echo udp://127.0.0.1:7007  files, and an echo for anybody's client
  towline serve --no-files --echo 127.0.0.1:7007";

pub(super) const PUT: &str = "\
Examples:
  towline put notes.txt server               stands at notes.txt there
  towline put notes.txt server:9000/old.txt  under another name, on another port
  towline put notes.txt [::1]:9000/texts/    into the folder texts, over IPv6
  towline put -r photos server/backup/       makes backup/photos, or brings it up to date
  towline put -rn --delete photos server     says what would be sent and removed
  towline put -- -odd-name server            a name that looks like an option
  towline put - server/dump.sql              standard input";

pub(super) const GET: &str = "\
Examples:
  towline get server/notes.txt               stands at notes.txt here
  towline get server/notes.txt old.txt       under another name
  towline get -r server/photos backup/       makes backup/photos, or brings it up to date
  towline get server/dump.sql -              to standard output
  towline get --range -500 server/log.txt -  its last 500 bytes";

pub(super) const LS: &str = "\
Examples:
  towline ls server                          what is in the served folder
  towline ls server/photos/2026              what is in a folder of it
  towline ls --json unix:/run/towline        one JSON object a line, over a Unix socket";

pub(super) const RM: &str = "\
Examples:
  towline rm server/notes.txt                a file
  towline rm server/empty                    a folder with nothing in it";

pub(super) const KEY: &str = "\
Examples:
  towline key                                shows it, and makes one where there is none
  towline key --json --identity backup.key   another one, for a program";

pub(super) const PAIR: &str = "\
Examples:
  towline pair                               where files are served: shows a code, and what to type elsewhere
  towline pair server                        elsewhere: asks for the code
  towline pair --rights read,list --folder photos
  towline pair --for 1h --name anna@laptop --serve-port 9000";

pub(super) const ECHO: &str = "\
Examples:
  towline echo server                        a server of towline's, through its protocol
  towline echo udp://server:7007             anybody's echo over UDP (RFC 862)
  towline echo tcp://server --rate 5000 --duration 10
  towline echo server --fail-if p99>2ms,loss>0.1%
  towline echo diff before.json after.json   two of what --json printed";

pub(super) const DIFF: &str = "\
Examples:
  towline echo diff before.json after.json   each of them printed by `towline echo --json`";

pub(super) const PARTIALS: &str = "\
Examples:
  towline partials shared                    what can be gone on with in a served folder
  towline partials shared --remove           makes room";

pub(super) const HASH: &str = "\
Examples:
  towline hash notes.txt photos.tar          a line each, as b3sum -c reads it
  towline hash                               standard input";

pub(super) const VERIFY: &str = "\
Examples:
  towline verify notes.txt server            with notes.txt there
  towline verify notes.txt server/old.txt    with another file
  towline verify -r photos server/backup/    with the folder backup/photos";

pub(super) const EXPLAIN: &str = "\
Examples:
  towline explain EADDRINUSE                 by its name
  towline explain 111                        by its number
  towline explain                            lists all that are known";

pub(super) const COMPLETIONS: &str = "\
Examples:
  towline completions bash                   save it as ~/.local/share/bash-completion/completions/towline
  towline completions zsh                    save it as _towline in a folder of $fpath
  towline completions fish                   save it as ~/.config/fish/completions/towline.fish";

pub(super) const MAN: &str = "\
Examples:
  towline man man1                           writes towline.1, towline-put.1 and so on into the folder man1";

pub(super) const DEMO: &str = "\
Examples:
  towline demo                               with 64 MiB
  towline demo --size 1048576000             with as many bytes";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::super::Cli;

    /// A command's names, and what stands below its help.
    fn all(command: &clap::Command, above: &str, to: &mut Vec<(String, String)>) {
        let name = format!("{above}{}", command.get_name());
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for below in command.get_subcommands() {
            all(below, &format!("{name} "), to);
        }
        to.push((name, help));
    }

    #[test]
    fn every_command_has_examples_that_can_be_typed() {
        let mut commands = Vec::new();
        all(&Cli::command(), "", &mut commands);
        assert!(commands.len() > 12);
        for (name, help) in commands {
            let lines: Vec<&str> = help.lines().filter(|line| line.starts_with("  towline ")).collect();
            assert!(!lines.is_empty(), "{name} has no examples");
            for line in lines {
                // What an example is for stands in a column of its own.
                let typed = line.trim().split("  ").next().unwrap_or_default();
                let error = Cli::try_parse_from(typed.split(' ')).err();
                assert!(
                    error.is_none(),
                    "{name}: {typed}: {}",
                    error.map(|error| error.to_string()).unwrap_or_default()
                );
                assert!(line.len() <= 120, "{line}");
            }
        }
    }
}
