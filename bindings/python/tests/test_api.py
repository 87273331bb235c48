"""What the guide promises."""
from __future__ import annotations

import copy
import dataclasses
import gc
import json
import mmap
import pickle
from pathlib import Path
from typing import Any

import pytest

import ctxfit
from conftest import CODER, DATA, ROOT, STUDIO


def test_it_reads_like_the_guide() -> None:
    model = ctxfit.Model.from_catalog(CODER, quant="Q4_K_M")
    hw = ctxfit.Hardware(STUDIO)
    plan = ctxfit.plan(model, hw, ctx=262144, kv="q8_0")
    # layers, K and V, heads, head size; 34 bytes hold 32 elements of Q8_0
    assert plan.devices[0].kv_bytes == 48 * 2 * 4 * 128 * 262144 * 34 // 32
    assert plan.fit == ctxfit.Fit.ALL and plan.fits
    assert plan.max_context == 262144 == model.trained_tokens
    assert plan.binding is not None and plan.binding.binding and plan.binding == plan.constraints[0]
    check = plan.check(prompt=146_760, deadline_s=300)
    assert check.ok == (check.outcome == ctxfit.Outcome.OK)
    assert plan.to_dict()["schema"] == "ctxfit.plan/1"


def test_the_version_is_that_of_the_headers() -> None:
    assert ctxfit.__version__ == ctxfit.library_version
    major, minor, patch = map(int, ctxfit.library_version.split("."))
    assert ctxfit.library_version_number == major << 16 | minor << 8 | patch


# ---- models -------------------------------------------------------------------------------------------------------------------
def test_a_model_says_what_it_is(coder: ctxfit.Model) -> None:
    info = coder.info
    assert coder.arch == "qwen3moe" and "Coder" in coder.name
    assert info.layers == 48 == len(coder.layers)
    layer = coder.layers[0]
    assert layer.attention is ctxfit.Attention.FULL and layer.feed_forward is ctxfit.FeedForward.MOE
    assert ctxfit.LayerFlags.CACHE in layer.flags
    assert (layer.experts, layer.experts_used) == (128, 8)
    assert info.tensor_count == len(coder.tensors)
    assert info.tensor_bytes == sum(t.bytes for t in coder.tensors)
    assert all(t.quant is not None and ctxfit.tensor_bytes(t.quant, t.shape) == t.bytes for t in coder.tensors)
    assert coder.file_type == "Q4_K_M"


def test_requantizing_is_what_the_catalog_gives(coder: ctxfit.Model) -> None:
    other = coder.requantize("q8_0")
    assert other.info.tensor_bytes == ctxfit.Model.from_catalog(CODER, quant="Q8_0").info.tensor_bytes > coder.info.tensor_bytes


def safetensors_file(**tensors: Any) -> bytes:
    header = json.dumps(tensors).encode()
    return len(header).to_bytes(8, "little") + header


