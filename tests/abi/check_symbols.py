#!/usr/bin/env python3
"""Headers, symbol map, docs/symbols.txt and the built library must name the same functions.

  check_symbols.py [LIBRARY]   compare; with a library also what it exports
  check_symbols.py --write     add new functions of the headers to the map and to docs/symbols.txt

A released node of the map is never changed: new functions go into the node of the version in base.h.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = sorted((ROOT / "include").rglob("*.h"))
MAP = ROOT / "lib" / "ctxfit.map"
SYMBOLS = ROOT / "docs" / "symbols.txt"


def declared():
    """name -> version of its @since, of every CTXFIT_API function."""
    found = {}
    for header in HEADERS:
        text = header.read_text()
        for match in re.finditer(r"^CTXFIT_API[^;]*?\b(ctxfit_\w+)\s*\(", text, re.M):
            comments = re.findall(r"/\*\*.*?\*/", text[: match.start()], re.S)
            since = re.search(r"@since\s+([\d.]+)", comments[-1]) if comments else None
            if not since:
                sys.exit(f"{header.name}: {match[1]} has no @since")
            found[match[1]] = since[1].rstrip(".")
    return found


def version():
    text = (ROOT / "include/ctxfit/base.h").read_text()
    return ".".join(re.search(rf"CTXFIT_VERSION_{p}\s+(\d+)", text)[1] for p in ("MAJOR", "MINOR"))


def mapped():
    return re.findall(r"^\s+(ctxfit_\w+);", MAP.read_text(), re.M) if MAP.exists() else []


def listed():
    lines = SYMBOLS.read_text().splitlines() if SYMBOLS.exists() else []
    return dict(line.split() for line in lines if line and not line.startswith("#"))


def write(functions):
    node = f"CTXFIT_{version()}"
    MAP.write_text("/* Exported functions, one node per minor version. Kept by tests/abi/check_symbols.py --write. */\n%s {\nglobal:\n%s\nlocal:\n    *;\n};\n"
                   % (node, "\n".join(f"    {f};" for f in sorted(functions))))
    SYMBOLS.write_text("# function since\n" + "".join(f"{f} {v}\n" for f, v in sorted(functions.items())))


def exported(library):
    lines = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[2].split("@")[0] for line in lines if line.split()[1] in "TDBRVW"}


def main():
    functions = declared()
    if "--write" in sys.argv:
        write(functions)
        return 0
    sets = {"the map": set(mapped()), "docs/symbols.txt": set(listed())}
    if len(sys.argv) > 1:
        sets["the library"] = exported(sys.argv[1])
    bad = [f"{name} lacks {f}" for name, s in sets.items() for f in sorted(set(functions) - s)]
    bad += [f"{name} has {f}, which no header declares" for name, s in sets.items() for f in sorted(s - set(functions))]
    bad += [f"{f}: @since {functions[f]}, docs/symbols.txt says {v}" for f, v in listed().items() if functions.get(f, v) != v]
    print("\n".join(bad) or f"{len(functions)} functions agree")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
