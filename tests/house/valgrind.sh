#!/usr/bin/env bash
# The unit tests under valgrind, but for those that walk tens of thousands of rows or plans (the sanitizers see those).   valgrind.sh FOLDER_OF_TESTS
set -eu
slow="test_reference_|test_recipe_reference|test_speed_coverage|test_gguf_mutation|test_quant_reference|test_memory_reference|test_graph_rows|test_place_fits|test_place_solve"
count=0
for test in "$1"/test_*; do
    [ -x "$test" ] && [ -f "$test" ] || continue
    echo "$(basename "$test")" | grep -qE "$slow" && continue
    valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=all "$test" >"$1/valgrind.log" 2>&1 || {
        cat "$1/valgrind.log" >&2
        echo "failed: $test" >&2
        exit 1
    }
    count=$((count + 1))
done
echo "$count programs agree with valgrind"