def test_a_checkpoint(tmp_path: Path) -> None:
    first = safetensors_file(**{"model.embed_tokens.weight": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}})
    second = safetensors_file(**{"model.layers.1.mlp.experts.0.up_proj.weight": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})
    with pytest.raises((ctxfit.Truncated, ctxfit.Unsupported)) as raised:
        ctxfit.Safetensors.parse(first[:9])
    if raised.type is ctxfit.Unsupported:
        pytest.skip("built without JSON")
    assert raised.value.detail == len(first)
    (tmp_path / "a.safetensors").write_bytes(first + bytes(12))
    (tmp_path / "b.safetensors").write_bytes(second + bytes(4))
    names = {"model.embed_tokens.weight": "a.safetensors", "model.layers.1.mlp.experts.0.up_proj.weight": "b.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    weights = ctxfit.Safetensors.open(tmp_path / "model.safetensors.index.json")
    assert (weights.bytes, weights.shard_count, len(weights.tensors)) == (16, 2, 2)
    tensor = weights.tensor("model.embed_tokens.weight")
    assert (tensor.dtype, tensor.dims[:2], tensor.shard) == (ctxfit.Dtype.BF16, (2, 3), 0)
    assert ctxfit.dtype_name(tensor.dtype) == "BF16"
    with pytest.raises(ctxfit.MissingKey):
        weights.tensor("none")
    data = first + bytes(12)
    assert ctxfit.Safetensors.fetch(lambda offset, length: data[offset : offset + length]).bytes == 12
    with pytest.raises(ctxfit.Malformed):
        ctxfit.Safetensors.fetch(lambda offset, length: data[offset : min(offset + length, 20)])
    model = ctxfit.Model.from_config({**CONFIG, "quantization": {"bits": 4, "group_size": 64}}, weights=weights)
    checkpoint = model.checkpoint
    assert checkpoint is not None
    assert (checkpoint.total_bytes, checkpoint.expert_bytes, checkpoint.embedding_bytes) == (16, 4, 12)
    assert (checkpoint.quant, checkpoint.quant_bits) == (ctxfit.CheckpointQuant.MLX, 4)
    assert model.checkpoint_layers[1].expert_bytes == 4
    assert ctxfit.Model.from_catalog("qwen3-8b").checkpoint is None
    assert ctxfit.Model.from_config(CONFIG).checkpoint_layers == ()

    quantized = {"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}, "producer": {"name": "modelopt"}}
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(quantized))
    for name in (tmp_path, tmp_path / "model.safetensors.index.json"):
        folder = ctxfit.Model.open(name)
        found = folder.checkpoint
        assert found is not None
        assert (found.total_bytes, found.quant, found.kv_quant) == (16, ctxfit.CheckpointQuant.FP8, "FP8_E4M3")
        assert any(note.startswith("checkpoint: config.json says") for note in folder.notes)
    (tmp_path / "b.safetensors").unlink()
    half = ctxfit.Model.open_checkpoint(tmp_path)
    assert half.checkpoint is not None and half.checkpoint.total_bytes == 0
    assert any("1 of 2 files are missing (the first: 'b.safetensors')" in note for note in half.notes)
    assert ctxfit.Model.open_checkpoint(tmp_path, "Q4_K_M").file_type == "Q4_K_M"
    (tmp_path / "a.safetensors").write_bytes(first + bytes(13))
    with pytest.raises(ctxfit.Malformed, match="1 bytes behind the last"):
        ctxfit.Model.open_checkpoint(tmp_path)


def test_a_modelfile(tmp_path: Path) -> None:
    file = ctxfit.Modelfile.parse("FROM ./a.gguf\nADAPTER b.gguf\nPARAMETER num_ctx 8192\nPARAMETER stop x\n")
    assert file.model == "./a.gguf"
    assert file.parts(ctxfit.Part.ADAPTER) == ("b.gguf",)
    assert file.parameters == (("num_ctx", "8192"), ("stop", "x"))
    assert file.numbers == {"num_ctx": 8192}
    with pytest.raises(ctxfit.Malformed, match="line 1"):
        ctxfit.Modelfile.parse("FORM x")
    with pytest.raises((ctxfit.NotFound, ctxfit.Unsupported)):
        ctxfit.Modelfile.from_store("none", tmp_path)


def test_models_by_name_on_this_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "a" * 40
    snapshot = tmp_path / "models--org--Tiny-GGUF" / "snapshots" / commit
    checkpoint = tmp_path / "models--org--Tiny" / "snapshots" / commit
    for path, content in [
        (tmp_path / "models--org--Tiny-GGUF" / "refs" / "main", commit),
        (snapshot / "Tiny-Q4_K_M.gguf", "GGUF"),
        (snapshot / "mmproj-F16.gguf", "GGUF"),
        (snapshot / "Tiny-Q8_0-00001-of-00002.gguf", "GGUF"),
        (tmp_path / "models--org--Tiny" / "refs" / "main", commit),
        (checkpoint / "config.json", json.dumps(CONFIG)),
        (checkpoint / "model.safetensors", "x"),
    ]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.setenv("LLAMA_CACHE", str(tmp_path))
    found = ctxfit.Modelfile.look_up("hf:org/tiny-gguf")
    assert found.model == str(snapshot / "Tiny-Q4_K_M.gguf")
    assert found.parts(ctxfit.Part.PROJECTOR) == (str(snapshot / "mmproj-F16.gguf"),)
    assert ctxfit.Modelfile.from_store("org/Tiny", tmp_path, "hf").model == str(checkpoint)
    assert ctxfit.Model.open("hf:org/Tiny").info.layers == CONFIG["num_hidden_layers"]
    assert ctxfit.store_places("hf")[0] == str(tmp_path)
    assert ctxfit.store_places("lmstudio", {"HOME": "/h"}) == ("/h/.lmstudio", "/h/.cache/lm-studio")
    assert ctxfit.stored_models("hf", tmp_path) == (
        ctxfit.Stored("hf:org/Tiny", str(checkpoint), 1, 1, True, False),
        ctxfit.Stored("hf:org/Tiny-GGUF:Q4_K_M", str(snapshot / "Tiny-Q4_K_M.gguf"), 4, 1, False, False),
        ctxfit.Stored("hf:org/Tiny-GGUF:Q8_0", str(snapshot / "Tiny-Q8_0-00001-of-00002.gguf"), 4, 1, False, True),
    )
    assert set(ctxfit.stored_models("hf", tmp_path)) <= set(ctxfit.stored_models())
    with pytest.raises(ctxfit.NotFound, match="has no Q5_K_M here, it has Q4_K_M, Q8_0"):
        ctxfit.Model.open("hf:org/Tiny-GGUF:Q5_K_M")
    with pytest.raises(ctxfit.Incomplete, match="1 of the 2 files"):
        ctxfit.Model.open("hf:org/Tiny-GGUF:Q8_0")
    with pytest.raises(ctxfit.NotFound, match="did you mean org/Tiny"):
        ctxfit.Model.open("hf:org/Tyni")
    with pytest.raises(TypeError, match="root: needs the kind"):
        ctxfit.stored_models(root=tmp_path)


CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "sliding_window": 1024,
}


