#!/usr/bin/env bash
# Doxygen without a warning, and pages that name what is there.   check_docs.sh SCRATCH
set -eu
cd "$(dirname "$0")/../.."
out=${1:-build/docs}
mkdir -p "$out"
(cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = $out") | doxygen -
python3 tests/house/check_pages.py
python3 tests/house/check_json_keys.py
