#!/usr/bin/env bash
# Doxygen without a warning, links between pages that lead somewhere, and documented structs.   check_docs.sh SCRATCH
set -eu
cd "$(dirname "$0")/../.."
out=${1:-build/docs}
mkdir -p "$out"
(cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = $out") | doxygen -
bad=0
while IFS=: read -r file link; do
    target=$(dirname "$file")/${link%%#*}
    [ -e "$target" ] || { echo "$file: no such page: $link" >&2; bad=1; }
done < <(grep -oE '\]\([^)#][^)]*\)' README.md CHANGELOG.md docs/*.md | grep -vE '\]\(https?://' | sed -E 's/\]\(([^)]*)\)/\1/')
exit $bad
