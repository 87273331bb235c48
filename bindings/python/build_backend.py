"""scikit-build-core, and source distributions that carry the C library.

In a clone the C sources are two folders up; a source distribution has them in libctxfit/, where CMakeLists.txt looks first.
"""
from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
from typing import Any, Dict, List, Optional

from scikit_build_core import build as _build
from scikit_build_core.build import *  # noqa: F403

_HERE = pathlib.Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
_PARTS = ("CMakeLists.txt", "LICENSE", "README.md", "ctxfit.pc.in", "include", "lib", "examples")


def _ignored(folder: str, names: List[str]) -> List[str]:
    """What a build leaves behind."""
    return [n for n in names if n in ("__pycache__", "build", "dist", ".pytest_cache", ".mypy_cache") or n.endswith((".pyc", ".egg-info", ".so"))]


def build_sdist(sdist_directory: str, config_settings: Optional[Dict[str, Any]] = None) -> str:
    target = os.path.abspath(sdist_directory)
    if (_HERE / "libctxfit").exists():
        return _build.build_sdist(target, config_settings)
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:
        stage = pathlib.Path(scratch) / "ctxfit"
        shutil.copytree(_HERE, stage, ignore=_ignored)
        (stage / "libctxfit").mkdir()
        for part in _PARTS:
            source = _ROOT / part
            if source.is_dir():
                shutil.copytree(source, stage / "libctxfit" / part, ignore=_ignored)
            else:
                shutil.copy2(source, stage / "libctxfit" / part)
        shutil.copy2(_ROOT / "LICENSE", stage / "LICENSE")
        os.chdir(stage)
        try:
            return _build.build_sdist(target, config_settings)
        finally:
            os.chdir(before)
