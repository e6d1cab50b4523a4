//! The command `towline-sim`: everything is in `cli`.

fn main() -> std::process::ExitCode {
    towline_sim::cli::main()
}
