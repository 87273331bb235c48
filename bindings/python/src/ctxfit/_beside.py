"""What runs beside a model in the same process: a draft, LoRA adapters, a projector."""
from __future__ import annotations

import ctypes
import threading
from contextlib import contextmanager
from typing import Callable, Iterator, List, Optional, SupportsIndex, Tuple, Union

from . import _convert
from . import _layout as L
from ._enums import BesideKind, Part
from ._errors import InvalidArgument
from ._gguf import Gguf
from ._library import Handle, Owner, error_of, lib
from ._model import Model
from ._modelfile import Modelfile
from ._projector import fill_options

_MOST_32 = ctypes.c_uint32(-1).value
_MOST_64 = ctypes.c_uint64(-1).value


class Beside(Handle):
    """A list of what runs beside a model, for plan() and place(). Draft models are kept as long as the list is."""

    __slots__ = ("_drafts", "_lock")
    _free = lib.ctxfit_beside_free
    _drafts: List[Owner]

    def __init__(self) -> None:
        self._owner = self._make(lib.ctxfit_beside_new)
        self._drafts = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return int(lib.ctxfit_beside_count(self._handle()))

    @contextmanager
    def _held(self) -> Iterator[Owner]:
        """The list, which nobody fills while it is read."""
        with self._lock:
            yield self._handle()

    def _add(self, function: Callable[..., int], *arguments: object) -> None:
        error = L.ctxfit_error()
        with self._lock:
            status = function(self._handle(), *arguments, ctypes.byref(error))
        if status:
            raise error_of(status, error)

    def add_draft(
        self,
        draft: Model,
        *,
        draft_tokens: Optional[SupportsIndex] = None,
        ctx: Optional[SupportsIndex] = None,
        devices: Optional[List[int]] = None,
        gpu_layers: Union[SupportsIndex, str, None] = None,
        cpu_expert_layers: Union[SupportsIndex, str, None] = None,
        kv_key: Optional[str] = None,
        kv_value: Optional[str] = None,
        overrides: Optional[str] = None,
    ) -> Beside:
        """A draft model. What is left out, or None, is the engine's default.

        draft_tokens    most that it drafts at once
        ctx             context of its own (older builds); None: that of the model
        devices         places of devices in the plan that it may use; []: the host alone
        gpu_layers      0: none; "all"
        cpu_expert_layers   the first n layers keep their experts on the host; "all"
        kv_key, kv_value    cache types, F16 whatever the model has
        overrides       "pattern=buffer" pieces
        """
        if not isinstance(draft, Model):
            raise TypeError(f"draft: expected Model, not {type(draft).__name__}")
        o = L.ctxfit_draft_options(struct_size=ctypes.sizeof(L.ctxfit_draft_options))
        if draft_tokens is not None:
            o.draft_tokens = _convert.whole(draft_tokens, "draft_tokens", 1, _MOST_32)
        if ctx is not None:
            o.ctx_tokens = _convert.whole(ctx, "ctx", 1, _MOST_64 - 1)
        for place in devices or ():
            o.devices |= 1 << _convert.whole(place, "devices", 0, 62)
        if devices is not None and not devices:
            o.devices = L.CTXFIT_DEVICES_NONE
        if gpu_layers is not None:
            o.gpu_layers = _layers(gpu_layers, "gpu_layers", L.CTXFIT_GPU_LAYERS_NONE, 0)
        if cpu_expert_layers is not None:
            o.cpu_expert_layers = _layers(cpu_expert_layers, "cpu_expert_layers", 0, L.CTXFIT_ALL_LAYERS)
        o.kv_key = _convert.quant(kv_key, "kv_key")
        o.kv_value = _convert.quant(kv_value, "kv_value")
        if overrides is not None:
            _convert.set_field(o, "overrides", overrides, "overrides")
        owner = draft._handle()
        self._add(lib.ctxfit_beside_add_draft, owner, ctypes.byref(o))
        self._drafts.append(owner)
        return self

    def add_nextn(
        self, *, draft_tokens: Optional[SupportsIndex] = None, kv_key: Optional[str] = None, kv_value: Optional[str] = None
    ) -> Beside:
        """The model's own next-token-prediction blocks draft."""
        o = L.ctxfit_draft_options(struct_size=ctypes.sizeof(L.ctxfit_draft_options))
        if draft_tokens is not None:
            o.draft_tokens = _convert.whole(draft_tokens, "draft_tokens", 1, _MOST_32)
        o.kv_key = _convert.quant(kv_key, "kv_key")
        o.kv_value = _convert.quant(kv_value, "kv_value")
        self._add(lib.ctxfit_beside_add_nextn, ctypes.byref(o))
        return self

    def add_adapter(self, gguf: Gguf) -> Beside:
        """A LoRA adapter, whose tensors lie where those of the model lie that they belong to."""
        self._add(lib.ctxfit_beside_add_adapter, _header(gguf)._handle())
        return self

    def add_projector(
        self,
        gguf: Gguf,
        *,
        host: bool = False,
        device: Optional[SupportsIndex] = None,
        flash_attention: Optional[bool] = None,
        image_min_tokens: Optional[SupportsIndex] = None,
        image_max_tokens: Optional[SupportsIndex] = None,
        image: Optional[Tuple[SupportsIndex, SupportsIndex]] = None,
        images: Optional[SupportsIndex] = None,
        audio_ms: Optional[SupportsIndex] = None,
    ) -> Beside:
        """A projector: on the first GPU, on the host, or on a device by its place in the plan; the rest as of Projector.measure()."""
        o = fill_options(host, flash_attention, image_min_tokens, image_max_tokens, image, images, audio_ms)
        if device is not None:
            o.devices = 1 << _convert.whole(device, "device", 0, 63)
        self._add(lib.ctxfit_beside_add_projector, _header(gguf)._handle(), ctypes.byref(o))
        return self

    def add_parts(self, modelfile: Modelfile, model: Optional[Model] = None) -> Beside:
        """What a model of a store brings along, as Ollama runs it: its projector, its adapters and, with `model`, its own prediction
        blocks where its parameters have a draft_num_predict. A draft model is left out, of which plans warn."""
        if not isinstance(modelfile, Modelfile):
            raise TypeError(f"modelfile: expected Modelfile, not {type(modelfile).__name__}; Modelfile.look_up() makes one")
        if model is not None and not isinstance(model, Model):
            raise TypeError(f"model: expected Model, not {type(model).__name__}")
        self._add(lib.ctxfit_beside_add_parts, modelfile._handle(), model._handle() if model is not None else None)
        return self

    def leave_out(self, part: Union[Part, str], name: str, size: SupportsIndex = 0) -> Beside:
        """Notes a file that comes with the model and that no plan counts: plans warn of it. `size`: bytes of its tensors, 0: not known."""
        self._add(
            lib.ctxfit_beside_leave_out,
            _convert.member(part, "part", Part),
            _convert.encoded(name, "name"),
            _convert.whole(size, "size", 0, _MOST_64),
        )
        return self

    def set_name(self, index: SupportsIndex, name: str) -> Beside:
        """Names an entry for plans, by its place in the list: by its file, say."""
        self._add(lib.ctxfit_beside_set_name, _convert.whole(index, "index", 0, _MOST_32 - 1), _convert.encoded(name, "name"))
        return self

    def __repr__(self) -> str:
        return "<closed Beside>" if self.closed else f"<Beside: {len(self)}>"


def _header(gguf: Gguf) -> Gguf:
    if not isinstance(gguf, Gguf):
        raise TypeError(f"gguf: expected Gguf, not {type(gguf).__name__}; Gguf.open() makes one")
    return gguf


def _layers(value: Union[SupportsIndex, str], name: str, of_zero: int, of_all: int) -> int:
    if isinstance(value, str):
        if value.lower() != "all":
            raise InvalidArgument(f"{name}: expected a number or 'all', not {value!r}")
        return of_all
    return _convert.whole(value, name, 0, _MOST_32 - 1) or of_zero


def beside_name(kind: BesideKind) -> str:
    """Short name of a kind, as the JSON of a plan has it; "unknown" otherwise."""
    return str(lib.ctxfit_beside_name(_convert.member(kind, "kind", BesideKind)).decode())
