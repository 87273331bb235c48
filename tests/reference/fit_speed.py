#!/usr/bin/env python3
"""Fits the constants of lib/speed/calibration.def on tests/data/speed/speed_fit.csv and says how good they are.

    fit_speed.py                 prints the table and its accuracy
    fit_speed.py --write FILE    writes the calibration table
    fit_speed.py --check FILE    fails when the table differs from the fit by more than 2 %
    fit_speed.py --docs FILE     writes the accuracy between the two marks of docs/speed.md

The formulas are those of lib/speed/speed.c. Each constant minimises the mean absolute log error; a machine with n rows weighs sqrt(n), so
that a machine that was measured 400 times does not decide alone. A band holds 80 % of the rows of machines that neither the fit nor the
band had seen (leave one machine out), where the data reach for it. Standard library only.
"""
import csv
import math
import os
import re
import sys

AS_OF = "2026-11-20"
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "speed", "speed_fit.csv")
TEXT = ("id", "hardware", "backend", "model", "quant", "flash_attn", "kind", "hold", "source")
GPUS = ("cuda", "metal", "rocm", "vulkan", "sycl")
OWN_ROWS = 20         # a class (dense, experts) with fewer rows is pooled with its backend's other class
MOST_EFFICIENT = 0.95  # of the nominal bandwidth: refresh and row changes take the rest
BAND_MACHINES = 3     # with fewer machines, or fewer rows beyond the machine with most, leaving one out says nothing:
TARGET = 0.8          # share of the rows of an unseen machine that a band should hold
BAND_OTHER_ROWS = 10  # then the band is the wider of the one of all GPU backends and the one of the rows themselves


def read_rows():
    rows = []
    for r in csv.DictReader(open(DATA, encoding="utf-8")):
        rows.append({k: (v if k in TEXT else float(v)) for k, v in r.items()})
    return rows


def quantile(values, weights, p):
    """Weighted, midpoint rule."""
    pairs = sorted(zip(values, weights))
    total, run = sum(weights), 0.0
    for v, w in pairs:
        run += w
        if run >= p * total:
            return v
    return pairs[-1][0]


