#!/usr/bin/env bash
# Which lines of the core the seeds and the plans in sim/plans run, by the compiler's own instrumentation: a table of three
# folders, and every line that none reaches. Needs llvm-profdata and llvm-cov of LLVM 19 or later, named by LLVM_BIN if they are not in the path.
#   sim/coverage.sh                  all that docs/SIMULATION.md tells of
#   REAL=0 sim/coverage.sh           without real sockets; FAST, TURMOIL and REAL say how many seeds
#   WRAP="nice" sim/coverage.sh      runs each command of the build and the campaigns through this one
set -euo pipefail
cd "$(dirname "$0")/.."
target=target/coverage
bin=${LLVM_BIN:+$LLVM_BIN/}
export LLVM_PROFILE_FILE="$PWD/$target/raw/%p-%m.profraw"
rm -rf "$target/raw"
mkdir -p "$target/raw"
# Build scripts are instrumented too, and are no campaign.
RUSTFLAGS="-C instrument-coverage --cfg tokio_unstable" LLVM_PROFILE_FILE=/dev/null \
    ${WRAP:-} cargo build --release -p towline-sim --target-dir "$target"
sim=$target/release/towline-sim
campaign() { # tier seeds
    [ "$2" -eq 0 ] || ${WRAP:-} "$sim" run --tier "$1" --seeds "0..$2" > "$target/$1.txt" || tail -n 1 "$target/$1.txt"
}
for tier in fast turmoil real; do
    ${WRAP:-} "$sim" plans --run --tier "$tier" > "$target/plans.txt" || tail -n 1 "$target/plans.txt"
done
campaign fast "${FAST:-6000}"
campaign turmoil "${TURMOIL:-400}"
campaign real "${REAL:-60}"
"${bin}llvm-profdata" merge -sparse "$target"/raw/*.profraw -o "$target/all.profdata"
"${bin}llvm-cov" export "$sim" -instr-profile="$target/all.profdata" -format=lcov > "$target/all.lcov"
awk -F: -v root="$PWD/" '
    $1 == "SF" {
        path = substr($2, length(root) + 1)
        folder = ""
        if (index($2, root) == 1 && path ~ /^src\/(proto|store|drive)\// && path !~ /^src\/store\/(os|memory)/) {
            split(path, parts, "/")
            folder = "src/" parts[2]
        }
    }
    $1 == "DA" && folder != "" {
        split($2, hit, ",")
        all[folder]++; all["all"]++
        if (hit[2] > 0) { run[folder]++; run["all"]++ } else missed[++misses] = path ":" hit[1]
    }
    END {
        split("src/proto src/store src/drive all", rows, " ")
        for (row = 1; row <= 4; row++)
            printf "%-10s %5d of %5d lines %6.2f %%\n", rows[row], run[rows[row]], all[rows[row]], 100 * run[rows[row]] / all[rows[row]]
        for (miss = 1; miss <= misses; miss++) {
            split(missed[miss], at, ":")
            if (at[1] != open) { close(open); open = at[1]; read = 0 }
            while (read < at[2] && (getline line < at[1]) > 0) read++
            print missed[miss] ":" line
        }
    }' "$target/all.lcov"
