"""Machines."""
from __future__ import annotations

import ctypes
from typing import Iterable, List, NamedTuple, Tuple, Union

from . import _convert
from . import _layout as L
from ._errors import InvalidArgument
from ._library import Handle, ask, lib, read_text
from ._records import Device


class HardwareEntry(NamedTuple):
    """One entry of the hardware catalog."""

    #: what a spec calls it: "rtx-4090"
    id: str
    #: name for people: "GeForce RTX 4090"
    name: str
    #: where its figures come from, and when they were read
    source: str


class Hardware(Handle):
    """A machine, made from a spec such as "2*rtx-4090 host:64GiB" or "mac-studio-m2-ultra-64gb"."""

    __slots__ = ()
    _free = lib.ctxfit_hw_free

    def __init__(self, spec: str) -> None:
        self._owner = self._make(lib.ctxfit_hw_parse, _convert.encoded(spec, "spec"))

    @classmethod
    def from_devices(cls, devices: Iterable[Device]) -> Hardware:
        """A machine from your own devices. Members that are left out are the catalog's where `id` names an entry."""
        items = list(devices)
        structs = (L.ctxfit_device * len(items))()
        for struct, device in zip(structs, items):
            if not isinstance(device, Device):
                raise TypeError(f"devices: expected Device, not {type(device).__name__}")
            _convert.fill(struct, device)
        if not items:
            raise InvalidArgument("devices: expected at least one Device")
        return cls._wrap(cls._make(lib.ctxfit_hw_from_devices, ctypes.byref(structs), len(items)))

    @classmethod
    def detect(
        cls, *, flags: int = 0, host_limit_bytes: int = 0, root: str = "", visible_cuda: str = "", visible_rocm: str = ""
    ) -> Hardware:
        """The machine that this runs on, with what is free now. `warnings` says what could not be seen.

        `visible_*` are the values of CUDA_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES; the environment is not read. `flags`: DetectFlags.
        """
        options = L.ctxfit_hw_detect_options(struct_size=ctypes.sizeof(L.ctxfit_hw_detect_options))
        given = {
            "flags": flags, "host_limit_bytes": host_limit_bytes, "root": root, "visible_cuda": visible_cuda, "visible_rocm": visible_rocm,
        }
        for field, value in given.items():
            _convert.set_field(options, field, value, field)
        return cls._wrap(cls._make(lib.ctxfit_hw_detect, ctypes.byref(options)))

    @staticmethod
    def catalog() -> Tuple[HardwareEntry, ...]:
        """Every device and machine that is known by name."""
        return tuple(
            HardwareEntry(
                lib.ctxfit_hw_catalog_id(i).decode(), lib.ctxfit_hw_catalog_name(i).decode(), lib.ctxfit_hw_catalog_source(i).decode()
            )
            for i in range(lib.ctxfit_hw_catalog_count())
        )

    @property
    def devices(self) -> Tuple[Device, ...]:
        """Its devices; the host is the last."""
        owner = self._handle()
        return tuple(
            Device._of(ask(L.ctxfit_device, lib.ctxfit_hw_get_device, owner, i)) for i in range(lib.ctxfit_hw_device_count(owner))
        )

    @property
    def spec(self) -> str:
        """Its spec in canonical form, which names the same machine wherever it is read."""
        return read_text(lib.ctxfit_hw_write_spec, self._handle())

    @property
    def warnings(self) -> Tuple[str, ...]:
        """What detection could not see or left out; empty for a machine that was not detected."""
        owner = self._handle()
        found: List[str] = []
        while True:
            warning = lib.ctxfit_hw_warning(owner, len(found))
            if warning is None:
                return tuple(found)
            found.append(warning.decode("utf-8", "replace"))

    def report(self) -> str:
        """For a detected machine: what was read where and matched by which evidence. Send it with a report of a fault."""
        return read_text(lib.ctxfit_hw_write_report, self._handle())

    def __str__(self) -> str:
        return self.spec

    def __repr__(self) -> str:
        return "<closed Hardware>" if self.closed else f"Hardware({self.spec!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hardware) and (self is other or self.spec == other.spec)

    def __hash__(self) -> int:
        return hash(self.spec)


def as_hardware(value: Union[Hardware, str], name: str = "hw") -> Hardware:
    if isinstance(value, Hardware):
        return value
    if isinstance(value, str):
        return Hardware(value)
    raise TypeError(f"{name}: expected Hardware or its spec as str, not {type(value).__name__}")


__all__ = ["Hardware", "HardwareEntry"]
