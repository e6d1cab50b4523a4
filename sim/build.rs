//! Tells the build what made it: bundles name it.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = std::env::var_os("RUSTC").expect("cargo names the compiler");
    let version = Command::new(rustc).arg("--version").output().expect("the compiler tells its version");
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    println!("cargo::rustc-env=TOWLINE_RUSTC={version}");
    println!("cargo::rustc-env=TOWLINE_TARGET={}", std::env::var("TARGET").expect("cargo names the target"));
}
