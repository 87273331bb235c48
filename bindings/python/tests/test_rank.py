"""Listings."""
from __future__ import annotations

import pytest

import ctxfit
from conftest import CODER


def test_models_for_a_machine_are_plans() -> None:
    ranked = ctxfit.rank_models("rtx-4090 host:64GiB", quant="Q4_K_M", ctx=32768)
    assert len(ranked) > 100
    for found in ranked[::20]:
        own = ctxfit.plan(
            ctxfit.Model.from_catalog(found.id, quant="Q4_K_M"), "rtx-4090 host:64GiB", ctx=32768,
            cpu_expert_layers="all" if found.row.cpu_experts else None,
        )
        assert own.fits and own.summary.total_bytes == found.row.total_bytes and found.row.file_type == "Q4_K_M"
    best = ctxfit.rank_models("mac-mini-m4-16gb", least="Q4_0", ctx=8192)
    assert {m.row.file_type for m in best} > {"Q8_0", "Q4_K_M"}


def test_machines_for_a_model_are_by_price() -> None:
    model = ctxfit.Model.from_catalog(CODER, quant="Q4_K_M")
    ranked = ctxfit.rank_machines(model, ctx=65536, vendor="apple", price_most_usd=5000)
    prices = [m.row.price_usd for m in ranked]
    assert len(ranked) > 5 and prices == sorted(prices) and max(prices) <= 5000
    assert ctxfit.plan(model, ranked[0].id, ctx=65536, cpu_expert_layers="all" if ranked[0].row.cpu_experts else None).fits


def test_mistakes_in_listings_are_named() -> None:
    model = ctxfit.Model.from_catalog(CODER, quant="Q4_K_M")
    with pytest.raises(TypeError, match="rank_models\\(\\) got an unexpected option 'contekst'"):
        ctxfit.rank_models("rtx-4090", contekst=1)
    with pytest.raises(ctxfit.InvalidArgument, match="largest"):
        ctxfit.rank_models("rtx-4090", ctx="max")
    with pytest.raises(ctxfit.InvalidArgument, match="better than"):
        ctxfit.rank_models("rtx-4090", quant="Q4_0", least="Q8_0")
    with pytest.raises(LookupError, match="rtx-4090"):
        ctxfit.rank_machines(model, text="rtx-4099")