def median(values):
    s = sorted(values)
    n = len(s)
    return (s[n // 2] + s[(n - 1) // 2]) / 2 if n else float("nan")


def minimise(f, start, step, rounds=300):
    """Nelder and Mead's simplex."""
    d = len(start)
    points = [list(start)] + [[start[j] + (step[j] if i == j else 0) for j in range(d)] for i in range(d)]
    values = [f(p) for p in points]
    for _ in range(rounds):
        order = sorted(range(d + 1), key=lambda i: values[i])
        points, values = [points[i] for i in order], [values[i] for i in order]
        if values[-1] - values[0] < 1e-8:
            break
        centre = [sum(p[j] for p in points[:-1]) / d for j in range(d)]
        away = lambda k: [centre[j] + k * (centre[j] - points[-1][j]) for j in range(d)]
        p, v = away(1), None
        v = f(p)
        if v < values[0]:
            q = away(2)
            w = f(q)
            points[-1], values[-1] = (q, w) if w < v else (p, v)
        elif v < values[-2]:
            points[-1], values[-1] = p, v
        else:
            q = away(-0.5)
            w = f(q)
            if w < values[-1]:
                points[-1], values[-1] = q, w
            else:
                for i in range(1, d + 1):
                    points[i] = [(points[i][j] + points[0][j]) / 2 for j in range(d)]
                    values[i] = f(points[i])
    best = min(range(d + 1), key=lambda i: values[i])
    return points[best], values[best]


# ---- the formulas of lib/speed/speed.c, per row; x are the constants ----

def decode_terms(r):
    depth = r["depth"] + r["tokens"] / 2  # a run of n tokens has a mean depth of n / 2 above where it starts
    kv = r["kv_bytes_per_pos"] * depth + r["window_bytes_per_pos"] * min(depth, r["window"])
    bandwidth = r["bandwidth_gb_s"] * 1e9
    return (r["weight_bytes_active"] + r["state_bytes"]) / bandwidth, kv / bandwidth, r["blocks"] * 1e-6


def decode_seconds(r, x):
    t = r["terms"]
    return t[0] / x[0] + t[1] / (x[0] * x[1]) + t[2] * x[2]


def decode_valid(x):
    return 0.05 <= x[0] <= MOST_EFFICIENT and 0.05 <= x[1] <= 1 and x[2] >= 0


def matrix_tflops(r):
    return max(r["fp16_tflops"], r["int8_tops"] / 2)


def prefill_terms(r, read_efficiency):
    n, start, rate = r["tokens"], r["depth"], matrix_tflops(r) * 1e12
    passes = math.ceil(n / r["ubatch"])
    pass_bytes = min(r["weight_bytes_total"], r["weight_bytes_active"] * min(n, r["ubatch"]))
    mean = start + n / 2
    attention = r["attn_flops_per_pos"] * n * mean + r["window_flops_per_pos"] * n * min(mean, r["window"])
    read = passes * pass_bytes / (read_efficiency * r["bandwidth_gb_s"] * 1e9)
    return r["flops_per_token"] * n / rate, attention / rate, read


def prefill_seconds(r, x):
    t = r["terms"]
    return (t[0] / x[0] + t[1] / x[1] + t[2]) / r["tokens"]


def prefill_valid(x):
    return 0.01 <= x[0] <= 1 and 0.01 <= x[1] <= 1


FORMS = {"decode": (decode_seconds, decode_valid, [0.8, 0.8, 50], [0.05, -0.1, 25]),
         "prefill": (prefill_seconds, prefill_valid, [0.3, 0.2], [0.05, 0.05])}


def weigh(rows):
    count = {}
    for r in rows:
        count[r["hardware"]] = count.get(r["hardware"], 0) + 1
    for r in rows:
        r["weight"] = 1 / math.sqrt(count[r["hardware"]])


def fit(kind, rows):
    seconds, valid, start, step = FORMS[kind]
    total = sum(r["weight"] for r in rows)

    def loss(x):
        if not valid(x):
            return 1e9
        return sum(r["weight"] * abs(math.log(seconds(r, x) * r["tokens_per_s"])) for r in rows) / total

    best = None
    for scale in (1, 0.6):
        x, v = minimise(loss, [s * scale for s in start], step)
        x, v = minimise(loss, x, [s / 4 for s in step])
        if best is None or v < best[1]:
            best = (x, v)
    return best[0]


def errors(kind, rows, x):
    """log(measured / predicted) of tokens per second: above 0 is faster than predicted."""
    seconds = FORMS[kind][0]
    return [math.log(seconds(r, x) * r["tokens_per_s"]) for r in rows]


def leave_one_out(kind, rows, key):
    """(row, error) of every row, predicted by a fit on the other machines (or models)."""
    out = []
    for name in sorted({r[key] for r in rows}):
        rest = [r for r in rows if r[key] != name]
        if not rest:
            continue
        x = fit(kind, rest)
        held = [r for r in rows if r[key] == name]
        out += list(zip(held, errors(kind, held, x)))
    return out


def groups(rows):
    """Which rows share a set of constants: (backend, class) -> rows."""
    out = {}
    for backend in GPUS + ("cpu",):
        mine = [r for r in rows if r["backend"] == backend]
        split = {c: [r for r in mine if (r["moe_layers"] > 0) == (c == "moe")] for c in ("dense", "moe")}
        if all(len(v) >= OWN_ROWS for v in split.values()):
            out.update({(backend, c): v for c, v in split.items()})
        elif len(mine) >= OWN_ROWS:
            out[(backend, "any")] = mine
    return out


def spread_out(rows):
    count = {}
    for r in rows:
        count[r["hardware"]] = count.get(r["hardware"], 0) + 1
    return len(count) >= BAND_MACHINES and len(rows) - max(count.values()) >= BAND_OTHER_ROWS


def quantile_band(pairs, p):
    e, w = [v for _, v in pairs], [r["weight"] for r, _ in pairs]
    return min(quantile(e, w, p), 0), max(quantile(e, w, 1 - p), 0)


def band(pairs):
    """The quantiles p and 1 - p of the errors, p from 10 % down to where the band holds the target share of unseen machines' rows."""
    for percent in range(10, -1, -1):
        found = quantile_band(pairs, percent / 100)
        if nested_coverage(pairs, percent / 100) >= TARGET:
            break
    return found + (percent / 100,)


def nested_coverage(held, p):
    """Weighted share within the band when the band too has not seen the machine."""
    inside = total = 0
    for name in sorted({r["hardware"] for r, _ in held}):
        rest = [(r, v) for r, v in held if r["hardware"] != name]
        if not rest:
            continue
        low, high = quantile_band(rest, p)
        for r, v in held:
            if r["hardware"] == name:
                total += r["weight"]
                inside += r["weight"] * (low <= v <= high)
    return inside / total if total else float("nan")


def describe(kind, mine, x, low, high, held, used):
    own = errors(kind, mine, x)
    facts = {"rows": len(mine), "machines": len({r["hardware"] for r in mine}), "models": len({r["model"] for r in mine}),
             "median": median([abs(v) for v in own]), "coverage": sum(low <= v <= high for v in own) / len(own),
             "held_median": median([abs(v) for _, v in held]), "held_coverage": nested_coverage(held, used)}
    by_model = leave_one_out(kind, mine, "model")
    facts["model_median"] = median([abs(v) for _, v in by_model])
    facts["model_coverage"] = sum(low <= v <= high for _, v in by_model) / len(by_model)
    return facts


def calibrate(kind, rows):
    """[(backend, class, constants, low, high, facts)], the pooled row of all GPUs first."""
    parts, held = groups(rows), {}
    for key, mine in parts.items():
        weigh(mine)
        held[key] = leave_one_out(kind, mine, "hardware") if spread_out(mine) else []
        held[key] = [(dict(r), v) for r, v in held[key]]  # keeps this group's weights
    held_all = [pair for key, pairs in held.items() if key[0] in GPUS for pair in pairs]
    gpu_rows = [r for r in rows if r["backend"] in GPUS]
    parts = {("gpu", "any"): gpu_rows, **parts}
    weigh(gpu_rows)
    held[("gpu", "any")] = [(dict(r), v) for r, v in leave_one_out(kind, gpu_rows, "backend")]
    table = []
    for key, mine in parts.items():
        weigh(mine)
        x = fit(kind, mine)
        if held[key]:
            low, high, used = band(held[key])
        else:
            one, two, used = band(held_all), quantile_band(list(zip(mine, errors(kind, mine, x))), 0.1), 0
            low, high = min(one[0], two[0]), max(one[1], two[1])
        table.append((key[0], key[1], x, low, high, describe(kind, mine, x, low, high, held[key], used)))
    return table


def pipelined_seconds(r, x, loss):
    """Equal stages on equal devices: full overlap after the first pass, less the share `loss` of what overlapping could save."""
    whole = prefill_seconds(r, x)
    passes = math.ceil(r["tokens"] / r["ubatch"])
    best = whole / passes + whole * (passes - 1) / passes / r["n_devices"]
    return best + loss * (whole - best)


def fit_pipeline(rows, decode_table, prefill_table):
    """(loss, errors) over CUDA machines with several cards, layers split."""
    mine = [r for r in rows if r["kind"] == "prefill" and r["backend"] == "cuda" and r["n_devices"] > 1 and matrix_tflops(r) > 0
            and r["tokens"] > r["ubatch"]]
    for r in mine:
        r["terms"] = prefill_terms(r, constants_of(decode_table, r)[0])
        r["constants"] = constants_of(prefill_table, r)
    weigh(mine)
    error = lambda r, loss: math.log(pipelined_seconds(r, r["constants"], loss) * r["tokens_per_s"])
    best = min((sum(r["weight"] * abs(error(r, k / 100)) for r in mine), k / 100) for k in range(101))[1]
    return best, [error(r, best) for r in mine]


def anchored(rows, table):
    """Errors of a model that was scaled to one measured depth, at the other depths of the same curve."""
    curves, out = {}, []
    for r in rows:
        curves.setdefault((r["hardware"], r["backend"], r["model"], r["quant"], r["source"], r["flash_attn"]), []).append(r)
    for key, curve in curves.items():
        depths = sorted(curve, key=lambda r: (r["depth"] + r["tokens"] / 2, r["id"]))
        if len({r["depth"] + r["tokens"] / 2 for r in depths}) < 3:
            continue
        x = constants_of(table, depths[0])
        first = errors("decode", depths[:1], x)[0]
        out += [v - first for v in errors("decode", depths[1:], x)]
    return out


def constants_of(table, r):
    cls = "moe" if r["moe_layers"] > 0 else "dense"
    found = {(t[0], t[1]): t[2] for t in table}
    return found.get((r["backend"], cls)) or found.get((r["backend"], "any")) or found[("gpu", "any")]


def make_tables():
    every = read_rows()
    rows = [r for r in every if not r["hold"]]
    decode = [r for r in rows if r["kind"] == "decode"]
    for r in decode:
        r["terms"] = decode_terms(r)
    decode_table = calibrate("decode", decode)
    prefill = [r for r in rows if r["kind"] == "prefill" and matrix_tflops(r) > 0 and r["backend"] != "cpu"]
    for r in prefill:
        r["terms"] = prefill_terms(r, constants_of(decode_table, r)[0])
    prefill_table = calibrate("prefill", prefill)
    several = [r for r in every if r["n_devices"] > 1 and r["kind"] == "decode" and r["backend"] == "cuda"]
    for r in several:
        r["terms"] = decode_terms(r)
    several_errors = [errors("decode", [r], constants_of(decode_table, r))[0] for r in several]
    return decode_table, prefill_table, anchored(decode, decode_table), fit_pipeline(every, decode_table, prefill_table), several_errors


BACKEND_NAME = {"gpu": "DEFAULT", "cpu": "CPU", "cuda": "CUDA", "metal": "METAL", "rocm": "ROCM", "vulkan": "VULKAN", "sycl": "SYCL"}
CLASS_NAME = {"any": "ANY", "dense": "DENSE", "moe": "MOE"}

HEAD = """/*
 * Constants of the speed formulas (docs/speed.md), written by tests/reference/fit_speed.py --write from tests/data/speed/speed_fit.csv.
 * Source of every row: published llama.cpp measurements, named row by row in that file; as of {as_of}.
 * DEFAULT is the pooled fit over all GPU backends, for a backend without a row.
 *
 * low, high: the band as factors on the estimate; it holds about 80 % of the rows of a machine that the fit had not seen.
 * rows, machines: what the row is fitted on; median: median of |log(measured / estimated)| on them.
 */
"""


def table_tail(backend, cls, constants, low, high, f):
    return (f"{BACKEND_NAME[backend] + ',':9}{CLASS_NAME[cls] + ',':7}{constants}, {math.exp(low):6.3f}, {math.exp(high):5.3f},"
            f" {f['rows']:4d}, {f['machines']:8d}, {f['median']:7.3f})")


def render(tables):
    decode, prefill, anchor, pipeline, _ = tables
    out = [HEAD.format(as_of=AS_OF)]
    out.append("/*                backend  class  weights  cache  us per block    low   high  rows  machines  median */\n")
    for b, c, x, low, high, f in decode:
        constants = f"{x[0]:6.3f}, {x[0] * x[1]:5.3f}, {x[2]:12.1f}"
        out.append(f"CFI_SPEED_DECODE({table_tail(b, c, constants, low, high, f)}\n")
    out.append("\n/*                 backend  class  matrix  attention    low   high  rows  machines  median */\n")
    for b, c, x, low, high, f in prefill:
        constants = f"{x[0]:5.3f}, {x[1]:9.3f}"
        out.append(f"CFI_SPEED_PREFILL({table_tail(b, c, constants, low, high, f)}\n")
    n, w = len(anchor), [1.0] * len(anchor)
    low, high = math.exp(min(quantile(anchor, w, 0.1), 0)), math.exp(max(quantile(anchor, w, 0.9), 0))
    out.append("\n/* a decode rate that was measured at one depth, at another depth: low, high, rows */\n")
    out.append(f"CFI_SPEED_ANCHORED({low:.3f}, {high:.3f}, {n})\n")
    out.append("\n/* share of the possible overlap that a pipeline of devices loses, rows */\n")
    out.append(f"CFI_SPEED_PIPELINE({pipeline[0]:.2f}, {len(pipeline[1])})\n")
    return "".join(out)


def percent(v):
    return "-" if v != v else f"{100 * v:.0f} %"


def usual_formulas(tables):
    """Median error, on the fitted GPU decode rows, of what is usually written: bytes / bandwidth, with and without a constant."""
    fixed = {"cuda": (0.86, 2.0e-3), "metal": (0.84, 2.8e-3), "rocm": (0.80, 1.6e-3), "vulkan": (0.80, 1.6e-3), "sycl": (0.80, 1.6e-3)}
    rows = [r for r in read_rows() if not r["hold"] and r["kind"] == "decode" and r["backend"] in GPUS]
    for r in rows:
        r["terms"] = decode_terms(r)
        r["bytes_time"] = r["terms"][0] + r["terms"][1]
    efficiency = {b: math.exp(median([math.log(r["bytes_time"] * r["tokens_per_s"]) for r in rows if r["backend"] == b])) for b in GPUS}
    err = lambda f: median([abs(math.log(f(r) * r["tokens_per_s"])) for r in rows])
    return (("active bytes / (e x bandwidth), best e per backend", err(lambda r: r["bytes_time"] / efficiency[r["backend"]])),
            ("the same plus a constant per backend (0.86 and 2.0 ms CUDA, 0.84 and 2.8 ms Metal, 0.80 and 1.6 ms AMD)",
             err(lambda r: r["bytes_time"] / fixed[r["backend"]][0] + fixed[r["backend"]][1])),
            ("this table", err(lambda r: decode_seconds(r, constants_of(tables[0], r)))))


def report(tables):
    out = []
    for name, table in (("Decode", tables[0]), ("Prefill", tables[1])):
        out += [f"{name}:", "", "| backend | class | rows | machines | models | median error | in band | unseen machine: error | in band |"
                " unseen model: error | in band |", "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
        for b, c, x, low, high, f in table:
            out.append(f"| {b} | {c} | {f['rows']} | {f['machines']} | {f['models']} | {percent(f['median'])} | {percent(f['coverage'])} |"
                       f" {percent(f['held_median'])} | {percent(f['held_coverage'])} | {percent(f['model_median'])} | {percent(f['model_coverage'])} |")
        out.append("")
    out += ["| what else | rows | median error | 10 % to 90 % of measured / estimated |", "| --- | --- | --- | --- |"]
    for name, e in (("decode scaled to one measured depth, at the other depths of the curve", tables[2]),
                    ("decode on 2 to 8 CUDA cards, layers split, no term of its own", tables[4]),
                    ("prefill on 2 to 8 CUDA cards, layers split, pipelined", tables[3][1])):
        out.append(f"| {name} | {len(e)} | {percent(median([abs(v) for v in e]))} | {math.exp(quantile(e, [1] * len(e), 0.1)):.2f} to"
                   f" {math.exp(quantile(e, [1] * len(e), 0.9)):.2f} |")
    out += ["", "| decode formula, all GPU rows | median error |", "| --- | --- |"]
    out += [f"| {name} | {percent(v)} |" for name, v in usual_formulas(tables)]
    return "\n".join(out) + "\n"


MARKS = ("<!-- written by tests/reference/fit_speed.py --docs -->\n", "<!-- end -->\n")


def write_docs(path, text):
    old = open(path, encoding="utf-8").read()
    head, rest = old.split(MARKS[0])
    open(path, "w", encoding="utf-8").write(head + MARKS[0] + text + MARKS[1] + rest.split(MARKS[1])[1])


def numbers(text):
    return [float(v) for line in text.splitlines() if line.startswith("CFI_") for v in re.findall(r"(?<=[ (])\d[\d.]*", line)]


def main():
    mode, path = (sys.argv + ["", ""])[1:3]
    tables = make_tables()
    text = render(tables)
    if mode == "--write":
        open(path, "w", encoding="utf-8").write(text)
    elif mode == "--docs":
        write_docs(path, report(tables))
    elif mode == "--check":
        have, want = numbers(open(path, encoding="utf-8").read()), numbers(text)
        if len(have) != len(want) or any(abs(a - b) > 0.02 * max(abs(b), 0.05) for a, b in zip(have, want)):
            sys.exit("the table is not what the fit gives; run fit_speed.py --write")
    else:
        print(text)
        print(report(tables))


if __name__ == "__main__":
    main()
