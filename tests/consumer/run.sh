#!/usr/bin/env bash
# Installs the library into a scratch folder and uses it as others do.   run.sh [SCRATCH]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
scratch=${1:-$(mktemp -d)}
rm -rf "$scratch" && mkdir -p "$scratch"
scratch=$(cd "$scratch" && pwd)
log=$scratch/log
# Folders with a space in their names, and only what the library is made of.
source_copy="$scratch/source code"
prefix="$scratch/pre fix"
mkdir "$source_copy"
cp -R "$source/CMakeLists.txt" "$source/LICENSE" "$source/ctxfit.pc.in" "$source/include" "$source/lib" "$source_copy"
source=$source_copy

quiet() { "$@" >"$log" 2>&1 || { cat "$log" >&2; echo "failed: $*" >&2; exit 1; }; }

quiet cmake -S "$source" -B "$scratch/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCTXFIT_BUILD_EXAMPLES=OFF
quiet cmake --build "$scratch/build" -j2
quiet cmake --install "$scratch/build"

for how in find_package add_subdirectory FetchContent; do
    for shared in ON OFF; do
        for language in C CXX; do
            dir="$scratch/$how-$shared-$language"
            quiet cmake -S "$here" -B "$dir" -DHOW=$how -DLANGUAGES=$language -DBUILD_SHARED_LIBS=$shared -DCTXFIT_SOURCE="$source" \
                -DCMAKE_PREFIX_PATH="$prefix"
            quiet cmake --build "$dir" -j2
            echo "$how, $language, shared=$shared: $("$dir/consumer")"
        done
    done
done

pc=$(dirname "$(find "$prefix" -name ctxfit.pc)")
export PKG_CONFIG_PATH=$pc
eval "flags=($(pkg-config --cflags --libs ctxfit))" # spaces are escaped there
quiet cc -std=c99 "$here/main.c" "${flags[@]}" -Wl,-rpath,"$(pkg-config --variable=libdir ctxfit)" -o "$scratch/shared"
echo "pkg-config: $("$scratch/shared")"
eval "flags=($(pkg-config --cflags ctxfit))"
libs=$(pkg-config --static --libs-only-l ctxfit | sed 's/-lctxfit//') # what a static library needs beside itself
# shellcheck disable=SC2086
quiet cc -std=c99 "$here/main.c" "${flags[@]}" "$(pkg-config --variable=libdir ctxfit)/libctxfit.a" $libs -o "$scratch/static"
echo "static: $("$scratch/static")"

soname=$(readelf -d "$(pkg-config --variable=libdir ctxfit)/libctxfit.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
case $soname in libctxfit.so.[0-9]*) echo "soname $soname" ;; *) echo "bad soname '$soname'" >&2; exit 1 ;; esac