def test_a_model_from_config_json(tmp_path: Path) -> None:
    try:
        model = ctxfit.Model.from_config(CONFIG, quant="Q4_K_M")
    except ctxfit.Unsupported:
        pytest.skip("built without JSON")
    assert model.arch == "llama"
    assert model.file_type == "Q4_K_M"
    assert model.parameters == 8030261248  # as published for Llama 3 8B
    assert len(model.notes) == 1 and "sliding_window is 1024" in model.notes[0]
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    for source in (str(tmp_path), tmp_path / "config.json"):
        assert ctxfit.Model.open(source, quant="Q4_K_M").parameters == model.parameters
    assert ctxfit.plan(ctxfit.Model.open(tmp_path), "host:64GiB", ctx=4096).fits
    with pytest.raises(ctxfit.Malformed):
        ctxfit.Model.from_config("{")
    with pytest.raises(ctxfit.Incomplete, match="num_hidden_layers"):
        ctxfit.Model.from_config({})
    with pytest.raises(TypeError):
        ctxfit.Model.from_config(7)  # type: ignore[arg-type]


def test_a_model_from_text() -> None:
    text = ("llama block_count=2 embedding_length=256 feed_forward_length=512 attention.head_count=4 attention.head_count_kv=2 "
            "vocab_size=1000 context_length=4096")
    model = ctxfit.Model.from_text(text, quant="F16")
    assert (model.info.layers, model.info.vocabulary, model.trained_tokens) == (2, 1000, 4096)
    assert {t.quant for t in model.tensors} <= {"F16", "F32"}


