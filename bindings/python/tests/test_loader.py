"""A missing library, a wrong one, one of another version: errors that say what to do."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ctxfit
from ctxfit import _layout as L

SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def run(code: str, library: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "CTXFIT_LIBRARY": library})


def bundled() -> Path:
    return next(Path(ctxfit.__file__).parent.glob("*ctxfit" + SUFFIX))


def test_the_variable_names_the_library(tmp_path: Path) -> None:
    other = tmp_path / ("other" + SUFFIX)
    shutil.copy(bundled(), other)
    done = run("import ctxfit, ctxfit._library as l; print(l.lib._name, ctxfit.library_version)", str(other))
    assert done.stdout.split() == [str(other), L.VERSION], done.stderr


def test_a_missing_library_is_an_import_error(tmp_path: Path) -> None:
    done = run("import ctxfit", str(tmp_path / "nowhere.so"))
    assert done.returncode == 1
    assert "LibraryError" in done.stderr and "$CTXFIT_LIBRARY names" in done.stderr and "install a wheel of ctxfit" in done.stderr
    caught = run("try:\n    import ctxfit\nexcept ImportError as error:\n    print('caught')", str(tmp_path / "nowhere.so"))
    assert caught.stdout == "caught\n"


def build(folder: Path, source: str) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform == "win32":
        pytest.skip("no C compiler")
    (folder / "fake.c").write_text(source)
    target = folder / ("fake" + SUFFIX)
    subprocess.run([compiler, "-shared", "-fPIC", str(folder / "fake.c"), "-o", str(target)], check=True)
    return str(target)


def test_another_version_says_which(tmp_path: Path) -> None:
    done = run("import ctxfit", build(tmp_path, 'const char *ctxfit_version_string(void) { return "0.99.0"; }'))
    series = L.VERSION.rsplit(".", 1)[0]
    assert "is libctxfit 0.99.0, but this package needs " + series + ".x" in done.stderr


def test_an_older_patch_that_lacks_a_function_says_which(tmp_path: Path) -> None:
    done = run("import ctxfit", build(tmp_path, f'const char *ctxfit_version_string(void) {{ return "{L.VERSION}"; }}'))
    assert "lacks ctxfit_" in done.stderr and "LibraryError" in done.stderr


def test_some_other_library_says_so(tmp_path: Path) -> None:
    done = run("import ctxfit", build(tmp_path, "int other(void) { return 0; }"))
    assert "is not libctxfit" in done.stderr


def test_a_file_that_is_no_library_says_so(tmp_path: Path) -> None:
    other = tmp_path / "text.so"
    other.write_text("no library")
    assert "could not be loaded" in run("import ctxfit", str(other)).stderr
