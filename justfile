# The everyday commands; `just` lists them. Each is one line that can be typed without just as well.

# lists these
default:
    @just --list

# the binary that is given to users: optimized across crates, one unit, stripped
build:
    cargo build --profile dist --locked

# formats, lints and the tests of the library and the command line
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo check --no-default-features
    cargo test

# everything that must hold, as CI runs it
ci:
    .ci/run

# seeded plans, on machines alone; `just sim 0..200 turmoil` with the real driver
sim seeds="0..200" tier="fast":
    cargo sim run --seeds {{seeds}} --tier {{tier}}

# the library's page: layers, the run loop, examples
doc:
    RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --open

# what examples/ shows
examples:
    cargo test --test examples
    cargo run --example own_protocol

# towline in ~/.cargo/bin
install:
    cargo install --path . --locked --profile dist

# a Debian package in target/debian (cargo install cargo-deb)
deb:
    packaging/extras
    cargo deb --profile dist --locked

# an image with nothing but the binary
image:
    docker build --tag towline .

# beside rsync, scp, tar and others, in the same run
bench: build
    python3 benches/transfer.py
    python3 benches/start.py
