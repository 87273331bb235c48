"""Listings: the models that a machine runs, the machines that run a model."""
from __future__ import annotations

import ctypes
from typing import Any, NamedTuple, Optional, Tuple, Union

from . import _convert
from . import _layout as L
from ._hardware import Hardware, as_hardware, hardware_filter
from ._library import error_of, lib
from ._model import Model
from ._plan import checked_options
from ._records import RankRow


class RankedModel(NamedTuple):
    """A model of the catalog and the plan that it would have."""

    #: what Model.from_catalog() takes
    id: str
    row: RankRow


class RankedMachine(NamedTuple):
    """A machine of the catalog and the plan that a model would have on it."""

    #: what a spec calls it
    id: str
    row: RankRow


def _rows(count: int) -> Any:
    rows = (L.ctxfit_rank_row * count)()
    for row in rows:
        row.struct_size = ctypes.sizeof(L.ctxfit_rank_row)
    return rows


def rank_models(
    hw: Union[Hardware, str], *, quant: Optional[str] = None, least: Optional[str] = None, **options: Any
) -> Tuple[RankedModel, ...]:
    """The models of the catalog that a machine runs, the largest first, with options as those of plan().

    Each is in the best file type that fits, from `quant` down to `least`; with `quant` alone all are in that one.
    """
    made = checked_options("rank_models", options)
    machine = as_hardware(hw)
    best = _convert.file_type(quant, "quant")
    smallest = _convert.file_type(least, "least") if least is not None or quant is None else best
    rows = _rows(lib.ctxfit_model_catalog_count())
    count = ctypes.c_size_t()
    error = L.ctxfit_error()
    status = lib.ctxfit_rank_models(
        machine._handle(), best, smallest, ctypes.byref(made), None, rows, len(rows), ctypes.byref(count), ctypes.byref(error)
    )
    if status:
        raise error_of(status, error)
    return tuple(RankedModel(lib.ctxfit_model_catalog_id(row.place).decode(), RankRow._of(row)) for row in rows[: count.value])


def rank_machines(model: Model, *, machines: Optional[bool] = True, **options: Any) -> Tuple[RankedMachine, ...]:
    """The machines of the catalog that run a model, the cheapest first, with options as those of plan().

    `text`, `vendor`, `kind`, `form`, `machines`, `price_*`, `memory_*`, `bandwidth_*`: as Hardware.search() takes them.
    """
    if not isinstance(model, Model):
        raise TypeError(f"model: expected Model, not {type(model).__name__}")
    wanted = {name: options.pop(name) for name in list(options) if name in (hardware_filter.__kwdefaults__ or {}) and name != "machines"}
    chosen = hardware_filter(machines=machines, **wanted)
    made = checked_options("rank_machines", options)
    rows = _rows(lib.ctxfit_hw_catalog_count())
    count = ctypes.c_size_t()
    error = L.ctxfit_error()
    status = lib.ctxfit_rank_machines(
        model._handle(), ctypes.byref(chosen), ctypes.byref(made), None, rows, len(rows), ctypes.byref(count), ctypes.byref(error)
    )
    if status:
        raise error_of(status, error)
    return tuple(RankedMachine(lib.ctxfit_hw_catalog_id(row.place).decode(), RankRow._of(row)) for row in rows[: count.value])


__all__ = ["rank_machines", "rank_models", "RankedMachine", "RankedModel"]
