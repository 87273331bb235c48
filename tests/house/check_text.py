#!/usr/bin/env python3
"""Text that does not belong into the tree: paths and hosts of one machine, things left for later, stray bytes, long lines;
names of files and static functions of the library that are there twice.

A line that must hold such text (the pattern of a check itself) says `check_text: ok`.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
C_SOURCE = {".c", ".h"}
DATA = ("tests/data/", "tests/fuzz/corpus/")  # copied facts: they have their own form
MAX_COLUMNS = 140
OK = "check_text: ok"

EVERYWHERE = [
    (r"(?<![\w.])/work/|/home/\w|/Users/\w", "an absolute path of one machine"),                       # check_text: ok
    (r"\b(pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org|crates\.io|proxy\.golang\.org|deb\.debian\.org)\b",  # check_text: ok
     "the host of a package registry"),
    (r"\b(TODO|FIXME|XXX|HACK)\b", "something left for later"),  # check_text: ok
    (r"(?<![\w./$-])shared/", "the reference folder, which users do not have"),  # check_text: ok
]
NO_TEMP = [(r"(?<![\w.])/tmp/", "an absolute path of one machine")]  # check_text: ok
INVISIBLE = re.compile("[\u0000-\u0008\u000b-\u001f\u007f\u00a0\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


def check_line(name, suffix, number, line):
    bad = [f"{name}:{number}: {what}: {found[0]}" for pattern, what in EVERYWHERE for found in [re.search(pattern, line)] if found]
    if name.startswith(("docs/", "lib/", "include/")) or name == "README.md":
        bad += [f"{name}:{number}: {what}: {found[0]}" for pattern, what in NO_TEMP for found in [re.search(pattern, line)] if found]
    if INVISIBLE.search(line):
        bad.append(f"{name}:{number}: an invisible character")
    if line != line.rstrip():
        bad.append(f"{name}:{number}: blanks at the end of the line")
    if suffix in C_SOURCE and "\t" in line:
        bad.append(f"{name}:{number}: a tab")
    if suffix in C_SOURCE and len(line) > MAX_COLUMNS:
        bad.append(f"{name}:{number}: {len(line)} columns, at most {MAX_COLUMNS}")
    return bad


def check_file(path):
    name = path.relative_to(ROOT).as_posix()
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        return [f"{name}: not UTF-8 at byte {error.start}"]
    bad = [] if text.endswith("\n") or not text else [f"{name}: no newline at the end"]
    for number, line in enumerate(text.split("\n"), 1):
        if OK not in line:
            bad += check_line(name, path.suffix, number, line)
    return bad


def check_names(paths):
    """A name says what it is wherever it is read: in a backtrace, in a search."""
    places = {}
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("lib/") and path.suffix in C_SOURCE:
            places.setdefault(f"file {path.name}", set()).add(name)
            for function in re.findall(r"^static (?:inline )?[\w *]*?\b(\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE):
                places.setdefault(f"static function {function}", set()).add(name)
    return [f"{what} is in {' and '.join(sorted(where))}" for what, where in sorted(places.items()) if len(where) > 1]


def files_of_tree():
    listing = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in sorted(names) if name and not name.startswith(DATA) and (ROOT / name).is_file()]


def main():
    paths = files_of_tree()
    bad = [line for path in paths for line in check_file(path)] + check_names(paths)
    print("\n".join(bad) or f"{len(paths)} files keep the rules of text")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
