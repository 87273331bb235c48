"""What the tests share. They run against the installed package, from a clone: the data and the headers are those of the repository."""
from __future__ import annotations

from pathlib import Path

import pytest

import ctxfit

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "tests" / "data"
CODER = "qwen3-coder-30b-a3b"
STUDIO = "mac-studio-m2-ultra-64gb"


@pytest.fixture(scope="session")
def coder() -> ctxfit.Model:
    return ctxfit.Model.from_catalog(CODER, quant="Q4_K_M")


@pytest.fixture(scope="session")
def studio() -> ctxfit.Hardware:
    return ctxfit.Hardware(STUDIO)


@pytest.fixture(scope="session")
def plan(coder: ctxfit.Model, studio: ctxfit.Hardware) -> ctxfit.Plan:
    return ctxfit.plan(coder, studio, ctx=262144)


@pytest.fixture(scope="session")
def header() -> bytes:
    return (DATA / "gguf" / "qwen-dense.gguf").read_bytes()
