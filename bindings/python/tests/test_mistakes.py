"""A user's mistakes: each ends in an error that says what to do, none in a crash."""
from __future__ import annotations

import ctypes
import importlib
from fractions import Fraction
from typing import Any, Callable, Type

import pytest

from conftest import CODER, DATA

ctxfit: Any = importlib.import_module("ctxfit")  # as an untyped program sees it
numpy = pytest.importorskip("numpy")
MODEL = ctxfit.Model.from_catalog(CODER, quant="Q4_K_M")
HW = ctxfit.Hardware("2*rtx-4090 host:64GiB")
PLAN = ctxfit.plan(MODEL, HW, ctx=8192)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: ctxfit.Model.from_catalog(b"qwen3-8b"), TypeError, "name: expected str, not bytes; decode it first"),
    (lambda: ctxfit.Model.from_catalog(None), TypeError, "name: expected str, not NoneType"),
    (lambda: ctxfit.Model.from_catalog("qwen3-8c"), LookupError, "qwen3-8b"),
    (lambda: ctxfit.Model.from_catalog("a\0b"), ValueError, "NUL"),
    (lambda: ctxfit.Model.from_catalog("\ud800"), ValueError, "UTF-8"),
    (lambda: ctxfit.Model.from_catalog(CODER, quant="Q4_K_X"), LookupError, "Q4_K_M"),
    (lambda: ctxfit.Model.from_catalog(CODER, quant=15), TypeError, "quant: expected str, not int"),
    (lambda: ctxfit.Model.from_text("llama block_count=x"), TypeError, "block_count"),
    (lambda: ctxfit.Model.from_gguf("x.gguf"), TypeError, "expected Gguf, not str"),
    (lambda: ctxfit.Model.from_layers(MODEL.info, []), ValueError, "at least one Layer"),
    (lambda: ctxfit.Model.from_layers(MODEL.info, [None]), TypeError, "expected Layer"),
    (lambda: ctxfit.Model.from_layers(None, []), TypeError, "expected ModelInfo"),
    (lambda: ctxfit.Model.from_layers(ctxfit.ModelInfo(embedding=-1), [ctxfit.Layer()]), ValueError, "ModelInfo.embedding: -1 is outside 0 to"),
    (lambda: ctxfit.Model(), TypeError, "Model.open"),
    (lambda: ctxfit.Plan(), TypeError, "ctxfit.plan"),
    (lambda: ctxfit.Gguf(), TypeError, "Gguf.open"),
    (lambda: ctxfit.Model.open(None), TypeError, "source: expected a path"),
    (lambda: ctxfit.Model.open(7), TypeError, "source: expected a path"),
    (lambda: ctxfit.Model.open("no-such-file.gguf"), OSError, "no-such-file.gguf"),
    (lambda: ctxfit.Model.open("a\0b"), ValueError, "NUL"),
    (lambda: ctxfit.Model.open("ftp://host/x.gguf"), ValueError, "ftp:// cannot be read"),
    (lambda: ctxfit.Model.open("hf://only/two"), ValueError, "hf://organisation/repository/file.gguf"),
    (lambda: ctxfit.Model.open("hf://org/repo/../x.gguf"), ValueError, "hf://organisation"),
    (lambda: ctxfit.Model.open("https:///x.gguf"), ValueError, "names no host"),
    (lambda: ctxfit.Gguf.parse("GGUF"), TypeError, "expected bytes, not str"),
    (lambda: ctxfit.Gguf.parse(None), TypeError, "expected bytes"),
    (lambda: ctxfit.Gguf.parse(b"not a gguf file, but long enough for its magic"), ValueError, ""),
    (lambda: ctxfit.Gguf.parse(b""), EOFError, ""),
    (lambda: ctxfit.Gguf.parse(b"GGUF", file_bytes=-1), ValueError, "file_bytes: -1"),
    (lambda: ctxfit.Gguf.fetch(b"x"), TypeError, "expected a function"),
    (lambda: ctxfit.Gguf.fetch(lambda o, n: "text"), TypeError, "expected bytes from it, not str"),
    (lambda: ctxfit.Gguf.fetch(lambda o, n: None), TypeError, "expected bytes from it, not NoneType"),
    (lambda: ctxfit.Gguf.fetch(lambda o, n: b"x" * (n + 1)), ValueError, "were asked for"),
    (lambda: ctxfit.Gguf.join([]), ValueError, ""),
    (lambda: ctxfit.Gguf.join([None]), TypeError, "expected Gguf"),
    (lambda: ctxfit.Hardware("2*rtx-4909"), LookupError, "rtx-4090"),
    (lambda: ctxfit.Hardware(""), ValueError, ""),
    (lambda: ctxfit.Hardware("host:64XB"), ValueError, "byte 5"),
    (lambda: ctxfit.Hardware(None), TypeError, "spec: expected str"),
    (lambda: ctxfit.Hardware(b"host:64GiB"), TypeError, "decode it first"),
    (lambda: ctxfit.Hardware.from_devices([]), ValueError, "at least one Device"),
    (lambda: ctxfit.Hardware.from_devices(["rtx-4090"]), TypeError, "expected Device, not str"),
    (lambda: ctxfit.Hardware.from_devices([ctxfit.Device(kind=ctxfit.DeviceKind.GPU, memory_bytes=-1)]), ValueError, "Device.memory_bytes: -1"),
    (lambda: ctxfit.Hardware.from_devices([ctxfit.Device(kind=ctxfit.DeviceKind.GPU, id="x" * 64)]), ValueError, "Device.id: 64 bytes, at most 63"),
    (lambda: ctxfit.plan("qwen3-8b", HW), TypeError, "model: expected Model, not str; Model.open"),
    (lambda: ctxfit.plan(MODEL, None), TypeError, "hw: expected Hardware"),
    (lambda: ctxfit.plan(MODEL, MODEL), TypeError, "hw: expected Hardware"),
    (lambda: ctxfit.plan(MODEL, HW, ctx=-1), ValueError, "ctx: -1 is outside 0 to"),
    (lambda: ctxfit.plan(MODEL, HW, ctx=2**64), ValueError, "ctx: 18446744073709551616 is outside"),
    (lambda: ctxfit.plan(MODEL, HW, ctx=2**64 - 1), ValueError, "is outside"),
    (lambda: ctxfit.plan(MODEL, HW, ctx=8192.0), TypeError, "int\\(\\) makes it one"),
    (lambda: ctxfit.plan(MODEL, HW, ctx=True), TypeError, "expected a whole number, not True"),
    (lambda: ctxfit.plan(MODEL, HW, ctx=numpy.bool_(True)), TypeError, "expected a whole number"),
    (lambda: ctxfit.plan(MODEL, HW, ctx="8192"), ValueError, "expected tokens, 'max' or 'native'"),
    (lambda: ctxfit.plan(MODEL, HW, ctx=b"max"), TypeError, "not bytes"),
    (lambda: ctxfit.plan(MODEL, HW, parallel=0), ValueError, "parallel: 0 is outside 1 to"),
    (lambda: ctxfit.plan(MODEL, HW, parallel=2**32), ValueError, "parallel"),
    (lambda: ctxfit.plan(MODEL, HW, kv="q9_9"), LookupError, "kv: 'q9_9' is none of"),
    (lambda: ctxfit.plan(MODEL, HW, kv=("q8_0",)), ValueError, "kv: expected one cache type, or two"),
    (lambda: ctxfit.plan(MODEL, HW, kv=b"q8_0"), TypeError, "kv: expected str, not bytes"),
    (lambda: ctxfit.plan(MODEL, HW, kv="Q4_K"), ValueError, ""),
    (lambda: ctxfit.plan(MODEL, HW, engine="no-engine"), LookupError, "llama.cpp"),
    (lambda: ctxfit.plan(MODEL, HW, engine="x" * 64), ValueError, "engine: 64 bytes, at most 63"),
    (lambda: ctxfit.plan(MODEL, HW, gpu_layers=-1), ValueError, "gpu_layers: -1"),
    (lambda: ctxfit.plan(MODEL, HW, gpu_layers="most"), ValueError, "expected a number or 'all'"),
    (lambda: ctxfit.plan(MODEL, HW, reserve_bytes="all"), TypeError, "reserve_bytes"),
    (lambda: ctxfit.plan(MODEL, HW, tensor_split=[1] * 17), ValueError, "17 values, at most 16"),
    (lambda: ctxfit.plan(MODEL, HW, tensor_split=[1, -1]), ValueError, "tensor_split\\[1\\]"),
    (lambda: ctxfit.plan(MODEL, HW, tensor_split=[1, float("nan")]), ValueError, "tensor_split\\[1\\]"),
    (lambda: ctxfit.plan(MODEL, HW, tensor_split=3), TypeError, "tensor_split: expected numbers"),
    (lambda: ctxfit.plan(MODEL, HW, tensor_split="3,1"), TypeError, "tensor_split\\[0\\]"),
    (lambda: ctxfit.plan(MODEL, HW, split_mode="diagonal"), ValueError, "default, layer, none, row"),
    (lambda: ctxfit.plan(MODEL, HW, split_mode=1), TypeError, "split_mode"),
    (lambda: ctxfit.plan(MODEL, HW, overrides="x" * 1024), ValueError, "overrides: 1024 bytes"),
    (lambda: ctxfit.plan(MODEL, HW, overrides=[b"x"]), TypeError, "overrides"),
    (lambda: ctxfit.plan(MODEL, HW, flash_attention=1), TypeError, "flash_attention: expected True, False or None"),
    (lambda: ctxfit.plan(MODEL, HW, mmap="off"), TypeError, "mmap: expected True"),
    (lambda: ctxfit.plan(MODEL, HW, limits=None, ctx=None), None, ""),
    (lambda: ctxfit.plan(MODEL, HW, limits=0), TypeError, "limits: expected True or False"),
    (lambda: ctxfit.plan(MODEL, HW, prefill_rate=0), ValueError, "more than 0 tokens/s"),
    (lambda: ctxfit.plan(MODEL, HW, prefill_rate=float("inf")), ValueError, "finite"),
    (lambda: ctxfit.plan(MODEL, HW, decode_rate="fast"), TypeError, "decode_rate: expected a number"),
    (lambda: ctxfit.plan(MODEL, HW, decode_rate=10**400), ValueError, "too large"),
    (lambda: ctxfit.plan(MODEL, HW, ctxx=1), TypeError, "ctxx"),
    (lambda: ctxfit.best_file_type(MODEL, HW, ctxx=1), TypeError, "'ctxx'"),
    (lambda: ctxfit.best_file_type(None, HW), TypeError, "model: expected Model"),
    (lambda: PLAN.check(-1), ValueError, "prompt: -1"),
    (lambda: PLAN.check(None), TypeError, "prompt: expected a whole number, not NoneType"),
    (lambda: PLAN.check(10, cached=11), ValueError, "cached: 11 tokens of a prompt of 10"),
    (lambda: PLAN.check(10, deadline_s=-1), ValueError, "deadline_s"),
    (lambda: PLAN.check(10, deadline_s=0), ValueError, "None for no deadline"),
    (lambda: PLAN.check(10, deadline_s=float("nan")), ValueError, "deadline_s"),
    (lambda: PLAN.check(10, deadline_s="soon"), TypeError, "deadline_s"),
    (lambda: PLAN.decode_rate(-1), ValueError, "depth"),
    (lambda: PLAN.to_json(id=5), TypeError, "id: expected str"),
    (lambda: ctxfit.quant("Q4_Z"), LookupError, "Q4_0"),
    (lambda: ctxfit.quant(None), TypeError, "name: expected str"),
    (lambda: ctxfit.file_type(16), TypeError, "name: expected str"),
    (lambda: ctxfit.row_bytes("Q4_K", -256), ValueError, "elems: -256"),
    (lambda: ctxfit.tensor_bytes("Q4_K", ()), ValueError, "expected 1 to 4"),
    (lambda: ctxfit.tensor_bytes("Q4_K", (256, 1, 1, 1, 1)), ValueError, "5 dimensions"),
    (lambda: ctxfit.tensor_bytes("F32", (2**62, 2**62)), OverflowError, "F32"),
    (lambda: ctxfit.quant_from_ggml(0, "klingon"), ValueError, "ggml, ik"),
    (lambda: ctxfit.engine("no-engine"), LookupError, "llama.cpp"),
    (lambda: list(ctxfit.batch(5)), TypeError, ""),
])
def test_a_mistake_says_what_to_do(call: Callable[[], Any], error: Any, message: str) -> None:
    if error is None:
        call()
        return
    with pytest.raises(error, match=message or None):
        call()


