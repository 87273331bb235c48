"""What callers give, checked before C sees it: a mistake is a TypeError or ValueError that names the argument."""
from __future__ import annotations

import ctypes
import enum
import math
import operator
import os
from typing import Any, Dict, Optional, Type, Union

from ._enums import Choice
from ._errors import InvalidArgument, NotFound
from ._library import lib


def text(value: object, name: str) -> str:
    """A str, without NULs, that can be UTF-8."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"{name}: expected str, not {type(value).__name__}; decode it first")
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected str, not {type(value).__name__}")
    if "\0" in value:
        raise InvalidArgument(f"{name}: holds a NUL character")
    return value


def encoded(value: object, name: str) -> bytes:
    try:
        return text(value, name).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{name}: cannot be UTF-8: {error.reason} at character {error.start}") from None


def whole(value: object, name: str, least: int, most: int) -> int:
    """An int, or what converts to one without loss (numpy's integers), in a range."""
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        raise TypeError(f"{name}: expected a whole number, not {value!r}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        if isinstance(value, float) and value.is_integer():
            raise TypeError(f"{name}: expected a whole number, not the float {value!r}; int() makes it one") from None
        raise TypeError(f"{name}: expected a whole number, not {type(value).__name__}") from None
    if not least <= number <= most:
        raise InvalidArgument(f"{name}: {number} is outside {least} to {most}")
    return int(number)


def real(value: object, name: str) -> float:
    """A finite number that is not negative."""
    if value is None or isinstance(value, (bool, str, bytes)):
        raise TypeError(f"{name}: expected a number, not {type(value).__name__}")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number, not {type(value).__name__}") from None
    except OverflowError:
        raise InvalidArgument(f"{name}: too large") from None
    if not math.isfinite(number) or number < 0:
        raise InvalidArgument(f"{name}: {number} is not a finite number of at least 0")
    return number


def switch(value: object, name: str) -> int:
    """True, False, or None for the engine's default."""
    if value is None:
        return Choice.DEFAULT
    if isinstance(value, Choice):
        return value
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return Choice.ON if value else Choice.OFF
    raise TypeError(f"{name}: expected True, False or None for the engine's default, not {value!r}")


def member(value: object, name: str, cls: Type[enum.IntEnum]) -> int:
    """A member of an enumeration, or its name in any case; None is 0."""
    if value is None:
        return 0
    if isinstance(value, cls):
        return value
    if isinstance(value, (int, bytes)):
        raise TypeError(f"{name}: expected a {cls.__name__} or its name, not {value!r}")
    found = cls.__members__.get(text(value, name).upper())
    if found is None:
        raise InvalidArgument(f"{name}: {value!r} is none of {', '.join(n.lower() for n in cls.__members__)}")
    return found


def quant(value: object, name: str) -> int:
    """Id of a tensor format by its name; None is the default."""
    return _by_name(value, name, lib.ctxfit_quant_from_name, lib.ctxfit_quant_count, lib.ctxfit_quant_at, lib.ctxfit_quant_name)


def file_type(value: object, name: str) -> int:
    """Id of a file type by its name; None is "as the model is"."""
    return _by_name(value, name, lib.ctxfit_file_type_from_name, lib.ctxfit_file_type_count, lib.ctxfit_file_type_at, lib.ctxfit_file_type_name)


def _by_name(value: object, name: str, from_name: Any, count: Any, at: Any, name_of: Any) -> int:
    if value is None:
        return 0
    found = int(from_name(encoded(value, name)))
    if not found:
        names = ", ".join(name_of(at(i)).decode() for i in range(count()))
        raise NotFound(f"{name}: {value!r} is none of {names}")
    return found


def path(value: object, name: str) -> Union[str, bytes]:
    """A path as fspath() gives it."""
    try:
        found: Union[str, bytes] = os.fspath(value)  # type: ignore[call-overload]
    except TypeError:
        raise TypeError(f"{name}: expected a path, an URL or os.PathLike, not {type(value).__name__}") from None
    if (b"\0" in found) if isinstance(found, bytes) else ("\0" in found):
        raise InvalidArgument(f"{name}: holds a NUL character")
    return found


_kinds: Dict[type, Dict[str, Any]] = {}


def kinds_of(struct: Type[ctypes.Structure]) -> Dict[str, Any]:
    """Type of each member of a C struct."""
    if struct not in _kinds:
        _kinds[struct] = {field[0]: field[1] for field in struct._fields_}
    return _kinds[struct]


def set_field(struct: ctypes.Structure, field: str, value: object, name: str) -> None:
    """Stores a checked value in a member of a C struct, by the member's own type and range."""
    kind: Any = kinds_of(type(struct))[field]
    length = getattr(kind, "_length_", None)
    if length is None:
        setattr(struct, field, real(value, name) if kind is ctypes.c_double else whole(value, name, 0, kind(-1).value))
    elif kind._type_ is ctypes.c_char:
        data = encoded(value, name)
        if len(data) >= length:
            raise InvalidArgument(f"{name}: {len(data)} bytes, at most {length - 1}")
        setattr(struct, field, data)
    else:
        try:
            items = list(value)  # type: ignore[call-overload]
        except TypeError:
            raise TypeError(f"{name}: expected numbers, not {type(value).__name__}") from None
        if len(items) > length:
            raise InvalidArgument(f"{name}: {len(items)} values, at most {length}")
        setattr(struct, field, kind(*[real(item, f"{name}[{i}]") for i, item in enumerate(items)]))


def fill(struct: ctypes.Structure, record: object, formats: Optional[str] = None) -> None:
    """Stores a dataclass in the struct that it shows."""
    for field in kinds_of(type(struct)):
        value = getattr(record, field, None)
        if field == "struct_size":
            setattr(struct, field, ctypes.sizeof(struct))
        elif field == formats:
            setattr(struct, field, file_type(value, field))
        elif value is not None:
            set_field(struct, field, value, f"{type(record).__name__}.{field}")
