"""One object in many threads, closed under their feet, and a lock that is released while C works."""
from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import List

import ctxfit
from conftest import CODER, DATA

THREADS = 8


def test_many_threads_read_one_object() -> None:
    model = ctxfit.Model.from_catalog(CODER, quant="Q4_K_M")
    hw = ctxfit.Hardware("2*rtx-4090 host:64GiB")
    plan = ctxfit.plan(model, hw, ctx=65536)
    expected = (plan.to_json(), plan.check(1000), model.info, hw.spec)

    def work(_: int) -> bool:
        return all(
            (ctxfit.plan(model, hw, ctx=65536).to_json(), plan.check(1000), model.info, hw.spec) == expected for _ in range(50)
        )

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(work, range(THREADS)))


def test_closing_while_others_use_it_is_an_error_and_no_crash() -> None:
    for _ in range(20):
        model = ctxfit.Model.from_catalog(CODER, quant="Q4_K_M")
        start = threading.Barrier(THREADS + 1)
        outcomes: List[str] = []

        def work() -> None:
            start.wait()
            try:
                for _ in range(1000):
                    model.info.layers
                    model.requantize("Q8_0")
                outcomes.append("done")
            except ctxfit.Closed:
                outcomes.append("closed")

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        start.wait()
        time.sleep(0.001)
        model.close()
        for thread in threads:
            thread.join()
        assert len(outcomes) == THREADS and "closed" in outcomes


def test_the_interpreter_runs_while_c_works() -> None:
    """A C call of some milliseconds leaves the interpreter to other threads: they make progress during it."""
    tensors = 20000
    names = b"".join(_tensor(i) for i in range(tensors))
    data = b"GGUF" + (3).to_bytes(4, "little") + tensors.to_bytes(8, "little") + (0).to_bytes(8, "little") + names
    ticks: List[float] = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.is_set():
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        best = 0
        for _ in range(20):
            start = time.perf_counter()
            ctxfit.Gguf.parse(data, header_only=True)
            end = time.perf_counter()
            best = max(best, sum(start < t < end for t in ticks))
            ticks.clear()
    finally:
        stop.set()
        thread.join()
    assert best > 10


def _tensor(i: int) -> bytes:
    name = f"tensor.{i:08}".encode()
    return len(name).to_bytes(8, "little") + name + (1).to_bytes(4, "little") + (32).to_bytes(8, "little") + bytes(4) + (i * 128).to_bytes(8, "little")


def test_handles_are_freed_without_close() -> None:
    """Memory does not grow by what thousands of forgotten handles would take."""
    resource = __import__("pytest").importorskip("resource")
    path = DATA / "gguf" / "qwen-dense.gguf"

    def make(count: int) -> None:
        for _ in range(count):
            ctxfit.Gguf.open(path, header_only=True)

    make(200)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    make(2000)  # each is some 30 KiB
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20 * 1024
