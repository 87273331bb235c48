"""Placement from Python: answers, faults, lines."""
from __future__ import annotations

import pytest

import ctxfit
from conftest import CODER

GIB = 2**30


@pytest.fixture(scope="module")
def model() -> ctxfit.Model:
    return ctxfit.Model.from_catalog(CODER, quant="Q4_K_M")


def test_an_answer_is_a_plan_that_fits(model: ctxfit.Model) -> None:
    place = ctxfit.place(model, "rtx-4090 host:64GiB", objective="largest_context")
    assert place.found and place.summary.objective is ctxfit.Objective.LARGEST_CONTEXT
    plan = place.plan
    assert plan.fits and plan.context_per_sequence == place.summary.ctx_seq_tokens
    again = ctxfit.plan(model, "rtx-4090 host:64GiB", **place.options)
    assert again.margin_bytes == plan.margin_bytes
    assert place.reasons and place.changes == ()
    place.close()
    assert plan.fits  # it keeps what it needs
    with pytest.raises(ctxfit.Closed):
        place.summary


def test_nothing_fits_says_what_would(model: ctxfit.Model) -> None:
    place = ctxfit.place(model, "gpu(backend=cuda,mem=6GiB,bw=300GB/s) host:8GiB", ctx=32768)
    assert not place.found and place.summary.short_bytes > 0
    kinds = {c.kind for c in place.changes}
    assert ctxfit.ChangeKind.DEVICE in kinds or ctxfit.ChangeKind.HOST in kinds
    assert place.to_dict()["changes"][0]["kind"] == ctxfit.change_name(place.changes[0].kind)
    assert ctxfit.place(model, "gpu(backend=cuda,mem=6GiB,bw=300GB/s) host:8GiB", ctx=32768, changes=False).changes == ()


def test_goals_reach_the_library(model: ctxfit.Model) -> None:
    place = ctxfit.place(
        model, "rtx-4090 host:64GiB", objective=ctxfit.Objective.BEST_QUALITY, ctx=16384, least_rate=30, depth=1000,
        worst_file_type="Q4_K_S", worst_cache_type="q4_0", device_reserve_bytes=[2 * GIB], host_reserve_bytes=4 * GIB,
    )
    assert place.found and place.summary.decode_tokens_per_s >= 30
    assert place.options["device_reserve_bytes"] == [2 * GIB] and place.options["host_reserve_bytes"] == 4 * GIB
    assert place.plan.devices[0].usable_bytes == 22 * GIB
    opened = ctxfit.place(model, "rtx-4090 host:64GiB", objective="largest_context", least_context=8192,
                          open=ctxfit.Open.CONTEXT | ctxfit.Open.CACHE_TYPE)
    assert opened.summary.ctx_seq_tokens >= 8192


def test_mistakes_are_named(model: ctxfit.Model) -> None:
    with pytest.raises(ctxfit.InvalidArgument, match="3 proportions for 1"):
        ctxfit.place(model, "rtx-4090 host:64GiB", ctx=4096, tensor_split=[1, 1, 1])
    with pytest.raises((ctxfit.InvalidArgument, OverflowError, ValueError)):
        ctxfit.place(model, "rtx-4090 host:64GiB", ctx=4096, host_reserve_bytes=-1)
    with pytest.raises(TypeError):
        ctxfit.place(model, "rtx-4090 host:64GiB", contexts=3)
    with pytest.raises(TypeError):
        ctxfit.place(model, "rtx-4090", open=3)  # type: ignore[arg-type]


def test_lines_go_there_and_back(model: ctxfit.Model) -> None:
    options = {"ctx": 32768, "parallel": 2, "kv_key": "Q8_0", "kv_value": "Q8_0", "gpu_layers": 40, "tensor_split": [3.0, 2.0],
               "overrides": r"blk\.1\.ffn_up=CPU", "flash_attention": True, "mmap": False}
    text = ctxfit.write_line("llama-server", "a model.gguf", **options)
    back = ctxfit.read_line(text)
    assert back.options == options
    assert back.line.model == "a model.gguf" and back.line.own_fit is ctxfit.Choice.OFF
    place = ctxfit.place(model, "rtx-4090 host:64GiB", ctx=8192)
    assert ctxfit.read_line(place.line("llama-cli")).options["ctx"] == 8192
    with pytest.raises(ctxfit.NotFound) as caught:
        ctxfit.read_line("llama-server -ngll 3")
    assert caught.value.offset == 13
    assert ctxfit.argument("--host") is ctxfit.Argument.NO_SIZE
    with pytest.raises(ctxfit.InvalidArgument):
        ctxfit.write_line("vllm")


def test_several_models_share_a_machine(model: ctxfit.Model) -> None:
    other = ctxfit.Model.from_catalog("qwen3-8b", quant="Q4_K_M")
    found = ctxfit.place_set([model, other], "2*rtx-3090 host:64GiB", [{"ctx": 32768}, {"ctx": 16384, "least_rate": 1}])
    assert found.verdict is ctxfit.SetVerdict.TOGETHER and [p.found for p in found.places] == [True, True]
    rest = found.rest
    more = ctxfit.place(other, rest, objective="largest_context")
    assert more.summary.ctx_seq_tokens < ctxfit.place(other, "2*rtx-3090 host:64GiB", objective="largest_context").summary.ctx_seq_tokens or more.found
    places = found.places
    found.close()
    assert places[0].found and rest.devices  # they keep what they need
    swap = ctxfit.place_set([model, model], "gpu(backend=cuda,mem=24GiB,bw=936GB/s) host:12GiB", [{"ctx": 32768}, {"ctx": 32768}])
    assert swap.verdict is ctxfit.SetVerdict.SWAP and swap.places[1].changes
    with pytest.raises(ctxfit.InvalidArgument):
        ctxfit.place_set([model], "rtx-4090", [])
    with pytest.raises(TypeError):
        ctxfit.place_set([model], "rtx-4090", [{"contexts": 1}])
    with pytest.raises(ctxfit.InvalidArgument):
        ctxfit.place_set([], "rtx-4090")


def test_parts_of_a_token(model: ctxfit.Model) -> None:
    plan = ctxfit.plan(model, "rtx-4090 host:64GiB(bw=80GB/s)", ctx=8192, cpu_expert_layers=10)
    parts = [plan.part(i, 8192) for i in range(2)]
    assert sum(p.seconds for p in parts) == pytest.approx(1 / plan.decode_rate(8192).value, rel=1e-3)
    with pytest.raises(ctxfit.NotFound):
        plan.part(2)
