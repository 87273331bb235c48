#!/usr/bin/env python3
"""What pages name is there: other pages, files, functions, constants. docs/errors.md has every status, docs/house.md every arrow."""
import pathlib
import re
import sys

from check_arrows import ARROWS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
HEADERS = "\n".join(h.read_text() for h in sorted((ROOT / "include").rglob("*.h")))
BUILD = "\n".join((ROOT / f).read_text() for f in ("CMakeLists.txt", "tests/CMakeLists.txt", "tests/run.sh", "bindings/python/src/ctxfit/_library.py",
                                                   "examples/ctxfit/cli_detect.c"))


def missing_links(page, text):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not re.match(r"https?:", target) and not (page.parent / target).exists():
            yield f"no such page: {target}"


def missing_files(text):
    """'*' in a path stands for any text, '<word>' for what the reader puts there."""
    for path in re.findall(r"`((?:lib|tests|examples|docs|include)/[^`\s]+)`", text):
        if not any(ROOT.glob(re.sub(r"<\w+>", "*", path.rstrip("/")))):
            yield f"no such file: {path}"


def missing_names(text):
    for name in set(re.findall(r"\b(?:ctxfit_[a-z0-9_]+(?=\(\))|CTXFIT_[A-Z0-9_]+\b(?!\*))", text)):
        if not name.endswith("_") and not re.search(rf"\b{name}\b", HEADERS + BUILD):
            yield f"no such name: {name}"


def missing_statuses():
    page = (ROOT / "docs/errors.md").read_text()
    for name, value in re.findall(r"^    (CTXFIT_OK|CTXFIT_E_\w+)\s*= (-?\d+)", HEADERS, re.M):
        if f"| `{name}` | {value} |" not in page:
            yield f"docs/errors.md: no row for {name} = {value}"


def missing_arrows():
    page = (ROOT / "docs/house.md").read_text()
    for module, targets in ARROWS.items():
        if targets and not re.search(rf"\b{module}:\s+{', '.join(targets)}(\s\s|\n)", page):
            yield f"docs/house.md: no arrow {module}: {', '.join(targets)}"


def main():
    bad = [*missing_statuses(), *missing_arrows()]
    for page in PAGES:
        text = page.read_text()
        faults = [*missing_links(page, text), *missing_files(text), *missing_names(text)]
        bad += [f"{page.relative_to(ROOT)}: {fault}" for fault in faults]
    print("\n".join(bad) or f"{len(PAGES)} pages agree with the tree")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
