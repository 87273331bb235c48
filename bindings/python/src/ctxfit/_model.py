"""Models."""
from __future__ import annotations

import ctypes
import json
import os
from typing import Any, Iterable, List, Mapping, NamedTuple, Optional, SupportsIndex, Tuple, Union

from . import _convert
from . import _layout as L
from ._enums import Dialect
from ._errors import InvalidArgument, NotFound
from ._gguf import DEFAULT_MAX_BYTES, Fetch, Gguf, Source, _fill
from ._library import Handle, ask, lib
from ._modelfile import Modelfile
from ._records import Checkpoint, CheckpointLayer, Layer, ModelInfo, TensorInfo
from ._safetensors import Safetensors


class ModelEntry(NamedTuple):
    """One entry of the model catalog."""

    #: what Model.from_catalog() calls it
    id: str
    #: its name on Hugging Face
    hf_id: str
    #: where its facts come from
    source: str


class Model(Handle):
    """What must be stored and computed: layers, caches, experts, and every tensor with its format."""

    __slots__ = ()
    _free = lib.ctxfit_model_free

    def __init__(self) -> None:
        raise TypeError("a Model is made by Model.open(), .from_catalog(), .from_text(), .from_config(), .from_gguf() or .from_layers()")

    # ---- making one -----------------------------------------------------------------------------------------------------------
    @classmethod
    def open(
        cls,
        source: Source,
        *,
        fetch: Optional[Fetch] = None,
        quant: Optional[str] = None,
        header_only: bool = False,
        dialect: Union[Dialect, str, None] = None,
        max_bytes: SupportsIndex = DEFAULT_MAX_BYTES,
        headers: Optional[Mapping[str, str]] = None,
        timeout: float = 30.0,
        retries: SupportsIndex = 3,
    ) -> Model:
        """A model from a GGUF file: a path, https://..., or hf://organisation/repository/file.gguf[@revision]; or from a config.json, or the
        folder of a checkpoint (open_checkpoint()), or its .safetensors; or what "hf:organisation/repository[:tag]",
        "lmstudio:publisher/model[@quantization]" or "ollama:name[:tag]" means on this disk (Modelfile.look_up()).

        Of a split file name the first shard. Of a remote file only the header is transferred. With `fetch(offset, length)`, which
        returns bytes, `source` is only a name. `quant` quantizes what was read to another file type.
        """
        if fetch is None and _is_stored(_convert.path(source, "source")):
            with Modelfile.look_up(os.fsdecode(_convert.path(source, "source"))) as stored:
                source = stored.model
        if fetch is None and _is_checkpoint(_convert.path(source, "source")):
            return cls.open_checkpoint(source, quant)
        name = os.fsdecode(_convert.path(source, "source"))
        if fetch is None and "://" not in name and _is_config(name):
            with open(name, "rb") as file:
                return cls.from_config(file.read(), quant)
        if fetch is None and "://" in name and name.partition("@")[0].lower().endswith(".json"):
            from . import _remote

            web = _remote.Settings(headers, _convert.real(timeout, "timeout"), _convert.whole(retries, "retries", 0, 1000))
            with _remote.HttpFile(_remote.url_of(name), web, 16 << 20) as remote:
                return cls.from_config(_fill(remote.read, 0, 16 << 20), quant)
        if fetch is None:
            gguf = Gguf.open(
                source, header_only=header_only, dialect=dialect, max_bytes=max_bytes, headers=headers, timeout=timeout, retries=retries
            )
        else:
            _convert.path(source, "source")
            gguf = Gguf.fetch(fetch, header_only=header_only, dialect=dialect, max_bytes=max_bytes)
        with gguf:
            if gguf.shard_count < gguf.split_count:
                raise InvalidArgument(f"source: one of {gguf.split_count} shards; Gguf.fetch() each, Gguf.join() them, and Model.from_gguf()")
            model = cls.from_gguf(gguf)
        return model if quant is None else model.requantize(quant)

    @classmethod
    def from_gguf(cls, gguf: Gguf) -> Model:
        """A model from a header."""
        if not isinstance(gguf, Gguf):
            raise TypeError(f"gguf: expected Gguf, not {type(gguf).__name__}")
        return cls._wrap(cls._make(lib.ctxfit_model_from_gguf, gguf._handle()))

    @classmethod
    def from_catalog(cls, name: str, quant: Optional[str] = None) -> Model:
        """A model by its id, its Hugging Face id, or another name that people type, in a file type (None: as published)."""
        return cls._wrap(cls._make(lib.ctxfit_model_from_catalog, _convert.encoded(name, "name"), _convert.file_type(quant, "quant")))

    @classmethod
    def from_text(cls, text: str, quant: Optional[str] = None) -> Model:
        """A model from one line of text: the architecture and its metadata keys, "llama block_count=32 embedding_length=4096 ..."."""
        return cls._wrap(cls._make(lib.ctxfit_model_from_text, _convert.encoded(text, "text"), _convert.file_type(quant, "quant")))

    @classmethod
    def from_config(
        cls, config: Union[str, bytes, Mapping[str, Any]], quant: Optional[str] = None, *, weights: Optional[Safetensors] = None
    ) -> Model:
        """A model from a Hugging Face config.json: its text, or the dictionary that it holds. Of a model with eyes or ears, the text decoder.

        `quant` is a file type of llama.cpp; None is the precision of the plain checkpoint. `weights` are the headers of the checkpoint's
        files: `checkpoint` then has their bytes. `notes` says what had to be guessed.
        """
        if isinstance(config, Mapping):
            config = json.dumps(config)
        if isinstance(config, str):
            config = config.encode("utf-8")
        if not isinstance(config, bytes):
            raise TypeError(f"config: expected text or a mapping, not {type(config).__name__}")
        wanted = _convert.file_type(quant, "quant")
        if weights is None:
            return cls._wrap(cls._make(lib.ctxfit_model_from_config, config, len(config), wanted))
        if not isinstance(weights, Safetensors):
            raise TypeError(f"weights: expected Safetensors, not {type(weights).__name__}")
        return cls._wrap(cls._make(lib.ctxfit_model_from_hf, config, len(config), weights._handle(), wanted))

    @classmethod
    def open_checkpoint(cls, path: Source, quant: Optional[str] = None) -> Model:
        """A model from the folder of a checkpoint, a file of its weights, or their index: config.json, the headers of the weights, and the
        file beside them that says how they are quantized, if config.json does not.

        A download that did not end is a model still: `checkpoint.flags` and `notes` say what is missing, and where the files are of another
        model than config.json describes.
        """
        place = os.fsencode(_convert.path(path, "path"))
        return cls._wrap(cls._make(lib.ctxfit_model_open_checkpoint, place, _convert.file_type(quant, "quant")))

    @classmethod
    def from_layers(
        cls, info: ModelInfo, layers: Iterable[Layer], *, name: str = "", arch: Optional[str] = None, quant: Optional[str] = None
    ) -> Model:
        """A model from your own description. `arch` names the recipe for its tensors; None derives them from the layers' numbers."""
        if not isinstance(info, ModelInfo):
            raise TypeError(f"info: expected ModelInfo, not {type(info).__name__}")
        whole = L.ctxfit_model_info()
        _convert.fill(whole, info, formats="file_type")
        items = list(layers)
        structs = (L.ctxfit_layer_info * len(items))()
        for struct, layer in zip(structs, items):
            if not isinstance(layer, Layer):
                raise TypeError(f"layers: expected Layer, not {type(layer).__name__}")
            _convert.fill(struct, layer)
        if not items:
            raise InvalidArgument("layers: expected at least one Layer")
        return cls._wrap(
            cls._make(
                lib.ctxfit_model_from_layers,
                _convert.encoded(name, "name"),
                None if arch is None else _convert.encoded(arch, "arch"),
                ctypes.byref(whole),
                ctypes.byref(structs),
                len(items),
                _convert.file_type(quant, "quant"),
            )
        )

    def requantize(self, quant: str) -> Model:
        """The same model in another file type, by the rules of llama-quantize, as if from full precision."""
        wanted = _convert.file_type(_convert.text(quant, "quant"), "quant")
        return self._wrap(self._make(lib.ctxfit_model_requantize, self._handle(), wanted))

    @staticmethod
    def catalog() -> Tuple[ModelEntry, ...]:
        """Every model that is known by name."""
        return tuple(
            ModelEntry(
                lib.ctxfit_model_catalog_id(i).decode(),
                lib.ctxfit_model_catalog_hf_id(i).decode(),
                lib.ctxfit_model_catalog_source(i).decode(),
            )
            for i in range(lib.ctxfit_model_catalog_count())
        )

    # ---- what it is -----------------------------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """Name for people, "" if unnamed."""
        owner = self._handle()
        return str(lib.ctxfit_model_name(owner).decode("utf-8", "replace"))

    @property
    def arch(self) -> str:
        """Architecture as in `general.architecture`."""
        owner = self._handle()
        return str(lib.ctxfit_model_arch(owner).decode("utf-8", "replace"))

    @property
    def notes(self) -> Tuple[str, ...]:
        """What the source left open or what was read as something else, a sentence each."""
        owner = self._handle()
        found: List[str] = []
        while True:
            note = lib.ctxfit_model_note(owner, len(found))
            if note is None:
                return tuple(found)
            found.append(str(note.decode("utf-8", "replace")))

    @property
    def checkpoint(self) -> Optional[Checkpoint]:
        """The checkpoint that the model was made of, in its own format; None where it was made of something else."""
        try:
            return Checkpoint._of(ask(L.ctxfit_checkpoint_info, lib.ctxfit_model_get_checkpoint, self._handle()))
        except NotFound:
            return None

    @property
    def checkpoint_layers(self) -> Tuple[CheckpointLayer, ...]:
        """What each layer holds in the checkpoint; empty where its files were not read."""
        owner = self._handle()
        try:
            return tuple(
                CheckpointLayer._of(ask(L.ctxfit_checkpoint_layer, lib.ctxfit_model_get_checkpoint_layer, owner, i))
                for i in range(self.info.layers)
            )
        except NotFound:
            return ()

    @property
    def info(self) -> ModelInfo:
        """Facts of the whole model."""
        return ModelInfo._of(ask(L.ctxfit_model_info, lib.ctxfit_model_get_info, self._handle()))

    @property
    def file_type(self) -> Optional[str]:
        """File type as stated or as asked for; None where it is unknown."""
        return self.info.file_type

    @property
    def parameters(self) -> int:
        """Elements of all tensors that are loaded."""
        return self.info.parameters

    @property
    def trained_tokens(self) -> int:
        """Context that the model is made for, 0 where it is not stated."""
        return self.info.trained_tokens

    @property
    def layers(self) -> Tuple[Layer, ...]:
        """The layers of the trunk, and behind them blocks that predict the next tokens."""
        owner = self._handle()
        info = ask(L.ctxfit_model_info, lib.ctxfit_model_get_info, owner)
        return tuple(
            Layer._of(ask(L.ctxfit_layer_info, lib.ctxfit_model_get_layer, owner, i)) for i in range(info.layers + info.nextn_layers)
        )

    @property
    def tensors(self) -> Tuple[TensorInfo, ...]:
        """Every tensor with its shape, format and size."""
        owner = self._handle()
        count = ask(L.ctxfit_model_info, lib.ctxfit_model_get_info, owner).tensor_count
        return tuple(
            TensorInfo._of(
                ask(L.ctxfit_tensor_info, lib.ctxfit_model_get_tensor, owner, i),
                lib.ctxfit_model_tensor_name(owner, i).decode("utf-8", "replace"),
            )
            for i in range(count)
        )

    def __repr__(self) -> str:
        if self.closed:
            return "<closed Model>"
        info = self.info
        checkpoint = self.checkpoint
        stored = f", checkpoint of {checkpoint.quant_method}" if checkpoint is not None and checkpoint.quant_method else ""
        return f"<Model {self.name or self.arch}, {info.file_type or 'mixed'}{stored}, {info.parameters / 1e9:.2f} B parameters>"


