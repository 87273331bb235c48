"""Headers of GGUF files: on disk, in memory, or anywhere that gives a range of bytes."""
from __future__ import annotations

import ctypes
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Mapping, Optional, SupportsIndex, Tuple, Union

from . import _convert
from . import _layout as L
from ._enums import Dialect, GgufFlags, GgufType, Status
from ._errors import InvalidArgument, LimitReached, MissingKey, Truncated, Unsupported
from ._library import Handle, Owner, ask, error_of, lib
from ._records import Companion, GgufKey, TensorInfo

if TYPE_CHECKING:
    from . import _remote  # what reads the web is imported when it is needed: it takes longer than all the rest

Value = Union[int, float, bool, str, Tuple[Union[int, float], ...], GgufKey]
Fetch = Callable[[int, int], bytes]
Source = Union[str, "os.PathLike[str]", "os.PathLike[bytes]", bytes]

#: most of a remote file that is read for its header, unless the caller says otherwise; the largest known headers are some 20 MiB
DEFAULT_MAX_BYTES = 256 << 20
_FLOATS = (GgufType.FLOAT32, GgufType.FLOAT64)


class Gguf(Handle):
    """The header of a GGUF file, or of all shards of a split one."""

    __slots__ = ()
    _free = lib.ctxfit_gguf_free

    def __init__(self) -> None:
        raise TypeError("a Gguf is made by Gguf.open(), Gguf.parse(), Gguf.fetch() or Gguf.join()")

    # ---- making one -----------------------------------------------------------------------------------------------------------
    @classmethod
    def open(
        cls,
        source: Source,
        *,
        header_only: bool = False,
        dialect: Union[Dialect, str, None] = None,
        max_bytes: SupportsIndex = DEFAULT_MAX_BYTES,
        headers: Optional[Mapping[str, str]] = None,
        timeout: float = 30.0,
        retries: SupportsIndex = 3,
    ) -> Gguf:
        """Reads the header of a file by path, https:// address or hf://organisation/repository/file.gguf[@revision].

        Of a split file name the first shard. Of a remote file only the header is transferred, at most `max_bytes` a shard.
        `header_only`: the file may lack tensor data. `headers` are sent with each request to the host of `source`.
        """
        place = _convert.path(source, "source")
        settings = _Settings(header_only, dialect, _convert.whole(max_bytes, "max_bytes", 1, _MOST))
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", os.fsdecode(place)) is None:
            return cls._open_file(place, settings)
        from . import _remote

        url = _remote.url_of(os.fsdecode(place))
        web = _remote.Settings(headers, _convert.real(timeout, "timeout"), _convert.whole(retries, "retries", 0, 1000))
        first = cls._open_url(url, settings, web)
        count = first.split_count
        if count == 1:
            return first
        # As C does beside a file: the names of the others follow from the first's.
        found = re.search(r"-0*1-of-(\d+)(?=\.gguf)", url)
        if found is None or int(found[1]) != count:
            raise InvalidArgument(f"source: the file is one of {count} shards, but its name is no -00001-of-{count:05}.gguf: join() takes them one by one")
        width = len(found[1])
        names = [f"{url[: found.start()]}-{i:0{width}}-of-{found[1]}{url[found.end():]}" for i in range(2, count + 1)]
        return cls.join([first, *[cls._open_url(name, settings, web) for name in names]])

    @classmethod
    def _open_url(cls, url: str, settings: _Settings, web: _remote.Settings) -> Gguf:
        from . import _remote

        with _remote.HttpFile(url, web, settings.max_bytes) as remote:
            return cls._read(remote.read, settings, lambda: remote.total)

    @classmethod
    def _open_file(cls, place: Union[str, bytes], settings: _Settings) -> Gguf:
        if sys.platform == "win32" and not os.fsdecode(place).isascii():
            with open(place, "rb") as file:  # fopen() takes other encodings there than Python
                size = os.fstat(file.fileno()).st_size
                return cls._read(_reader(file), settings, lambda: size)
        return cls._wrap(cls._make(lib.ctxfit_gguf_open, os.fsencode(place), ctypes.byref(settings.options(None))))

    @classmethod
    def parse(
        cls,
        data: Union[bytes, bytearray, memoryview, Any],
        *,
        file_bytes: Optional[SupportsIndex] = None,
        header_only: bool = False,
        dialect: Union[Dialect, str, None] = None,
    ) -> Gguf:
        """Parses the beginning of a file: bytes, or any buffer such as a mmap.

        `file_bytes` is the size of the whole file where it is known. Raises Truncated, whose `detail` is the length of the prefix
        that is wanted, when `data` ends inside the header.
        """
        if isinstance(data, str):
            raise TypeError("data: expected bytes, not str; Gguf.open() takes a path")
        try:
            view = memoryview(data).cast("B")
        except TypeError:
            raise TypeError(f"data: expected bytes or a buffer, not {type(data).__name__}") from None
        settings = _Settings(header_only, dialect, _MOST)
        total = None if file_bytes is None else _convert.whole(file_bytes, "file_bytes", 1, _MOST)
        with view:
            if isinstance(data, bytes):
                return cls._parse(data, settings, total)
            # A mapping of hundreds of gigabytes must not be copied for its header.
            return cls._read(lambda offset, length: bytes(view[offset : offset + length]), settings, lambda: total, whole=False)

    @classmethod
    def fetch(
        cls,
        fetch: Fetch,
        *,
        file_bytes: Optional[SupportsIndex] = None,
        header_only: bool = False,
        dialect: Union[Dialect, str, None] = None,
        max_bytes: SupportsIndex = DEFAULT_MAX_BYTES,
    ) -> Gguf:
        """Reads a header through your own function: `fetch(offset, length)` returns up to `length` bytes, b"" at the end of the file."""
        if not callable(fetch):
            raise TypeError(f"fetch: expected a function (offset, length) -> bytes, not {type(fetch).__name__}")
        settings = _Settings(header_only, dialect, _convert.whole(max_bytes, "max_bytes", 1, _MOST))
        total = None if file_bytes is None else _convert.whole(file_bytes, "file_bytes", 1, _MOST)
        return cls._read(fetch, settings, lambda: total)

    @classmethod
    def join(cls, parts: Iterable[Gguf]) -> Gguf:
        """One header of all shards of a split file."""
        items = list(parts)
        for item in items:
            if not isinstance(item, Gguf):
                raise TypeError(f"parts: expected Gguf, not {type(item).__name__}")
        owners = [item._handle() for item in items]
        pointers = (ctypes.c_void_p * len(owners))(*[owner._as_parameter_ for owner in owners])
        return cls._wrap(cls._make(lib.ctxfit_gguf_join, ctypes.byref(pointers), len(owners)))

    @classmethod
    def _parse(cls, data: bytes, settings: _Settings, total: Optional[int]) -> Gguf:
        return cls._wrap(cls._make(lib.ctxfit_gguf_parse, data, len(data), ctypes.byref(settings.options(total))))

    @classmethod
    def _read(cls, fetch: Fetch, settings: _Settings, total: Callable[[], Optional[int]], whole: bool = True) -> Gguf:
        """The prefix contract of gguf.h: parse what is there, fetch what it asks for. `whole`: b"" is the end of the file."""
        prefix = b""
        end: Optional[int] = None
        while True:
            try:
                return cls._parse(prefix, settings, end if end is not None else total())
            except Truncated as error:
                if end is not None or error.detail <= len(prefix):
                    raise
                wanted = error.detail
            if wanted > settings.max_bytes:
                raise LimitReached(
                    f"the header takes at least {wanted} bytes, max_bytes is {settings.max_bytes}", Status.LIMIT, None, settings.max_bytes
                )
            pieces = _fill(fetch, len(prefix), wanted)
            prefix += pieces
            if len(prefix) < wanted:
                if not whole:
                    return cls._parse(prefix, settings, total())
                end = max(len(prefix), 1)

    # ---- the file -------------------------------------------------------------------------------------------------------------
    @property
    def version(self) -> int:
        """Version of the format: 2 or 3."""
        return int(lib.ctxfit_gguf_version(self._handle()))

    @property
    def big_endian(self) -> bool:
        """Whether the file is big-endian."""
        return bool(lib.ctxfit_gguf_is_big_endian(self._handle()))

    @property
    def shard_count(self) -> int:
        """Files that this header speaks for."""
        return int(lib.ctxfit_gguf_shard_count(self._handle()))

    @property
    def split_count(self) -> int:
        """Files that the model is split into; 1 if it is not."""
        return int(lib.ctxfit_gguf_split_count(self._handle()))

    @property
    def alignment(self) -> int:
        """Alignment of tensor data, bytes."""
        return int(lib.ctxfit_gguf_alignment(self._handle()))

    @property
    def data_offsets(self) -> Tuple[int, ...]:
        """Bytes of each shard's header: its data section starts there."""
        owner = self._handle()
        return tuple(lib.ctxfit_gguf_data_offset(owner, i) for i in range(lib.ctxfit_gguf_shard_count(owner)))

    @property
    def companion(self) -> Companion:
        """What a projector (mmproj) or a LoRA adds to a model; raises Unsupported where the file is a model."""
        out, error = L.ctxfit_companion(), L.ctxfit_error()
        out.struct_size = ctypes.sizeof(out)
        status = lib.ctxfit_companion_from_gguf(self._handle(), ctypes.byref(out), ctypes.byref(error))
        if status:
            raise error_of(status, error)
        return Companion._of(out)

    @property
    def metadata(self) -> Metadata:
        """The keys and their values."""
        return Metadata(self)

    @property
    def tensors(self) -> Tuple[TensorInfo, ...]:
        """The tensors in the order of the file."""
        owner = self._handle()
        return tuple(_tensor(owner, i) for i in range(lib.ctxfit_gguf_tensor_count(owner)))

    def tensor(self, name: str) -> TensorInfo:
        """A tensor by its name."""
        owner = self._handle()
        place = ctypes.c_uint64()
        status = lib.ctxfit_gguf_find_tensor(owner, _convert.encoded(name, "name"), ctypes.byref(place))
        if status == Status.NOT_FOUND:
            raise MissingKey(f"no tensor is called {name!r}")
        if status:
            raise error_of(status)
        return _tensor(owner, place.value)

    def __repr__(self) -> str:
        if self.closed:
            return "<closed Gguf>"
        owner = self._handle()
        return f"<Gguf: {lib.ctxfit_gguf_key_count(owner)} keys, {lib.ctxfit_gguf_tensor_count(owner)} tensors>"