def test_a_model_from_its_own_layers(coder: ctxfit.Model) -> None:
    again = ctxfit.Model.from_layers(coder.info, coder.layers, name="again", arch=coder.arch, quant="Q4_K_M")
    assert again.name == "again" and again.layers == coder.layers
    small = ctxfit.Layer(
        attention=ctxfit.Attention.FULL, feed_forward=ctxfit.FeedForward.GATED, flags=ctxfit.LayerFlags.CACHE, heads=4, kv_heads=2,
        key_size=64, value_size=64, cache_k_elems=128, cache_v_elems=128, rope_size=64, ff_width=512,
    )
    model = ctxfit.Model.from_layers(ctxfit.ModelInfo(embedding=256, vocabulary=1000, trained_tokens=2048), [small] * 3, quant="F16")
    assert model.layers[2].ff_width == 512 and model.info.layers == 3
    plan = ctxfit.plan(model, "host:64GiB", ctx=2048)
    assert plan.devices[-1].kv_bytes == 3 * 2 * 128 * 2 * 2048


def test_catalogs_have_names_and_sources() -> None:
    assert CODER in [entry.id for entry in ctxfit.Model.catalog()]
    assert STUDIO in [entry.id for entry in ctxfit.Hardware.catalog()]
    assert all(all(entry) for entry in ctxfit.Model.catalog())
    assert all(all(entry) for entry in ctxfit.Hardware.names())
    assert [(e.id, e.name, e.source) for e in ctxfit.Hardware.catalog()] == list(ctxfit.Hardware.names())


def test_hardware_is_found_by_name_and_by_what_it_has() -> None:
    card = ctxfit.Hardware.find("RTX 3090")
    assert (card.id, card.kind, card.form, card.memory_bytes) == ("rtx-3090", ctxfit.DeviceKind.GPU, ctxfit.Form.CARD, 24 << 30)
    assert card.memory_type == "GDDR6X" and card.price_usd == 1499 and card.confidence is ctxfit.Confidence.CHECKED and not card.is_machine
    with pytest.raises(ctxfit.NotFound, match="rtx-3060-12gb, rtx-3060-8gb"):
        ctxfit.Hardware.find("rtx 3060")
    large = ctxfit.Hardware.search(vendor="apple", machines=True, memory_least_bytes=512 << 30)
    assert "mac-studio-m3-ultra-512gb" in [e.id for e in large] and all(e.vendor == "Apple" and e.is_machine for e in large)
    assert {e.kind for e in ctxfit.Hardware.search("halo", kind="unified")} == {ctxfit.DeviceKind.UNIFIED}
    assert ctxfit.Hardware.search("rtx-3090", price_most_usd=10) == ()
    with pytest.raises(ctxfit.NotFound, match="rtx-4090"):
        ctxfit.Hardware.search("rtx-4099")


def test_hardware_of_ones_own_comes_first() -> None:
    text = '[{"id": "x9000", "name": "Example", "kind": "gpu", "backend": "cuda", "memory_bytes": 51539607552}]'
    try:
        own = ctxfit.HardwareList(text)
    except ctxfit.Unsupported:
        pytest.skip("built without JSON")
    assert len(own) == 1 and own.entries[0].name == "Example" and "x9000" in repr(own)
    assert ctxfit.Hardware("2*x9000 host:64GiB", own=own).spec == "2*gpu(backend=cuda,mem=48GiB) host:64GiB"
    with pytest.raises(ctxfit.NotFound):
        ctxfit.Hardware("x9000")
    with pytest.raises(ctxfit.Malformed, match="did you mean memory_bytes"):
        ctxfit.HardwareList('[{"id": "a", "kind": "gpu", "memory_byte": 1}]')


