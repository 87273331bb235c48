#!/usr/bin/env bash
# The stripped library stays light, and does no work when it is loaded.   check_size.sh LIBRARY
set -eu
most=$((1080 * 1024)) # of which 34 KiB are yyjson and 375 KiB tables
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$1"
bytes=$(stat -L -c %s "$stripped")
[ "$bytes" -lt "$most" ] || { echo "$bytes bytes stripped, at most $most" >&2; exit 1; }
# gcc's own frame_dummy is the one entry of .init_array; a constructor would be a second one.
entries=$(($(size -A "$1" | awk '$1 == ".init_array" {print $2}') / $(size -A "$1" | awk '$1 == ".fini_array" {print $2}')))
[ "$entries" -le 1 ] || { echo "$entries constructors run at load time" >&2; exit 1; }
echo "$bytes bytes stripped, no constructor"