class Metadata(Mapping[str, Value]):
    """The keys of a header. An array that was not kept (a vocabulary) has its GgufKey as value: type, count, place and size."""

    __slots__ = ("_gguf",)

    def __init__(self, gguf: Gguf) -> None:
        self._gguf = gguf

    def __len__(self) -> int:
        return int(lib.ctxfit_gguf_key_count(self._gguf._handle()))

    def __iter__(self) -> Iterator[str]:
        owner = self._gguf._handle()
        for i in range(lib.ctxfit_gguf_key_count(owner)):
            yield lib.ctxfit_gguf_key_name(owner, i).decode("utf-8", "replace")

    def key(self, name: str) -> GgufKey:
        """Type, count, place and size of a value."""
        owner = self._gguf._handle()
        place = ctypes.c_uint64()
        status = lib.ctxfit_gguf_find_key(owner, _convert.encoded(name, "key"), ctypes.byref(place))
        if status == Status.NOT_FOUND:
            raise MissingKey(f"the file has no key {name!r}")
        if status:
            raise error_of(status)
        return GgufKey._of(ask(L.ctxfit_gguf_key, lib.ctxfit_gguf_get_key, owner, place.value), name)

    def __getitem__(self, name: str) -> Value:
        key = self.key(name)
        owner, encoded = self._gguf._handle(), name.encode("utf-8")
        if key.type == GgufType.ARRAY:
            return self._array(owner, encoded, key)
        if key.type == GgufType.STRING:
            return self._string(owner, encoded)
        if key.type == GgufType.BOOL:
            return bool(ask(ctypes.c_uint32, lib.ctxfit_gguf_get_bool, owner, encoded).value)
        if key.type in _FLOATS:
            return float(ask(ctypes.c_double, lib.ctxfit_gguf_get_f64, owner, encoded).value)
        if key.type == GgufType.UINT64:
            return int(ask(ctypes.c_uint64, lib.ctxfit_gguf_get_u64, owner, encoded).value)
        return int(ask(ctypes.c_int64, lib.ctxfit_gguf_get_i64, owner, encoded).value)

    @staticmethod
    def _string(owner: Owner, name: bytes) -> str:
        text, length = ctypes.c_void_p(), ctypes.c_size_t()
        status = lib.ctxfit_gguf_get_string(owner, name, ctypes.byref(text), ctypes.byref(length))
        if status:
            raise error_of(status)
        return ctypes.string_at(text, length.value).decode("utf-8", "replace") if text.value else ""

    @staticmethod
    def _array(owner: Owner, name: bytes, key: GgufKey) -> Value:
        if key.element_type == GgufType.STRING:
            return key
        count = ask(ctypes.c_uint64, lib.ctxfit_gguf_get_array_count, owner, name).value
        try:
            if key.element_type in _FLOATS:
                return tuple(ask(ctypes.c_double, lib.ctxfit_gguf_get_array_f64, owner, name, i).value for i in range(count))
            return tuple(ask(ctypes.c_int64, lib.ctxfit_gguf_get_array_i64, owner, name, i).value for i in range(count))
        except Unsupported:
            return key

    def __repr__(self) -> str:
        return f"<Metadata of {self._gguf!r}>"