# ---- headers ------------------------------------------------------------------------------------------------------------------
def test_a_machine_is_detected(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 32768000 kB\nMemAvailable: 20480000 kB\n")
    found = ctxfit.Hardware.detect(root=str(tmp_path), host_limit_bytes=2**34)
    assert found.spec == "host:16GiB(free=16GiB,reserve=0B)"
    limited = ctxfit.Hardware.detect(root=str(tmp_path), visible_sycl="0", device_limit_bytes=[2**30, 0])
    assert limited.spec == "host:32000MiB(free=20000MiB)"
    with pytest.raises(ctxfit.InvalidArgument, match="17 values, at most 16"):
        ctxfit.Hardware.detect(device_limit_bytes=[1] * 17)
    assert any("bandwidth" in warning for warning in found.warnings)
    assert found.spec in found.report()
    assert ctxfit.Hardware(found.spec).warnings == ()
    with pytest.raises(ctxfit.NotFound):
        ctxfit.Hardware(found.spec).report()
    with pytest.raises(ctxfit.InvalidArgument):
        ctxfit.Hardware.detect(flags=1 << 30)


def test_a_header_is_read_from_a_file(header: bytes) -> None:
    path = DATA / "gguf" / "qwen-dense.gguf"
    with ctxfit.Gguf.open(path, header_only=True) as gguf:
        assert gguf.version == 3 and not gguf.big_endian and gguf.alignment == 32
        assert gguf.shard_count == gguf.split_count == 1 and gguf.data_offsets[0] >= len(header) - 32
        meta = gguf.metadata
        assert meta["general.architecture"] == "qwen"
        assert meta["qwen.block_count"] == 2
        assert meta["qwen.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-5)
        assert meta["qwen.attention.causal"] is True
        assert meta["qwen.rope.dimension_sections"] == (0, 0, 0, 0)
        tokens = meta["tokenizer.ggml.tokens"]
        assert isinstance(tokens, ctxfit.GgufKey) and tokens.element_type is ctxfit.GgufType.STRING and tokens.count == 128
        assert len(list(meta)) == len(meta) and "no.such.key" not in meta and meta.get("no.such.key") is None
        with pytest.raises(KeyError, match="no.such.key"):
            meta["no.such.key"]
        tensor = gguf.tensor("token_embd.weight")
        assert tensor == gguf.tensors[0] and tensor.shape == (256, 128) and tensor.bytes == 256 * 128 * 4
        with pytest.raises(ctxfit.MissingKey):
            gguf.tensor("no.such.tensor")
        model = ctxfit.Model.from_gguf(gguf)
    assert gguf.closed
    assert model.layers == ctxfit.Model.open(str(path), header_only=True).layers == ctxfit.Model.open(str(path).encode(), header_only=True).layers


def test_a_header_is_read_from_memory(header: bytes) -> None:
    for data in (header, bytearray(header), memoryview(header)):
        assert len(ctxfit.Gguf.parse(data, header_only=True).tensors) == 39
    with pytest.raises(ctxfit.Truncated) as caught:
        ctxfit.Gguf.parse(header[:100])
    assert caught.value.detail > 100 and caught.value.status is ctxfit.Status.TRUNCATED
    with open(DATA / "gguf" / "qwen-dense.gguf", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert len(ctxfit.Gguf.parse(mapped, header_only=True).tensors) == 39


def test_a_truncated_buffer_says_so(header: bytes) -> None:
    with pytest.raises(ctxfit.Truncated):
        ctxfit.Gguf.parse(bytearray(header[:100]))


def test_integers_of_every_width_are_read() -> None:
    gguf = ctxfit.Gguf.open(ROOT / "tests/fuzz/corpus/gguf/good_v3.gguf", header_only=True)
    for name, value in gguf.metadata.items():
        assert gguf.metadata.key(name).name == name
        assert isinstance(value, (int, float, bool, str, tuple, ctxfit.GgufKey))


# ---- machines -----------------------------------------------------------------------------------------------------------------
def test_a_machine_says_what_it_is() -> None:
    hw = ctxfit.Hardware("rtx 4090 rtx 4090 host:65536MiB")
    assert str(hw) == hw.spec == "2*rtx-4090 host:64GiB"
    assert [d.kind for d in hw.devices] == [ctxfit.DeviceKind.GPU, ctxfit.DeviceKind.GPU, ctxfit.DeviceKind.HOST]
    assert hw.devices[0].backend is ctxfit.Backend.CUDA
    assert hw.devices[2].memory_bytes == 64 << 30
    assert hw == ctxfit.Hardware("2*rtx-4090 host:64GiB") and hash(hw) == hash(ctxfit.Hardware(hw.spec))
    again = ctxfit.Hardware.from_devices(hw.devices)
    assert again == hw


def test_a_machine_from_devices() -> None:
    device = ctxfit.Device(kind=ctxfit.DeviceKind.GPU, id="rtx-4090")
    host = ctxfit.Device(kind=ctxfit.DeviceKind.HOST, memory_bytes=64 << 30)
    assert ctxfit.Hardware.from_devices([device, host]).spec == "rtx-4090 host:64GiB"
    with pytest.raises(ctxfit.NotFound) as caught:
        ctxfit.Hardware.from_devices([host, ctxfit.Device(kind=ctxfit.DeviceKind.GPU, id="rtx-9999")])
    assert caught.value.detail == 1


# ---- plans --------------------------------------------------------------------------------------------------------------------
def test_options_have_their_effect(coder: ctxfit.Model) -> None:
    hw = ctxfit.Hardware("2*rtx-3090 host:128GiB")
    one = ctxfit.plan(coder, hw, ctx=65536)
    assert ctxfit.plan(coder, hw, ctx=65536, parallel=4).context_per_sequence == 65536 // 4
    assert ctxfit.plan(coder, hw, ctx=65536, gpu_layers=0).devices[0].weights_bytes == 0
    assert ctxfit.plan(coder, hw, ctx=65536, gpu_layers="all").to_json() == one.to_json()
    assert ctxfit.plan(coder, hw, ctx=65536, cpu_expert_layers="all").devices[-1].weights_bytes > one.devices[-1].weights_bytes
    assert ctxfit.plan(coder, hw, ctx=65536, reserve_bytes=0).margin_bytes > one.margin_bytes
    mixed = ctxfit.plan(coder, hw, ctx=65536, kv=("q8_0", "f16"))
    assert mixed.to_dict()["resolved"]["type_k"].lower() == "q8_0" and mixed.to_dict()["resolved"]["type_v"].lower() == "f16"
    assert ctxfit.plan(coder, hw, ctx=65536, kv="f16", kv_key="q8_0").to_json() == mixed.to_json()
    over = r"blk\.0\..*_exps=CPU"
    assert (ctxfit.plan(coder, hw, ctx=65536, overrides=over).to_json() == ctxfit.plan(coder, hw, ctx=65536, overrides=[over]).to_json()
            == ctxfit.plan(coder, hw, ctx=65536, overrides={r"blk\.0\..*_exps": "CPU"}).to_json() != one.to_json())
    assert ctxfit.plan(coder, hw, ctx=65536, limits=False).summary.n_ctx == 65536
    assert ctxfit.plan(coder, hw, ctx="max").context <= coder.trained_tokens
    assert ctxfit.plan(coder, hw, engine="llama.cpp@b10472").engine.build == 10472
    limited = ctxfit.plan(coder, hw, ctx=65536, limit=1000, limit_source="agent.yaml")
    assert limited.binding is not None and limited.binding.kind is ctxfit.Limit.CONFIGURED and "agent.yaml" in limited.binding.source


def test_exl3_is_planned_by_its_bits() -> None:
    model = ctxfit.Model.from_catalog("qwen3-8b", quant="exl3-4.25bpw-h8")
    assert model.file_type == "EXL3-4.25bpw-h8"
    made = ctxfit.plan(model, "rtx-4090 host:64GiB", ctx=8192, engine="exllamav3", kv=("q8", "q4"))
    assert made.engine.name == "exllamav3" and made.to_dict()["model"]["file_type"] == model.file_type
    with pytest.raises(ctxfit.NotFound, match="exl3-9bpw"):
        ctxfit.Model.from_catalog("qwen3-8b", quant="exl3-9bpw")


def test_what_is_not_stated_is_none(plan: ctxfit.Plan) -> None:
    assert plan.binding is not None and plan.binding.device is None
    assert ctxfit.plan(ctxfit.Model.from_catalog(CODER, quant="Q4_K_M"), "rtx-4090", ctx=4096).devices[-1].usable_bytes is None


def test_the_overflow_is_the_configured_number(coder: ctxfit.Model, studio: ctxfit.Hardware) -> None:
    plan = ctxfit.plan(coder, studio, ctx=262144, limit=131072, limit_source="agent.yaml: context_length")
    check = plan.check(146_760)
    assert not check.ok and check.outcome == ctxfit.Outcome.OVERFLOW
    assert (check.overflow_tokens, check.limit_tokens, check.limit_kind) == (146_760 - 131072, 131072, ctxfit.Limit.CONFIGURED)


def test_rates_and_times(coder: ctxfit.Model, studio: ctxfit.Hardware) -> None:
    plan = ctxfit.plan(coder, studio, ctx=262144, prefill_rate=400)
    assert plan.prompt_time(146_760).value == pytest.approx(146_760 / 400)
    assert plan.prompt_time(1000, cached=1000).value == 0
    late = plan.check(prompt=146_760, deadline_s=300)
    assert late.outcome == ctxfit.Outcome.TOO_SLOW and late.late_s == pytest.approx(146_760 / 400 - 300)
    rate = plan.decode_rate()
    assert rate.basis is ctxfit.Basis.CALIBRATED and rate.low <= rate.value <= rate.high
    assert plan.decode_rate(depth=200_000).value < rate.value


def test_best_file_type_fits_and_the_next_does_not(coder: ctxfit.Model) -> None:
    hw = ctxfit.Hardware("rtx-4090 host:64GiB")
    best = ctxfit.best_file_type(coder, hw, ctx=32768)
    assert best is not None
    assert ctxfit.plan(coder.requantize(best), hw, ctx=32768).fit is ctxfit.Fit.ALL
    assert ctxfit.best_file_type(ctxfit.Model.from_catalog("deepseek-v3"), "host:8GiB", ctx=4096) is None


def test_a_plan_keeps_nothing_of_what_it_was_made_from() -> None:
    model, hw = ctxfit.Model.from_catalog(CODER), ctxfit.Hardware("host:256GiB")
    plan = ctxfit.plan(model, hw, ctx=4096)
    model.close()
    hw.close()
    gc.collect()
    assert plan.fits and plan.devices


def test_a_refusal_is_an_error() -> None:
    with pytest.raises(ctxfit.Refused) as caught:
        ctxfit.plan(ctxfit.Model.from_catalog("deepseek-v3"), "host:512GiB", kv_key="q8_0", flash_attention=False)
    assert caught.value.status is ctxfit.Status.REFUSED and str(caught.value)


def test_a_notebook_shows_bars(plan: ctxfit.Plan, coder: ctxfit.Model) -> None:
    html = plan._repr_html_()
    assert html.count("<div") == html.count("</div>") and html.count("<span") == html.count("</span>")
    assert "weights" in html and "KV cache" in html and "fits" in html
    odd = ctxfit.plan(coder, "host:1GiB", ctx=4096, limit=5, limit_source="<script>")
    assert "<script>" not in odd._repr_html_() and "does not fit" in odd._repr_html_()


# ---- formats ------------------------------------------------------------------------------------------------------------------
def test_formats_and_file_types() -> None:
    q4 = ctxfit.quant("q4_k")
    assert (q4.name, q4.block_elems, q4.block_bytes) == ("Q4_K", 256, 144) and ctxfit.QuantFlags.GGML in q4.flags
    assert q4 in ctxfit.quants() and q4.ggml_type is not None and ctxfit.quant_from_ggml(q4.ggml_type) == q4
    assert ctxfit.quant_from_ggml(99999) is None and ctxfit.file_type_from_ggml(99999) is None
    assert ctxfit.row_bytes("Q4_K", 4096) == 4096 // 256 * 144
    assert ctxfit.tensor_bytes("q4_k", (4096, 10)) == 10 * 4096 // 256 * 144
    kind = ctxfit.file_type("q4_k_m")
    assert kind.name == "Q4_K_M" and kind.base == "Q4_K" and kind in ctxfit.file_types()
    assert kind.ggml_ftype is not None and ctxfit.file_type_from_ggml(kind.ggml_ftype) == kind
    with pytest.raises(ctxfit.InvalidArgument, match="100 elements of Q4_K"):
        ctxfit.row_bytes("Q4_K", 100)
    assert any(e.name == "llama.cpp" and e.build == 10472 for e in ctxfit.engines())
    assert ctxfit.engine() == ctxfit.engines()[0] and ctxfit.engine("llama.cpp@b10472").known


# ---- objects ------------------------------------------------------------------------------------------------------------------
def test_results_are_frozen_and_comparable(plan: ctxfit.Plan) -> None:
    device = plan.devices[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        device.kv_bytes = 1  # type: ignore[misc]
    assert device == plan.devices[0] and hash(device) == hash(plan.devices[0])
    assert pickle.loads(pickle.dumps(device)) == device
    assert dataclasses.asdict(plan.summary)["n_ctx"] == 262144


@pytest.mark.parametrize("make", [
    lambda: ctxfit.Hardware("host:64GiB"),
    lambda: ctxfit.Model.from_catalog(CODER),
    lambda: ctxfit.Gguf.open(DATA / "gguf" / "qwen-dense.gguf", header_only=True),
    lambda: ctxfit.plan(ctxfit.Model.from_catalog(CODER), "host:256GiB", ctx=4096),
])
def test_handles_close(make: Any) -> None:
    with make() as thing:
        assert not thing.closed and "closed" not in repr(thing)
        assert copy.copy(thing) is thing and copy.deepcopy(thing) is thing
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)
    assert thing.closed and "closed" in repr(thing)
    thing.close()
    for name in [n for n in dir(type(thing)) if isinstance(getattr(type(thing), n), property) and n not in ("closed", "metadata")]:
        with pytest.raises(ctxfit.Closed, match=f"this {type(thing).__name__} is closed"):
            getattr(thing, name)
    with pytest.raises(ValueError, match="is closed"), thing:
        pass


def test_errors_can_be_pickled() -> None:
    with pytest.raises(ctxfit.NotFound) as caught:
        ctxfit.Hardware("2*rtx-4909")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.status, again.offset, again.detail, str(again)) == (ctxfit.Status.NOT_FOUND, 2, 0, str(caught.value))
    assert "rtx-4090" in str(again)


# ---- batch --------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("progress", [None, True, False])
def test_a_batch_answers_in_order(coder: ctxfit.Model, progress: Any) -> None:
    requests = [
        {"id": 7, "model": "qwen3-8b", "quant": "Q4_K_M", "hw": "rtx-4090 host:64GiB", "ctx": 4096},
        {"model": coder, "hw": ctxfit.Hardware(STUDIO), "kv": "q8_0"},
        {"model": "no-such-model", "hw": "host:64GiB"},
        {"model": "qwen3-8b", "hw": "host:64GiB", "ctxx": 4096},
        {"model": coder, "hw": "host:64GiB", "ctx": -1},
        None,
        {"model": "qwen3-8b", "quant": "Q4_K_M", "hw": "rtx-4090 host:64GiB", "ctx": 8192},
    ]
    answers = list(ctxfit.batch(iter(requests), progress=progress))  # type: ignore[arg-type]
    assert [a.index for a in answers] == list(range(7)) and [a.request for a in answers] == requests
    assert [type(a.error).__name__ for a in answers] == ["NoneType", "NoneType", "NotFound", "TypeError", "InvalidArgument", "TypeError", "NoneType"]
    assert answers[0].unwrap().context == 4096 and answers[6].unwrap().context == 8192
    with pytest.raises(LookupError):
        answers[2].unwrap()


def test_a_batch_answers_at_once() -> None:
    def endless() -> Any:
        while True:
            yield {"model": "qwen3-8b", "hw": "host:64GiB", "ctx": 4096}

    assert next(ctxfit.batch(endless(), progress=False)).plan is not None
