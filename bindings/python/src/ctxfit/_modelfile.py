"""What a model on this disk is made of, and which there are."""
from __future__ import annotations

import ctypes
import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

from . import _convert
from . import _layout as L
from ._enums import Part, Status, StoredFlags, StoreKind
from ._errors import NotFound
from ._gguf import Source
from ._library import Handle, Owner, ask, error_of, lib, read_text


class Modelfile(Handle):
    """Parts and parameters of a model, from a Modelfile or from a store on this disk."""

    __slots__ = ()
    _free = lib.ctxfit_modelfile_free

    def __init__(self) -> None:
        raise TypeError("a Modelfile is made by Modelfile.parse(), .look_up() or .from_store()")

    @classmethod
    def parse(cls, text: Union[str, bytes]) -> Modelfile:
        """Reads the text of a Modelfile."""
        if isinstance(text, str):
            text = text.encode("utf-8")
        if not isinstance(text, bytes):
            raise TypeError(f"text: expected str or bytes, not {type(text).__name__}")
        return cls._wrap(cls._make(lib.ctxfit_modelfile_parse, text, len(text)))

    @classmethod
    def look_up(cls, name: str, environment: Optional[Mapping[str, str]] = None) -> Modelfile:
        """What a name means on this disk: "hf:owner/repository[:tag]" in the caches of Hugging Face and llama.cpp,
        "lmstudio:publisher/model[@quantization]", "ollama:name[:tag]". Variables such as HF_HOME say where; `environment` replaces them."""
        return cls._wrap(cls._make(lib.ctxfit_store_look_up, _convert.encoded(name, "name"), _variables(environment)))

    @classmethod
    def from_store(cls, name: str, root: Source, kind: Union[StoreKind, str] = StoreKind.OLLAMA) -> Modelfile:
        """Looks a model up in one folder, without the prefix of look_up(): the hub's or llama.cpp's cache, LM Studio's home or its
        folder of models, Ollama's store."""
        place = os.fsencode(_convert.path(root, "root"))
        which = _convert.member(kind, "kind", StoreKind)
        wanted = _convert.encoded(name, "name")
        if which == StoreKind.OLLAMA:
            return cls._wrap(cls._make(lib.ctxfit_modelfile_from_store, place, wanted))
        return cls._wrap(cls._make(lib.ctxfit_store_find, which, place, wanted))

    def parts(self, kind: Part) -> Tuple[str, ...]:
        """Paths, names or texts of a kind of part."""
        owner = self._handle()
        found: List[str] = []
        while True:
            part = lib.ctxfit_modelfile_part(owner, int(kind), len(found))
            if part is None:
                return tuple(found)
            found.append(str(part.decode("utf-8", "replace")))

    @property
    def model(self) -> str:
        """Where the weights are: FROM, or a blob."""
        return self.parts(Part.MODEL)[0]

    @property
    def parameters(self) -> Tuple[Tuple[str, str], ...]:
        """Parameters and their values, as they stand."""
        owner = self._handle()
        return tuple((_name(owner, i), _value(owner, i)) for i in range(lib.ctxfit_modelfile_parameter_count(owner)))

    @property
    def numbers(self) -> Dict[str, int]:
        """Parameters that are whole numbers or flags, such as num_ctx; of several the last."""
        owner = self._handle()
        found = {name: self._number(owner, name) for name, _ in self.parameters}
        return {name: value for name, value in found.items() if value is not None}

    @staticmethod
    def _number(owner: Owner, name: str) -> Optional[int]:
        value = ctypes.c_int64()
        status = lib.ctxfit_modelfile_get_i64(owner, name.encode("utf-8"), ctypes.byref(value))
        if status == Status.TYPE:
            return None
        if status:
            raise error_of(status)
        return value.value

    def __repr__(self) -> str:
        return "<closed Modelfile>" if self.closed else f"<Modelfile of {self.model!r}>"


def _name(owner: Owner, place: int) -> str:
    return str(lib.ctxfit_modelfile_parameter_name(owner, place).decode("utf-8", "replace"))


def _value(owner: Owner, place: int) -> str:
    return str(lib.ctxfit_modelfile_parameter_value(owner, place).decode("utf-8", "replace"))


# ---- what there is --------------------------------------------------------------------------------------------------------------


class Stored(NamedTuple):
    """A model on this disk."""

    #: what Model.open() calls it, or the path of a file whose repository cannot be told
    name: str
    #: its GGUF file, of a split one the first shard, or the folder of a checkpoint
    path: str
    #: of the files of its weights
    bytes: int
    files: int
    #: a folder with a config.json
    checkpoint: bool
    #: a download that did not end
    unfinished: bool


class _Store(Handle):
    __slots__ = ()
    _free = lib.ctxfit_store_free

    @classmethod
    def read(cls, kind: int, root: str) -> List[Stored]:
        with cls._wrap(cls._make(lib.ctxfit_store_list, kind, os.fsencode(root))) as store:
            owner = store._handle()
            return [_stored(owner, i) for i in range(lib.ctxfit_store_count(owner))]


def _stored(owner: Owner, place: int) -> Stored:
    info = ask(L.ctxfit_stored_info, lib.ctxfit_store_get, owner, place)
    return Stored(
        os.fsdecode(lib.ctxfit_store_name(owner, place)),
        os.fsdecode(lib.ctxfit_store_path(owner, place)),
        info.bytes,
        info.files,
        bool(info.flags & StoredFlags.CHECKPOINT),
        bool(info.flags & StoredFlags.UNFINISHED),
    )


def _variables(environment: Optional[Mapping[str, str]]) -> Any:
    """The environment as C has it."""
    texts = [os.fsencode(f"{name}={value}") for name, value in (os.environ if environment is None else environment).items()]
    return (ctypes.c_char_p * (len(texts) + 1))(*texts, None)


def store_places(kind: Union[StoreKind, str], environment: Optional[Mapping[str, str]] = None) -> Tuple[str, ...]:
    """The folders in which a kind of store is looked for, whether they exist or not."""
    which = _convert.member(kind, "kind", StoreKind)
    variables = _variables(environment)
    found: List[str] = []
    while True:
        try:
            found.append(read_text(lib.ctxfit_store_place, which, variables, len(found)))
        except NotFound:
            return tuple(found)


def stored_models(kind: Union[StoreKind, str, None] = None, root: Optional[Source] = None) -> Tuple[Stored, ...]:
    """The models on this disk: of one kind of store or of all, in its usual places or in one folder (which needs a kind)."""
    if root is not None:
        if kind is None:
            raise TypeError("root: needs the kind of store that it is")
        return tuple(_Store.read(_convert.member(kind, "kind", StoreKind), os.fsdecode(_convert.path(root, "root"))))
    found: List[Stored] = []
    for which in StoreKind if kind is None else (StoreKind(_convert.member(kind, "kind", StoreKind)),):
        for place in store_places(which):
            try:
                found += _Store.read(which, place)
            except NotFound:
                pass
    return tuple(found)


__all__ = ["Modelfile", "Stored", "store_places", "stored_models"]