@pytest.mark.parametrize("kind", [numpy.int8, numpy.int32, numpy.uint16, numpy.int64, numpy.uint64])
def test_numpy_s_integers_are_integers(kind: Type[Any]) -> None:
    assert ctxfit.plan(MODEL, HW, ctx=numpy.int32(8192), parallel=kind(2)).to_json() == ctxfit.plan(MODEL, HW, ctx=8192, parallel=2).to_json()
    assert PLAN.check(kind(100), output=kind(50)) == PLAN.check(100, output=50)
    assert ctxfit.tensor_bytes("F16", numpy.array([64, 2], dtype=kind if kind is not numpy.int8 else numpy.int16)) == 256


def test_numbers_of_other_libraries_are_numbers() -> None:
    assert PLAN.check(100, deadline_s=numpy.float32(1.5)) == PLAN.check(100, deadline_s=Fraction(3, 2))
    assert ctxfit.plan(MODEL, HW, ctx=8192, tensor_split=numpy.array([3.0, 1.0])).to_json() == ctxfit.plan(MODEL, HW, ctx=8192, tensor_split=(3, 1)).to_json()
    assert ctxfit.plan(MODEL, HW, ctx=8192, mmap=numpy.bool_(False)).to_json() == ctxfit.plan(MODEL, HW, ctx=8192, mmap=False).to_json()


