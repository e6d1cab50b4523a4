//! The command `towline-sim`: everything is in `cli`.

#[cfg(feature = "turmoil")]
fn main() -> std::process::ExitCode {
    towline_sim::cli::main()
}

#[cfg(not(feature = "turmoil"))]
fn main() -> std::process::ExitCode {
    eprintln!("towline-sim was built without the feature `turmoil`, and no other tier is there yet");
    std::process::ExitCode::FAILURE
}
