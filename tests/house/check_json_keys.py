#!/usr/bin/env python3
"""Keys of the JSON that the library and the command write, and what the pages say of them: each is there, and none that nothing writes."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEYS = (r'\(j, "(\w+)"', r'\\"(\w+)\\":', r'(?:put|write)_(?:key|text|number|seconds)\((?:&row, )?"(\w+)"')
EXTRAS = ["examples/ctxfit/cli_left_out.c"]
# the section of a page -> the files that write what it lists
SECTIONS = {
    ("command-line.md", "Listings"): ["examples/ctxfit/cmd_local.c", "examples/ctxfit/cmd_list.c"],
    ("command-line.md", "JSON of a plan"): ["lib/plan/json.c", "examples/ctxfit/cli_json.c", *EXTRAS],
    ("command-line.md", "`ctxfit batch`"): ["examples/ctxfit/cmd_batch.c"],
    ("engines.md", "Two engines compared"): ["examples/ctxfit/cli_compare.c"],
    ("placement.md", "JSON of a placement"): ["lib/place/place_json.c", "examples/ctxfit/cmd_place.c", *EXTRAS],
}
ENTRY = "examples/ctxfit/cli_hardware.c"  # its names are those of a struct, as the page says
PRINTF = {"what"}  # names that stand for the argument of a format


def source(path):
    return re.sub(r"/\*.*?\*/", "", (ROOT / path).read_text(), flags=re.S)


def keys_of(paths):
    return {key for path in paths for pattern in KEYS for key in re.findall(pattern, source(path))} - PRINTF


def section_of(page, heading):
    text = (ROOT / "docs" / page).read_text()
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return found[1] if found else None


def words_of(text):
    """`words` that could be keys; tables of inputs and options name other things."""
    return set(re.findall(r"`([a-z][a-z0-9_]*)`", text))


def literals():
    """What values may be, and settings of a request: every text of these programs."""
    files = [*(ROOT / "lib").rglob("*.[ch]"), *(ROOT / "lib").rglob("*.def"), *(ROOT / "examples/ctxfit").glob("*.[ch]")]
    return {text for file in files for text in re.findall(r'"([a-z][a-z0-9_]*)"', source(file))}


def writers():
    """Files that write JSON, so that none is forgotten here."""
    for path in [*(ROOT / "lib").rglob("*.c"), *(ROOT / "examples/ctxfit").glob("*.c")]:
        if re.search(r'cfi_json_begin\(j,|\\"\w+\\":(?! )', source(path)) and path.name != "json_writer.c":
            yield str(path.relative_to(ROOT))


def main():
    bad, values = [], literals()
    for (page, heading), paths in SECTIONS.items():
        text, keys = section_of(page, heading), keys_of(paths)
        if text is None or not keys:
            bad.append(f"docs/{page}: no section '{heading}', or nothing that it lists")
            continue
        bad += [f"docs/{page}, '{heading}': nothing of the key `{key}`" for key in sorted(keys - words_of(text))]
        written = keys | keys_of(["lib/plan/json.c"]) if heading != "Listings" else keys
        bad += [f"docs/{page}, '{heading}': nothing writes `{word}`" for word in sorted(words_of(text) - written - values)]
    header = (ROOT / "include/ctxfit/hw.h").read_text()
    members = set(re.findall(r"^    \w+ +(\w+)(?:\[\w+\])?;", re.search(r"typedef struct ctxfit_hw_entry \{(.*?)\n\}", header, re.S)[1], re.M))
    bad += [f"{ENTRY}: ctxfit_hw_entry has no member '{key}'" for key in sorted(keys_of([ENTRY]) - members)]
    listed = {path for paths in SECTIONS.values() for path in paths} | {ENTRY}
    bad += [f"{path} writes JSON that no page lists" for path in writers() if path not in listed]
    print("\n".join(bad) or f"{len(SECTIONS)} sections list the keys of the JSON that is written, and no others")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
