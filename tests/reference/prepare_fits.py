#!/usr/bin/env python3
"""What llama.cpp's own fitter (common_fit_params, --fit) chose, one row a fit, from its measured rows of one device each.

  prepare_fits.py FIT.CSV > tests/data/place/fits.csv

FIT.CSV: 280 fits of llama.cpp b10472 (d32676d, 2026-08-18), of 28 model files, stand-ins for CUDA devices; each row is a buffer of the
arguments that it chose, `compute` being what a real run of them allocates.
"""
import csv
import sys

KEY = ("model", "ftype", "dev_mem_gib", "margin_mib", "min_ctx", "req_ctx", "n_seq", "kv_unified", "n_outputs_max")


def main():
    fits = {}
    for row in csv.DictReader(open(sys.argv[1])):
        assert row["status"] == "0" and row["type_k"] == row["type_v"]
        fits.setdefault(tuple(row[k] for k in KEY) + (row["type_k"],), []).append(row)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(KEY + ("kv", "fit_ctx", "fit_ngl", "overrides", "cpu_ms", "device_weights", "device_held", "device_used"))
    for key, rows in fits.items():
        devices = sorted((r for r in rows if not r["device"].startswith("host")), key=lambda r: r["device"])
        used = [sum(int(r[k]) for k in ("weights", "kv", "recurrent_and_other", "compute")) for r in devices]
        first = rows[0]
        out.writerow(key + (first["fit_ctx"], first["fit_ngl"], len([p for p in first["fit_overrides"].split(",") if p]), first["fit_cpu_ms"],
                            sum(int(r["weights"]) for r in devices),
                            sum(int(r[k]) for r in devices for k in ("weights", "kv", "recurrent_and_other")), ";".join(map(str, used))))


if __name__ == "__main__":
    main()
