#!/usr/bin/env bash
# Every public header compiles alone, as C99, C11 and C++11, without a warning and without padding, on 32 and 64 bit.
set -eu
cd "$(dirname "$0")/../.."
strict="-Wall -Wextra -Wpedantic -Wpadded -Wconversion -Werror -Iinclude -fsyntax-only"
count=0
compile() { # compiler, options..., language, header
    "$@" || { echo "failed: $*" >&2; exit 1; }
    count=$((count + 1))
}
headers=$(find include -name '*.h' | sort)
for header in $headers; do
    for cc in gcc clang; do
        for bits in -m64 -m32; do
            for std in c99 c11; do compile $cc $bits -std=$std $strict -x c "$header"; done
        done
    done
    compile g++ -std=c++11 $strict -x c++ "$header"
    compile clang++ -std=c++11 $strict -x c++ "$header"
done
echo "$count compilations of $(echo "$headers" | wc -l) headers"
