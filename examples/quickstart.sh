#!/usr/bin/env bash
# Builds the ctxfit command into build/quickstart and tells its story. Ends with 0 when every answer is the expected one.
#
# On a bare Debian or Ubuntu it installs CMake and a C compiler (as root, or with sudo). What it does goes to standard error, the story to
# standard output.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/quickstart
log=$build/log.txt
mkdir -p "$build"

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

quietly() { # what it is, command...
    local what=$1
    shift
    echo "quickstart: $what" >&2
    "$@" >"$log" 2>&1 </dev/null || { tail -40 "$log" >&2; echo "quickstart: $what failed" >&2; exit 1; }
}

# ---- what it needs ------------------------------------------------------------------------------------------------------------
install_tools() {
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends cmake make gcc libc6-dev ca-certificates
}
has_compiler() { command -v "${CC:-cc}" >/dev/null && { command -v make || command -v ninja; } >/dev/null; }
if ! command -v cmake >/dev/null || ! has_compiler; then
    command -v apt-get >/dev/null || { echo "quickstart: CMake 3.18, make and a C compiler are needed" >&2; exit 1; }
    quietly "installing CMake and a C compiler" install_tools
fi
command -v make >/dev/null || export CMAKE_GENERATOR=Ninja

# yyjson serves `ctxfit batch` alone: without it the rest is the same.
echo "quickstart: looking for yyjson" >&2
json=$(examples/yyjson.sh "$build/yyjson" 2>"$log") || echo "quickstart: no yyjson to be had: this build has no 'ctxfit batch'" >&2

quietly "configuring" cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DCTXFIT_BUILD_EXAMPLES=ON -DCTXFIT_BUILD_TESTS=OFF -DCMAKE_PREFIX_PATH="$json"
quietly "building" cmake --build "$build" --target ctxfit example_newsletter --parallel 2

# ---- the story ----------------------------------------------------------------------------------------------------------------
ctxfit() { "$build/examples/ctxfit/ctxfit" "$@"; }

tell() { # expected exit code, lines to show (a sed script), words of the command
    local expected=$1 lines=$2 word shown="ctxfit" code=0
    shift 2
    for word in "$@"; do
        case $word in *" "*) shown="$shown \"$word\"" ;; *) shown="$shown $word" ;; esac
    done
    # long lines break before an option
    echo "\$ $shown" | fold -s -w 76 | sed 's/ $/ \\/; 2,$s/^/    /'
    ctxfit "$@" >"$build/answer.txt" || code=$?
    sed -n "$lines" "$build/answer.txt"
    echo
    if [ "$code" != "$expected" ]; then
        echo "quickstart: exit code $code, expected $expected" >&2
        exit 1
    fi
}

expect() { # words that the last answer must hold
    local words
    for words in "$@"; do
        tr -s ' \n' ' ' <"$build/answer.txt" | grep -qF -- "$words" || { echo "quickstart: the answer lacks: $words" >&2; exit 1; }
    done
}

coder="qwen3-coder:30b --quant Q4_K_M --hw mac-studio-m2-ultra-64gb -c 262144"

echo "# An agent asks a Mac Studio for 146,760 tokens and gets 'context overflow'. Is the machine too small? No:"
# shellcheck disable=SC2086
tell 0 p plan $coder
expect "FITS 262,144 tokens"

echo "# The overflow comes from a number in the agent's configuration, not from memory and not from the model:"
# shellcheck disable=SC2086
tell 1 '/Request:/,$p' plan $coder --limit 131072 --prompt 146760
expect "OVERFLOW by 15,688 tokens: the limit is 131,072 (configured limit)" "raise 131,072 to 146,760"

echo "# Without that limit it dies at the timeout of 300 s, because the machine reads 400 tokens/s (measured):"
# shellcheck disable=SC2086
tell 1 '/Request:/,$p' plan $coder --prompt 146760 --prefill-rate 400 --deadline 300
expect "TOO SLOW by 67 s: it takes 367 s" "a deadline of 367 s"

echo "# Both lines changed, it passes:"
# shellcheck disable=SC2086
tell 0 '/Request:/,$p' plan $coder --limit 262144 --prompt 146760 --prefill-rate 400 --deadline 367
expect " OK "

echo "# A GGUF file says all this of itself; its header is enough:"
tell 0 p model tests/data/gguf/dbrx-moe.gguf --header-only
expect "architecture dbrx"
tell 0 '/FITS/p' plan tests/data/gguf/dbrx-moe.gguf --header-only --hw "rtx-3060-12gb host:16GiB"

echo "# Which models of 27 to 40 B run on a card of 24 or of 32 GB, at 4 bit with 8k of context?"
"$build/examples/newsletter"
echo "quickstart: the command is $build/examples/ctxfit/ctxfit" >&2
