#!/usr/bin/env bash
# The output in README.md is what ./examples/quickstart.sh prints.   check_readme.sh [--write]
set -eu
cd "$(dirname "$0")/../.."
begin='<!-- quickstart: '
end='<!-- end of quickstart -->'
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

LC_ALL=C.UTF-8 NO_COLOR=1 ./examples/quickstart.sh >"$scratch/printed"
# The first answer is for everybody, the others are for those who open them. A line that starts with '# ' begins an answer.
awk '
    BEGIN                  { print "```text" }
    /^# / && ++answers == 2 { print "```\n\n<details><summary>The rest of the story</summary>\n\n```text" }
    answers == 1 && /^$/   { blank = blank "\n"; next }
                           { printf "%s%s\n", answers == 1 ? blank : "", $0; blank = "" }
    END                    { print "```"; if (answers > 1) print "\n</details>" }' "$scratch/printed" >"$scratch/block"
awk -v begin="$begin" -v end="$end" -v block="$scratch/block" '
    index($0, begin) == 1 { print; while ((getline line < block) > 0) print line; inside = 1 }
    index($0, end) == 1   { inside = 0 }
    !inside && index($0, begin) != 1' README.md >"$scratch/readme"
grep -qF "$end" "$scratch/readme" || { echo "README.md lacks the lines between which the output stands" >&2; exit 1; }

if [ "${1:-}" = --write ]; then
    cp "$scratch/readme" README.md
elif ! diff -u README.md "$scratch/readme"; then
    echo "README.md differs from what quickstart prints: tests/house/check_readme.sh --write, and look at the difference" >&2
    exit 1
else
    echo "README.md and quickstart agree"
fi
