#!/usr/bin/env bash
# Runs every benchmark of a Release build and prints its figures: tests/bench/run.sh BUILD-FOLDER
set -eu
found=0
for program in "${1:?usage: $0 BUILD-FOLDER}"/tests/bench/bench_*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    echo "== $(basename "$program")"
    "$program"
    found=$((found + 1))
done
[ "$found" -gt 0 ] || { echo "no benchmark in $1/tests/bench" >&2; exit 1; }
