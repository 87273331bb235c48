"""The cases that every binding answers as the C command does; the same list runs through the other bindings."""
from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Dict, List

import pytest

import ctxfit
from conftest import DATA
from ctxfit import _layout as L

CASES = json.loads((DATA / "bindings" / "plans.json").read_text())
ARGUMENTS = {
    "ctx_tokens": "ctx", "sequences": "parallel", "batch_tokens": "batch", "ubatch_tokens": "ubatch", "limit_tokens": "limit",
    "measured_prefill_tokens_per_s": "prefill_rate", "measured_decode_tokens_per_s": "decode_rate",
}
SWITCHES = ("flash_attention", "kv_unified", "swa_full", "kv_offload", "op_offload", "mmap", "repack")
SPELLED = {"CTXFIT_CTX_LARGEST": "max", "CTXFIT_ALL_LAYERS": "all", "CTXFIT_GPU_LAYERS_NONE": 0, "CTXFIT_RESERVE_NONE": 0}


def arguments(options: Dict[str, Any]) -> Dict[str, Any]:
    found: Dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, str):
            value = SPELLED.get(value, value)
        if name in SWITCHES:
            value = value == L.CTXFIT_CHOICE_ON
        if name == "split_mode":
            value = ctxfit.Split(value)
        found[ARGUMENTS.get(name, name)] = value
    return found


def command(*words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([sys.executable, "-m", "ctxfit", *words], capture_output=True)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_plan_is_the_command_s(case: Dict[str, Any]) -> None:
    quant: List[str] = ["--quant", case["quant"]] if case["quant"] else []
    done = command("plan", case["model"], *quant, "--hw", case["hw"], "--json", *case["words"])
    assert done.returncode in (0, 1), done.stderr
    model = ctxfit.Model.from_catalog(case["model"], quant=case["quant"])
    made = ctxfit.plan(model, ctxfit.Hardware(case["hw"]), **arguments(case["options"]))
    assert made.to_json() == done.stdout.decode().strip()
    assert (done.returncode == 0) == made.fits


def test_the_numbers_are_those_of_the_json() -> None:
    for case in CASES:
        made = ctxfit.plan(ctxfit.Model.from_catalog(case["model"], quant=case["quant"]), case["hw"], **arguments(case["options"]))
        told = made.to_dict()
        assert told["fit"] == made.fit.name.lower()
        assert (told["margin_bytes"], told["total_bytes"]) == (made.margin_bytes, made.total_bytes)
        assert (told["max_ctx_seq"], told["max_sequences"]) == (made.max_context, made.max_sequences)
        assert told["resolved"]["n_ctx"] == made.context
        assert tuple(told["warnings"]) == made.warnings
        for theirs, mine in zip(told["devices"], made.devices):
            for name, value in theirs.items():
                if name != "kind":
                    assert value == getattr(mine, name), name
        for theirs, mine_limit in zip(told["constraints"], made.constraints):
            assert theirs["kind"] == ctxfit.limit_name(mine_limit.kind)
            assert theirs["limit_tokens"] == mine_limit.limit_tokens
            assert theirs["binding"] == mine_limit.binding


def test_python_m_ctxfit_is_the_command() -> None:
    done = command("--version")
    assert done.returncode == 0
    assert ctxfit.library_version in done.stdout.decode()
    assert command("plan", "no-such-model", "--hw", "host:64GiB").returncode == 3
