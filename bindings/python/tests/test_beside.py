"""What runs beside a model counts in its plan."""
from __future__ import annotations

import struct
from typing import List, Tuple, Union

import pytest

import ctxfit

HW = "rtx-4090 host:64GiB"
WIDTH, RANK = 5120, 16


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def value_of(value: Union[str, int, bool]) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<IB", 7, value)
    return struct.pack("<I", 8) + text(value) if isinstance(value, str) else struct.pack("<II", 4, value)


def gguf(keys: List[Tuple[str, Union[str, int, bool]]], tensors: List[Tuple[str, int, int]]) -> ctxfit.Gguf:
    """A header with keys and two-dimensional tensors of floats; their data is left out."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    head += b"".join(text(key) + value_of(value) for key, value in keys)
    offset = 0
    for name, rows, columns in tensors:
        head += text(name) + struct.pack("<IQQIQ", 2, rows, columns, 0, offset)
        offset += rows * columns * 4
    return ctxfit.Gguf.parse(head + bytes(-len(head) % 32), header_only=True)


def adapter(arch: str, layers: range) -> ctxfit.Gguf:
    names = [(f"blk.{i}.attn_q.weight.lora_{part}", a, b) for i in layers for part, a, b in (("a", WIDTH, RANK), ("b", RANK, WIDTH))]
    return gguf([("general.architecture", arch), ("general.type", "adapter"), ("adapter.type", "lora")], names)


EYES: List[Tuple[str, Union[str, int, bool]]] = [
    ("general.architecture", "clip"),
    ("clip.projector_type", "gemma3"),
    ("clip.has_vision_encoder", True),
    ("clip.vision.embedding_length", 1152),
    ("clip.vision.attention.head_count", 16),
    ("clip.vision.block_count", 27),
    ("clip.vision.image_size", 896),
    ("clip.vision.patch_size", 14),
]


@pytest.fixture(scope="module")
def model() -> ctxfit.Model:
    return ctxfit.Model.from_catalog("qwen3-14b", quant="Q4_K_M")


@pytest.fixture(scope="module")
def draft() -> ctxfit.Model:
    return ctxfit.Model.from_catalog("qwen3-0.6b", quant="Q8_0")


def test_a_draft_counts_with_the_context_of_the_model(model: ctxfit.Model, draft: ctxfit.Model) -> None:
    beside = ctxfit.Beside().add_draft(draft, kv_key="q8_0", kv_value="q8_0")
    plan, alone = ctxfit.plan(model, HW, ctx=8192, beside=beside), ctxfit.plan(model, HW, ctx=8192)
    small = ctxfit.plan(draft, HW, ctx=8192, kv="q8_0")
    assert len(beside) == 1 and alone.beside == ()
    assert plan.beside[0].kind == ctxfit.BesideKind.DRAFT and plan.beside[0].device is None
    assert plan.beside[0].total_bytes == small.total_bytes == plan.summary.beside_bytes
    assert [part[0].kv_bytes for part in map(plan.beside_on, range(2))] == [d.kv_bytes for d in small.devices]
    assert plan.devices[0].beside_bytes == small.devices[0].total_bytes
    assert plan.max_context == alone.max_context == model.trained_tokens
    listed = plan.to_dict()["beside"][0]
    assert listed["kind"] == ctxfit.beside_name(plan.beside[0].kind) == "draft" and listed["total_bytes"] == small.total_bytes
    best = {"hw": "rtx-4070 host:64GiB", "ctx": 8192}
    assert ctxfit.best_file_type(model, beside=beside, **best) != ctxfit.best_file_type(model, **best)  # type: ignore[arg-type]
    assert ctxfit.Differs.BESIDE in [d.kind for d in alone.compare(plan)]


def test_an_adapter_and_a_projector_lie_where_they_are_put(model: ctxfit.Model) -> None:
    eyes = gguf(EYES, [("v.blk.0.ffn_up.weight", 1152, 4304)])
    beside = ctxfit.Beside().add_adapter(adapter("qwen3", range(40))).add_projector(eyes, host=True)
    beside.set_name(0, "lora.gguf")
    placed = ctxfit.place(model, HW, ctx=8192, beside=beside)
    assert [entry.name for entry in placed.plan.beside] == ["lora.gguf", placed.plan.beside[1].name] and placed.summary.found
    with pytest.raises(ctxfit.NotFound):
        beside.set_name(2, "x")
    with pytest.raises(TypeError):
        ctxfit.place(model, HW, beside="lora.gguf")  # type: ignore[arg-type]
    plan = ctxfit.plan(model, HW, ctx=8192, gpu_layers=31, beside=beside)
    pair = 2 * WIDTH * RANK * 4
    assert [part[0].weights_bytes for part in map(plan.beside_on, range(2))] == [30 * pair, 10 * pair]
    assert [part[1].weights_bytes for part in map(plan.beside_on, range(2))] == [0, 1152 * 4304 * 4]
    assert [b.name for b in plan.beside] == ["lora.gguf", "gemma3"]


def test_a_projector_is_measured_alone(model: ctxfit.Model) -> None:
    header = gguf(EYES, [("v.blk.0.ffn_up.weight", 1152, 4304)])
    eyes = ctxfit.Projector.from_gguf(header)
    assert eyes.info.name == "gemma3" and repr(eyes) == "<Projector gemma3>"
    gpu, host = eyes.measure("llama.cpp@b11118", "cuda"), eyes.measure(image=(1000, 600), host=True)
    assert gpu.weight_bytes == host.host_weight_bytes == 1152 * 4304 * 4 and gpu.host_weight_bytes == host.weight_bytes == 0
    assert ctxfit.EncoderFlags.DEVICE in gpu.flags and ctxfit.EncoderFlags.BOUND in gpu.flags  # most tensors are not there
    assert host.image_tokens == 256 and host.picture_width == 896 and gpu.image_tokens == 0
    plan = ctxfit.plan(model, HW, ctx=8192, beside=ctxfit.Beside().add_projector(header, image=(1000, 600), images=2))
    assert plan.beside[0].compute_bytes == gpu.compute_bytes + gpu.host_compute_bytes and not plan.beside[0].compute_exact
    with pytest.raises(ctxfit.Unsupported, match="vllm"):
        eyes.measure("vllm")
    with pytest.raises(TypeError, match="image"):
        eyes.measure(image=300)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="from_gguf"):
        ctxfit.Projector()
    eyes.close()
    with pytest.raises(ctxfit.Closed):
        eyes.measure()


def test_what_does_not_belong_is_refused(model: ctxfit.Model, draft: ctxfit.Model) -> None:
    with pytest.raises(ctxfit.Refused, match="arch mismatch"):
        ctxfit.plan(model, HW, beside=ctxfit.Beside().add_adapter(adapter("llama", range(1))))
    with pytest.raises(ctxfit.Refused, match="vocab"):
        ctxfit.plan(model, HW, beside=ctxfit.Beside().add_draft(ctxfit.Model.from_catalog("gemma-3-1b", quant="Q8_0")))
    with pytest.raises(ctxfit.LimitReached):
        ctxfit.Beside().add_draft(draft).add_draft(draft)
    with pytest.raises(ctxfit.Unsupported, match="tensorrt-llm"):
        ctxfit.plan(model, HW, engine="tensorrt-llm", beside=ctxfit.Beside().add_draft(draft))
    with pytest.raises(ctxfit.InvalidArgument, match="devices"):
        ctxfit.plan(model, HW, beside=ctxfit.Beside().add_draft(draft, devices=[1]))
    with pytest.raises(TypeError, match="beside"):
        ctxfit.plan(model, HW, beside=draft)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="draft"):
        ctxfit.Beside().add_draft("qwen3-0.6b")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="gguf"):
        ctxfit.Beside().add_adapter(b"GGUF")  # type: ignore[arg-type]


def test_a_list_keeps_its_drafts(model: ctxfit.Model) -> None:
    beside = ctxfit.Beside()
    with ctxfit.Model.from_catalog("qwen3-0.6b", quant="Q8_0") as draft:
        beside.add_draft(draft, gpu_layers="all", cpu_expert_layers=0, devices=[0], draft_tokens=8)
    plan = ctxfit.plan(model, HW, ctx=8192, beside=beside)
    assert plan.beside[0].layers == 28 and plan.beside[0].draft_tokens == 8
    assert repr(beside) == "<Beside: 1>"
    beside.close()
    with pytest.raises(ctxfit.Closed):
        ctxfit.plan(model, HW, beside=beside)


def test_a_model_of_ollama_has_parameters_and_parts(model: ctxfit.Model, draft: ctxfit.Model) -> None:
    own = ctxfit.Modelfile.parse("FROM a\nPARAMETER num_ctx 4096\nPARAMETER num_gpu 3\nPARAMETER draft_num_predict 5\n")
    base = ctxfit.Modelfile.parse("FROM b\nPARAMETER num_ctx 512\nPARAMETER num_batch 128\n")
    plan = ctxfit.plan(model, HW, engine="ollama", gpu_layers=7, modelfile=(own, base))
    assert (plan.summary.n_ctx_seq, plan.summary.n_batch, plan.summary.gpu_layers) == (4096, 128, 7)
    assert ctxfit.plan(model, HW, engine="ollama", ctx=8192, modelfile=own).summary.n_ctx_seq == 8192
    assert ctxfit.place(model, HW, engine="ollama", modelfile=own).summary.ctx_seq_tokens == 4096
    applied = ctxfit.applied_parameters((own, base), engine="ollama", gpu_layers=7)
    assert applied == ctxfit.Parameter.NUM_CTX | ctxfit.Parameter.NUM_BATCH
    assert not ctxfit.applied_parameters(own) and ctxfit.plan(model, HW, modelfile=own).summary.n_ctx_seq == 40960
    blocks = ctxfit.Model.from_catalog("qwen3.6-27b", quant="Q4_K_M")
    beside = ctxfit.Beside().add_parts(own, blocks)
    assert ctxfit.plan(blocks, HW, ctx=8192, engine="ollama", beside=beside).beside[0].draft_tokens == 5
    assert len(ctxfit.Beside().add_parts(own)) == len(ctxfit.Beside().add_parts(own, model)) == 0
    with pytest.raises(ctxfit.InputOutput):
        ctxfit.Beside().add_parts(ctxfit.Modelfile.parse("FROM a\nADAPTER none.gguf\n"))
    with pytest.raises(ctxfit.NotFound):
        ctxfit.applied_parameters(own, engine="olama")
    for wrong in ("own", (), (own, None)):
        with pytest.raises(TypeError, match="modelfile: expected"):
            ctxfit.plan(model, HW, engine="ollama", modelfile=wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected Modelfile"):
        ctxfit.Beside().add_parts("own")  # type: ignore[arg-type]
    left = ctxfit.Beside().add_parts(ctxfit.Modelfile.parse("FROM a\nDRAFT d.gguf\n")).leave_out(ctxfit.Part.ADAPTER, "lora.safetensors", 1 << 20)
    warnings = ctxfit.plan(model, HW, beside=left).warnings
    assert "not counted: a draft model, 'd.gguf': its memory comes on top" in warnings
    assert "not counted: an adapter, 'lora.safetensors': its tensors alone take 1 MiB on top" in warnings
    with pytest.raises(ctxfit.InvalidArgument):
        left.leave_out("template", "a")
    both = ctxfit.place_set([model, model], "2*rtx-4090 host:64GiB", [{"ctx": 8192, "beside": ctxfit.Beside().add_draft(draft)}, {"ctx": 8192}])
    assert [len(place.plan.beside) for place in both.places] == [1, 0]
    with pytest.raises(TypeError, match="beside: expected Beside"):
        ctxfit.place_set([model], HW, [{"beside": "draft"}])


def test_a_models_own_blocks_draft() -> None:
    own = ctxfit.Model.from_catalog("qwen3.5-35b-a3b", quant="Q4_K_M")
    plan = ctxfit.plan(own, "2*rtx-4090 host:64GiB", ctx=32768, beside=ctxfit.Beside().add_nextn(draft_tokens=2))
    alone = ctxfit.plan(own, "2*rtx-4090 host:64GiB", ctx=32768)
    assert plan.beside[0].kind == ctxfit.BesideKind.NEXTN and plan.beside[0].draft_tokens == 2
    assert plan.summary.recurrent_bytes == 3 * alone.summary.recurrent_bytes
    with pytest.raises(ctxfit.Refused, match="MTP layers"):
        ctxfit.plan(ctxfit.Model.from_catalog("qwen3-14b", quant="Q4_K_M"), HW, beside=ctxfit.Beside().add_nextn())
