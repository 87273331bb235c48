"""Does this language model, at this quantization and context, fit this machine; how much context, how fast, and what limits it?

    import ctxfit

    model = ctxfit.Model.from_catalog("qwen3-coder-30b-a3b", quant="Q4_K_M")
    plan = ctxfit.plan(model, ctxfit.Hardware("mac-studio-m2-ultra-64gb"), ctx=262144, kv="q8_0")
    plan.fits, plan.max_context, plan.devices[0].kv_bytes, plan.binding
    plan.check(prompt=146_760, deadline_s=300)

Everything is immutable and can be used from many threads. Sizes are bytes, contexts are tokens.
"""
from __future__ import annotations

from . import _enums, _records
from ._batch import Answer, batch
from ._beside import Beside, beside_name
from ._engines import engine, engines
from ._enums import *  # noqa: F403
from ._errors import (
    Closed,
    Error,
    Incomplete,
    InputOutput,
    InvalidArgument,
    LibraryError,
    LimitReached,
    Malformed,
    MissingKey,
    NotFound,
    OutOfMemory,
    Refused,
    TooLarge,
    Truncated,
    Unsupported,
    WrongType,
)
from ._gguf import Gguf, Metadata
from ._hardware import Hardware, HardwareList, HardwareName
from ._layout import VERSION as __version__
from ._library import lib as _lib
from ._model import Model, ModelEntry
from ._place import Place, PlaceSet, ReadLine, argument, change_name, place, place_set, read_line, write_line
from ._modelfile import Modelfile, Stored, store_places, stored_models
from ._plan import Plan, applied_parameters, best_file_type, difference_name, limit_name, plan
from ._projector import Projector
from ._rank import RankedMachine, RankedModel, rank_machines, rank_models
from ._quants import file_type, file_type_from_ggml, file_types, quant, quant_from_ggml, quants, row_bytes, tensor_bytes
from ._records import *  # noqa: F403
from ._safetensors import Safetensors, dtype_name

#: version of the C library that runs, as text and as one comparable number
library_version: str = _lib.ctxfit_version_string().decode()
library_version_number: int = _lib.ctxfit_version_number()

__all__ = [
    "__version__",
    "Answer",
    "applied_parameters",
    "argument",
    "batch",
    "Beside",
    "beside_name",
    "best_file_type",
    "change_name",
    "Closed",
    "difference_name",
    "dtype_name",
    "engine",
    "engines",
    "Error",
    "file_type",
    "file_type_from_ggml",
    "file_types",
    "Gguf",
    "Hardware",
    "HardwareList",
    "HardwareName",
    "Incomplete",
    "InputOutput",
    "InvalidArgument",
    "library_version",
    "library_version_number",
    "LibraryError",
    "limit_name",
    "LimitReached",
    "Malformed",
    "Metadata",
    "MissingKey",
    "Model",
    "ModelEntry",
    "Modelfile",
    "NotFound",
    "OutOfMemory",
    "Place",
    "place",
    "place_set",
    "PlaceSet",
    "Plan",
    "plan",
    "Projector",
    "quant",
    "quant_from_ggml",
    "quants",
    "read_line",
    "ReadLine",
    "rank_machines",
    "rank_models",
    "RankedMachine",
    "RankedModel",
    "Refused",
    "row_bytes",
    "Safetensors",
    "store_places",
    "Stored",
    "stored_models",
    "tensor_bytes",
    "TooLarge",
    "Truncated",
    "Unsupported",
    "write_line",
    "WrongType",
]
__all__ += _enums.__all__
__all__ += _records.__all__
