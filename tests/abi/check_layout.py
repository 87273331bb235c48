#!/usr/bin/env python3
"""Sizes and offsets of every public struct are the same on 32 and 64 bit, and sizes are multiples of 8.   check_layout.py SCRATCH

The C program that prints them is made from the headers, so that a new struct is covered the day it is declared.
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
POINTERS = {"ctxfit_allocator"}  # holds functions: as wide as the machine


def structs():
    """name -> member names, of every struct that the headers define."""
    found = {}
    for header in sorted((ROOT / "include").rglob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        for body, name in re.findall(r"typedef struct \w+ \{(.*?)\}\s*(\w+);", text, re.S):
            if name not in POINTERS:
                found[name] = [re.search(r"(\w+)\s*(\[[^\]]*\])*\s*$", m)[1] for m in body.split(";") if m.strip()]
    return found


def program(layout):
    lines = ['#include "ctxfit.h"', "#include <stddef.h>", "#include <stdio.h>", "int main(void) {", 'printf("{");']
    for i, (name, members) in enumerate(sorted(layout.items())):
        lines.append(f'printf("%s\\"{name}\\":{{\\"sizeof\\":%u", "{"," if i else ""}", (unsigned)sizeof({name}));')
        lines += [f'printf(",\\"{m}\\":%u", (unsigned)offsetof({name}, {m}));' for m in members]
        lines.append('printf("}");')
    return "\n".join(lines + ['printf("}\\n");', "return 0; }"])


def run(scratch, bits, source):
    exe = scratch / f"layout{bits}"
    subprocess.run(["gcc", f"-m{bits}", "-DCTXFIT_STATIC", f"-I{ROOT / 'include'}", "-x", "c", "-", "-o", exe], input=source, text=True, check=True)
    return json.loads(subprocess.run([exe], capture_output=True, text=True, check=True).stdout)


def main():
    scratch = pathlib.Path(sys.argv[1])
    scratch.mkdir(parents=True, exist_ok=True)
    layout = structs()
    wide, narrow = (run(scratch, bits, program(layout)) for bits in (64, 32))
    bad = [f"{name}: {wide[name]} on 64 bit, {narrow[name]} on 32 bit" for name in wide if wide[name] != narrow[name]]
    bad += [f"{name}: size {s['sizeof']} is no multiple of 8" for name, s in wide.items() if s["sizeof"] % 8]
    bad += [f"{name}: struct_size is not first" for name, s in wide.items() if name != "ctxfit_error" and s.get("struct_size") != 0]
    print("\n".join(bad) or f"{len(wide)} structs agree on 32 and 64 bit")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
