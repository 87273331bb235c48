#!/usr/bin/env python3
"""Our placements beside those of llama.cpp's own fitter (tests/data/place/fits.csv), as a table of docs/placement.md.

  compare_fits.py BENCH_PLACE            print it
  compare_fits.py BENCH_PLACE --docs     write it into docs/placement.md
"""
import csv
import io
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "placement.md"
BEGIN, END = "<!-- written by tests/reference/compare_fits.py --docs -->\n", "<!-- end -->"
TEXT = ("model", "file_type", "machine")


def rows(bench):
    out = subprocess.run([bench, ROOT / "tests/data/place/fits.csv", ROOT / "tests/data/models/reference_models.txt", "5"], check=True,
                         capture_output=True, text=True).stdout
    return [{k: v if k in TEXT else float(v) for k, v in row.items()} for row in csv.DictReader(io.StringIO(out))]


def order(r):
    """1: more than theirs, 0: the same, -1: less; the context first, then what devices hold."""
    ours, theirs = (r["our_ctx"], r["our_held"]), (r["their_ctx"], r["their_held"])
    return (ours > theirs) - (ours < theirs)


def gain(r):
    """Our share of theirs: of the context where these differ, else of what devices hold."""
    return r["our_ctx"] / r["their_ctx"] if r["our_ctx"] != r["their_ctx"] else r["our_held"] / r["their_held"]


def line(name, part):
    fair = [r for r in part if r["their_excess"] == 0 and r["our_margin"] >= 0]
    return "| %s | %d | %d | %d | %d | %d | %d | %d | %+.1f %% | %.0f | %.2f |" % (
        name, len(part), sum(r["exact"] for r in part), sum(r["our_margin"] < 0 for r in part), sum(r["their_excess"] > 0 for r in part),
        sum(order(r) > 0 for r in fair), sum(order(r) == 0 for r in fair), sum(order(r) < 0 for r in fair),
        100 * (statistics.median(gain(r) for r in fair) - 1), statistics.median(r["their_ms"] for r in part),
        statistics.median(r["our_ms"] for r in part))


def table(found):
    lines = ["| model | fits | compute exact | ours: none found | theirs above target | ours more | the same | ours less | median gain | "
             "their ms (CPU) | our ms |", "|---|---|---|---|---|---|---|---|---|---|---|"]
    for model in sorted({(r["model"], r["file_type"]) for r in found}):
        lines.append(line(" ".join(model), [r for r in found if (r["model"], r["file_type"]) == model]))
    exact = [r for r in found if r["exact"]]
    lines += [line("**where compute buffers are exact**", exact), line("**all**", found)]
    less = [r for r in exact if r["their_excess"] == 0 and r["our_margin"] >= 0 and order(r) < 0]
    lines += ["", f"Of the answers with exact compute buffers {len(less)} hold less than llama.cpp's, by at most "
              f"{100 * (1 - min([gain(r) for r in less], default=1)):.1f} %; none is above its target."
              if all(r["our_margin"] >= 0 for r in exact) else "An answer is above its target."]
    return "\n".join(lines) + "\n"


def main():
    text = table(rows(sys.argv[1]))
    if "--docs" not in sys.argv:
        sys.stdout.write(text)
        return
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + BEGIN + text + rest[rest.index(END):])


if __name__ == "__main__":
    main()