def _is_checkpoint(source: Source) -> bool:
    """A folder with a config.json, weights, or their index."""
    name = os.fsdecode(source)
    if "://" in name or "\0" in name:
        return False
    return name.lower().endswith((".safetensors", ".safetensors.index.json")) or os.path.isfile(os.path.join(name, "config.json"))


def _is_config(name: str) -> bool:
    return "\0" not in name and name.lower().endswith(".json")


def _is_stored(source: Union[str, bytes]) -> bool:
    """hf:organisation/repository is what is on this disk, hf://organisation/repository/file what is far away."""
    name = os.fsdecode(source)
    return name.startswith(("lmstudio:", "ollama:")) or (name.startswith("hf:") and not name.startswith("hf://"))


def as_model(value: Union[Model, str], quant: Optional[str] = None) -> Model:
    """A model from what a request names: a Model, a .gguf file or address, a config.json or its folder, or a name of the catalog."""
    if isinstance(value, Model):
        return value if quant is None else value.requantize(quant)
    if not isinstance(value, str):
        raise TypeError(f"model: expected Model or str, not {type(value).__name__}")
    if "://" in value or _is_stored(value) or value.lower().endswith(".gguf") or _is_config(value) or _is_checkpoint(value):
        return Model.open(value, quant=quant)
    return Model.from_catalog(value, quant)


__all__ = ["Model", "ModelEntry"]
