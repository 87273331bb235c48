#!/usr/bin/env python3
"""The arrows of the house: which module may include whose internal headers; and the sizes of its rooms."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# x: a, b = x may include the internal headers of a and b, and of what they may.
ARROWS = {"base": [], "quant": ["base"], "gguf": ["quant"], "hf": ["base"], "hw": ["base"],
          "model": ["gguf", "hf"], "engine": ["model"], "graph": ["engine"], "memory": ["graph", "hw"], "speed": ["memory"], "plan": ["memory", "speed"],
          "place": ["plan"], "rank": ["plan"]}
MAX_LINES = 700  # tables aside
FORBIDDEN = re.compile(r"\b(abort|exit|printf|fprintf|puts|putchar|getenv|setlocale|strtok|rand|assert)\s*\(")
MAY_PRINT = re.compile(r"\bv?snprintf\s*\(")


def reach(module):
    seen, todo = set(), [module]
    while todo:
        m = todo.pop()
        if m not in seen:
            seen.add(m)
            todo += ARROWS[m]
    return seen


def check_source(path, module, public):
    bad = []
    text = path.read_text()
    for name in re.findall(r'^\s*#include "([^"]+)"', text, re.M):
        if "/" not in name:
            if not (path.parent / name).exists():
                bad.append(f"includes {name}, which is not in its folder")
            continue
        owner = name.split("/")[0]
        if owner == "ctxfit":
            if not (public / name).exists():
                bad.append(f"includes unknown {name}")
        elif owner not in reach(module):
            bad.append(f"{module} must not include {name}")
    code = re.sub(r"/\*.*?\*/|\"(\\.|[^\"\\])*\"", "", text, flags=re.S)
    for match in FORBIDDEN.finditer(MAY_PRINT.sub("", code)):
        bad.append(f"calls {match[1]}: the library neither prints, aborts nor reads the environment")
    if path.suffix != ".def" and text.count("\n") > MAX_LINES:
        bad.append(f"{text.count(chr(10))} lines, at most {MAX_LINES}")
    return bad


def check_page(page):
    """The page for people states the same modules and arrows."""
    text = page.read_text()
    tree, block = (re.findall(r"```\n(.*?)```", text, re.S) + ["", ""])[:2]
    bad = [f"{page.name}: lib/{m} is not in its tree" for m in ARROWS if not re.search(rf"^lib/{m}\s", tree, re.M)]
    stated = {m: to.split(", ") for m, to in re.findall(r"(\w+): +((?:\w+, )*\w+)", block)}
    if stated != {m: to for m, to in ARROWS.items() if to}:
        bad.append(f"{page.name}: states other arrows than {pathlib.Path(__file__).name}")
    return bad


def main():
    bad, files = check_page(ROOT / "docs" / "house.md"), 0
    names = {}
    for module in sorted(p.name for p in (ROOT / "lib").iterdir() if p.is_dir() and p.name != "cmake"):
        if module not in ARROWS:
            bad.append(f"lib/{module}: no arrow is stated for it")
            continue
        for path in sorted((ROOT / "lib" / module).rglob("*.[ch]")) + sorted((ROOT / "lib" / module).rglob("*.def")):
            files += 1
            bad += [f"{path.relative_to(ROOT)}: {b}" for b in check_source(path, module, ROOT / "include")]
            if path.name in names:
                bad.append(f"{path.relative_to(ROOT)}: {names[path.name]} has the same file name")
            names[path.name] = path.relative_to(ROOT)
    for path in (ROOT / "examples").rglob("*.[ch]"):
        files += 1
        for name in re.findall(r'^\s*#include "([^"]+)"', path.read_text(), re.M):
            if name.split("/")[0] in ARROWS:
                bad.append(f"{path.relative_to(ROOT)}: an example uses the public API only, not {name}")
    print("\n".join(bad) or f"{files} files keep the arrows")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
