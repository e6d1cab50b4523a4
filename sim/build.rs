//! Tells the build what made it: bundles name it. With `TOWLINE_LEAK` in the environment, lets an order of hash maps leak
//! into the runs, to show that it is caught; no other crate is built differently for that.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TOWLINE_LEAK");
    println!("cargo::rustc-check-cfg=cfg(towline_leak)");
    if std::env::var_os("TOWLINE_LEAK").is_some() {
        println!("cargo::rustc-cfg=towline_leak");
    }
    let rustc = std::env::var_os("RUSTC").expect("cargo names the compiler");
    let version = Command::new(rustc).arg("--version").output().expect("the compiler tells its version");
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    println!("cargo::rustc-env=TOWLINE_RUSTC={version}");
    println!("cargo::rustc-env=TOWLINE_TARGET={}", std::env::var("TARGET").expect("cargo names the target"));
}
