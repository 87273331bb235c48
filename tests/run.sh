#!/usr/bin/env bash
# Installs what the tests need, builds, and runs everything. Prints one line a step and a count at the end.
#
#   tests/run.sh            everything
#   tests/run.sh STEP...    only these steps (their names are printed by --list)
set -u
cd "$(dirname "$0")/.."
out=${CTXFIT_TEST_BUILD:-build/tests}
jobs=$(nproc 2>/dev/null || echo 2)
export CTEST_OUTPUT_ON_FAILURE=1

# ---- what the tests need ------------------------------------------------------------------------------------------------------
packages="cmake make ninja-build gcc g++ clang libclang-rt-dev libc6-dev libcmocka-dev pkg-config python3 valgrind doxygen gcc-multilib
          g++-multilib python3-pip binutils git gzip xz-utils python3-venv gcc-mingw-w64-x86-64-win32"
command -v go >/dev/null || packages="$packages golang-go"

install_packages() {
    command -v apt-get >/dev/null || return 0 # elsewhere: what is there is used, a missing tool fails its step
    local missing="" known="" p sudo=""
    for p in $packages; do dpkg -s "$p" >/dev/null 2>&1 || missing="$missing $p"; done
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -q || return 1
    # A release may have a package under another name (clang's runtime is part of clang there): what is really missing fails its step.
    for p in $missing; do apt-cache show "$p" >/dev/null 2>&1 && known="$known $p"; done
    [ -z "$known" ] || DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends $known
}

# ---- steps --------------------------------------------------------------------------------------------------------------------
configure() { # folder, options...
    local dir=$out/$1
    shift
    cmake -S . -B "$dir" -G Ninja -DCTXFIT_BUILD_TESTS=ON -DCTXFIT_WERROR=ON -DCMAKE_PREFIX_PATH="$(examples/yyjson.sh "$out/yyjson")" "$@"
}

build_and_test() { # folder, options...
    configure "$@" && cmake --build "$out/$1" -j "$jobs" && ctest --test-dir "$out/$1" -j "$jobs" --timeout 600
}

sanitized="-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all"
# A program that was built with the sanitizer reads no environment but its options.
step_gcc()       { build_and_test gcc -DCMAKE_BUILD_TYPE=Release; }
step_clang()     { CC=clang build_and_test clang -DCMAKE_BUILD_TYPE=Debug; }
step_asan()      { CC=clang build_and_test asan -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$sanitized -fsanitize=address,undefined"; }
step_tsan()      { CC=clang configure tsan -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$sanitized -fsanitize=thread" &&
                   cmake --build "$out/tsan" -j "$jobs" && ctest --test-dir "$out/tsan" -L threads --no-tests=error; }
step_valgrind()  { configure valgrind -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="-O1 -g" -DCTXFIT_BUILD_EXAMPLES=OFF &&
                   cmake --build "$out/valgrind" -j "$jobs" && tests/house/valgrind.sh "$out/valgrind/tests"; }
step_bits32()    { CFLAGS=-m32 PKG_CONFIG_LIBDIR=/nonexistent cmake -S . -B "$out/bits32" -G Ninja -DCTXFIT_WERROR=ON -DCMAKE_BUILD_TYPE=Release \
                     -DCMAKE_PREFIX_PATH="$(examples/yyjson.sh "$out/yyjson")" &&
                   cmake --build "$out/bits32" -j "$jobs" && python3 tests/abi/check_layout.py "$out"; }
step_headers()   { tests/house/check_headers.sh; }
step_arrows()    { python3 tests/house/check_arrows.py; }
step_text()      { python3 tests/house/check_text.py; }
step_symbols()   { python3 tests/abi/check_symbols.py "$out/gcc/libctxfit.so" && tests/abi/check_size.sh "$out/gcc/libctxfit.so"; }
step_consumers() { tests/consumer/run.sh "$out/consumer"; }
step_cross()     { tests/cross/run.sh "$out/cross"; }
step_wine()      { [ -e "$out/cross/windows/libctxfit_static.a" ] || step_cross; tests/cross/wine.sh "$out/cross/windows" "$out/wine"; }
step_docs()      { tests/house/check_docs.sh "$out/docs"; }
step_quickstart(){ tests/house/check_readme.sh; }
step_python()   { bindings/python/run_tests.sh "$out/python"; }
step_go()        { bindings/go/run_tests.sh "$out/go"; }
step_bench()     { cmake -S . -B "$out/bench" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCTXFIT_BUILD_BENCH=ON -DCTXFIT_BUILD_EXAMPLES=OFF &&
                   cmake --build "$out/bench" -j "$jobs" && tests/bench/run.sh "$out/bench"; }

steps="gcc headers arrows text symbols clang asan tsan bits32 valgrind consumers cross wine docs quickstart python go bench"

# ---- the run ------------------------------------------------------------------------------------------------------------------
[ "${1:-}" = --list ] && { echo "$steps"; exit 0; }
[ $# -gt 0 ] && steps="$*"
mkdir -p "$out"
if ! install_packages >"$out/install.log" 2>&1; then
    tail -20 "$out/install.log"
    echo "FAIL  install: could not install the packages above"
fi

passed=0 failed=0
for step in $steps; do
    start=$(date +%s)
    if "step_$step" >"$out/$step.log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        printf 'ok    %-11s %4ss  %s\n' "$step" $(($(date +%s) - start)) "$(grep -E '[0-9]+% tests passed|agree|keep the|compilations' "$out/$step.log" | tail -1)"
    else
        failed=$((failed + 1))
        printf 'FAIL  %-11s %4ss\n' "$step" $(($(date +%s) - start))
        tail -60 "$out/$step.log" | sed 's/^/      /'
    fi
done
# What the reference checks counted, from the first complete run.
[ -f "$out/gcc/Testing/Temporary/LastTest.log" ] && grep -h '^reference:' "$out/gcc/Testing/Temporary/LastTest.log" | sort -u
echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
