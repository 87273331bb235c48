#!/usr/bin/env bash
# Builds the wheel and the source distribution, installs the wheel where nothing else is, and tests that.   run_tests.sh [SCRATCH]
#
# pip brings the tools (pytest, mypy, pyright). PYTHON names the interpreter.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:-$root/build/python}
python=${PYTHON:-python3}
mkdir -p "$out"
out=$(cd "$out" && pwd)
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

# ctxfit batch reads JSON with yyjson, where it can be had.
yyjson=$("$root/examples/yyjson.sh" "$out/yyjson" 2>"$out/yyjson.log" || true)
[ -z "$yyjson" ] || export CMAKE_PREFIX_PATH="$yyjson"

# ---- build: the source distribution from the clone, the wheel from the source distribution --------------------------------------
[ -x "$out/tools/bin/python" ] || "$python" -m venv "$out/tools"
"$out/tools/bin/pip" install -q build
rm -rf "$out/dist" "$out/clean"
"$out/tools/bin/python" -m build -o "$out/dist" "$here"
wheel=$(ls "$out"/dist/ctxfit-*-py3-none-*.whl)

# ---- a clean place without a compiler in reach -----------------------------------------------------------------------------------
"$python" -m venv "$out/clean"
"$out/clean/bin/pip" install -q --no-index "$wheel"
(cd "$out" && env -i HOME="$HOME" PATH=/nonexistent "$out/clean/bin/python" -c '
import ctxfit
plan = ctxfit.plan(ctxfit.Model.from_catalog("qwen3-8b", quant="Q4_K_M"), "rtx-4090 host:64GiB", ctx=8192)
assert plan.fits
print("clean:", plan)' && env -i PATH=/nonexistent "$out/clean/bin/ctxfit" --version)

# ---- tests and types -------------------------------------------------------------------------------------------------------------
"$out/clean/bin/pip" install -q pytest numpy tqdm mypy
# The examples' own clients; where these packages do not install, the examples' tests are skipped and say so.
"$out/clean/bin/pip" install -q openai 'mcp>=2,<3' || echo "openai or mcp: not available here"
cd "$here"
"$out/clean/bin/python" -m pytest -o cache_dir="$out/pytest" --rootdir "$here" tests
"$out/clean/bin/python" -m mypy --cache-dir "$out/mypy" src/ctxfit tests generate.py examples
if "$out/clean/bin/pip" install -q pyright && "$out/clean/bin/python" -m pyright --version >/dev/null 2>&1; then
    "$out/clean/bin/python" -m pyright -p "$here" --pythonpath "$out/clean/bin/python"
else
    echo "pyright: not available here, skipped"
fi
echo "$(basename "$wheel"): tests and types agree with the headers and the command"
