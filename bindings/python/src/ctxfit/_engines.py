"""Engines and their versions."""
from __future__ import annotations

import ctypes
from typing import Tuple

from . import _convert
from . import _layout as L
from ._library import ask, error_of, lib
from ._records import Engine


def engines() -> Tuple[Engine, ...]:
    """Every engine version that is known; of one engine the newest comes first."""
    return tuple(Engine._of(ask(L.ctxfit_engine_info, lib.ctxfit_engine_get, i)) for i in range(lib.ctxfit_engine_count()))


def engine(name: str = "") -> Engine:
    """The engine of a name such as "llama.cpp" or "llama.cpp@b10472"; "" is the newest llama.cpp."""
    out = L.ctxfit_engine_info(struct_size=ctypes.sizeof(L.ctxfit_engine_info))
    error = L.ctxfit_error()
    status = lib.ctxfit_engine_from_name(_convert.encoded(name, "name"), ctypes.byref(out), ctypes.byref(error))
    if status:
        raise error_of(status, error)
    return Engine._of(out)


__all__ = ["engine", "engines"]
