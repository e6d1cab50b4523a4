//! How much of a server is whose: from flags, over real sockets.

use super::help::Served;

fn write(served: &Served, name: &str, length: usize) {
    std::fs::write(served.beside(name), vec![7; length]).expect("it is written");
}

#[test]
fn a_quota_is_told_with_whom_to_ask_and_what_is_there_counts() {
    let mut served = Served::start(&["--listen", "127.0.0.1:0", "--quota", "3M"], 1);
    let at = served.places[0].clone();
    write(&served, "large", 2 << 20);
    write(&served, "small", 1000);
    served.towline(&["put", "large", &format!("{at}/a")]).well();
    let told = [
        "it needs 2097152 bytes, and 104",
        "its quota",
        "ask whoever runs the server",
        "quota= in its authorized_keys",
    ];
    served.towline(&["put", "large", &format!("{at}/b")]).fails(9, &told);
    served.towline(&["put", "small", &format!("{at}/c")]).well();
    served.towline(&["rm", &format!("{at}/a")]).well();
    served.towline(&["put", "large", &format!("{at}/b")]).well();
    assert!(!served.file("a").exists());
    // What others do there is seen when it is told to look.
    std::fs::remove_file(served.file("b")).expect("it is there");
    served.towline(&["put", "large", &format!("{at}/d")]).fails(9, &told);
    let process = rustix::process::Pid::from_raw(served.id().cast_signed()).expect("a process");
    rustix::process::kill_process(process, rustix::process::Signal::HUP).expect("it runs");
    served.line_with("counted again what is stored");
    served.towline(&["put", "large", &format!("{at}/d")]).well();
    served.stop();
}

#[test]
fn a_rate_is_kept() {
    let served = Served::start(&["--listen", "127.0.0.1:0", "--rate", "1M/s"], 1);
    let at = served.places[0].clone();
    write(&served, "file", 3 << 20);
    let begin = std::time::Instant::now();
    served.towline(&["put", "file", &format!("{at}/file")]).well();
    served.towline(&["get", &format!("{at}/file"), "copy"]).well();
    // A second's worth is free.
    assert!(begin.elapsed().as_millis() >= 4_500, "{:?}", begin.elapsed());
    assert_eq!(std::fs::read(served.beside("copy")).expect("it came").len(), 3 << 20);
    served.stop();
}

#[test]
fn a_check_says_how_many_connections_the_memory_is_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let check =
        |memory| super::help::towline_in(folder.path(), &["serve", "--max-memory", memory, "--check"]);
    let told = check("1G").well().out;
    assert!(told.contains("has memory for the buffers of ") && told.contains(" connections, "), "{told}");
    check("1M").fails(2, &["bytes are the least"]);
    assert!(!check("none").well().out.contains("memory"));
}
