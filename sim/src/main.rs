//! The command `towline-sim`: everything is in `cli`.

#[global_allocator]
static ALLOCATOR: towline_tripwire::MiMalloc = towline_tripwire::MiMalloc;

fn main() -> std::process::ExitCode {
    towline_tripwire::keep_memory();
    towline_sim::cli::main()
}
