"""Eyes and ears beside a model: what an mmproj file takes."""
from __future__ import annotations

import ctypes
from typing import Optional, SupportsIndex, Tuple, Union

from . import _convert
from . import _layout as L
from ._enums import Backend, ProjectorFlags
from ._gguf import Gguf
from ._library import Handle, error_of, lib
from ._records import Companion, ProjectorMemory

_MOST = ctypes.c_uint32(-1).value


class Projector(Handle):
    """An mmproj file."""

    __slots__ = ()
    _free = lib.ctxfit_projector_free

    def __init__(self) -> None:
        raise TypeError("a Projector is made by Projector.from_gguf()")

    @classmethod
    def from_gguf(cls, gguf: Gguf) -> Projector:
        """Reads a header, which is not needed afterwards."""
        if not isinstance(gguf, Gguf):
            raise TypeError(f"gguf: expected Gguf, not {type(gguf).__name__}; Gguf.open() makes one")
        return cls._wrap(cls._make(lib.ctxfit_projector_from_gguf, gguf._handle()))

    @property
    def info(self) -> Companion:
        """What the file says."""
        out = L.ctxfit_companion(struct_size=ctypes.sizeof(L.ctxfit_companion))
        status = lib.ctxfit_projector_get_info(self._handle(), ctypes.byref(out))
        if status:
            raise error_of(status)
        return Companion._of(out)

    def measure(
        self,
        engine: Optional[str] = None,
        backend: Union[Backend, str, None] = None,
        *,
        host: bool = False,
        flash_attention: Optional[bool] = None,
        image_min_tokens: Optional[SupportsIndex] = None,
        image_max_tokens: Optional[SupportsIndex] = None,
        image: Optional[Tuple[SupportsIndex, SupportsIndex]] = None,
        images: Optional[SupportsIndex] = None,
        audio_ms: Optional[SupportsIndex] = None,
    ) -> ProjectorMemory:
        """What it takes; what is left out, or None, is the engine's default.

        engine          "llama.cpp", "llama.cpp@b10472"
        backend         of the GPU that it runs on; None: on the host
        host            on the host though there is a GPU
        image           width and height of an image that comes, in pixels
        images          of that size, in one request
        audio_ms        milliseconds of a recording that comes
        """
        o = fill_options(host, flash_attention, image_min_tokens, image_max_tokens, image, images, audio_ms)
        out = L.ctxfit_projector_memory(struct_size=ctypes.sizeof(L.ctxfit_projector_memory))
        error = L.ctxfit_error()
        name = None if engine is None else _convert.encoded(engine, "engine")
        place = _convert.member(backend, "backend", Backend)
        status = lib.ctxfit_projector_measure(self._handle(), name, place, ctypes.byref(o), ctypes.byref(out), ctypes.byref(error))
        if status:
            raise error_of(status, error)
        return ProjectorMemory._of(out)

    def __repr__(self) -> str:
        return "<closed Projector>" if self.closed else f"<Projector {self.info.name}>"


def fill_options(
    host: bool,
    flash_attention: Optional[bool],
    image_min_tokens: Optional[SupportsIndex],
    image_max_tokens: Optional[SupportsIndex],
    image: Optional[Tuple[SupportsIndex, SupportsIndex]],
    images: Optional[SupportsIndex],
    audio_ms: Optional[SupportsIndex],
) -> L.ctxfit_projector_options:
    """The options as C has them."""
    if not isinstance(host, bool):
        raise TypeError(f"host: expected True or False, not {host!r}")
    o = L.ctxfit_projector_options(struct_size=ctypes.sizeof(L.ctxfit_projector_options))
    o.flags = ProjectorFlags.HOST if host else 0
    o.flash_attention = _convert.switch(flash_attention, "flash_attention")
    if image is not None:
        if not isinstance(image, tuple) or len(image) != 2:
            raise TypeError(f"image: expected a width and a height, not {image!r}")
        o.image_width, o.image_height = (_convert.whole(side, "image", 1, _MOST) for side in image)
    for name, value in (
        ("image_min_tokens", image_min_tokens),
        ("image_max_tokens", image_max_tokens),
        ("images", images),
        ("audio_ms", audio_ms),
    ):
        if value is not None:
            setattr(o, name, _convert.whole(value, name, 1, _MOST))
    return o