class _Settings:
    """Options of the parser, checked once."""

    def __init__(self, header_only: object, dialect: object, max_bytes: int) -> None:
        if not isinstance(header_only, bool):
            raise TypeError(f"header_only: expected True or False, not {header_only!r}")
        self.flags = GgufFlags.HEADER_ONLY if header_only else 0
        self.dialect = _convert.member(dialect, "dialect", Dialect)
        self.max_bytes = max_bytes

    def options(self, total: Optional[int]) -> L.ctxfit_gguf_options:
        return L.ctxfit_gguf_options(
            struct_size=ctypes.sizeof(L.ctxfit_gguf_options), flags=self.flags, file_bytes=total or 0, dialect=self.dialect
        )


_MOST = ctypes.c_uint64(-1).value


def _tensor(owner: Owner, place: int) -> TensorInfo:
    name = lib.ctxfit_gguf_tensor_name(owner, place).decode("utf-8", "replace")
    return TensorInfo._of(ask(L.ctxfit_tensor_info, lib.ctxfit_gguf_get_tensor, owner, place), name)


def _fill(fetch: Fetch, start: int, stop: int) -> bytes:
    """Bytes from `start` to `stop`, fewer where the file ends."""
    pieces = []
    while start < stop:
        piece = fetch(start, stop - start)
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            raise TypeError(f"fetch: expected bytes from it, not {type(piece).__name__}")
        if len(piece) > stop - start:
            raise InvalidArgument(f"fetch: returned {len(piece)} bytes where {stop - start} were asked for")
        if not piece:
            break
        pieces.append(bytes(piece))
        start += len(piece)
    return b"".join(pieces)


def _reader(file: Any) -> Fetch:
    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        return bytes(file.read(length))

    return read


__all__ = ["Gguf", "Metadata"]
