#!/usr/bin/env python3
"""C programs in README.md and docs/*.md compile without a warning, run, and print what the page says.

A ```c block with a main() is a program. When the next block is ```output, it must be what the program prints.

  check_doc_code.py LIBRARY[,LIBRARY...] [COMPILER [FLAG...]]
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-DCTXFIT_STATIC", f"-I{ROOT / 'include'}"]


def programs(page):
    """(line, source, expected output or None) of every program of a page."""
    text = page.read_text()
    blocks = [(text.count("\n", 0, m.start()) + 1, m[1], m[2]) for m in BLOCK.finditer(text)]
    for i, (line, language, source) in enumerate(blocks):
        if language == "c" and re.search(r"^int main\(", source, re.M):
            follows = i + 1 < len(blocks) and blocks[i + 1][1] == "output"
            yield line, source, blocks[i + 1][2] if follows else None


def fault(source, expected, library, compiler, scratch):
    program = pathlib.Path(scratch) / "program"
    program.with_suffix(".c").write_text(source)
    command = [*compiler, *STRICT, str(program.with_suffix(".c")), *library.split(","), "-lm", "-o", str(program)]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        return built.stderr
    ran = subprocess.run([str(program)], capture_output=True, text=True, timeout=60)
    if ran.returncode:
        return f"exit status {ran.returncode}\n{ran.stdout}{ran.stderr}"
    if expected is not None and ran.stdout != expected:
        return f"the page says\n{expected}the program prints\n{ran.stdout}"
    return None


def main():
    library, compiler = sys.argv[1], sys.argv[2:] or ["cc"]
    count, bad = 0, []
    with tempfile.TemporaryDirectory() as scratch:
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
            for line, source, expected in programs(page):
                count += 1
                found = fault(source, expected, library, compiler, scratch)
                if found:
                    bad.append(f"{page.relative_to(ROOT)}:{line}: {found}")
    print("\n".join(bad) or f"{count} programs agree with their pages")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
