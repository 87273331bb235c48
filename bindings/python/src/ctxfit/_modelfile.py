"""What an Ollama model is made of."""
from __future__ import annotations

import ctypes
import os
from typing import Dict, List, Optional, Tuple, Union

from . import _convert
from ._enums import Part, Status
from ._gguf import Source
from ._library import Handle, Owner, error_of, lib


class Modelfile(Handle):
    """Parts and parameters of an Ollama model, from a Modelfile or from Ollama's store."""

    __slots__ = ()
    _free = lib.ctxfit_modelfile_free

    def __init__(self) -> None:
        raise TypeError("a Modelfile is made by Modelfile.parse() or Modelfile.from_store()")

    @classmethod
    def parse(cls, text: Union[str, bytes]) -> Modelfile:
        """Reads the text of a Modelfile."""
        if isinstance(text, str):
            text = text.encode("utf-8")
        if not isinstance(text, bytes):
            raise TypeError(f"text: expected str or bytes, not {type(text).__name__}")
        return cls._wrap(cls._make(lib.ctxfit_modelfile_parse, text, len(text)))

    @classmethod
    def from_store(cls, name: str, root: Source) -> Modelfile:
        """Looks a model up: `[host/][namespace/]model[:tag]` in the folder that $OLLAMA_MODELS names, or ~/.ollama/models."""
        place = os.fsencode(_convert.path(root, "root"))
        return cls._wrap(cls._make(lib.ctxfit_modelfile_from_store, place, _convert.encoded(name, "name")))

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


__all__ = ["Modelfile"]
