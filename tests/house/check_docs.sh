#!/usr/bin/env bash
# Doxygen without a warning; links between pages that lead somewhere; files that pages name.   check_docs.sh SCRATCH
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
# A file that a page names is there; '*' stands for any text, a word in <> for what the reader puts there.
while IFS=: read -r file path; do
    case $path in *'<'*) continue ;; esac
    compgen -G "$path" >/dev/null || { echo "$file: no such file: $path" >&2; bad=1; }
done < <(grep -oE '`(lib|tests|examples|docs|include)/[^` ]+`' README.md CHANGELOG.md docs/*.md | tr -d '`')
exit $bad
