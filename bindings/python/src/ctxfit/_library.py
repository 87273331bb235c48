"""Finds and loads the C library, and what every call of it needs: handles that free themselves, errors that are raised."""
from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional, Tuple, Type, TypeVar

from . import _layout as L
from ._enums import Status
from ._errors import CLASSES, Closed, Error, LibraryError

_VARIABLE = "CTXFIT_LIBRARY"
_FILES = {"win32": ("ctxfit.dll", "libctxfit.dll"), "darwin": ("libctxfit.dylib",)}.get(sys.platform, ("libctxfit.so",))
#: other builds of one minor version have the same interface (docs/abi.md)
_SERIES = L.VERSION.rsplit(".", 1)[0]

T = TypeVar("T")


# ---- loading ------------------------------------------------------------------------------------------------------------------
def _candidates() -> Iterator[str]:
    """Where the library may be: what the variable names and nothing else, or beside this file, or where the system looks."""
    named = os.environ.get(_VARIABLE)
    if named:
        yield named
        return
    yield from (str(path) for path in (Path(__file__).with_name(name) for name in _FILES) if path.exists())
    if sys.platform == "win32":
        yield from _FILES
    elif sys.platform == "darwin":
        yield from (f"libctxfit.{_SERIES}.dylib", "libctxfit.dylib")
    else:
        yield from (f"libctxfit.so.{_SERIES}", "libctxfit.so")
    found = ctypes.util.find_library("ctxfit")  # starts programs on some systems, so it comes last
    if found:
        yield found


def _open(path: str) -> Any:
    library = ctypes.CDLL(path)
    try:
        library.ctxfit_version_string.restype = ctypes.c_char_p
        version = library.ctxfit_version_string().decode()
    except AttributeError:
        raise LibraryError(f"{path} is not libctxfit: it has no ctxfit_version_string(); {_advice()}") from None
    if version.rsplit(".", 1)[0] != _SERIES:
        raise LibraryError(f"{path} is libctxfit {version}, but this package needs {_SERIES}.x (it was made for {L.VERSION}); {_advice()}")
    for name, (result, arguments) in L.FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise LibraryError(f"{path} is libctxfit {version}, which lacks {name}() of {L.VERSION}; {_advice()}") from None
        function.restype = result
        function.argtypes = arguments
    return library


def _advice() -> str:
    return f"install a wheel of ctxfit {L.VERSION}, which brings its library, or set ${_VARIABLE} to the path of libctxfit {_SERIES}.x"


def load() -> Any:
    """The library, with types on all of its functions."""
    tried = []
    for path in _candidates():
        try:
            return _open(path)
        except OSError as error:
            tried.append(f"{path} ({error})")
    where = f"${_VARIABLE} names " if os.environ.get(_VARIABLE) else "tried "
    raise LibraryError(f"libctxfit could not be loaded: {where}{', '.join(tried)}; {_advice()}")


lib: Any = load()


# ---- errors -------------------------------------------------------------------------------------------------------------------
def known(cls: Type[T], value: int) -> T:
    """A value as a member of an enumeration; a value of a newer library stays a number."""
    try:
        return cls(value)  # type: ignore[call-arg]
    except ValueError:
        return value  # type: ignore[return-value]


def error_of(status: int, error: Optional[L.ctxfit_error] = None) -> Error:
    """The exception for a status that is not OK."""
    which = known(Status, status)
    cls = CLASSES.get(which, Error)
    if error is not None and error.message:
        offset = None if error.offset == ctypes.c_uint64(-1).value else error.offset
        return cls(error.message.decode("utf-8", "replace"), which, offset, error.detail)
    sentence = lib.ctxfit_status_message(status).decode()
    return cls(f"{lib.ctxfit_status_name(status).decode()}: {sentence}", which)


def ask(struct: Type[T], function: Callable[..., int], *arguments: object) -> T:
    """Fills a struct that a caller owns."""
    out = struct()
    if "struct_size" in struct.__dict__:
        out.struct_size = ctypes.sizeof(struct)  # type: ignore[attr-defined, arg-type]
    status = function(*arguments, ctypes.byref(out))  # type: ignore[arg-type]
    if status:
        raise error_of(status)
    return out


def read_text(function: Callable[..., int], *arguments: object) -> str:
    """Text that C writes into a buffer."""
    size = 4096
    while True:
        buffer = ctypes.create_string_buffer(size)
        length = ctypes.c_size_t()
        status = function(*arguments, buffer, size, ctypes.byref(length))
        if status == 0:
            return buffer.value.decode("utf-8", "replace")
        if status != Status.BUFFER_SIZE:
            raise error_of(status)
        size = length.value + 1


_names: Dict[Tuple[str, int], str] = {}


def format_name(function: Any, value: int) -> Optional[str]:
    """Name of a format, None for 0. Names never change, so they are asked for once."""
    if value == 0:
        return None
    key = (function.__name__, value)
    if key not in _names:
        _names[key] = function(value).decode()
    return _names[key]


def file_type_name(value: int) -> Optional[str]:
    """Name of a file type, of EXL3 with its bits; None for 0."""
    return read_text(lib.ctxfit_file_type_write_name, value) if value else None


# ---- handles ------------------------------------------------------------------------------------------------------------------
class Owner:
    """Frees a C handle when the last reference to it goes.

    A call holds a reference while it runs, so closing an object that another thread uses frees its handle after that call.
    """

    __slots__ = ("_as_parameter_", "_free")

    def __init__(self, pointer: int, free: Callable[[int], None]) -> None:
        self._as_parameter_ = pointer
        self._free = free

    def __del__(self) -> None:
        self._free(self._as_parameter_)


H = TypeVar("H", bound="Handle")


class Handle:
    """Base of everything that C keeps. Can be used from many threads, closed early, and as a context manager."""

    __slots__ = ("_owner", "__weakref__")
    _free: Callable[[int], None]
    _owner: Optional[Owner]

    @classmethod
    def _make(cls, function: Callable[..., int], *arguments: object) -> Owner:
        """Calls a constructor of C."""
        pointer = ctypes.c_void_p()
        error = L.ctxfit_error()
        status = function(*arguments, None, ctypes.byref(pointer), ctypes.byref(error))
        if status or pointer.value is None:
            raise error_of(status, error)
        return Owner(pointer.value, cls._free)

    @classmethod
    def _wrap(cls: Type[H], owner: Owner) -> H:
        made = cls.__new__(cls)
        made._owner = owner
        return made

    def _handle(self) -> Owner:
        owner: Optional[Owner] = getattr(self, "_owner", None)
        if owner is None:
            raise Closed(f"this {type(self).__name__} is closed")
        return owner

    @property
    def closed(self) -> bool:
        """Whether it can no longer be used."""
        return getattr(self, "_owner", None) is None

    def close(self) -> None:
        """Frees what C keeps, now rather than when the object goes. May be called again."""
        self._owner = None

    def __enter__(self: H) -> H:
        self._handle()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __copy__(self: H) -> H:
        return self

    def __deepcopy__(self: H, memo: object) -> H:
        return self

    def __reduce__(self) -> str:
        raise TypeError(f"a {type(self).__name__} lives in the memory of this process and cannot be pickled; make it again where it is needed")
