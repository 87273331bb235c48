#!/usr/bin/env bash
# Installs the library into a scratch folder and tests the binding against it, and against the source tree.   run_tests.sh [SCRATCH]
#
# GO names the go command (default: go, or the newest of Debian's). Nothing is fetched: the module depends on nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
scratch=${1:-$source/build/go}
mkdir -p "$scratch"
scratch=$(cd "$scratch" && pwd)
prefix=$scratch/prefix
go=${GO:-$(command -v go || ls -d /usr/lib/go-*/bin/go 2>/dev/null | sort -V | tail -1 || true)}
[ -n "$go" ] || { echo "no go command" >&2; exit 1; }

quiet() { "$@" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; echo "failed: $*" >&2; exit 1; }; }

quiet cmake -S "$source" -B "$scratch/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib
quiet cmake --build "$scratch/build" -j2
rm -rf "$prefix"
quiet cmake --install "$scratch/build"

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export CTXFIT_COMMAND=$scratch/build/examples/ctxfit/ctxfit
# No toolchain but this one, no proxy.
export GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-mod=mod GO111MODULE=on
# Go does not see that a header or a library changed; what stands in the flags it does see.
export CGO_CFLAGS="-O2 -g -DCTXFIT_BUILT_FROM=$(cat "$source"/include/ctxfit/*.h "$prefix"/lib/libctxfit.so | cksum | tr ' ' _)"
cd "$here"

"$go" version
unformatted=$("$(dirname "$(readlink -f "$go")")/gofmt" -l .)
[ -z "$unformatted" ] || { echo "not as gofmt writes it: $unformatted" >&2; exit 1; }
"$go" vet ./...
GODEBUG=cgocheck=1 "$go" test -race ./...
quiet "$go" test -count=1 -v ./... # without the race detector; with CTXFIT_MEASURE=1 also what a plan costs, on a quiet machine
echo "the binding agrees with the command, $(grep -c '^ *--- PASS' "$scratch/log") tests"

# The documented way into the source tree: a static library, no pkg-config. A tree of links, so that the real one needs no build folder.
tree=$scratch/tree
rm -rf "$tree" && mkdir -p "$tree/bindings"
ln -s "$source/include" "$source/docs" "$source/tests" "$tree" && ln -s "$scratch/build" "$tree/build" && cp -r "$here" "$tree/bindings/go"
cd "$tree/bindings/go"
env -u LD_LIBRARY_PATH PKG_CONFIG_PATH=/nonexistent "$go" test -tags ctxfit_source ./...