def test_errors_are_those_of_python_and_carry_the_details() -> None:
    with pytest.raises(ctxfit.Malformed) as caught:
        ctxfit.Hardware("rtx-4090 host:64XB")
    assert issubclass(ctxfit.Malformed, ValueError) and issubclass(ctxfit.Malformed, ctxfit.Error)
    assert (caught.value.status, caught.value.offset, caught.value.detail) == (ctxfit.Status.MALFORMED, 14, 0)
    with pytest.raises(ctxfit.InputOutput) as missing:
        ctxfit.Gguf.open(DATA / "no-such-file.gguf")
    assert issubclass(ctxfit.InputOutput, OSError)
    assert missing.value.errno == missing.value.detail == 2
    assert missing.value.offset is None


def test_a_value_of_a_newer_library_stays_a_number() -> None:
    from ctxfit._library import error_of, known

    assert known(ctxfit.Limit, 99) == 99 and known(ctxfit.Limit, 4) is ctxfit.Limit.TRAINED
    assert type(error_of(-99)) is ctxfit.Error
    assert isinstance(error_of(ctxfit.Status.NO_MEMORY), MemoryError)


def test_a_broken_file_never_crashes(header: bytes) -> None:
    for place in range(0, len(header), 37):
        broken = bytearray(header)
        broken[place] ^= 0xFF
        for data in (bytes(broken), header[:place]):
            try:
                ctxfit.Model.from_gguf(ctxfit.Gguf.parse(data, header_only=True))
            except ctxfit.Error as error:
                assert error.status != ctxfit.Status.OK and str(error)


def test_no_ctypes_in_what_users_see() -> None:
    for value in (PLAN.summary, *PLAN.devices, *PLAN.constraints, MODEL.info, MODEL.layers[0], MODEL.tensors[0], HW.devices[0], PLAN.check(5)):
        for field in vars(value).values():
            assert not isinstance(field, (ctypes._SimpleCData, ctypes.Structure, ctypes.Array, bytes))
