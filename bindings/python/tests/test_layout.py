"""Constants, layouts and functions are those of the headers, by what a C compiler says of them."""
from __future__ import annotations

import ctypes
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from ctxfit import _layout as L
from ctxfit import _convert, _plan

PACKAGE = Path(L.__file__).parent


def test_generated_files_are_what_the_headers_say() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "bindings/python/generate.py"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_installed_package_is_the_one_of_the_tree() -> None:
    for name in ("_layout.py", "_enums.py", "_records.py"):
        assert (PACKAGE / name).read_bytes() == (ROOT / "bindings/python/src/ctxfit" / name).read_bytes()


def test_layout_and_constants_are_those_of_the_compiler(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    constants = sorted(name for name in vars(L) if name.startswith("CTXFIT_"))
    lines = ['#include "ctxfit.h"', "#include <stdio.h>", "int main(void) {", 'printf("{");']
    for name, struct in L.STRUCTS.items():
        lines.append(f'printf("\\"{name}\\":{{\\"sizeof\\":%u", (unsigned)sizeof({name}));')
        lines += [f'printf(",\\"{field[0]}\\":%u", (unsigned)offsetof({name}, {field[0]}));' for field in struct._fields_]
        lines.append('printf("},");')
    lines += [f'printf("\\"{name}\\":\\"%lld\\",", (long long)({name}));' for name in constants]
    source = tmp_path / "layout.c"
    source.write_text("\n".join([*lines, 'printf("\\"\\":0}\\n");', "return 0; }"]))
    program = tmp_path / "layout"
    subprocess.run([compiler, f"-I{ROOT / 'include'}", "-DCTXFIT_STATIC", str(source), "-o", str(program)], check=True)
    said = json.loads(subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout)

    for name, struct in L.STRUCTS.items():
        mine = {"sizeof": ctypes.sizeof(struct), **{field[0]: getattr(struct, field[0]).offset for field in struct._fields_}}
        assert mine == said[name], name
    for name in constants:
        assert ctypes.c_int64(getattr(L, name)).value == int(said[name]), name


def test_every_struct_of_the_headers_is_here() -> None:
    text = "".join(path.read_text() for path in (ROOT / "include").rglob("*.h"))
    found = set(re.findall(r"^typedef struct (\w+) \{", text, re.M))
    assert found - {"ctxfit_allocator"} == set(L.STRUCTS)


def test_every_constant_of_the_headers_is_here() -> None:
    text = re.sub(r"/\*.*?\*/", "", "".join(path.read_text() for path in (ROOT / "include").rglob("*.h")), flags=re.S)
    named = set(re.findall(r"^#define (CTXFIT_\w+) +[^{\s]", text, re.M))
    for body in re.findall(r"enum \{(.*?)\}", text, re.S):
        named |= set(re.findall(r"CTXFIT_\w+", body))
    named = {name for name in named if not name.endswith(("_INIT", "_API")) and name not in ("CTXFIT_STATIC", "CTXFIT_BUILDING")}
    assert named == {name for name in vars(L) if name.startswith("CTXFIT_")}


def test_every_function_is_called_by_the_binding() -> None:
    listed = {line.split()[0] for line in (ROOT / "docs/symbols.txt").read_text().splitlines() if line and not line.startswith("#")}
    assert set(L.FUNCTIONS) == listed
    code = "".join(path.read_text() for path in PACKAGE.glob("*.py") if path.name not in ("_layout.py", "_enums.py"))
    assert not {name for name in listed if not re.search(rf"\b(lib|_lib|library)\.{name}\b", code)}


def test_every_option_of_c_can_be_given_to_plan() -> None:
    given = {
        "ctx": 1, "parallel": 1, "kv": "f16", "kv_key": "q8_0", "kv_value": "q8_0", "engine": "x", "gpu_layers": 1, "cpu_expert_layers": 1,
        "tensor_split": [1], "split_mode": "layer", "overrides": "a=CPU", "batch": 1, "ubatch": 1, "outputs_max": 1, "flash_attention": True,
        "kv_unified": True, "swa_full": True, "kv_offload": True, "op_offload": True, "mmap": True, "repack": True, "reserve_bytes": 1,
        "limit": 1, "limit_source": "x", "prefill_rate": 1, "decode_rate": 1, "model_ctx": 1, "default_ctx": 1,
        "overhead_bytes": 1, "device_reserve_bytes": [1], "host_reserve_bytes": 1, "spread": True, "vision": True,
        "memory_fraction": 0.5, "kv_cache_bytes": 1, "tensor_parallel": 1, "pipeline_parallel": 1, "block_tokens": 1,
        "batch_sequences": 1, "draft_tokens": 1, "eager": True, "prefix_cache": False, "text_only": True, "limits": False,
    }
    assert set(given) | {"modelfile"} == set(_plan._SETTERS)  # which sets what others leave open
    options = _plan.plan_options(given)
    unset = []
    for name, kind in _convert.kinds_of(type(options)).items():
        value = getattr(options, name)
        if not name.startswith("reserved") and not (any(value) if issubclass(kind, ctypes.Array) else value):
            unset.append(name)
    assert unset == []
