"""Machines."""
from __future__ import annotations

import ctypes
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

from . import _convert
from . import _layout as L
from ._enums import DeviceKind, EntryKind, Form, Status
from ._errors import InvalidArgument
from ._library import Handle, ask, error_of, lib, read_text
from ._records import Device, HardwareEntry


class HardwareName(NamedTuple):
    """One entry of the hardware catalog, in short."""

    #: what a spec calls it: "rtx-4090"
    id: str
    #: name for people: "GeForce RTX 4090"
    name: str
    #: where its figures come from, and when they were read
    source: str


def _entry(place: int) -> HardwareEntry:
    return HardwareEntry._of(ask(L.ctxfit_hw_entry, lib.ctxfit_hw_catalog_get, place))


def hardware_filter(
    *, text: str = "", vendor: str = "", kind: Union[DeviceKind, str, None] = None, form: Union[Form, str, None] = None,
    machines: Optional[bool] = None, price_least_usd: int = 0, price_most_usd: int = 0, memory_least_bytes: int = 0,
    memory_most_bytes: int = 0, bandwidth_least_bytes_per_s: int = 0
) -> L.ctxfit_hw_filter:
    """What Hardware.search() and rank_machines() look for."""
    wanted = L.ctxfit_hw_filter(struct_size=ctypes.sizeof(L.ctxfit_hw_filter))
    wanted.kind = _convert.member(kind, "kind", DeviceKind)
    wanted.form = _convert.member(form, "form", Form)
    if machines is not None:
        wanted.machines = EntryKind.MACHINES if machines else EntryKind.PARTS
    given = {
        "text": text, "vendor": vendor, "price_least_usd": price_least_usd, "price_most_usd": price_most_usd,
        "memory_least_bytes": memory_least_bytes, "memory_most_bytes": memory_most_bytes,
        "bandwidth_least_bytes_per_s": bandwidth_least_bytes_per_s,
    }
    for field, value in given.items():
        _convert.set_field(wanted, field, value, field)
    return wanted


class HardwareList(Handle):
    """Hardware of your own, from JSON: an array of objects whose members have the names of HardwareEntry and its units."""

    __slots__ = ()
    _free = lib.ctxfit_hw_list_free

    def __init__(self, text: str) -> None:
        data = _convert.encoded(text, "text")
        self._owner = self._make(lib.ctxfit_hw_list_from_json, data, len(data))

    @property
    def entries(self) -> Tuple[HardwareEntry, ...]:
        """What it holds, completed by what follows from it."""
        owner = self._handle()
        return tuple(
            HardwareEntry._of(ask(L.ctxfit_hw_entry, lib.ctxfit_hw_list_get, owner, i)) for i in range(lib.ctxfit_hw_list_count(owner))
        )

    def __len__(self) -> int:
        return int(lib.ctxfit_hw_list_count(self._handle()))

    def __repr__(self) -> str:
        return "<closed HardwareList>" if self.closed else f"<HardwareList of {', '.join(e.id for e in self.entries)}>"


