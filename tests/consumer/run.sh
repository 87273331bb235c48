#!/usr/bin/env bash
# Installs the library into a scratch folder and uses it as others do.   run.sh [SCRATCH]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
scratch=${1:-$(mktemp -d)}
rm -rf "$scratch" && mkdir -p "$scratch"
scratch=$(cd "$scratch" && pwd)
prefix=$scratch/prefix

quiet() { "$@" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; echo "failed: $*" >&2; exit 1; }; }

quiet cmake -S "$source" -B "$scratch/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCTXFIT_BUILD_EXAMPLES=OFF
quiet cmake --build "$scratch/build" -j2
quiet cmake --install "$scratch/build"

for how in find_package add_subdirectory FetchContent; do
    for shared in ON OFF; do
        quiet cmake -S "$here" -B "$scratch/$how-$shared" -DHOW=$how -DBUILD_SHARED_LIBS=$shared -DCTXFIT_SOURCE="$source" -DCMAKE_PREFIX_PATH="$prefix"
        quiet cmake --build "$scratch/$how-$shared" -j2
        echo "$how, shared=$shared: $("$scratch/$how-$shared/consumer")"
    done
done

pc=$(dirname "$(find "$prefix" -name ctxfit.pc)")
export PKG_CONFIG_PATH=$pc
quiet cc -std=c99 "$here/main.c" $(pkg-config --cflags --libs ctxfit) -Wl,-rpath,"$(pkg-config --variable=libdir ctxfit)" -o "$scratch/shared"
echo "pkg-config: $("$scratch/shared")"
quiet cc -std=c99 "$here/main.c" $(pkg-config --cflags ctxfit) "$(pkg-config --variable=libdir ctxfit)/libctxfit.a" -lm -o "$scratch/static"
echo "static: $("$scratch/static")"

soname=$(readelf -d "$(pkg-config --variable=libdir ctxfit)/libctxfit.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
case $soname in libctxfit.so.[0-9]*) echo "soname $soname" ;; *) echo "bad soname '$soname'" >&2; exit 1 ;; esac
