#!/usr/bin/env bash
# Prints a CMAKE_PREFIX_PATH that holds yyjson, or nothing where the system has it.   yyjson.sh FOLDER
#
# Debian has yyjson from trixie on. On bookworm its source, which is compiled into the library, and trixie's two packages (they need
# only libc >= 2.14), for where the source is not to be had, are unpacked into FOLDER; nothing is installed in the system.
set -euo pipefail
dir=$(mkdir -p "$1" && cd "$1" && pwd)

installed() { echo '#include <yyjson.h>' | ${CC:-cc} -E -x c - >/dev/null 2>&1; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

from_system() {
    command -v apt-get >/dev/null && apt-cache show libyyjson-dev >/dev/null 2>&1 || return 1
    as_root apt-get install -y -q --no-install-recommends libyyjson-dev >&2
}

from_trixie() {
    command -v apt-get >/dev/null || return 1
    mkdir -p "$dir"/apt/lists/partial "$dir"/apt/cache/archives/partial "$dir"/deb
    # The mirror that this machine already uses, the next suite.
    local mirror
    mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' | awk '$2 !~ /security/ && /debian/ {print $1; exit}')
    for kind in deb deb-src; do
        echo "$kind [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror%/} trixie main"
    done >"$dir/apt/sources.list"
    local apt=(-oDir::Etc::SourceList="$dir/apt/sources.list" -oDir::Etc::SourceParts=/dev/null -oDir::State::Lists="$dir/apt/lists"
               -oDir::Cache="$dir/apt/cache" -oAPT::Sandbox::User=root)
    apt-get "${apt[@]}" -q update >&2
    (cd "$dir/deb" && apt-get "${apt[@]}" -q download libyyjson0 libyyjson-dev >&2)
    local deb
    for deb in "$dir"/deb/*.deb; do dpkg -x "$deb" "$dir/root"; done
    # Debian's own part of the source package is not needed, so it may be missing. tar unpacks .xz with xz, which a bare system lacks.
    (cd "$dir/deb" && apt-get "${apt[@]}" -q source --download-only --only-source yyjson >&2) || true
    if mkdir -p "$dir/source" && tar -xf "$dir"/deb/yyjson_*.orig.tar.* -C "$dir/source" --strip-components=1 >&2; then
        mkdir -p "$dir/root/usr/src/yyjson"
        cp "$dir/source/LICENSE" "$dir"/source/src/yyjson.[ch] "$dir/root/usr/src/yyjson"
    fi
    rm -rf "$dir/apt" "$dir/source"
}

if [ ! -d "$dir/root" ] && ! installed && ! from_system; then
    from_trixie
fi
[ ! -d "$dir/root" ] || echo "$dir/root/usr"