class Hardware(Handle):
    """A machine, made from a spec such as "2*rtx-4090 host:64GiB" or "mac-studio-m2-ultra-64gb".

    The entries of `own` come before the catalog's; the machine's own spec can be read without them.
    """

    __slots__ = ()
    _free = lib.ctxfit_hw_free

    def __init__(self, spec: str, *, own: Optional[HardwareList] = None) -> None:
        if own is None:
            self._owner = self._make(lib.ctxfit_hw_parse, _convert.encoded(spec, "spec"))
        elif not isinstance(own, HardwareList):
            raise TypeError(f"own: expected HardwareList, not {type(own).__name__}")
        else:
            self._owner = self._make(lib.ctxfit_hw_parse_with, _convert.encoded(spec, "spec"), own._handle())

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
        cls, *, flags: int = 0, host_limit_bytes: int = 0, device_limit_bytes: Sequence[int] = (), root: str = "", visible_cuda: str = "",
        visible_rocm: str = "", visible_sycl: str = "", nvml_library: str = ""
    ) -> Hardware:
        """The machine that this runs on, with what is free now. `warnings` says what could not be seen.

        `visible_*` are the values of CUDA_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES and ZE_AFFINITY_MASK; the environment is not read. The
        limits are an orchestrator's: most of the host's memory and of each accelerator's, 0 for none. `flags`: DetectFlags.
        """
        options = L.ctxfit_hw_detect_options(struct_size=ctypes.sizeof(L.ctxfit_hw_detect_options))
        given = {
            "flags": flags, "host_limit_bytes": host_limit_bytes, "root": root, "visible_cuda": visible_cuda, "visible_rocm": visible_rocm,
            "visible_sycl": visible_sycl, "nvml_library": nvml_library,
        }
        for field, value in given.items():
            _convert.set_field(options, field, value, field)
        if len(device_limit_bytes) > L.CTXFIT_HW_DETECT_LIMITS:
            raise InvalidArgument(f"device_limit_bytes: {len(device_limit_bytes)} values, at most {L.CTXFIT_HW_DETECT_LIMITS}")
        for i, limit in enumerate(device_limit_bytes):
            options.device_limit_bytes[i] = _convert.whole(limit, f"device_limit_bytes[{i}]", 0, 2**64 - 1)
        return cls._wrap(cls._make(lib.ctxfit_hw_detect, ctypes.byref(options)))

    @staticmethod
    def catalog() -> Tuple[HardwareEntry, ...]:
        """Every device and machine that is known by name, with all that is known of it."""
        return tuple(_entry(i) for i in range(lib.ctxfit_hw_catalog_count()))

    @staticmethod
    def names() -> Tuple[HardwareName, ...]:
        """The entries of catalog() in short."""
        return tuple(
            HardwareName(
                lib.ctxfit_hw_catalog_id(i).decode(), lib.ctxfit_hw_catalog_name(i).decode(), lib.ctxfit_hw_catalog_source(i).decode()
            )
            for i in range(lib.ctxfit_hw_catalog_count())
        )

    @staticmethod
    def find(name: str) -> HardwareEntry:
        """The one entry of the catalog that a name leads to, as in a spec. NotFound lists the variants or suggests names."""
        place = ctypes.c_uint32()
        error = L.ctxfit_error()
        status = lib.ctxfit_hw_catalog_find(_convert.encoded(name, "name"), ctypes.byref(place), ctypes.byref(error))
        if status:
            raise error_of(status, error)
        return _entry(place.value)

    @staticmethod
    def search(
        text: str = "", *, vendor: str = "", kind: Union[DeviceKind, str, None] = None, form: Union[Form, str, None] = None,
        machines: Optional[bool] = None, price_least_usd: int = 0, price_most_usd: int = 0, memory_least_bytes: int = 0,
        memory_most_bytes: int = 0, bandwidth_least_bytes_per_s: int = 0
    ) -> Tuple[HardwareEntry, ...]:
        """The entries of the catalog that have all of this. `text`: a name, or words; `machines`: True for machines, False for parts.

        NotFound where nothing has `text`: it suggests names.
        """
        wanted = hardware_filter(
            text=text, vendor=vendor, kind=kind, form=form, machines=machines, price_least_usd=price_least_usd,
            price_most_usd=price_most_usd, memory_least_bytes=memory_least_bytes, memory_most_bytes=memory_most_bytes,
            bandwidth_least_bytes_per_s=bandwidth_least_bytes_per_s,
        )
        places = (ctypes.c_uint32 * lib.ctxfit_hw_catalog_count())()
        count = ctypes.c_size_t()
        error = L.ctxfit_error()
        status = lib.ctxfit_hw_catalog_search(ctypes.byref(wanted), places, len(places), ctypes.byref(count), ctypes.byref(error))
        if status != Status.OK:
            raise error_of(status, error)
        return tuple(_entry(place) for place in places[: count.value])

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


__all__ = ["Hardware", "HardwareList", "HardwareName"]
