"""Headers of safetensors files: on disk, in memory, or anywhere that gives a range of bytes."""
from __future__ import annotations

import ctypes
import json
import os
from typing import Any, Iterable, Mapping, Optional, SupportsIndex, Tuple, Union

from . import _convert
from . import _layout as L
from ._enums import Status
from ._errors import InvalidArgument, LimitReached, Malformed, MissingKey, Truncated
from ._gguf import DEFAULT_MAX_BYTES, Fetch, Source, _fill
from ._library import Handle, Owner, ask, error_of, lib
from ._records import HfTensor

_MOST = ctypes.c_uint64(-1).value


class Safetensors(Handle):
    """Names, types, shapes and places of the tensors of one file, or of all files of a checkpoint, sorted by name."""

    __slots__ = ()
    _free = lib.ctxfit_safetensors_free

    def __init__(self) -> None:
        raise TypeError("Safetensors are made by Safetensors.open(), .parse(), .fetch() or .join()")

    @classmethod
    def open(
        cls,
        source: Source,
        *,
        max_bytes: SupportsIndex = DEFAULT_MAX_BYTES,
        headers: Optional[Mapping[str, str]] = None,
        timeout: float = 30.0,
        retries: SupportsIndex = 3,
    ) -> Safetensors:
        """Reads a .safetensors file, or the files of a .safetensors.index.json, by path, https:// address or
        hf://organisation/repository/file[@revision]. Of remote files only the headers are transferred."""
        place = _convert.path(source, "source")
        name = os.fsdecode(place)
        if "://" not in name:
            return cls._wrap(cls._make(lib.ctxfit_safetensors_open, os.fsencode(place)))
        from . import _remote

        url = _remote.url_of(name)
        most = _convert.whole(max_bytes, "max_bytes", 1, _MOST)
        web = _remote.Settings(headers, _convert.real(timeout, "timeout"), _convert.whole(retries, "retries", 0, 1000))

        def one(address: str) -> Safetensors:
            with _remote.HttpFile(address, web, most) as remote:
                return cls._read(remote.read, most, lambda: remote.total)

        path, mark, query = url.partition("?")
        if not path.endswith(".json"):
            return one(url)
        with _remote.HttpFile(url, web, most) as remote:
            index = _fill(remote.read, 0, most)
        folder = path.rpartition("/")[0]
        return cls.join([one(f"{folder}/{file}{mark}{query}") for file in _files_of(index)])

    @classmethod
    def parse(cls, data: bytes, *, file_bytes: Optional[SupportsIndex] = None) -> Safetensors:
        """Parses the beginning of a file. Raises Truncated, whose `detail` is the length that is wanted, where `data` ends too early."""
        if not isinstance(data, bytes):
            raise TypeError(f"data: expected bytes, not {type(data).__name__}")
        total = 0 if file_bytes is None else _convert.whole(file_bytes, "file_bytes", 1, _MOST)
        return cls._wrap(cls._make(lib.ctxfit_safetensors_parse, data, len(data), total))

    @classmethod
    def fetch(cls, fetch: Fetch, *, file_bytes: Optional[SupportsIndex] = None, max_bytes: SupportsIndex = DEFAULT_MAX_BYTES) -> Safetensors:
        """Reads a header through your own function: `fetch(offset, length)` returns up to `length` bytes, b"" at the end of the file."""
        if not callable(fetch):
            raise TypeError(f"fetch: expected a function (offset, length) -> bytes, not {type(fetch).__name__}")
        total = None if file_bytes is None else _convert.whole(file_bytes, "file_bytes", 1, _MOST)
        return cls._read(fetch, _convert.whole(max_bytes, "max_bytes", 1, _MOST), lambda: total)

    @classmethod
    def join(cls, parts: Iterable[Safetensors]) -> Safetensors:
        """The tensors of all files of a checkpoint."""
        items = list(parts)
        for item in items:
            if not isinstance(item, Safetensors):
                raise TypeError(f"parts: expected Safetensors, not {type(item).__name__}")
        owners = [item._handle() for item in items]
        pointers = (ctypes.c_void_p * len(owners))(*[owner._as_parameter_ for owner in owners])
        return cls._wrap(cls._make(lib.ctxfit_safetensors_join, ctypes.byref(pointers), len(owners)))

    @classmethod
    def _read(cls, fetch: Fetch, most: int, total: Any) -> Safetensors:
        prefix = b""
        while True:
            try:
                return cls._wrap(cls._make(lib.ctxfit_safetensors_parse, prefix or b"\0", len(prefix), total() or 0))
            except Truncated as error:
                wanted = error.detail
            if wanted > most:
                raise LimitReached(f"the header takes {wanted} bytes, max_bytes is {most}", Status.LIMIT, None, most)
            pieces = _fill(fetch, len(prefix), wanted)
            prefix += pieces
            if len(prefix) < wanted:
                raise Malformed(f"the file ends at byte {len(prefix)}, within its header", Status.MALFORMED, len(prefix), 0)

    @property
    def shard_count(self) -> int:
        """Files that they are of."""
        return int(lib.ctxfit_safetensors_shard_count(self._handle()))

    @property
    def bytes(self) -> int:
        """Bytes of all tensors."""
        return int(lib.ctxfit_safetensors_tensor_bytes(self._handle()))

    @property
    def tensors(self) -> Tuple[HfTensor, ...]:
        """The tensors, sorted by name."""
        owner = self._handle()
        return tuple(_tensor(owner, i) for i in range(lib.ctxfit_safetensors_tensor_count(owner)))

    def tensor(self, name: str) -> HfTensor:
        """A tensor by its name."""
        owner = self._handle()
        place = ctypes.c_uint64()
        status = lib.ctxfit_safetensors_find_tensor(owner, _convert.encoded(name, "name"), ctypes.byref(place))
        if status == Status.NOT_FOUND:
            raise MissingKey(f"no tensor is called {name!r}")
        if status:
            raise error_of(status)
        return _tensor(owner, place.value)

    def __repr__(self) -> str:
        if self.closed:
            return "<closed Safetensors>"
        return f"<Safetensors: {lib.ctxfit_safetensors_tensor_count(self._handle())} tensors, {self.bytes} bytes>"


def _tensor(owner: Owner, place: int) -> HfTensor:
    name = lib.ctxfit_safetensors_tensor_name(owner, place).decode("utf-8", "replace")
    return HfTensor._of(ask(L.ctxfit_hf_tensor, lib.ctxfit_safetensors_get_tensor, owner, place), name)


def _files_of(index: bytes) -> Tuple[str, ...]:
    """The files that an index names, each once; all beside it."""
    try:
        files = sorted(set(json.loads(index)["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidArgument("source: the index has no weight_map") from None
    if not files or not all(isinstance(f, str) and f and not set(f) & set("/\\:?#%") and f not in (".", "..") for f in files):
        raise InvalidArgument("source: the index names files that are not beside it")
    return tuple(files)


def dtype_name(dtype: Union[int, SupportsIndex]) -> str:
    """A type of elements as files spell it: "F8_E4M3"."""
    name = lib.ctxfit_dtype_name(_convert.whole(dtype, "dtype", 0, 0xFFFFFFFF))
    if name is None:
        raise InvalidArgument(f"dtype: {dtype!r} is none")
    return str(name.decode())


__all__ = ["dtype_name", "Safetensors"]
