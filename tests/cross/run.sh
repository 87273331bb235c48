#!/usr/bin/env bash
# The library compiles and links for systems that the tests do not run on, and without detection or JSON.   cross/run.sh SCRATCH
#
# Windows takes mingw-w64, macOS zig, which pip brings with its headers and its libSystem.
set -eu
cd "$(dirname "$0")/../.."
out=${1:-build/cross}
mkdir -p "$out"
out=$(cd "$out" && pwd)
jobs=$(nproc 2>/dev/null || echo 2)

# yyjson's source compiles anywhere; its package is for this system alone.
json=()
yyjson=$(examples/yyjson.sh "$out/yyjson")/src/yyjson
[ ! -e "$yyjson/yyjson.c" ] || json=(-DCTXFIT_WITH_JSON=ON "-DCTXFIT_YYJSON_SOURCE=$yyjson")

build() { # folder, options...
    local dir=$out/$1
    shift
    cmake -S . -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCTXFIT_WERROR=ON -DCTXFIT_BUILD_EXAMPLES=OFF "${json[@]}" "$@"
    cmake --build "$dir" -j "$jobs"
}

[ -x "$out/zig/bin/python" ] || python3 -m venv "$out/zig"
"$out/zig/bin/python" -c 'import ziglang' 2>/dev/null || "$out/zig/bin/pip" install -q --disable-pip-version-check ziglang
# cmake takes a compiler, not a compiler with words behind it.
for target in aarch64-macos x86_64-macos; do
    printf '#!/bin/sh\nexec "%s" -m ziglang cc -target %s "$@"\n' "$out/zig/bin/python" "$target" >"$out/$target-cc"
    chmod +x "$out/$target-cc"
    build "$target" -DCMAKE_SYSTEM_NAME=Darwin -DCMAKE_SYSTEM_PROCESSOR="${target%-macos}" -DCMAKE_C_COMPILER="$out/$target-cc" \
        -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY
done
build windows -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_SYSTEM_PROCESSOR=x86_64 -DCMAKE_C_COMPILER=x86_64-w64-mingw32-gcc
build without-detect -DCTXFIT_WITH_DETECT=OFF
json=()
build without-json -DCTXFIT_WITH_JSON=OFF
ls "$out/windows/libctxfit.dll" "$out/aarch64-macos/libctxfit.dylib" "$out/x86_64-macos/libctxfit.dylib" "$out/without-detect/libctxfit.so" \
    "$out/without-json/libctxfit.so"
echo "5 compilations of the library: macOS on two processors, Windows, without detection, without JSON"
