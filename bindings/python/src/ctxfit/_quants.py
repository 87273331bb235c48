"""Tensor formats and file types: what exists, and how many bytes something takes in them."""
from __future__ import annotations

import ctypes
from typing import Iterable, Optional, SupportsIndex, Tuple

from . import _convert
from . import _layout as L
from ._enums import Dialect
from ._errors import InvalidArgument
from ._library import ask, error_of, lib
from ._records import FileTypeInfo, QuantInfo

_MOST_32 = ctypes.c_uint32(-1).value
_MOST_64 = ctypes.c_uint64(-1).value


def _quant_info(quant: int) -> QuantInfo:
    return QuantInfo._of(ask(L.ctxfit_quant_info, lib.ctxfit_quant_get_info, quant))


def _file_type_info(file_type: int) -> FileTypeInfo:
    return FileTypeInfo._of(ask(L.ctxfit_file_type_info, lib.ctxfit_file_type_get_info, file_type))


def quants() -> Tuple[QuantInfo, ...]:
    """Every tensor format that is in use."""
    return tuple(_quant_info(lib.ctxfit_quant_at(i)) for i in range(lib.ctxfit_quant_count()))


def quant(name: str) -> QuantInfo:
    """A tensor format by its name in any case, or an alias: "q8_0", "fp16"."""
    found = _convert.quant(_convert.text(name, "name"), "name")
    return _quant_info(found)


def quant_from_ggml(number: SupportsIndex, dialect: Dialect = Dialect.GGML) -> Optional[QuantInfo]:
    """The format of a ggml type number; None where the number is unknown."""
    kind = _convert.member(dialect, "dialect", Dialect)
    found = lib.ctxfit_quant_from_ggml(_convert.whole(number, "number", 0, _MOST_32), kind)
    return _quant_info(found) if found else None


def row_bytes(quant: str, elems: SupportsIndex) -> int:
    """Bytes of one row of `elems` elements."""
    out = ctypes.c_uint64()
    found = _convert.quant(_convert.text(quant, "quant"), "quant")
    count = _convert.whole(elems, "elems", 0, _MOST_64)
    status = lib.ctxfit_quant_row_bytes(found, count, ctypes.byref(out))
    if status:
        raise _of_shape(status, found, f"{count} elements")
    return out.value


def tensor_bytes(quant: str, dims: Iterable[SupportsIndex]) -> int:
    """Bytes of a tensor, unpadded. The first of up to four dimensions is the length of a row."""
    found = _convert.quant(_convert.text(quant, "quant"), "quant")
    wanted = L.FUNCTIONS["ctxfit_quant_tensor_bytes"][1][1]._type_ * 4
    sizes = [_convert.whole(d, f"dims[{i}]", 0, _MOST_64) for i, d in enumerate(dims)]
    if not 1 <= len(sizes) <= 4:
        raise InvalidArgument(f"dims: {len(sizes)} dimensions, expected 1 to 4")
    out = ctypes.c_uint64()
    status = lib.ctxfit_quant_tensor_bytes(found, wanted(*sizes, *[1] * (4 - len(sizes))), ctypes.byref(out))
    if status:
        raise _of_shape(status, found, " x ".join(map(str, sizes)))
    return out.value


def _of_shape(status: int, quant: int, shape: str) -> Exception:
    error = error_of(status)
    info = _quant_info(quant)
    return type(error)(f"{shape} of {info.name} (blocks of {info.block_elems} elements): {error.message}", error.status)


def file_types() -> Tuple[FileTypeInfo, ...]:
    """Every file type that is in use, from the best (largest) to the smallest."""
    return tuple(_file_type_info(lib.ctxfit_file_type_at(i)) for i in range(lib.ctxfit_file_type_count()))


def file_type(name: str) -> FileTypeInfo:
    """A file type by its name in any case, or an alias: "q4_k_m", "q4_k"."""
    found = _convert.file_type(_convert.text(name, "name"), "name")
    return _file_type_info(found)


def file_type_from_ggml(number: SupportsIndex) -> Optional[FileTypeInfo]:
    """The file type of a number in `general.file_type`; None where the number is unknown."""
    found = lib.ctxfit_file_type_from_ggml(_convert.whole(number, "number", 0, _MOST_32))
    return _file_type_info(found) if found else None


__all__ = ["file_type", "file_type_from_ggml", "file_types", "quant", "quant_from_ggml", "quants", "row_bytes", "tensor_bytes"]
