#!/usr/bin/env python3
"""The ctxfit command from outside: exit codes, what it prints, and that no input stops it.

  test_cli.py CTXFIT [ROWS]     runs the tests; ROWS: the folder of measured rows
  test_cli.py CTXFIT --update   rewrites golden/*.txt, to be read as a diff
"""
import collections
import csv
import json
import math
import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "data"
GOLDEN = HERE / "golden"
CTXFIT = ""
ROWS = None

FITS, DOES_NOT_FIT, USAGE, BAD_INPUT = 0, 1, 2, 3
MIB = 1 << 20
CODER = ["plan", "qwen3-coder:30b", "--quant", "Q4_K_M", "--hw", "mac-studio-m2-ultra-64gb"]
HEADER = DATA / "gguf" / "qwen-dense.gguf"


def run(*words, stdin=b"", **env):
    clean = {"PATH": os.environ["PATH"], "LC_ALL": "C", "NO_COLOR": "1"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_LIBRARY_PATH"):
        if name in os.environ:
            clean[name] = os.environ[name]
    if isinstance(stdin, str):
        stdin = stdin.encode()
    return subprocess.run([CTXFIT, *map(str, words)], input=stdin, capture_output=True, env={**clean, **env}, timeout=120, cwd=DATA)


def plan(*words):
    """(exit code, plan as JSON) of a plan."""
    done = run("plan", *words, "--json")
    return done.returncode, json.loads(done.stdout)


def batch(*lines):
    """(exit code, answers); a line is bytes, text or an object."""
    text = b"\n".join(x if isinstance(x, bytes) else x.encode() if isinstance(x, str) else json.dumps(x).encode() for x in lines)
    done = run("batch", stdin=text)
    return done.returncode, [json.loads(x) for x in done.stdout.splitlines()]


def has_batch():
    return run("batch").returncode == FITS


# name: words of the command; the rest of the golden file is what it printed
GOLDEN_CASES = {
    "help": ["--help"],
    "plan_help": ["plan", "--help"],
    "place_help": ["place", "--help"],
    "error_place_line": ["place", "qwen3-8b", "--hw", "rtx-4090 host:64GiB", "--line", "llama-server -c 8192 -ngll 3"],
    "error_place_split": ["place", "qwen3-8b", "--hw", "2*rtx-4090 host:64GiB", "-c", "8192", "-ts", "1,1,1"],
    "error_place_reserve": ["place", "qwen3-8b", "--hw", "rtx-4090 host:64GiB", "-fitt", "-5"],
    "hw_mac_studio": ["hw", "mac-studio-m2-ultra-64gb"],
    "hw_two_gpus": ["hw", "2*rtx-4090 host:64GiB"],
    "hw_about": ["hw", "--about", "rtx 4090"],
    "list_models": ["list", "--hw", "rtx-3060-12gb host:32GiB", "-c", "16k", "--top", "8"],
    "hw_for": ["hw", "--for", "qwen3-8b", "--quant", "Q8_0", "-c", "32k", "--vendor", "apple", "--top", "4"],
    "hw_filters": ["hw", "--list", "--vendor", "apple", "--machines", "--memory", "256GiB-"],
    "error_hw_variants": ["hw", "--about", "rtx 3060"],
    "error_hw_filter": ["hw", "--list", "--memory", "24x"],
    "model_coder": ["model", "Qwen/Qwen3-Coder-30B-A3B-Instruct", "--quant", "q4_k_m"],
    "model_header": ["model", "gguf/qwen-dense.gguf", "--header-only", "--tensors"],
    "model_windows": ["model", "gemma-3-27b"],
    "model_state": ["model", "qwen3-next-80b-a3b"],
    "quant_coder": ["quant", "qwen3-coder:30b"],
    "error_option": [*CODER, "--paralel", "4"],
    "error_hw": ["plan", "qwen3-coder:30b", "--hw", "2*rtx-4091 host:64GiB"],
    "error_quant": [*CODER[:2], "--quant", "Q4_K_X", "--hw", "host:64GiB"],
    "error_refused": ["plan", "deepseek-v3", "--hw", "host:512GiB", "-ctk", "q8_0"],
    "story_overflow": [*CODER, "-c", "262144", "--limit", "131072", "--limit-source", "agent.yaml: context_length", "--prompt", "146760"],
    "story_timeout": [*CODER, "-c", "262144", "--prompt", "146760", "--prefill-rate", "400", "--deadline", "300"],
    "plan_too_large": ["plan", "gemma-3-27b", "--quant", "Q8_0", "--hw", "rtx-4090 host:64GiB", "-c", "32k"],
    "plan_ollama": ["plan", "qwen3-coder:30b", "--quant", "Q4_K_M", "--hw", "rtx-3060-12gb rtx-4090 host:64GiB", "--engine", "ollama", "-np", "2"],
    "plan_vllm": ["plan", "qwen3-coder:30b", "--quant", "BF16", "--hw", "2*h100-sxm-80gb host:512GiB", "--engine", "vllm", "-tp", "2", "-c", "128k"],
    "plan_trtllm": ["plan", "gpt-oss-120b", "--hw", "2*h100-sxm-80gb host:512GiB", "--engine", "trtllm", "--tp_size", "2", "--max_seq_len", "64k",
                    "--max_batch_size", "64"],
    "plan_exllamav3": ["plan", "qwen3-coder:30b", "--quant", "exl3-4.0bpw", "--hw", "rtx-4090 host:64GiB", "--engine", "exllamav3", "-c", "64k",
                       "--kv", "q8,q6"],
    "plan_compare_exllamav3": ["plan", "qwen3-coder:30b", "--hw", "rtx-4090 host:64GiB", "-c", "32k", "--quant", "Q4_K_M", "--engine", "llama.cpp",
                               "--quant", "exl3-4.0bpw", "--engine", "exllamav3"],
    "error_exl3_bits": ["plan", "qwen3-coder:30b", "--quant", "exl3-9bpw", "--hw", "rtx-4090 host:64GiB", "--engine", "exllamav3"],
    "error_exllamav3": ["plan", "qwen3-coder:30b", "--quant", "exl3-4bpw", "--hw", "mac-studio-m2-ultra-64gb", "--engine", "exllamav3"],
    "plan_draft": ["plan", "qwen3-14b", "--quant", "Q4_K_M", "--hw", "rtx-4070 host:64GiB", "-c", "16k", "--draft", "qwen3-0.6b", "--draft-quant", "Q8_0"],
    "error_draft": ["plan", "qwen3-14b", "--quant", "Q4_K_M", "--hw", "rtx-4070 host:64GiB", "--draft", "gemma-3-1b", "--draft-quant", "Q8_0"],
    "plan_slots": ["plan", "qwen3-coder:30b", "--quant", "Q4_K_M", "--hw", "2*rtx-3090 host:128GiB", "-c", "64k", "-np", "4"],
}


def golden_text(words):
    done = run(*words)
    shown = " ".join(f'"{w}"' if " " in w else w for w in words)
    return f"$ ctxfit {shown}\n{done.stdout.decode()}{done.stderr.decode()}exit {done.returncode}\n"


class Golden(unittest.TestCase):
    def test_output_is_the_reviewed_one(self):
        self.maxDiff = None
        for name, words in GOLDEN_CASES.items():
            with self.subTest(name):
                self.assertEqual(golden_text(words), (GOLDEN / f"{name}.txt").read_text(), f"{name}; where the change is wanted: tests/cli/test_cli.py CTXFIT --update, and read the diff")

    def test_every_golden_file_has_its_case(self):
        self.assertEqual({p.stem for p in GOLDEN.glob("*.txt")}, set(GOLDEN_CASES))

    def test_lines_fit_a_terminal(self):
        for name in GOLDEN_CASES:
            for line in (GOLDEN / f"{name}.txt").read_text().splitlines()[1:-1]:
                if not name.startswith(("error", "model", "hw", "list")):
                    self.assertLessEqual(len(line), 86, f"{name}: {line}")


class Placement(unittest.TestCase):
    def place(self, *words):
        done = run("place", *words, "--json")
        return done.returncode, json.loads(done.stdout)

    def test_a_placement_fits_and_its_line_is_the_plan(self):
        code, answer = self.place("qwen3-coder:30b", "--quant", "Q4_K_M", "--hw", "gpu(backend=cuda,mem=12GiB,bw=360GB/s) host:64GiB(bw=80GB/s)", "-c", "32k")
        self.assertEqual((code, answer["schema"], answer["found"]), (FITS, "ctxfit.place/1", True))
        self.assertGreaterEqual(answer["plan"]["margin_bytes"], 0)
        text = run("place", "qwen3-coder:30b", "--quant", "Q4_K_M", "--hw", "gpu(backend=cuda,mem=12GiB,bw=360GB/s) host:64GiB(bw=80GB/s)", "-c", "32k").stdout.decode()
        line = text.split("Line\n  ")[1].strip()
        code, again = plan(*shlex.split(line), "--quant", "Q4_K_M", "--model", "qwen3-coder:30b", "--hw", "gpu(backend=cuda,mem=12GiB,bw=360GB/s) host:64GiB(bw=80GB/s)")
        self.assertEqual(again["margin_bytes"], answer["plan"]["margin_bytes"])

    def test_a_pasted_line_is_evaluated_and_improved(self):
        line = "llama-server -hf Qwen/Qwen3-Coder-30B-A3B-Instruct:Q4_K_M -c 32768 -np 1 -ngl 20"
        done = run("place", "--line", line, "--hw", "gpu(backend=cuda,mem=12GiB,bw=360GB/s) host:64GiB(bw=80GB/s)")
        self.assertEqual(done.returncode, FITS, done.stderr)
        self.assertIn(b"As it stands: fits", done.stdout)
        self.assertIn(b"-ngl 49", done.stdout)

    def test_nothing_fits_and_a_change_would_help(self):
        code, answer = self.place("llama-3.1-70b-instruct", "--quant", "Q4_K_M", "--hw", "rtx-3090 host:16GiB", "-c", "8k")
        self.assertEqual((code, answer["found"]), (DOES_NOT_FIT, False))
        self.assertGreater(answer["shortfall"]["bytes"], 0)
        self.assertTrue(answer["changes"])

    def test_wrong_words_are_named(self):
        for words, named in ((["--for", "fun"], b"context, speed"), (["--open", "doors"], b"tensors"), (["--least-rate", "-1"], b"--least-rate"),
                             (["--line", "llama-server -ts 1 -c 4096"], b"1 proportions for 2"), (["--worst-quant", "Q99"], b"Q4_K_M")):
            done = run("place", "qwen3-8b", "--hw", "2*rtx-4090 host:64GiB", *words)
            self.assertEqual(done.returncode, USAGE, words)
            self.assertIn(named, done.stderr)


class Story(unittest.TestCase):
    """Qwen3-Coder-30B-A3B on a Mac Studio M2 Ultra with 64 GB: DESIGN section 1, every number from a fact."""

    TRAINED, LIMIT, PROMPT, RATE, DEADLINE = 262144, 131072, 146760, 400, 300
    KV = 48 * 2 * 4 * 128 * 2 * 262144  # layers, K and V, heads, head size, bytes of F16, tokens
    WEIGHTS = 18550716416  # llama-quantize --dry-run of Qwen3-30B-A3B as Q4_K_M, which has the same tensors

    def test_it_fits_at_its_trained_length(self):
        code, p = plan(*CODER[1:], "-c", self.TRAINED)
        gpu = p["devices"][0]
        self.assertEqual((code, p["fit"]), (FITS, "all"))
        self.assertEqual(p["model"]["tensor_bytes"], self.WEIGHTS)
        self.assertEqual(gpu["kv_bytes"], self.KV)
        self.assertEqual(sum(d["weights_bytes"] for d in p["devices"]), self.WEIGHTS)
        self.assertEqual(gpu["capacity_bytes"], 65536 * MIB * 3 // 4)  # what macOS lets a GPU use above 36 GB
        self.assertGreater(p["margin_bytes"], 0)
        self.assertEqual(p["max_ctx_seq"], self.TRAINED)

    def test_the_overflow_is_the_configured_number(self):
        code, p = plan(*CODER[1:], "-c", self.TRAINED, "--limit", self.LIMIT, "--prompt", self.PROMPT)
        check = p["check"]
        self.assertEqual(code, DOES_NOT_FIT)
        self.assertEqual((check["ok"], check["overflow"], check["too_slow"], check["no_fit"]), (False, True, False, False))
        self.assertEqual(check["overflow_tokens"], self.PROMPT - self.LIMIT)
        self.assertEqual((check["limit_tokens"], check["limit_kind"]), (self.LIMIT, "configured"))
        self.assertEqual(p["constraints"][0]["kind"], "configured")
        self.assertTrue(p["constraints"][0]["binding"])

    def test_the_timeout_is_arithmetic(self):
        code, p = plan(*CODER[1:], "-c", self.TRAINED, "--prompt", self.PROMPT, "--prefill-rate", self.RATE, "--deadline", self.DEADLINE)
        check, seconds = p["check"], self.PROMPT / self.RATE
        self.assertEqual(code, DOES_NOT_FIT)
        self.assertEqual((check["overflow"], check["too_slow"]), (False, True))
        self.assertAlmostEqual(check["expected_s"], seconds, 2)
        self.assertEqual(math.ceil(check["expected_s"]), 367)
        self.assertEqual(round(check["late_s"]), 67)
        self.assertEqual(check["largest_prompt_tokens"], self.RATE * self.DEADLINE)

    def test_the_text_names_both_lines_to_change(self):
        done = run(*CODER, "-c", self.TRAINED, "--limit", self.LIMIT, "--limit-source", "agent.yaml: context_length", "--prompt", self.PROMPT,
                   "--prefill-rate", self.RATE, "--deadline", self.DEADLINE)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, DOES_NOT_FIT)
        for words in ("OVERFLOW by 15,688 tokens", "agent.yaml: context_length", "raise 131,072 to 146,760", "made for 262,144", "TOO SLOW by 67 s",
                      "a deadline of 367 s"):
            self.assertIn(words, text.replace("\n" + " " * 35, " "))

    def test_both_changed_it_passes(self):
        code, p = plan(*CODER[1:], "-c", self.TRAINED, "--limit", self.PROMPT, "--prompt", self.PROMPT, "--prefill-rate", self.RATE,
                       "--deadline", 367)
        self.assertEqual((code, p["check"]["ok"]), (FITS, True))


class ExitCodes(unittest.TestCase):
    def check(self, code, *words):
        done = run(*words)
        self.assertEqual(done.returncode, code, f"{words}: {done.stderr.decode()}")
        if code in (USAGE, BAD_INPUT):
            self.assertEqual(done.stdout, b"", words)
            self.assertTrue(done.stderr.decode().strip(), words)
        return done.stderr.decode()

    def test_help_and_version_are_no_failure(self):
        for words in (["--help"], ["-h"], ["help"], ["--version"], ["plan", "--help"], ["batch", "--help"]):
            self.check(FITS, *words)

    def test_wrong_usage(self):
        for words in ([], ["frob"], ["plan"], ["plan", "--hw", "host:64GiB"], ["plan", "qwen3-8b", "--hw"], ["plan", "qwen3-8b", "qwen3-4b", "--hw", "host:64GiB"],
                      [*CODER, *["--engine", "vllm"] * 3], [*CODER, "--engine", "ollama", "--engine", "llama.cpp", *["--quant", "Q8_0"] * 2],
                      ["hw", "--x"], ["hw", "a", "b"], ["quant", "-x"], ["quant", "a", "b"], ["model", "--quant"], ["model", "x", "--quant", "nope"],
                      ["batch", "x"]):
            self.check(USAGE, *words)

    def test_values_out_of_range_say_what_was_expected(self):
        for option, value in [("-c", "-5"), ("-c", ""), ("-c", "lots"), ("-c", "1e400"), ("-c", "99999999999999999999"), ("-c", "0x10"),
                              ("-c", "12k5"), ("-np", "0"), ("-np", "x"), ("-np", "5000000000"), ("-b", "0"), ("-ub", "-1"), ("-ub", ""),
                              ("-ctk", "q4_k"), ("-ctk", ""), ("--kv", "q8_0,"), ("--kv", "a" * 99), ("-fa", "maybe"), ("-ngl", "-2"),
                              ("-ngl", "4294967296"), ("-sm", "tensor"), ("-ts", ""), ("-ts", "1,,1"), ("-ts", "1,-1"), ("-ts", ",".join("1" * 17)),
                              ("-ncmoe", "-1"), ("-ot", "nothing"), ("-ot", "a=" + "b" * 2000), ("--reserve", "1 potato"), ("--reserve", "-1GiB"),
                              ("--limit", "NaN"), ("--prefill-rate", "nan"), ("--prefill-rate", "inf"), ("--prefill-rate", "-400"),
                              ("--prefill-rate", "0"), ("--decode-rate", ""), ("--deadline", "0"), ("--prompt", "1.5"), ("--quant", ""),
                              ("--quant", "Q9_K"), ("--engine", ""), ("--limit-source", "x" * 500), ("--outputs-max", "-1")]:
            self.assertIn("expected", self.check(USAGE, *CODER, option, value), (option, value))

    def test_a_request_needs_its_parts(self):
        self.assertIn("--deadline", self.check(USAGE, *CODER, "--deadline", "3"))
        self.assertIn("--cached", self.check(USAGE, *CODER, "--prompt", "10", "--cached", "11"))

    def test_unknown_options_name_the_nearest(self):
        self.assertIn("--parallel", self.check(USAGE, *CODER, "--paralel", "4"))
        self.assertIn("--ctx-size", self.check(USAGE, *CODER, "--ctxsize", "4"))
        self.check(USAGE, *CODER, "--" + "x" * 5000)
        self.check(USAGE, *CODER, "--model -m", "x")

    def test_bad_input(self):
        for words in (["plan", "no-such-model", "--hw", "host:64GiB"], ["plan", "missing.gguf", "--hw", "host:64GiB"],
                      ["plan", "qwen3-8b", "--hw", "no-such-machine"], ["plan", "qwen3-8b", "--hw", "host:64GiB", "--engine", "vllm"],
                      ["plan", "", "--hw", "host:64GiB"][0:1] + ["ollama:qwen3:8b", "--hw", "host:64GiB"],
                      ["model", "no-such-model"], ["hw", "gpu(mem=)"], ["hw", "host:-1GiB"], ["quant", "nope"]):
            self.check(BAD_INPUT, *words)

    def test_what_the_engine_refuses_is_told_with_its_reason(self):
        # a latent cache has one type
        self.assertIn("K (q8_0) and V (f16)", self.check(BAD_INPUT, "plan", "deepseek-v3", "--hw", "host:512GiB", "-ctk", "q8_0"))

    def test_ollama_takes_its_own_options_only(self):
        self.assertIn("no setting for kv_unified", self.check(BAD_INPUT, *CODER, "--engine", "ollama", "--kv-unified"))
        self.assertIn("one cache type", self.check(BAD_INPUT, *CODER, "--engine", "ollama", "-ctk", "q8_0"))
        self.assertIn("ollama", self.check(BAD_INPUT, *CODER, "--engine", "olama"))
        self.assertIn("0.33.0", self.check(BAD_INPUT, *CODER, "--engine", "ollama@latest"))

    def test_the_context_of_ollama_has_an_order_of_precedence(self):
        ollama = [*CODER[1:], "--engine", "ollama"]
        for words, source, tokens in (([], "memory", 262144), (["--default-ctx", "8k"], "server", 8192),
                                      (["--default-ctx", "8k", "--model-ctx", "4k"], "file", 4096),
                                      (["--default-ctx", "8k", "--model-ctx", "4k", "--num-ctx", "2k"], "request", 2048),
                                      (["--num-ctx", "1m"], "model", 262144)):
            decisions = plan(*ollama, *words)[1]["decisions"]
            self.assertEqual((decisions["ctx_source"], decisions["ctx_tokens"]), (source, tokens))

    def test_two_engines_are_compared(self):
        done = run("plan", "gpt-oss-20b", "--hw", "2*rtx-4090 host:64GiB", "--engine", "ollama", "--engine", "vllm", "--json")
        both = json.loads(done.stdout)
        self.assertEqual([p["engine"]["name"] for p in both["plans"]], ["ollama", "vllm"])
        for d in both["differences"]:
            for plan_of, side in zip(both["plans"], "ab"):
                for place in (plan_of, plan_of["resolved"]):
                    if d["key"] in place and d["key"] != "fit":
                        self.assertEqual(place[d["key"]], d[side])
            self.assertTrue(d["reason"])
        self.assertIn("n_ubatch", [d["key"] for d in both["differences"]])
        self.assertIn("nothing", run("plan", *CODER[1:], "--engine", "ollama", "--engine", "ollama").stdout.decode())
        other = json.loads(run("plan", "gpt-oss-20b", "--hw", "h100-sxm-80gb", "--engine", "trtllm", "--engine", "vllm", "--json").stdout)
        reasons = {d["key"]: d["reason"] for d in other["differences"]}
        self.assertIn("tensorrt-llm: 80.0 GiB of 1 GPU less ", reasons["usable_bytes"])
        self.assertIn("the cache gets 0.9 of the rest; vllm: ", reasons["usable_bytes"])
        self.assertIn("blocks a request", reasons["kv_bytes"])
        parts = [d["bytes"] for d in other["differences"] if d["key"].endswith("_bytes") and d["key"] not in ("total_bytes", "usable_bytes")]
        self.assertEqual([sum(parts)], [d["bytes"] for d in other["differences"] if d["key"] == "total_bytes"])
        self.assertIn("GPU", self.check(BAD_INPUT, "plan", "qwen3-8b", "--hw", "host:64GiB", "--engine", "ollama", "--engine", "vllm"))

    def test_a_context_that_is_advised_fits_under_every_engine(self):
        for engine in ("llama.cpp", "vllm", "sglang", "tensorrt-llm"):
            words = ["plan", "qwen3-8b", "--quant", "BF16", "--hw", "rtx-4090 host:64GiB", "-np", "4", "--engine", engine]
            words += ["-c", "163840"] if engine == "llama.cpp" else []
            advised = re.findall(r"^    (-c \d+|-np \d+ -c \d+) ", run(*words).stdout.decode(), re.M)
            self.assertTrue(advised, engine)
            for change in advised:
                self.assertEqual(run(*words, *change.split()).returncode, FITS, (engine, change))

    def test_every_key_of_a_plan_is_documented(self):
        page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "command-line.md").read_text()
        keys = set()

        def walk(value):
            if isinstance(value, dict):
                keys.update(value)
            for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
                walk(inner)

        for engine in ("llama.cpp", "ollama", "lm-studio", "vllm", "sglang", "tensorrt-llm", "exllamav3"):
            walk(plan("qwen3-8b", "--quant", "BF16", "--hw", "2*rtx-4090 host:64GiB", "-c", "8k", "--engine", engine, "--prompt", "100")[1])
        walk(plan("qwen3-14b", "--quant", "Q4_K_M", "--hw", "mac-studio-m2-ultra-64gb", "--draft", "qwen3-0.6b")[1])
        self.assertGreater(len(keys), 80)
        self.assertEqual(sorted(k for k in keys if f"`{k}`" not in page), [])

    def test_settings_of_other_engines_are_told(self):
        answer = run("plan", "qwen3-8b", "--hw", "2*rtx-4090", "-tp", "2", "--gpu-memory-utilization", "0.5", "--json")
        self.assertIn("without effect: memory_fraction (--gpu-memory-utilization), tensor_parallel (-tp) (llama.cpp has no such setting)",
                      json.loads(answer.stdout)["warnings"])
        self.assertIn("kv_unified", self.check(BAD_INPUT, "plan", "qwen3-8b", "--hw", "rtx-4090", "--engine", "ollama", "--kv-unified"))
        self.assertIn("multiple of 16", self.check(BAD_INPUT, "plan", "qwen3-8b", "--hw", "h100-sxm-80gb", "--engine", "vllm", "--block-size", "17"))

    def test_options_that_nothing_takes_are_told(self):
        def notes(*words):
            return [x for x in run("plan", "qwen3-8b", "--quant", "Q4_K_M", "--hw", "rtx-4090", *words).stderr.decode().splitlines() if "without effect" in x]
        for words, named in [(["--image", "640x480", "--image-max-tokens", "9"], ["--image", "--image-max-tokens", "--mmproj FILE"]),
                             (["--draft-quant", "Q8_0", "--draft-max", "4"], ["--draft-quant", "--draft-max"]),
                             (["--draft", "qwen3-0.6b", "--draft-quant", "Q8_0", "--mtp"], ["--mtp"])]:
            text = " ".join(notes(*words))
            for name in named:
                self.assertIn(name, text)
        self.assertEqual(notes("--draft", "qwen3-0.6b", "--draft-quant", "Q8_0", "--draft-max", "4", "-ngld", "3"), [])
        for value in "lora.gguf", "lora.gguf:", "lora.gguf:x", ":1", "a.gguf:1,b.gguf":
            self.assertIn("FILE:SCALE", self.check(USAGE, "plan", "qwen3-8b", "--hw", "rtx-4090", "--lora-scaled", value))
        self.assertIn("--num-speculative-tokens", self.check(BAD_INPUT, "plan", "qwen3-next-80b-a3b", "--hw", "h200-sxm-141gb", "--engine", "vllm", "--mtp"))

    def test_every_command_names_the_word_at_fault(self):
        for words, named in [(["model", "--tensors"], "MODEL"), (["model", "qwen3-8b", "--quant", "zz"], "--quant 'zz'"),
                             (["model", "qwen3-8b", "--image", "0x0"], "--image '0x0'"), (["model", "a", "b"], "'b'"), (["quant", "a", "b"], "'b'"),
                             (["hw", "--foo"], "'--foo'"), (["hw", "--about"], "a value behind it"), (["hw", "--about", ""], "--about"),
                             (["hw", "--list", "--memory", "24GiB-8GiB"], "--memory"), (["list", "--top", "-1"], "--top '-1'"),
                             (["list", "--hw", "rtx-4090", "--engine", "vllm", "--engine", "ollama"], "one engine"),
                             (["hw", "--for", "qwen3-8b", "--engine", "vllm", "--engine", "ollama"], "one engine"),
                             (["place", "qwen3-8b", "--hw", "rtx-4090", "--engine", "vllm", "--engine", "ollama"], "one engine"),
                             (["place", "qwen3-8b", "--hw", "rtx-4090", "--program", ""], "--program"),
                             (["plan", "qwen3-8b", "--hw", "rtx-4090", "--reserve", "1.5"], "--reserve '1.5'"),
                             (["plan", "qwen3-8b", "--hw", "rtx-4090", "--kv-cache-memory-bytes", "0"], "--kv-cache-memory-bytes '0'")]:
            self.assertIn(named, self.check(USAGE, *words), words)
        self.assertIn("placements are searched", self.check(BAD_INPUT, "place", "qwen3-8b", "--hw", "rtx-4090", "--engine", "vllm"))
        for words in ["list", "--hw", "rtx-4090", "-c", "4k", "--top", "1"], ["hw", "--for", "qwen3-8b", "-c", "4k", "--top", "1"]:
            said = run(*words, "-tp", "2", "--draft", "qwen3-0.6b").stderr.decode()
            self.assertIn("without effect: tensor_parallel", said)
            self.assertIn("beside the model is not counted", said)
        last = ["qwen3-8b", "--hw", "rtx-4090", "-c", "4k", "--quant", "Q4_K_M", "--quant", "Q8_0"]
        self.assertEqual([run(command, *last).stdout.decode().splitlines()[1].split(",")[1].split()[0] for command in ("plan", "place")], ["Q8_0", "Q8_0"])

    def test_suggestions_for_names(self):
        self.assertIn("qwen3-coder-30b", self.check(BAD_INPUT, "plan", "qwen3-coder:40b", "--hw", "host:64GiB"))
        self.assertIn("rtx-4090", self.check(BAD_INPUT, "hw", "rtx-4091"))

    def test_does_not_fit(self):
        self.check(DOES_NOT_FIT, "plan", "qwen3-8b", "--hw", "host:8GiB")


class Detected(unittest.TestCase):
    """Made machines (tests/data/hw/machines) under CTXFIT_ROOT: files only, drivers are not asked."""

    SPEC = "rx-7900-xtx(mem=24560MiB,free=23960MiB) host:64000MiB(free=50000MiB)"

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.unpack("radeon-rx-7900-xtx")

    def tearDown(self):
        self.folder.cleanup()

    def unpack(self, name):
        for part in re.split("^== ", (DATA / "hw" / "machines" / f"{name}.machine").read_text(), flags=re.M)[1:]:
            path, _, text = part.partition("\n")
            if path.startswith("/"):
                file = self.root / path.lstrip("/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)

    def run(self, *args, **env):
        if args and isinstance(args[0], str):
            return run(*args, CTXFIT_ROOT=str(self.root), **env)
        return super().run(*args, **env)

    def test_hw_without_a_spec_is_this_machine(self):
        done = self.run("hw")
        lines = done.stdout.decode().splitlines()
        self.assertEqual((done.returncode, lines[0]), (FITS, self.SPEC))
        self.assertTrue(any(line.startswith("  not seen: ") for line in lines), lines)
        again = run("hw", lines[0]).stdout.decode().splitlines()
        self.assertEqual(again, [line for line in lines if not line.startswith(("  not seen: ", "            "))])

    def test_a_report_says_what_was_read(self):
        report = self.run("hw", "--report").stdout.decode()
        for text in ("mem_info_vram_total: 25753026560", "PCI id, revision and memory", self.SPEC):
            self.assertIn(text, report)

    def test_the_catalog_is_listed(self):
        self.assertIn("rtx-4090 ", run("hw", "--list").stdout.decode())

    def test_the_catalog_is_json_for_programs(self):
        rows = [json.loads(line) for line in run("hw", "--list", "--json").stdout.splitlines()]
        self.assertGreater(len(rows), 480)
        priced = {r["id"] for r in rows if r.get("price_usd", 10**9) <= 800 and r.get("kind") == "gpu"}
        listed = [json.loads(line)["id"] for line in run("hw", "--list", "--price", "800", "--parts", "--kind", "gpu", "--json").stdout.splitlines()]
        self.assertEqual(set(listed), priced)
        self.assertEqual(json.loads(run("hw", "--about", "4090", "--json").stdout)["id"], "rtx-4090")
        for words in (["--list", "--vendor"], ["--price", "100"], ["--json"], ["--list", "--kind", "x"], ["--list", "a", "b"], ["--about"],
                      ["--list", "--about", "4090"], ["--list", "--price", "0"], ["--list", "--memory", "-"]):
            self.assertEqual(run("hw", *words).returncode, USAGE, words)
        self.assertEqual(run("hw", "--list", "rtx-4099").returncode, BAD_INPUT)

    def test_hardware_of_ones_own_is_named_by_a_file(self):
        entry = json.loads(run("hw", "--about", "rtx-4090", "--json").stdout)
        entry.update(id="mine", memory_bytes=2 * entry["memory_bytes"], advertised_bytes=0, budget_bytes=0)
        file = self.root / "mine.json"
        file.write_text(json.dumps({"hardware": [entry, {"id": "rig", "spec": "2*mine host:64GiB"}]}))
        done = run("hw", "rig", "--hw-file", file)
        if b"E_UNSUPPORTED" in done.stderr:
            self.skipTest("built without JSON")
        self.assertEqual(done.stdout.decode().splitlines()[0],
                         "2*gpu(backend=cuda,mem=48GiB,bw=1008GB/s,fp16=165200G,int8=660600G,link=31500MB/s) host:64GiB")
        self.assertEqual(plan("llama-3.1-70b", "--quant", "Q4_K_M", "-c", "8k", "--hw", "mine host:64GiB", "--hw-file", file)[0], FITS)
        file.write_text('[{"id": "a", "kind": "gpu", "memory_byte": 1}]')
        self.assertIn("did you mean memory_bytes", run("hw", "a", "--hw-file", file).stderr.decode())
        for words, code in ((["hw", "a", "--hw-file", file], BAD_INPUT), (["hw", "a", "--hw-file", self.root / "none"], BAD_INPUT),
                            (["plan", "qwen3-8b", "--hw-file", file], USAGE), (["hw", "--hw-file", file], USAGE), (["hw", "a", "--hw-file"], USAGE)):
            self.assertEqual(run(*words).returncode, code, words)

    def test_rows_of_a_listing_are_plans(self):
        words = ["--hw", "2*rtx-3090 host:128GiB", "-c", "32k", "-np", "2", "--kv", "q8_0"]
        rows = [json.loads(line) for line in run("list", *words, "--quant", "Q4_K_M", "--top", "0", "--json").stdout.splitlines()]
        self.assertGreater(len(rows), 100)
        for row in rows[::25]:
            code, own = plan(row["model"], *words, "--quant", "Q4_K_M", *(["--cpu-moe"] if row["cpu_moe"] else []))
            self.assertEqual((code, own["fit"], own["margin_bytes"]), (FITS, row["fit"], row["margin_bytes"]), row["model"])
        rows = [json.loads(line) for line in run("hw", "--for", "qwen3-8b", "--quant", "Q8_0", "-c", "32k", "--price", "2000", "--top", "0", "--json").stdout.splitlines()]
        self.assertEqual([r["price_usd"] for r in rows], sorted(r["price_usd"] for r in rows))
        self.assertLessEqual(rows[-1]["price_usd"], 2000)
        for row in rows[::9]:
            self.assertEqual(plan("qwen3-8b", "--quant", "Q8_0", "-c", "32k", "--hw", row["hw"])[0], FITS)
        self.assertEqual(run("list", "--hw", "gpu(mem=1MiB) host:1MiB", "-c", "4k").returncode, DOES_NOT_FIT)
        self.assertIn("this machine", self.run("list", "-c", "8k", "--top", "1").stdout.decode())
        for words in (["list", "qwen3-8b", "--hw", "host:8GiB"], ["list", "--top", "x", "--hw", "host:8GiB"], ["list", "--top"], ["list", "--least", "nope"],
                      ["list", "--hw", "host:8GiB", "-c", "max"], ["list", "--hw", "host:8GiB", "--prompt", "9"], ["hw", "--for"],
                      ["hw", "--for", "qwen3-8b", "--hw", "host:8GiB"],
                      ["hw", "--for", "qwen3-8b", "-c", "max"], ["hw", "--for", "qwen3-8b", "--memory"]):
            self.assertEqual(run(*words).returncode, USAGE, words)
        self.assertEqual(run("hw", "--for", "no-such-model").returncode, BAD_INPUT)

    def test_a_plan_without_hw_says_so_and_is_that_of_the_spec(self):
        words = ["plan", "qwen3-8b", "--quant", "Q4_K_M", "-c", "8k"]
        found, stated = self.run(*words, "--json"), run(*words, "--hw", self.SPEC, "--json")
        self.assertEqual((found.returncode, found.stdout), (FITS, stated.stdout))
        self.assertIn("planned for this machine", found.stderr.decode())
        self.assertIn("not seen", found.stderr.decode())
        text = self.run(*words).stdout.decode()
        self.assertIn("on this machine: rx-7900-xtx", " ".join(text.split()))
        self.assertIn("not seen: the bandwidth of the host's memory", " ".join(text.split()))

    def test_visible_devices_are_followed(self):
        for env in ({"ROCR_VISIBLE_DEVICES": ""}, {"HIP_VISIBLE_DEVICES": "1"}):
            self.assertEqual(self.run("hw", **env).stdout.decode().splitlines()[0], self.SPEC.split()[1], env)

    def test_a_root_without_a_system_is_bad_input(self):
        limited = self.run("hw", "--device-limit", "8GiB", "--host-limit", "16GiB").stdout.decode().splitlines()[0]
        self.assertEqual(limited, "rx-7900-xtx(mem=24560MiB,free=8GiB) host:16GiB(free=16GiB,reserve=0B)")
        usable = [d["usable_bytes"] >> 20 for d in json.loads(self.run("plan", "qwen3-8b", "--device-limit", "8GiB", "--json").stdout)["devices"]]
        self.assertEqual(usable[0], 7 * 1024)  # less what is kept free on a card
        for words in (["hw", "--device-limit", "x"], ["hw", "--device-limit"], ["hw", "--host-limit", "0"], ["hw", "rtx-4090", "--host-limit", "1GiB"],
                      ["hw", "--device-limit", ",".join(["1GiB"] * 17)], ["plan", "qwen3-8b", "--hw", "host:8GiB", "--host-limit", "1GiB"]):
            self.assertEqual(self.run(*words).returncode, USAGE, words)
        done = run("hw", CTXFIT_ROOT=str(self.root / "nothing"))
        self.assertEqual((done.returncode, done.stdout), (BAD_INPUT, b""))
        self.assertEqual(run("hw", CTXFIT_ROOT="x" * 5000).returncode, BAD_INPUT)

    def test_this_machine_has_a_host(self):
        self.assertRegex(run("hw").stdout.decode(), r"^\S")


class Options(unittest.TestCase):
    def resolved(self, *words):
        return plan("qwen3-8b", "--hw", "2*rtx-4090 host:64GiB", *words)[1]["resolved"]

    def test_spellings_are_equal(self):
        for a, b in [(["-c", "32768"], ["--ctx-size=32k"]), (["-c", "32768"], ["--ctx", "32768.0"]), (["-np", "4"], ["--parallel", "4"]),
                     (["-b", "1024", "-ub", "256"], ["--batch-size", "1024", "--ubatch-size=256"]),
                     (["--kv", "q8_0"], ["-ctk", "q8_0", "--cache-type-v", "Q8_0"]), (["-fa"], ["--flash-attn", "on"]),
                     (["-ngl", "10"], ["--gpu-layers", "10"]), (["-ngl", "all"], []), (["-c", "native"], []), (["-c", "0"], []),
                     (["--cpu-moe"], ["-cmoe"]), (["-nkvo"], ["--no-kv-offload"])]:
            self.assertEqual(plan("qwen3-8b", "--hw", "2*rtx-4090 host:64GiB", *a), plan("qwen3-8b", "--hw", "2*rtx-4090 host:64GiB", *b), (a, b))

    def test_context_is_shared_or_divided(self):
        self.assertEqual(self.resolved("-c", "32768", "-np", "4")["n_ctx_seq"], 8192)
        self.assertEqual(self.resolved("-c", "32768", "-np", "4", "--kv-unified")["n_ctx_seq"], 32768)
        # tools/server/server.cpp: without a number four slots share one cache
        auto = self.resolved("-c", "32768", "-np", "-1")
        self.assertEqual((auto["n_seq"], auto["n_ctx_seq"], auto["kv_unified"]), (4, 32768, True))

    def test_placement(self):
        self.assertEqual(self.resolved("-ngl", "0")["gpu_layers"], 0)
        self.assertEqual(self.resolved("-ngl", "10")["gpu_layers"], 10)
        split = plan("qwen3-8b", "--hw", "2*rtx-4090 host:64GiB", "-ts", "3,1")[1]["devices"]
        self.assertGreater(split[0]["layers"], 2 * split[1]["layers"])
        alone = plan("qwen3-8b", "--hw", "2*rtx-4090 host:64GiB", "-sm", "none")[1]["devices"]
        self.assertEqual(alone[1]["total_bytes"], 0)
        kept = plan("qwen3-8b", "--hw", "rtx-4090 host:64GiB", "-c", "8192", "-ot", r"blk\.0\.ffn_.*=CPU")[1]["devices"]
        plain = plan("qwen3-8b", "--hw", "rtx-4090 host:64GiB", "-c", "8192")[1]["devices"]
        self.assertGreater(kept[-1]["weights_bytes"], plain[-1]["weights_bytes"])
        self.assertEqual(kept[0]["weights_bytes"] + kept[1]["weights_bytes"], plain[0]["weights_bytes"] + plain[1]["weights_bytes"])

    def test_reserve(self):
        usable = [plan("qwen3-8b", "--hw", "rtx-4090 host:64GiB", "--reserve", r)[1]["devices"][0]["usable_bytes"] for r in ("0", "1GiB", "2GiB")]
        self.assertEqual(usable, [24576 * MIB, 23552 * MIB, 22528 * MIB])
        mib = plan("qwen3-8b", "--hw", "rtx-4090 host:64GiB", "--fit-target", "2048")[1]["devices"][0]["usable_bytes"]
        self.assertEqual(mib, usable[2])

    def test_a_line_of_llama_server_can_be_pasted(self):
        line = ("./build/bin/llama-server -m qwen3-8b --host 0.0.0.0 --port 8080 -c 32768 -np 2 -ngl 99 -fa -ctk q8_0 -ctv q8_0 --jinja -t 8 "
                "--mlock --no-mmap --temp 0.7 --top-k 20 -a mine --metrics --no-webui --slots -cb --reasoning-format deepseek").split()
        done = run("plan", *line, "--hw", "rtx-4090 host:64GiB", "--json")
        self.assertEqual(done.returncode, FITS, done.stderr)
        self.assertEqual(json.loads(done.stdout), plan("qwen3-8b", "-c", "32768", "-np", "2", "-fa", "on", "--kv", "q8_0", "--hw",
                                                       "rtx-4090 host:64GiB", "--no-mmap")[1])
        self.assertIn("no size depends on --host, --port", done.stderr.decode())

    def test_a_repository_names_model_and_file_type(self):
        code, p = plan("-hf", "unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF:Q5_K_M", "--hw", "rtx-5090 host:64GiB", "-c", "8192")
        self.assertEqual((code, p["model"]["file_type"]), (FITS, "Q5_K_M"))

    def test_memory_that_is_not_counted_is_said(self):
        self.assertIn("--mmproj-url", run(*CODER, "--mmproj-url", "x").stderr.decode())

    def test_a_real_header(self):
        code, p = plan("gguf/qwen-dense.gguf", "--header-only", "--hw", "host:8GiB")
        self.assertEqual((code, p["model"]["architecture"]), (FITS, "qwen"))
        for i in range(0, HEADER.stat().st_size, 997):
            with tempfile.NamedTemporaryFile(suffix=".gguf") as cut:
                cut.write(HEADER.read_bytes()[:i])
                cut.flush()
                self.assertEqual(run("plan", cut.name, "--header-only", "--hw", "host:8GiB").returncode, BAD_INPUT, i)

    def test_no_color_but_on_a_terminal(self):
        for env in ({}, {"NO_COLOR": ""}, {"TERM": "xterm"}):
            self.assertNotIn(b"\x1b", run(*CODER, **env).stdout)

    def test_color_on_a_terminal(self):
        try:
            import pty
            for descriptor in pty.openpty():
                os.close(descriptor)
        except (ImportError, OSError):  # not Unix; a container without pseudo-terminals
            self.skipTest("no terminals here")
        for env, colored in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            master, slave = pty.openpty()
            with subprocess.Popen([CTXFIT, "plan", "qwen3-8b", "--hw", "host:64GiB"], stdout=slave, env={"PATH": os.environ["PATH"], **env}) as process:
                os.close(slave)
                text = b""
                try:
                    while piece := os.read(master, 65536):
                        text += piece
                except OSError:  # how a terminal ends on Linux
                    pass
                process.wait()
            os.close(master)
            self.assertEqual(b"\x1b[" in text, colored, env)

    def test_names_out_of_files_steer_no_terminal(self):
        evil = b"\x1b]0;x\x07\xc2\x9b31m"
        header = HEADER.read_bytes()
        at = header.index(b"token_embd.weight")
        with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
            file.write(header[:at] + evil + header[at + len(evil):])
            file.flush()
            for words in (["model", file.name, "--header-only", "--tensors"], ["plan", file.name, "--hw", "host:8GiB"], ["plan", file.name, "--hw", "x"]):
                done = run(*words)
                for text in (done.stdout, done.stderr):
                    self.assertFalse(any(b in text for b in (b"\x1b", b"\x07", b"\xc2\x9b")), words)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_an_answer_that_cannot_be_written_is_an_error(self):
        for words in (CODER, ["model"], ["batch"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([CTXFIT, *words], input=b"{}\n", stdout=full, stderr=subprocess.PIPE)
            self.assertIn(done.returncode, (BAD_INPUT,) if has_batch() else (BAD_INPUT, USAGE), words)

    def test_bar_follows_the_locale(self):
        self.assertTrue(run(*CODER).stdout.isascii())
        self.assertIn("\u2588", run(*CODER, LC_ALL="C.UTF-8").stdout.decode())


class Advice(unittest.TestCase):
    """What is advised is tried again: it must do what it says."""

    @staticmethod
    def advised(*words):
        """Words of options at the start of the lines under "What to change"."""
        text = run(*words).stdout.decode().partition("What to change")[2]
        return [line[4:35].split() for line in text.splitlines()[1:] if line.startswith("    -")]

    def test_every_change_alone_makes_it_fit(self):
        cases = [["gemma-3-27b", "--quant", "Q8_0", "--hw", "rtx-4090 host:64GiB", "-c", "32k"],
                 ["qwen3-coder:30b", "--quant", "Q4_K_M", "--hw", "rtx-3060-12gb host:64GiB", "-c", "32k"],
                 ["qwen3-8b", "--quant", "Q4_K_M", "--hw", "rtx-3060-12gb host:64GiB", "-c", "160k", "-np", "4"],
                 ["qwen3-8b", "--quant", "Q4_K_M", "--hw", "rtx-3060-12gb host:64GiB", "-c", "64k", "-np", "4", "--kv-unified"],
                 ["gpt-oss-120b", "--hw", "2*rtx-4090 host:128GiB", "-c", "16k"], ["qwen3-235b-a22b", "--quant", "Q4_K_M", "--hw", "host:128GiB"],
                 ["llama-3.1-70b", "--quant", "Q4_K_M", "--hw", "mac-studio-m2-ultra-64gb", "-c", "128k"],
                 ["falcon-h1-7b", "--quant", "Q8_0", "--hw", "gpu(backend=cuda,mem=8GiB) host:32GiB", "-np", "8"]]
        count = 0
        for words in cases:
            self.assertEqual(run("plan", *words).returncode, DOES_NOT_FIT, words)
            for change in self.advised("plan", *words):
                count += 1
                code, p = plan(*words, *change)
                self.assertEqual(code, FITS, (words, change, p.get("fit")))
        self.assertGreater(count, 2 * len(cases))

    def test_the_next_larger_file_type_does_not_fit(self):
        words = ["gemma-3-27b", "--hw", "rtx-4090 host:64GiB", "-c", "8192"]
        best = next(c[1] for c in self.advised("plan", *words) if c[0] == "--quant")
        sizes = [line.split() for line in run("quant", words[0]).stdout.decode().splitlines()[3:]]
        names = [s[0] for s in sizes]
        self.assertEqual(plan(*words, "--quant", best)[0], FITS)
        self.assertEqual(plan(*words, "--quant", names[names.index(best) - 1])[0], DOES_NOT_FIT)

    def test_the_largest_context_is_the_largest(self):
        for words in (["qwen3-8b", "--quant", "Q8_0", "--hw", "rtx-3060-12gb host:64GiB"], ["gemma-3-27b", "--quant", "Q4_K_M", "--hw", "rtx-4090 host:64GiB"],
                      ["qwen3-8b", "--quant", "Q8_0", "--hw", "rtx-3060-12gb host:64GiB", "-np", "3"],
                      ["qwen3-8b", "--quant", "Q8_0", "--hw", "rtx-3060-12gb host:64GiB", "-np", "3", "--kv-unified"],
                      ["deepseek-v2-lite", "--quant", "Q8_0", "--hw", "gpu(backend=cuda,mem=20GiB) host:64GiB"]):
            p = plan(*words)[1]
            sequences = 3 if "-np" in words and "--kv-unified" not in words else 1
            largest = p["max_ctx_seq"]
            self.assertLess(largest, p["model"]["trained_tokens"], words)
            self.assertEqual(plan(*words, "-c", largest * sequences)[0], FITS, words)
            self.assertEqual(plan(*words, "-c", (largest + 256) * sequences)[0], DOES_NOT_FIT, words)

    def test_the_next_expert_layer_is_needed(self):
        words = ["qwen3-coder:30b", "--quant", "Q4_K_M", "--hw", "rtx-3060-12gb host:64GiB", "-c", "32k"]
        layers = next(int(c[1]) for c in self.advised("plan", *words) if c[0] == "--n-cpu-moe")
        self.assertEqual(plan(*words, "--n-cpu-moe", layers)[0], FITS)
        self.assertEqual(plan(*words, "--n-cpu-moe", layers - 1)[0], DOES_NOT_FIT)

    def test_requests_pass_after_the_change(self):
        for words in (["qwen3-coder:30b", "--quant", "Q4_K_M", "--hw", "rtx-5090 host:64GiB", "-c", "32k", "--prompt", "60000"],
                      ["qwen3-coder:30b", "--quant", "Q4_K_M", "--hw", "rtx-5090 host:64GiB", "-c", "64k", "-np", "4", "--prompt", "20000", "--output", "500"],
                      ["qwen3-coder:30b", "--quant", "Q4_K_M", "--hw", "rtx-4090 host:64GiB", "-c", "max", "--prompt", "100000"]):
            self.assertEqual(run("plan", *words).returncode, DOES_NOT_FIT)
            changes = self.advised("plan", *words)
            self.assertTrue(changes, words)
            for change in changes:
                code, p = plan(*words, *change)
                self.assertEqual((code, p["check"]["ok"]), (FITS, True), (words, change))

    def test_the_largest_prompt_passes_and_one_more_does_not(self):
        for words in ([*CODER[1:], "--limit", "131072", "--prompt", "146760"],
                      [*CODER[1:], "--prompt", "146760", "--prefill-rate", "400", "--deadline", "300"],
                      [*CODER[1:], "--prompt", "146760", "--output", "2000", "--deadline", "400"],
                      [*CODER[1:], "--prompt", "100000", "--cached", "80000", "--output", "100", "--deadline", "60"]):
            largest = plan(*words)[1]["check"]["largest_prompt_tokens"]
            self.assertEqual(plan(*words, "--prompt", largest)[0], FITS, words)
            self.assertEqual(plan(*words, "--prompt", largest + 1)[0], DOES_NOT_FIT, words)


class Json(unittest.TestCase):
    DEVICE_SUM = ("weights_bytes", "kv_bytes", "kv_swa_bytes", "recurrent_bytes", "kv_other_bytes", "compute_bytes", "output_bytes")

    def test_plan_has_the_documented_keys(self):
        page = (HERE.parents[1] / "docs" / "command-line.md").read_text()
        p = plan("gemma-3-27b", "--quant", "Q4_K_M", "--hw", "rtx-4090 host:64GiB", "--limit", "4096", "--prompt", "1000", "--deadline", "9")[1]
        self.assertEqual(p["schema"], "ctxfit.plan/1")
        todo = [p]
        while todo:
            for key, value in todo.pop().items():
                self.assertIn(f"`{key}`", page)
                todo += [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, dict)]

    def test_devices_sum_up_and_the_host_is_last(self):
        for hw in ("host:64GiB", "rtx-4090 host:64GiB", "2*rtx-3090 host:64GiB", "mac-studio-m2-ultra-64gb", "2*dgx-spark"):
            p = plan("gemma-3-27b", "--quant", "Q4_K_M", "--hw", hw)[1]
            self.assertEqual(p["devices"][-1]["name"], "host")
            self.assertEqual(p["total_bytes"], sum(d["total_bytes"] for d in p["devices"]))
            for d in p["devices"]:
                self.assertEqual(d["total_bytes"], sum(d[k] for k in self.DEVICE_SUM))

    def test_the_largest_context_is_planned(self):
        code, p = plan("gemma-3-27b", "--quant", "Q4_K_M", "--hw", "rtx-4090 host:64GiB", "-c", "max")
        self.assertEqual((code, p["resolved"]["n_ctx_seq"]), (FITS, p["max_ctx_seq"]))


class Config(unittest.TestCase):
    """A config.json, its folder, and what is none."""

    LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
             "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
             "max_position_embeddings": 8192}

    def setUp(self):
        if not has_batch():
            self.skipTest("built without yyjson")
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, **keys):
        path = pathlib.Path(self.folder.name) / "config.json"
        path.write_text(json.dumps({**self.LLAMA, **keys}))
        return path

    def test_file_and_folder_are_one_model(self):
        path = self.write()
        texts = [run("model", where, "--quant", "Q4_K_M").stdout for where in (path, path.parent, str(path.parent) + "/")]
        self.assertEqual(len(set(texts)), 1)
        self.assertIn(b"8.030 B", texts[0])
        code, answer = plan(path.parent, "--quant", "Q4_K_M", "--hw", "rtx-4090 host:64GiB")
        self.assertEqual(code, FITS)
        self.assertEqual(answer["max_ctx_seq"], 8192)

    def test_an_unknown_model_type_says_what_is_missing(self):
        done = run("model", self.write(architectures=["NovelForCausalLM"], model_type="novel", mamba_d_state=128))
        self.assertEqual(done.returncode, FITS)
        words = b" ".join(done.stdout.split())
        self.assertIn(b"model_type 'novel' is not known", words)
        self.assertIn(b"mamba_d_state", words)

    def test_what_is_no_configuration(self):
        path = self.write()
        for text, words in (("{", b"E_MALFORMED"), ("[]", b"expected an object"), ("{}", b"num_hidden_layers")):
            path.write_text(text)
            done = run("model", path)
            self.assertEqual(done.returncode, BAD_INPUT)
            self.assertIn(words, done.stderr)
        done = run("model", path.parent / "other.json")
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn(b"cannot be opened", done.stderr)


class Sources(unittest.TestCase):
    """Checkpoints, Modelfiles and Ollama's store."""

    def setUp(self):
        if not has_batch():
            self.skipTest("built without yyjson")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def header(self, **tensors):
        tensors = tensors or {"model.norm.weight": {"dtype": "F16", "shape": [8], "data_offsets": [0, 16]}}
        header = json.dumps(tensors).encode()
        return len(header).to_bytes(8, "little") + header + bytes(max(t["data_offsets"][1] for t in tensors.values()))

    def write(self, name, **tensors):
        (self.folder / name).write_bytes(self.header(**tensors))

    def words_of(self, *arguments):
        done = run("model", *arguments)
        self.assertEqual(done.returncode, FITS, done.stderr)
        return b" ".join(done.stdout.split())

    def test_a_folder_shows_the_bytes_of_its_checkpoint(self):
        config = {**Config.LLAMA, "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}
        (self.folder / "config.json").write_text(json.dumps(config))
        self.write("model.safetensors", **{"model.embed_tokens.weight": {"dtype": "F16", "shape": [8], "data_offsets": [0, 16]},
                                           "model.layers.3.mlp.up_proj.qweight": {"dtype": "I32", "shape": [4], "data_offsets": [16, 32]}})
        for name in (self.folder, self.folder / "model.safetensors"):
            words = self.words_of(name)
            self.assertIn(b"awq, 4 bits, groups of 128", words)
            self.assertIn(b"32 bytes", words)
            self.assertIn(b"config.json says 32 layers, the files have tensors of 1 of them, none of layer 0", words)
        (self.folder / "model.safetensors").write_bytes(b"\x40" + bytes(20))
        for name in (self.folder, self.folder / "model.safetensors"):  # a download under way: the configuration is enough
            self.assertIn(b"1 of 1 files end within their header (the first: 'model.safetensors')", self.words_of(name))
        warnings = plan(self.folder, "--hw", "h100-80gb host:64GiB", "--engine", "vllm", "-c", "4096")[1]["warnings"]
        self.assertTrue(any("weights are counted as config.json describes them" in w for w in warnings), warnings)
        (self.folder / "config.json").unlink()
        self.write("model.safetensors", **{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}})
        self.assertIn(b"no config.json", run("model", self.folder / "model.safetensors").stderr)

    def test_a_quantized_checkpoint_is_named_by_its_format_and_advised_no_file_type(self):
        config = {**Config.LLAMA, "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}
        (self.folder / "config.json").write_text(json.dumps(config))
        card = ("--hw", "rtx-4060 host:64GiB", "-c")
        words = b" ".join(run("plan", self.folder, "--engine", "vllm", *card, "131072").stdout.split())
        self.assertIn(b"a checkpoint of awq (", words)
        self.assertIn(b"DOES NOT FIT", words)
        self.assertNotIn(b"--quant", words)
        words = b" ".join(run("plan", self.folder, *card, "8192").stdout.split())  # what llama.cpp loads is a file that is made of it
        self.assertNotIn(b"a checkpoint of awq (", words)
        self.assertIn(b"--quant Q", words)

    def test_json_has_no_file_type_where_a_file_states_none(self):
        self.assertEqual(plan(HEADER, "--header-only", "--hw", "host:8GiB")[1]["model"]["file_type"], None)

    def test_json_says_of_a_quantized_checkpoint_what_is_loaded(self):
        def model(method, *words):
            quantized = {"quantization_config": method} if method else {}
            (self.folder / "config.json").write_text(json.dumps({**Config.LLAMA, **quantized}))
            return plan(self.folder, "--hw", "h100-80gb host:64GiB", "-c", "4096", *words)[1]["model"]

        awq = {"quant_method": "awq", "bits": 4, "group_size": 128}
        stored, plain = model(awq, "--engine", "vllm"), model(None, "--engine", "vllm")
        # 224 matrices of the layers, 6,979,321,856 weights, have 4 bits, and 16 + 4 for 128 of them; the rest 16 bits
        bytes_left = plain["tensor_bytes"] - 2 * 6_979_321_856
        self.assertEqual((stored["file_type"], stored["quantization"]),
                         (None, {"method": "awq", "bits": 4, "group": 128, "measured": False,
                                 "tensor_bytes": bytes_left + 6_979_321_856 // 2 + 6_979_321_856 // 128 * 5 // 2}))
        for words in ((), ("--engine", "vllm", "--quant", "Q4_K_M")):  # a file that is made of it
            made = model(awq, *words)
            self.assertEqual((made["file_type"], "quantization" in made), ("Q4_K_M" if words else "BF16", False))
        self.assertEqual((plain["file_type"], "quantization" in plain), ("BF16", False))

    def test_what_is_no_safetensors_file_is_refused(self):
        (self.folder / "config.json").write_text(json.dumps(Config.LLAMA))
        for tensor, more, words in (({"dtype": "WAT", "shape": [2], "data_offsets": [0, 4]}, b"", b"dtype 'WAT' is none that safetensors has"),
                                    ({"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}, b"1234567", b"7 bytes behind the last that belong to none")):
            self.write("model.safetensors", a=tensor)
            with open(self.folder / "model.safetensors", "ab") as file:
                file.write(more)
            for name in (self.folder, self.folder / "model.safetensors"):
                done = run("model", name)
                self.assertEqual(done.returncode, BAD_INPUT)
                self.assertIn(words, done.stderr)

    def test_one_file_of_several_is_the_checkpoint(self):
        (self.folder / "config.json").write_text(json.dumps(Config.LLAMA))
        for i, size in ((1, 16), (2, 32)):
            self.write(f"model-0000{i}-of-00002.safetensors", **{f"model.layers.{i}.mlp.up_proj.weight": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}})
        first = self.folder / "model-00001-of-00002.safetensors"
        self.assertIn(b"48 bytes", self.words_of(first))  # its name says that there are two
        names = {f"model.layers.{i}.mlp.up_proj.weight": f"model-0000{i}-of-00002.safetensors" for i in (1, 2)}
        (self.folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 48}, "weight_map": names}))
        self.assertIn(b"48 bytes", self.words_of(first))
        self.assertEqual(self.words_of(first), self.words_of(self.folder))
        (self.folder / "model-00002-of-00002.safetensors").unlink()
        for name in (first, self.folder, self.folder / "model.safetensors.index.json"):
            self.assertIn(b"1 of 2 files are missing (the first: 'model-00002-of-00002.safetensors')", self.words_of(name))

    def test_a_folder_without_a_model_says_what_it_lacks(self):
        done = run("model", self.folder)
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn(b"the folder has no config.json and no GGUF file [", done.stderr)
        (self.folder / "Modelfile").write_text("FROM tiny\n")
        self.assertIn(b"no GGUF file, but a Modelfile: name that", run("model", self.folder).stderr)

    def test_which_parameters_count_is_said(self):
        (self.folder / "Modelfile").write_text(f"FROM {HEADER}\nPARAMETER num_ctx abc\nPARAMETER num_batch -5\nPARAMETER num_gpu -1\nPARAMETER num_thread 4\nPARAMETER draft_num_predict 4\n")
        said = run("model", self.folder / "Modelfile", "--header-only").stderr
        for words in (b"num_ctx 'abc' is no whole number: not counted", b"num_batch -5: not counted", b"num_gpu -1: the layers on GPUs are chosen as",
                      b"num_thread 4: not counted", b"draft_num_predict 4: not counted: the model has no blocks that draft"):
            self.assertIn(words, said)

    def test_parameters_that_ollama_raises_or_leaves_out(self):
        def resolved(text):
            (self.folder / "Modelfile").write_text(f"FROM {HEADER}\n{text}\n")
            return plan(self.folder / "Modelfile", "--header-only", "--hw", "rtx-4090 host:64GiB", "--engine", "ollama")[1]
        plain = resolved("")
        for number in -5, 0, 3:  # server/sched.go: opts.NumCtx < 4
            self.assertEqual(resolved(f"PARAMETER num_ctx {number}")["decisions"]["ctx_tokens"], 4)
        self.assertEqual(resolved("PARAMETER num_ctx 99999999999")["decisions"]["ctx_source"], "model")
        self.assertEqual(resolved("PARAMETER num_batch 7")["resolved"]["n_batch"], 7)
        for text in "num_batch 0", "num_batch -1", "num_gpu -7":
            self.assertEqual(resolved(f"PARAMETER {text}")["resolved"], plain["resolved"])
        self.assertEqual(resolved("PARAMETER num_gpu 0")["resolved"]["gpu_layers"], 0)

    def test_a_name_of_ollamas_store(self):
        done = run("model", "ollama:tiny", "--header-only", OLLAMA_MODELS="ollama")
        self.assertEqual(done.returncode, FITS, done.stderr)
        self.assertIn(b"architecture        qwen", done.stdout)
        self.assertIn(b"PARAMETER num_ctx 16384", done.stderr)
        for name, words in (("none", b"did you mean"), ("tiny:lost", b"blob"), ("tiny:cloud", b"weights"), ("../x", b"no name")):
            done = run("model", "ollama:" + name, OLLAMA_MODELS="ollama")
            self.assertEqual(done.returncode, BAD_INPUT)
            self.assertIn(words, done.stderr)

    def cache(self, repository, **files):
        """A repository in the form of Hugging Face's cache: blobs, a ref, a snapshot of links."""
        root = self.folder / "hub" / ("models--" + repository.replace("/", "--"))
        commit = "0123456789abcdef0123456789abcdef01234567"
        for folder in ("blobs", "refs", "snapshots/" + commit):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "refs" / "main").write_text(commit)
        for name, data in files.items():
            blob = root / "blobs" / format(hash(name) & 0xFFFFFFFF, "064x")
            if data is not None:
                blob.write_bytes(data)
            (root / "snapshots" / commit / name).symlink_to(blob)
        return root / "snapshots" / commit

    def test_a_name_of_the_hubs_cache(self):
        self.cache("org/Tiny-GGUF", **{"Tiny-Q4_K_M.gguf": HEADER.read_bytes(), "Tiny-Q8_0.gguf": None, "mmproj-F16.gguf": b"GGUF"})
        self.cache("mlx-community/Tiny-4bit", **{"config.json": json.dumps(Config.LLAMA).encode()})
        where = {"HF_HUB_CACHE": str(self.folder / "hub"), "LLAMA_CACHE": "", "XDG_CACHE_HOME": str(self.folder)}
        done = run("model", "hf:org/tiny-gguf:q4_k_m", "--header-only", **where)
        self.assertEqual(done.returncode, FITS, done.stderr)
        self.assertIn(b"architecture        qwen", done.stdout)
        self.assertRegex(done.stderr, rb"a projector comes on top: .*mmproj-F16.gguf")
        self.assertIn(b"architecture        llama", run("model", "hf:mlx-community/Tiny-4bit", **where).stdout)
        for name, words in (("hf:org/Tiny-GGUF:Q6_K", b"'org/Tiny-GGUF' has no Q6_K here, it has Q4_K_M, Q8_0"),
                            ("hf:org/Tiny-GGUF:Q8_0", b"the download did not end"), ("hf:org/Tyni", b"did you mean org/Tiny-GGUF"),
                            ("hf:org/Tiny-GGUF/none.gguf", b"has no file 'none.gguf'"), ("hf:", b"is no name of a model"),
                            ("hf://org/Tiny-GGUF/x.gguf", b"the command reads files")):
            done = run("model", name, **where)
            self.assertEqual(done.returncode, BAD_INPUT)
            self.assertIn(words, done.stderr)
        words = ("--hw", "rtx-4090 host:64GiB", "--json")
        done = run("plan", "-hf", "org/Tiny-GGUF", *words, **where)  # with the projector beside it, which is four bytes
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertRegex(done.stderr, rb"projector '.*mmproj-F16.gguf'")
        done = run("plan", "-hf", "org/Tiny-GGUF", "--no-mmproj", *words, **where)
        self.assertEqual(done.returncode, FITS, done.stderr)
        self.assertRegex(done.stderr, rb"read from this disk: .*Tiny-Q4_K_M.gguf")
        for tag, said in (("Q6_K", b"'org/Tiny-GGUF' has no Q6_K here, it has Q4_K_M, Q8_0"), ("Q8_0", b"the download did not end")):
            done = run("plan", "-hf", f"org/Tiny-GGUF:{tag}", *words, **where)
            self.assertEqual(done.returncode, BAD_INPUT)
            self.assertIn(said, done.stderr)
            self.assertNotIn(b"catalog", done.stderr)
        done = run("plan", "-hf", "Qwen/Qwen3-8B:Q4_K_M", *words, **where)  # not there: the catalog's
        self.assertEqual(done.returncode, FITS, done.stderr)
        self.assertNotIn(b"this disk", done.stderr)
        done = run("model", "hf:org/none", **where)
        self.assertIn(b"looked in " + str(self.folder / "hub").encode() + b": 3 models", done.stderr)
        self.assertIn(b"looked in " + str(self.folder / "llama.cpp").encode() + b": not there", done.stderr)

    def test_the_models_on_this_disk_are_listed(self):
        self.cache("org/Tiny-GGUF", **{"Tiny-Q4_K_M.gguf": HEADER.read_bytes(), "Tiny-Q8_0.gguf": None, "Tiny-Q6_K.gguf": b"none"})
        self.cache("mlx-community/Tiny-4bit", **{"config.json": json.dumps(Config.LLAMA).encode()})
        where = {"HF_HUB_CACHE": str(self.folder / "hub"), "LLAMA_CACHE": "", "XDG_CACHE_HOME": str(self.folder), "HOME": str(self.folder),
                 "OLLAMA_MODELS": "ollama"}
        words = ("list", "--local", "--hw", "rtx-4090 host:64GiB")
        done = run(*words, "--json", **where)
        self.assertEqual(done.returncode, FITS, done.stderr)
        rows = {row["model"]: row for row in map(json.loads, done.stdout.splitlines())}
        self.assertEqual(list(rows), ["hf:mlx-community/Tiny-4bit", "hf:org/Tiny-GGUF:Q4_K_M", "hf:org/Tiny-GGUF:Q6_K", "hf:org/Tiny-GGUF:Q8_0",
                                      "ollama:tiny:latest", "ollama:tiny:lost"])
        self.assertEqual([name for name, row in rows.items() if row["unfinished"]],
                         ["hf:mlx-community/Tiny-4bit", "hf:org/Tiny-GGUF:Q8_0", "ollama:tiny:lost"])
        whole = rows["hf:org/Tiny-GGUF:Q4_K_M"]
        self.assertEqual((whole["fit"], whole["bytes"], whole["files"]), ("all", HEADER.stat().st_size, 1))
        self.assertIn("magic", rows["hf:org/Tiny-GGUF:Q6_K"]["error"])
        text = run(*words, **where).stdout.decode()
        for line in ("hf:org/Tiny-GGUF:Q4_K_M", "fits with", "a download that did not end", "no weights, only its configuration",
                     "2 of 6 models on this disk run"):
            self.assertIn(line, text)
        self.assertEqual(run(*words, "--top", "3", **where).returncode, USAGE)
        done = run(*words, HOME=str(self.folder / "none"), LLAMA_CACHE="", HF_HUB_CACHE="", HF_HOME="", XDG_CACHE_HOME="", OLLAMA_MODELS="none")
        self.assertEqual(done.returncode, DOES_NOT_FIT)
        self.assertIn(b"no models on this disk, not in\n    " + str(self.folder / "none").encode(), done.stdout)

    def test_weights_of_a_configuration_are_told_as_they_are_planned(self):
        rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
        for config in (Config.LLAMA, {**Config.LLAMA, "rope_scaling": rope}):
            (self.folder / "config.json").write_text(json.dumps(config))
            answer = json.loads(run("plan", self.folder, "--hw", "rtx-4090 host:64GiB", "--engine", "vllm", "--json").stdout)
            told = f"weights are counted as config.json describes them, {answer['devices'][0]['weights_bytes']} bytes"
            self.assertIn("checkpoint: " + told, answer["warnings"])

    def test_half_a_checkpoint_is_listed_as_unfinished(self):
        config, part = json.dumps(Config.LLAMA).encode(), self.header()
        self.cache("org/named", **{"config.json": config, "model-00002-of-00002.safetensors": part})
        self.cache("org/indexed", **{"config.json": config, "a.safetensors": part, "model.safetensors.index.json": json.dumps(
            {"weight_map": {"model.norm.weight": "a.safetensors", "lm_head.weight": "b.safetensors"}}).encode()})
        self.cache("org/whole", **{"config.json": config, "model.safetensors": part})
        where = {"HF_HUB_CACHE": str(self.folder / "hub"), "LLAMA_CACHE": "", "XDG_CACHE_HOME": "none", "HOME": "none", "OLLAMA_MODELS": "none"}
        rows = list(map(json.loads, run("list", "--local", "--hw", "rtx-4090 host:64GiB", "--json", **where).stdout.splitlines()))
        self.assertEqual([(row["model"], row["unfinished"], "fit" in row) for row in rows],
                         [("hf:org/indexed", True, False), ("hf:org/named", True, False), ("hf:org/whole", False, True)])
        done = run("plan", "hf:org/indexed", "--hw", "rtx-4090 host:64GiB", **where)
        self.assertIn(b"1 of 2 files are missing", done.stdout)

    def test_mlx_models_on_this_disk_are_planned_for_mlx(self):
        config = json.dumps(dict(Config.LLAMA, quantization={"bits": 4, "group_size": 64})).encode()
        self.cache("mlx-community/Tiny-4bit", **{"config.json": config, "model.safetensors": self.header()})
        where = {"HF_HUB_CACHE": str(self.folder / "hub"), "LLAMA_CACHE": "", "XDG_CACHE_HOME": "none", "HOME": "none", "OLLAMA_MODELS": "none"}
        for engine, machine, words in (((), "macbook-air-m4-16gb", None), ((), "rtx-4090 host:64GiB", "only the GPU of an Apple machine"),
                                       (("--engine", "lm-studio"), "macbook-air-m4-16gb", "plan with --engine mlx-lm")):
            row = json.loads(run("list", "--local", "--hw", machine, *engine, "--json", **where).stdout)
            self.assertEqual("fit" in row, words is None)
            self.assertIn(words or "", row.get("error", ""))
        done = run("plan", "hf:mlx-community/Tiny-4bit", "--hw", "macbook-air-m4-16gb", "--engine", "lm-studio", **where)
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn(b"plan with --engine mlx-lm [CTXFIT_E_REFUSED]", done.stderr)

    def test_a_name_of_lm_studio(self):
        folder = self.folder / ".lmstudio" / "models" / "lmstudio-community" / "Tiny-GGUF"
        folder.mkdir(parents=True)
        (folder / "Tiny-Q4_K_M.gguf").write_bytes(HEADER.read_bytes())
        for name in ("lmstudio-community/Tiny-GGUF", "lmstudio-community/tiny@q4_k_m", "tiny"):
            done = run("model", "lmstudio:" + name, "--header-only", HOME=str(self.folder))
            self.assertEqual(done.returncode, FITS, done.stderr)
        done = run("model", "lmstudio:tiny@q8_0", HOME=str(self.folder))
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn(b"has no q8_0 here, it has Q4_K_M", done.stderr)

    def test_parameters_count_with_the_engine_of_ollama(self):
        words = ("ollama:tiny", "--header-only", "--hw", "rtx-4090 host:64GiB")
        # Ollama's batch is at most its context, before that is padded: num_ctx 16384 is cut to the trained 128, a request comes first
        for more, batch_tokens in (((), 128), (("-c", "64"), 64)):
            done = run("plan", *words, "--engine", "ollama", *more, "--json", OLLAMA_MODELS="ollama")
            self.assertEqual(done.returncode, FITS, done.stderr)
            self.assertEqual(json.loads(done.stdout)["resolved"]["n_batch"], batch_tokens)
        (self.folder / "Modelfile").write_text(f"FROM {HEADER}\nPARAMETER num_ctx 96\nPARAMETER num_gpu 0\n")
        done = run("plan", self.folder / "Modelfile", "--header-only", "--hw", "rtx-4090 host:64GiB", "--engine", "ollama", "--json")
        answer = json.loads(done.stdout)
        self.assertEqual(answer["resolved"]["n_batch"], 96)
        self.assertEqual(answer["resolved"]["gpu_layers"], 0)

    def test_parameters_count_wherever_a_model_is_planned(self):
        hw = ("--hw", "rtx-4090 host:64GiB")
        modelfile = self.folder / "Modelfile"
        modelfile.write_text(f"FROM {HEADER}\nPARAMETER num_ctx 96\nPARAMETER num_gpu 0\n")
        words = (modelfile, "--header-only", *hw)
        answers = [json.loads(run("plan", *words, "--engine", "ollama", "--json").stdout),
                   batch({"model": str(modelfile), "header_only": True, "hw": hw[1], "engine": "ollama"})[1][0],
                   json.loads(run("plan", *words, "--engine", "llama.cpp", "--engine", "ollama", "--json").stdout)["plans"][1]]
        for answer in answers:
            self.assertEqual((answer["decisions"]["ctx_tokens"], answer["decisions"]["ctx_source"]), (96, "file"))
            self.assertEqual(answer["resolved"]["gpu_layers"], 0)
        placed = json.loads(run("place", *words, "--engine", "ollama", "--json").stdout)
        self.assertEqual(placed["options"]["n_ctx"], 96)
        # without the store's num_ctx 16384, which is cut to the trained 128, this is the default of a server: 32768, cut to the same
        store = {"OLLAMA_MODELS": "ollama", "HOME": str(self.folder), "HF_HUB_CACHE": "none", "LLAMA_CACHE": "none"}
        rows = [json.loads(line) for line in run("list", "--local", *hw, "--engine", "ollama", "--json", **store).stdout.splitlines()]
        self.assertEqual([row["n_ctx_seq"] for row in rows if row["model"] == "ollama:tiny:latest"], [256])

    def test_only_what_counts_of_the_parameters_is_said_to(self):
        modelfile = self.folder / "Modelfile"
        modelfile.write_text(f"FROM {HEADER}\nPARAMETER num_ctx 96\nPARAMETER num_gpu 3\n")
        words = ("plan", modelfile, "--header-only", "--hw", "rtx-4090 host:64GiB")
        for more, ctx, layers in (((), b"counted under --engine ollama only", b"counted under --engine ollama only"),
                                  (("--engine", "ollama"), b"counted\n", b"counted\n"),
                                  (("--engine", "ollama", "-c", "64"), b"not counted: the request states it", b"counted\n"),
                                  (("--engine", "ollama", "-ngl", "1"), b"counted\n", b"not counted: the request states it")):
            said = run(*words, *more).stderr
            self.assertIn(b"num_ctx 96: " + ctx, said)
            self.assertIn(b"num_gpu 3: " + layers, said)

    def test_a_modelfile_inherits_the_parameters_of_its_model(self):
        def ctx_tokens(more):
            (self.folder / "Modelfile").write_text("FROM tiny\n" + more)
            done = run("plan", self.folder / "Modelfile", "--header-only", "--hw", "rtx-4090 host:64GiB", "--engine", "ollama", "--json",
                       OLLAMA_MODELS="ollama")
            return json.loads(done.stdout)["decisions"]["ctx_tokens"], done.stderr
        tokens, said = ctx_tokens("")
        self.assertIn(b"PARAMETER num_ctx 16384: counted", said)
        self.assertEqual(ctx_tokens("PARAMETER num_ctx 64\n")[0], 64)

    def test_a_folder_with_one_model(self):
        (self.folder / "model-Q4_K_M.gguf").write_bytes(HEADER.read_bytes())
        (self.folder / "mmproj-model.gguf").write_bytes(b"GGUF")
        done = run("model", self.folder, "--header-only")
        self.assertEqual(done.returncode, FITS, done.stderr)
        self.assertIn(b"architecture        qwen", done.stdout)
        (self.folder / "model-Q8_0.gguf").write_bytes(HEADER.read_bytes())
        done = run("model", self.folder, "--header-only")
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn(b"2 GGUF files", done.stderr)

    def test_a_modelfile_may_name_the_folder_of_a_checkpoint(self):
        """`ollama create` converts it: what FROM . says where the Modelfile lies beside the weights."""
        folder = self.folder / "checkpoint"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 256, "max_position_embeddings": 1024}))
        for place, source in ((self.folder, "./checkpoint"), (self.folder, "checkpoint/"), (self.folder, str(folder)), (folder, ".")):
            (place / "Modelfile").write_text(f"FROM {source}\nPARAMETER num_ctx 96\n")
            done = run("model", place / "Modelfile")
            self.assertEqual(done.returncode, FITS, done.stderr)
            self.assertIn(b"architecture        llama", done.stdout)

    def test_a_modelfile_leads_to_a_file_or_the_store(self):
        (self.folder / "a.gguf").write_bytes(HEADER.read_bytes())
        (self.folder / "lora.gguf").write_bytes(b"GGUF")
        for source in ("./a.gguf", str(HEADER), "tiny"):
            (self.folder / "Modelfile").write_text(f"FROM {source}\nADAPTER lora.gguf\nPARAMETER num_ctx 4096\n")
            done = run("model", self.folder / "Modelfile", "--header-only", OLLAMA_MODELS="ollama")
            self.assertEqual(done.returncode, FITS, done.stderr)
            self.assertIn(b"architecture        qwen", done.stdout)
            self.assertIn(b"an adapter comes on top: lora.gguf", done.stderr)
        (self.folder / "Modelfile").write_text("FROM a.gguf\nADAPTER ./none.gguf\n")
        done = run("model", self.folder / "Modelfile", "--header-only")
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn(b"ADAPTER names a file that is not there: './none.gguf'", done.stderr)
        (self.folder / "Modelfile").write_text("FORM x\n")
        done = run("model", self.folder / "Modelfile")
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn(b"line 1", done.stderr)


class Beside(unittest.TestCase):
    """What runs beside the model: a draft, adapters, a projector."""
    MODEL = ["qwen3-14b", "--quant", "Q4_K_M", "-c", "8192"]
    WIDTH, RANK = 5120, 16

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def gguf(self, name, keys, tensors):
        """A file with keys and matrices of floats, whose data is a hole."""
        def text(value):
            return len(value).to_bytes(8, "little") + value.encode()
        number = lambda value, size=4: int(value).to_bytes(size, "little")
        head, offset = b"GGUF" + number(3) + number(len(tensors), 8) + number(len(keys), 8), 0
        for key, value in keys.items():
            head += text(key)
            head += number(7) + bytes([value]) if isinstance(value, bool) else number(8) + text(value) if isinstance(value, str) else number(4) + number(value)
        for tensor, rows, columns in tensors:
            head += text(tensor) + number(2) + number(rows, 8) + number(columns, 8) + number(0) + number(offset, 8)
            offset += rows * columns * 4
        path = self.folder / name
        with open(path, "wb") as file:
            file.write(head)
            file.truncate(len(head) + -len(head) % 32 + offset)
        return path

    def adapter(self, name="lora.gguf", arch="qwen3", layers=40):
        tensors = [(f"blk.{i}.attn_q.weight.lora_{half}", rows, columns) for i in range(layers)
                   for half, rows, columns in (("a", self.WIDTH, self.RANK), ("b", self.RANK, self.WIDTH))]
        return self.gguf(name, {"general.architecture": arch, "general.type": "adapter", "adapter.type": "lora"}, tensors)

    def test_an_adapter_of_peft_is_told_how_it_becomes_a_gguf(self):
        folder = self.folder / "peft"
        folder.mkdir()
        (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 8}')
        weights = folder / "adapter_model.safetensors"
        weights.write_bytes((2).to_bytes(8, "little") + b"{}")
        for path in (folder, weights):
            done = run("plan", *self.MODEL, "--hw", "rtx-4090 host:64GiB", "--lora", str(path))
            self.assertEqual(done.returncode, BAD_INPUT, path)
            self.assertIn(b"convert_lora_to_gguf.py", done.stderr)
            self.assertIn(str(path).encode(), done.stderr)
            self.assertNotIn(b"errno", done.stderr)

    def test_a_draft_has_options_of_its_own(self):
        hw = ["--hw", "2*rtx-4090 host:64GiB"]
        small = plan("qwen3-0.6b", "--quant", "Q8_0", "-c", "8192", "--kv", "q8_0", *hw)[1]
        code, p = plan(*self.MODEL, *hw, "--draft", "qwen3-0.6b", "--draft-quant", "Q8_0", "-ctkd", "q8_0", "-ctvd", "q8_0")
        self.assertEqual((code, p["beside"][0]["kind"]), (FITS, "draft"))
        self.assertEqual(p["beside"][0]["total_bytes"], small["total_bytes"])
        self.assertEqual([d["name"] for d in p["beside"][0]["devices"]], ["CUDA0", "CUDA1", "host"])
        for words, devices in ((["-devd", "CUDA1"], ["CUDA1", "host"]), (["-devd", "none"], ["host"]), (["-ngld", "0", "-devd", "cuda0"], ["CUDA0", "host"])):
            p = plan(*self.MODEL, *hw, "-md", "qwen3-0.6b", "--draft-quant", "Q8_0", *words)[1]
            self.assertEqual([d["name"] for d in p["beside"][0]["devices"]], devices, words)

    def test_a_pasted_line_with_a_draft_is_followed(self):
        line = "llama-server -m qwen3-14b -md qwen3-0.6b -c 8192 -ngld 99 --spec-type draft-simple --spec-draft-n-max 7".split()
        done = run("plan", *line, "--quant", "Q4_K_M", "--hw", "rtx-4090 host:64GiB", "--json")
        self.assertEqual(len(json.loads(done.stdout)["beside"]), 1)
        self.assertNotIn(b"on top", done.stderr)
        line = [w for w in line if w not in ("--spec-type", "draft-simple")]
        self.assertIn(b"drafts only where --spec-type says so", run("plan", *line, "--quant", "Q4_K_M", "--hw", "rtx-4090 host:64GiB").stderr)

    def test_what_does_not_fit_for_its_sake_is_said(self):
        words = ["qwen3-14b", "--quant", "Q4_K_M", "--hw", "rtx-4070 host:64GiB", "-c", "16384"]
        self.assertEqual(plan(*words)[0], DOES_NOT_FIT if plan(*words)[1]["fit"] == "none" else FITS)
        done = run("plan", *words, "--draft", "qwen3-0.6b", "--draft-quant", "Q8_0")
        self.assertEqual(done.returncode, DOES_NOT_FIT)
        self.assertIn(b"the model alone fits", done.stdout)
        self.assertIn(b"nothing beside the model", done.stdout)

    def eyes(self):
        """Most tensors are not there: compute buffers are a bound."""
        keys = {"embedding_length": 1152, "attention.head_count": 16, "block_count": 27, "image_size": 768, "patch_size": 16}
        return self.gguf("eyes.gguf", {"general.architecture": "clip", "clip.projector_type": "qwen3vl_merger", "clip.has_vision_encoder": True,
                                       **{f"clip.vision.{k}": v for k, v in keys.items()}}, [("v.blk.0.ffn_up.weight", 64, 64)])

    def test_an_image_counts(self):
        eyes, hw = self.eyes(), ["--hw", "rtx-4090 host:64GiB"]
        start, large, host = (plan(*self.MODEL, *hw, "--mmproj", eyes, *words)[1]["beside"][0]
                              for words in ([], ["--image", "4000x3000"], ["--no-mmproj-offload"]))
        small = plan(*self.MODEL, *hw, "--mmproj", eyes, "--image", "4000x3000", "--image-max-tokens", "64")[1]["beside"][0]
        self.assertGreater(large["compute_bytes"], start["compute_bytes"])
        self.assertEqual((small["compute_bytes"], start["compute_exact"]), (start["compute_bytes"], False))
        self.assertEqual([d["name"] for d in host["devices"]], ["host"])
        for words in (["--image", "5"], ["--image", "0x5"], ["--image", "5x5x5"], ["--image-min-tokens", "0"], ["--image-max-tokens", "x"]):
            self.assertEqual(run("plan", *self.MODEL, *hw, *words).returncode, USAGE, words)

    def test_a_projector_says_what_it_takes(self):
        out = run("model", self.eyes(), "--image", "1280x720").stdout.decode()
        self.assertIn("projector qwen3vl_merger", out)
        self.assertRegex(out, r"compute buffers +at most [\d.]+ [MG]iB on a CUDA GPU and [\d.]+ MiB beside it; at most [\d.]+ [MG]iB on the host alone")
        self.assertIn("image of 1280 x 720  920 tokens, encoded as 1 of at most 1280 x 736", out)
        self.assertEqual(run("model", self.eyes(), "--image", "720").returncode, USAGE)

    def test_adapters_and_a_projector_are_files(self):
        lora = self.adapter()
        eyes = self.eyes()
        hw = ["--hw", "rtx-4090 host:64GiB"]
        p = plan(*self.MODEL, *hw, "--lora", f"{lora},{lora}")[1]
        self.assertEqual([b["weights_bytes"] for b in p["beside"]], [40 * 2 * self.WIDTH * self.RANK * 4] * 2)
        self.assertEqual(plan(*self.MODEL, *hw, "--lora-scaled", f"{lora}:0.5")[1]["beside"][0]["name"], "lora.gguf")
        for words, reason in ((["--lora", eyes], b"expected an adapter"), (["--mmproj", lora], b"rojector"), (["--lora", self.folder / "no"], b"no"),
                              (["--lora", self.adapter("l.gguf", "llama")], b"arch mismatch"), (["--draft", "gemma-3-1b"], b"vocab"),
                              (["--mtp"], b"MTP layers"), (["--draft", lora], b"adapter")):
            done = run("plan", *self.MODEL, *hw, *words)
            self.assertEqual(done.returncode, BAD_INPUT, done.stderr)
            self.assertIn(reason, done.stderr)
        for words in (["--spec-type", "guess"], ["-ctkd", "q9"], ["-ngld", "x"], ["-md", "qwen3-0.6b", "-devd", "CUDA7"], ["--draft-quant", "Q99"],
                      ["--spec-draft-n-max", "0"], ["--spec-draft-n-max", "65536", "-md", "qwen3-0.6b"], ["-otd", "x"]):
            self.assertEqual(run("plan", *self.MODEL, *hw, *words).returncode, USAGE, words)
        self.assertEqual(run("plan", *self.MODEL, *hw, "--engine", "vllm", "--draft", "qwen3-0.6b").returncode, BAD_INPUT)

    def test_ollama_gives_a_model_with_a_projector_2048_tokens(self):
        words = ["qwen3-14b", "--quant", "Q4_K_M", "--hw", "rtx-4090 host:64GiB", "--engine", "ollama"]
        for more, tokens in (([], 10), (["--mmproj", self.eyes()], 2048)):  # server/sched.go:174
            p = plan(*words, "-c", "10", *more)[1]
            self.assertEqual(p["decisions"]["ctx_tokens"], tokens)
            self.assertEqual(any("raises the context of 10 to 2048 tokens, its least for a model that takes images" in w for w in p["warnings"]), more != [])
        self.assertEqual(plan(*words, "-c", "4096", "--mmproj", self.eyes())[1]["decisions"]["ctx_tokens"], 4096)

    def test_a_context_of_the_models_file_is_cut_as_one_of_the_request(self):
        words = ["llama3.1-8b", "--quant", "Q4_K_M", "--hw", "rtx-3060-12gb host:64GiB", "--engine", "ollama"]
        for option in "-c", "--model-ctx":
            p = plan(*words, option, "1000000")[1]
            self.assertEqual(p["fit"], "split")  # layers on the host make the room: the trained length binds, and no memory
            self.assertEqual([c["kind"] for c in p["constraints"] if c["binding"]], ["trained"])
            self.assertTrue(any("cuts the context of 1000000 tokens to the 131072" in w for w in p["warnings"]), p["warnings"])
        p = plan(*words, "-c", "60160")[1]
        self.assertEqual(([c["kind"] for c in p["constraints"] if c["binding"]], p["fit"]), (["requested"], "split"))

    def test_what_a_modelfile_names_is_counted(self):
        (self.folder / "a.gguf").write_bytes(HEADER.read_bytes())
        name = "blk.0.ffn_up.weight"
        self.gguf("lora.gguf", {"general.architecture": "qwen", "general.type": "adapter", "adapter.type": "lora"}, [(name + ".lora_a", 1, 1)])
        (self.folder / "Modelfile").write_text("FROM ./a.gguf\nADAPTER lora.gguf\n")
        done = run("plan", self.folder / "Modelfile", "--header-only", "--hw", "host:8GiB")
        self.assertIn(b"missing one component", done.stderr)  # it was opened
        done = run("plan", self.folder / "Modelfile", "--header-only", "--hw", "host:8GiB", "--engine", "vllm")
        self.assertIn(b"an adapter comes on top: lora.gguf", done.stderr)

    def test_a_modelfile_names_a_projector_with_from(self):
        (self.folder / "a.gguf").write_bytes(HEADER.read_bytes())
        self.eyes()
        for order in ("FROM ./a.gguf\nFROM ./eyes.gguf\n", "FROM ./eyes.gguf\nFROM ./a.gguf\n"):
            for name in ("Modelfile", "Modelfile.eyes"):
                (self.folder / name).write_text(order)
                done = run("plan", self.folder / name, "--header-only", "--hw", "host:8GiB", "--json")
                self.assertRegex(done.stderr, rb"the model's projector is counted .*: .*eyes.gguf")
                beside = json.loads(done.stdout)["beside"][0]
                self.assertEqual((beside["kind"], beside["weights_bytes"] > 0), ("projector", True))
                self.assertIn(b"a projector comes on top: ./eyes.gguf", run("model", self.folder / name, "--header-only").stderr)
        (self.folder / "Modelfile").write_text("FROM ./a.gguf\nFROM a.gguf\n")
        self.assertIn(b"another file of weights comes on top: a.gguf", run("model", self.folder / "Modelfile", "--header-only").stderr)

    def test_a_modelfile_is_known_by_what_is_in_it(self):
        (self.folder / "a.gguf").write_bytes(HEADER.read_bytes())
        text = "FROM ./a.gguf\nPARAMETER num_gpu 0\n"
        for name in ("Modelfile2", "Modelfile.foo", "qwen-long", "modelfile", "my.txt"):
            (self.folder / name).write_text("# mine\n" + text)
            code, answer = plan(self.folder / name, "--header-only", "--hw", "rtx-4090 host:8GiB", "--engine", "ollama")
            self.assertEqual((code, answer["model"]["architecture"], answer["resolved"]["gpu_layers"]), (FITS, "qwen", 0))
        (self.folder / "Modelfile2").write_text("FROM ./a.gguf\nPARAMTER num_gpu 0\n")
        self.assertIn(b"line 2: unknown command PARAMTER", run("model", self.folder / "Modelfile2").stderr)
        (self.folder / "Modelfile2").write_bytes(HEADER.read_bytes())
        self.assertIn(b"architecture        qwen", run("model", self.folder / "Modelfile2", "--header-only").stdout)
        (self.folder / "my.txt").write_text("FROMAGE\n")
        self.assertIn(b"magic", run("model", self.folder / "my.txt").stderr)

    def test_a_listing_of_this_disk_counts_what_comes_with_a_model(self):
        def rows(eyes, *words):
            commit = self.folder / "hub" / "models--org--Tiny-GGUF" / "snapshots" / ("0" * 40)
            commit.mkdir(parents=True, exist_ok=True)
            (commit.parents[1] / "refs").mkdir(exist_ok=True)
            (commit.parents[1] / "refs" / "main").write_text("0" * 40)
            (commit / "Tiny-Q4_K_M.gguf").write_bytes(HEADER.read_bytes())
            (commit / "mmproj-F16.gguf").write_bytes(eyes)
            words = ("list", "--local", "--hw", "rtx-4090 host:8GiB", *words)
            where = {"HF_HUB_CACHE": str(self.folder / "hub"), "LLAMA_CACHE": "", "HOME": str(self.folder), "OLLAMA_MODELS": "none"}
            (row,) = map(json.loads, run(*words, "--json", **where).stdout.splitlines())
            return row, run("plan", row["model"], *words[2:], "--json", **where), run(*words, **where).stdout
        eyes = self.eyes().read_bytes()
        row, planned, text = rows(eyes)
        planned = json.loads(planned.stdout)
        self.assertEqual((row["total_bytes"], row["beside_bytes"]), (planned["total_bytes"], planned["beside"][0]["total_bytes"]))
        self.assertIn(b" beside the model\n", text)
        for row, _, text in (rows(eyes, "--no-mmproj"), rows(eyes, "--engine", "vllm")):
            self.assertEqual({"beside_bytes", "left_out"} & row.keys(), set())
        ollama = self.folder / "ollama"
        shutil.copytree(DATA / "ollama", ollama)
        tiny = ollama / "manifests" / "registry.ollama.ai" / "library" / "tiny"
        manifest = json.loads((tiny / "latest").read_text())
        manifest["layers"].append({**manifest["layers"][0], "mediaType": "application/vnd.ollama.image.draft"})
        (tiny / "latest").write_text(json.dumps(manifest))
        where = {"HF_HUB_CACHE": "none", "LLAMA_CACHE": "none", "HOME": str(self.folder), "OLLAMA_MODELS": str(ollama)}
        done = run("list", "--local", "--hw", "rtx-4090 host:8GiB", "--json", **where)
        drafts = {row["model"]: row.get("left_out") for row in map(json.loads, done.stdout.splitlines())}
        self.assertEqual(drafts["ollama:tiny:latest"], "a draft model")
        row, _, text = rows(b"GGUF")
        self.assertIn("left_out", row)
        self.assertIn(b"what comes with it is not counted: ", text)

    def test_a_draft_of_a_modelfile_is_told_with_its_bytes(self):
        (self.folder / "a.gguf").write_bytes(HEADER.read_bytes())
        self.gguf("draft.gguf", {"general.architecture": "llama"}, [("output.weight", 64, 32)])
        (self.folder / "Modelfile").write_text("FROM ./a.gguf\nDRAFT ./draft.gguf\n")
        words = [self.folder / "Modelfile", "--header-only", "--hw", "host:8GiB", "--engine", "ollama"]
        answers = [plan(*words)[1], json.loads(run("place", *words, "--json").stdout),
                   *json.loads(run("plan", *words, "--engine", "llama.cpp", "--json").stdout)["plans"]]
        if has_batch():
            answers.append(batch({"model": str(words[0]), "header_only": True, "hw": "host:8GiB", "engine": "ollama"})[1][0])
        for answer in answers:
            (left,) = answer["left_out"]
            self.assertEqual((left["kind"], left["bytes"], left["path"].endswith("draft.gguf")), ("draft", 64 * 32 * 4, True))
            warnings = answer.get("plan", answer)["warnings"]
            self.assertIn("not counted: a draft model, 'draft.gguf': its tensors alone take 1 MiB on top", warnings)
        for command in (["plan", *words], ["plan", *words, "--engine", "llama.cpp"], ["place", *words]):
            words_of = b" ".join(run(*command).stdout.split())
            self.assertIn(b"not counted: a draft model, 'draft.gguf': its tensors alone take 1 MiB on top", words_of)
        both = run("place", *words, "--and", "qwen3-0.6b --quant Q4_K_M -c 4k").stdout
        self.assertEqual(both.count(b"not counted: a draft model, 'draft.gguf'"), 1)

    def test_what_is_not_counted_of_a_modelfile_is_told(self):
        (self.folder / "a.gguf").write_bytes(HEADER.read_bytes())
        eyes = self.eyes()
        (self.folder / "lora.safetensors").write_bytes(b"")
        (self.folder / "Modelfile").write_text("FROM ./a.gguf\nFROM ./eyes.gguf\nADAPTER ./lora.safetensors\n")
        words = [self.folder / "Modelfile", "--header-only", "--hw", "rtx-4090 host:8GiB"]
        request = {"model": str(words[0]), "header_only": True, "hw": words[-1]}
        for engine, kinds in (("ollama", ["adapter"]), ("vllm", ["adapter", "projector"])):  # which vLLM counts none of
            answers = [plan(*words, "--engine", engine)[1]]
            if has_batch():
                answers.append(batch({**request, "engine": engine})[1][0])
            for answer in answers:
                left = {part["kind"]: part for part in answer["left_out"]}
                self.assertEqual(sorted(left), kinds)
                self.assertEqual((left["adapter"]["bytes"], left["adapter"]["path"].endswith("lora.safetensors")), (0, True))
                self.assertEqual(len([w for w in answer["warnings"] if w.startswith("not counted: a")]), len(kinds))
                self.assertIn("not counted: an adapter, 'lora.safetensors': its memory comes on top", answer["warnings"])
                if "projector" in left:
                    self.assertEqual(0 < left["projector"]["bytes"] < eyes.stat().st_size, True)

    def test_a_line_of_a_batch_takes_them_as_the_command_line_does(self):
        if not has_batch():
            raise unittest.SkipTest("built without yyjson")
        lora, where = str(self.adapter()), {"model": "qwen3-14b", "quant": "Q4_K_M", "n_ctx": 8192, "hw": "2*rtx-4090 host:64GiB"}
        eyes = str(self.eyes())
        for keys, words in (
                ({"draft": "qwen3-0.6b", "draft_quant": "Q8_0"}, ["--draft", "qwen3-0.6b", "--draft-quant", "Q8_0"]),
                ({"draft": "qwen3-0.6b", "draft_n_max": 9, "draft_type_k": "q8_0", "draft_devices": "CUDA1", "draft_ngl": 4},
                 ["-md", "qwen3-0.6b", "--draft-max", "9", "-ctkd", "q8_0", "-devd", "CUDA1", "-ngld", "4"]),
                ({"lora": f"{lora},{lora}"}, ["--lora", f"{lora},{lora}"]), ({"lora_scaled": f"{lora}:0.5"}, ["--lora-scaled", f"{lora}:0.5"]),
                ({"mmproj": eyes}, ["--mmproj", eyes]), ({"mmproj": eyes, "mmproj_offload": False}, ["--mmproj", eyes, "--no-mmproj-offload"]),
                ({"mmproj": eyes, "mmproj_device": "CUDA1", "image": "640x480", "image_max_tokens": 64},
                 ["--mmproj", eyes, "-mmdev", "CUDA1", "--image", "640x480", "--image-max-tokens", "64"]),
                ({"mmproj": eyes, "no_mmproj": False}, ["--mmproj", eyes])):
            code, answers = batch({**where, **keys})
            expected = plan(*self.MODEL, "--hw", where["hw"], *words)[1]
            self.assertEqual(code, FITS, answers)
            answers[0].pop("id")
            self.assertEqual(answers[0], expected, keys)
            self.assertGreater(expected["beside"][0]["total_bytes"], 0)
        for keys, status, key in (({"draft": "gemma-3-1b"}, "REFUSED", None), ({"draft": 7}, "TYPE", "draft"), ({"mmproj": "no.gguf"}, "IO", "mmproj"),
                                  ({"lora": eyes}, "UNSUPPORTED", "lora"), ({"draft": "qwen3-0.6b", "draft_devices": "CUDA7"}, "INVALID_ARG", "draft_devices"),
                                  ({"draft": "nobody/nothing"}, "NOT_FOUND", "draft"), ({"spec_type": "guess"}, "INVALID_ARG", "spec_type"),
                                  ({"draft_n_max": 0}, "INVALID_ARG", "draft_n_max")):
            error = batch({**where, **keys})[1][0]["error"]
            self.assertEqual((error["status"], error["key"]), ("CTXFIT_E_" + status, key), error)

    def test_a_placement_counts_them_and_its_line_has_them(self):
        lora, eyes = self.adapter("my lora.gguf"), self.eyes()
        words = ["--draft", "qwen3-0.6b", "--draft-quant", "Q8_0", "-ctkd", "q8_0", "-ngld", "0", "--lora", lora, "--mmproj", eyes, "--no-mmproj-offload"]
        done = run("place", *self.MODEL, "--hw", "rtx-4090 host:64GiB", *words)
        self.assertEqual((done.returncode, done.stderr), (FITS, b""))
        line = done.stdout.decode().rsplit("Line\n", 1)[1].strip()
        self.assertIn(f"-md DRAFT.gguf --spec-type draft-simple -ngld 0 -ctkd q8_0 --lora '{lora}' --mmproj {eyes} --no-mmproj-offload", line)
        placed = json.loads(run("place", *self.MODEL, "--hw", "rtx-4090 host:64GiB", *words, "--json").stdout)
        expected = plan(*self.MODEL, "--hw", "rtx-4090 host:64GiB", *words)[1]
        self.assertEqual(placed["plan"]["beside"], expected["beside"])
        self.assertEqual([b["name"] for b in expected["beside"]], ["Qwen3-0.6B", "qwen3vl_merger", "my lora.gguf"])
        self.assertIn(b"vocab", run("place", *self.MODEL, "--hw", "rtx-4090 host:64GiB", "--draft", "gemma-3-1b").stderr)
        done = run("place", *self.MODEL, "--hw", "2*rtx-4090 host:64GiB", "--draft", "qwen3-0.6b", "--and", "qwen3-8b --quant Q4_K_M -c 8k")
        self.assertEqual((done.returncode, done.stderr), (FITS, b""))
        first, second = re.findall(rb"^(.*): fits, .*\n(  .* of it beside the model)?", done.stdout, re.M)
        self.assertEqual((first[0], first[1] != b"", second), (b"Qwen3-14B", True, (b"Qwen3-8B", b"")))
        second = ["--and", "qwen3-8b --quant Q4_K_M -c 8k --draft gemma-3-1b"]
        self.assertIn(b"vocab", run("place", *self.MODEL, "--hw", "2*rtx-4090 host:64GiB", *second).stderr)

    def test_a_model_of_ollama_drafts_with_its_own_blocks_where_its_parameters_say_so(self):
        layers = ["linear_attention"] * 3 + ["full_attention"]
        (self.folder / "own.json").write_text(json.dumps({
            "architectures": ["Qwen3_5ForCausalLM"], "model_type": "qwen3_5_text", "hidden_size": 1024, "intermediate_size": 3584, "head_dim": 256,
            "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 248320, "max_position_embeddings": 262144,
            "layer_types": layers * 2, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_num_key_heads": 16,
            "linear_num_value_heads": 16, "linear_value_head_dim": 128, "mtp_num_hidden_layers": 1, "tie_word_embeddings": True}))
        (self.folder / "Modelfile").write_text("FROM own.json\nPARAMETER draft_num_predict 5\n")
        model, hw = self.folder / "Modelfile", ["-c", "8192", "--hw", "rtx-4090 host:64GiB", "--engine"]
        asked = plan(self.folder / "own.json", *hw, "ollama", "--mtp", "--spec-draft-n-max", "5")[1]["beside"]
        answers = [plan(model, *hw, "ollama")[1], json.loads(run("place", model, *hw, "ollama", "--json").stdout)["plan"]]
        if has_batch():
            answers.append(batch({"model": str(model), "n_ctx": 8192, "hw": hw[3], "engine": "ollama"})[1][0])
        for answer in answers:
            self.assertEqual([{**b, "name": ""} for b in answer["beside"]], [{**b, "name": ""} for b in asked])
        for words, said in ((["ollama"], "counted: its own blocks draft"), (["llama.cpp"], "counted under --engine ollama only"),
                            (["ollama", "--mtp"], "not counted: the request states it"),
                            (["ollama", "--engine", "llama.cpp"], "not counted where another engine is compared")):
            self.assertIn(f"{model} has PARAMETER draft_num_predict 5: {said}\n", run("plan", model, *hw, *words).stderr.decode())
        (self.folder / "Modelfile").write_text("FROM own.json\nDRAFT d.gguf\nPARAMETER draft_num_predict 5\n")
        self.assertIn(b"draft_num_predict 5: not counted: a draft model comes with it", run("plan", model, *hw, "ollama").stderr)


class Batch(unittest.TestCase):
    GOOD = {"id": "good", "model": "qwen3-8b", "quant": "Q4_K_M", "hw": "rtx-4090 host:64GiB", "n_ctx": 8192}

    @classmethod
    def setUpClass(cls):
        if not has_batch():
            raise unittest.SkipTest("built without yyjson")

    def one(self, **changes):
        code, answers = batch({**self.GOOD, **changes})
        self.assertEqual(len(answers), 1)
        return code, answers[0]

    def test_answers_are_the_plans_of_the_command_line(self):
        for keys, words in [
                ({}, []), ({"n_ctx": "max"}, ["-c", "max"]), ({"n_ctx": "native"}, ["-c", "native"]), ({"n_seq": 4}, ["-np", "4"]),
                ({"n_seq": 2, "kv_unified": True}, ["-np", "2", "--kv-unified"]), ({"kv_unified": "0"}, ["--no-kv-unified"]),
                ({"n_batch": 1024, "n_ubatch": 128}, ["-b", "1024", "-ub", "128"]), ({"type_k": "q8_0", "type_v": "q4_0"}, ["--kv", "q8_0,q4_0"]),
                ({"flash_attn": "off"}, ["-fa", "off"]), ({"flash_attn": False}, ["-fa", "off"]), ({"flash_attn": "auto"}, []),
                ({"swa_full": 1}, ["--swa-full"]), ({"ngl": -1}, []), ({"ngl": 0}, ["-ngl", "0"]), ({"ngl": 12}, ["-ngl", "12"]),
                ({"offload_kqv": 0}, ["--no-kv-offload"]), ({"op_offload": False}, ["--no-op-offload"]), ({"repack": 0}, ["--no-repack"]),
                ({"mmap": "false"}, ["--no-mmap"]), ({"n_outputs_max": 0}, ["--outputs-max", "0"]), ({"n_outputs_max": 7}, ["--outputs-max", "7"]),
                ({"overrides": r"ot=blk\.1\..*=CPU;blk\.2\.=CPU"}, ["-ot", r"blk\.1\..*=CPU", "-ot", r"blk\.2\.=CPU"]),
                ({"reserve_bytes": 0}, ["--reserve", "0"]), ({"limit_tokens": 4096, "limit_source": "x"}, ["--limit", "4096", "--limit-source", "x"]),
                ({"prefill_rate": 400, "decode_rate": 31.5}, ["--prefill-rate", "400", "--decode-rate", "31.5"]),
                ({"engine": "llama.cpp@b10472"}, ["--engine", "llama.cpp@b10472"]), ({"solve": "all"}, []), ({"tensor_split": "", "overrides": ""}, []),
                ({"mmap": None}, []), ({"prompt_tokens": 9000, "output_tokens": 100, "deadline_s": 5}, ["--prompt", "9000", "--output", "100", "--deadline", "5"])]:
            expected = plan("qwen3-8b", "--quant", "Q4_K_M", "--hw", "rtx-4090 host:64GiB", "-c", "8192", *words)[1]
            answer = self.one(**keys)[1]
            self.assertEqual(answer.pop("id"), "good")
            self.assertEqual(answer, expected, keys)

    def test_without_limits_they_are_not_known(self):
        whole, short = self.one()[1], self.one(solve="none")[1]
        self.assertEqual((short["max_ctx_seq"], short["max_sequences"]), (None, None))
        self.assertEqual((short["devices"], short["fit"], short["resolved"]), (whole["devices"], whole["fit"], whole["resolved"]))

    def test_split_as_text_or_array(self):
        answers = [self.one(hw="2*rtx-4090 host:64GiB", tensor_split=s)[1] for s in ("3,1", [3, 1], [0.75, 0.25])]
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0], answers[2])

    def test_experts_on_the_host(self):
        moe = {"model": "qwen3-coder:30b", "hw": "rtx-4090 host:64GiB"}
        for text, words in (("cmoe", ["--cpu-moe"]), ("ncmoe=5", ["--n-cpu-moe", "5"])):
            expected = plan("qwen3-coder:30b", "--quant", "Q4_K_M", "--hw", "rtx-4090 host:64GiB", "-c", "8192", *words)[1]
            self.assertEqual(self.one(**moe, overrides=text)[1]["devices"], expected["devices"])

    def test_ids_keep_their_type(self):
        for given in ("a", "", "\u00e9\"\\\n", 7, -1.5, 12345678901234567890123, None):
            self.assertEqual(self.one(id=given)[1]["id"], given)
        self.assertIsNone(batch({k: v for k, v in self.GOOD.items() if k != "id"})[1][0]["id"])

    def test_bad_lines_are_answered_and_the_rest_goes_on(self):
        bad = [b"", b"   ", b"not json", b"{", b"[]", b"7", b"null", b'"x"', b'{"id":"good"', b'{"model":"qwen3-8b"} trailing', b"\x00\x01\x02", b"\xff\xfe{}",
               b'{"model":"\xff","hw":"host:1GiB"}', b"{}", b'{"model":"qwen3-8b"}', b'{"hw":"host:8GiB"}', b"[" * 100000, b'{"a":' * 100000]
        lines = []
        for line in bad:
            lines += [line, json.dumps(self.GOOD).encode()]
        code, answers = batch(*lines)
        self.assertEqual((code, len(answers)), (BAD_INPUT, len(lines)))
        for i, answer in enumerate(answers):
            if i % 2:
                self.assertEqual((answer["schema"], answer["id"]), ("ctxfit.plan/1", "good"))
            else:
                self.assertEqual((answer["schema"], answer["line"]), ("ctxfit.error/1", i + 1), lines[i][:40])
                self.assertTrue(answer["error"]["status"].startswith("CTXFIT_E_"))
                self.assertTrue(answer["error"]["message"])

    def test_errors_name_the_key(self):
        for key, value, status in [
                ("model", "no-such-model", "NOT_FOUND"), ("model", 5, "TYPE"), ("model", "a\u0000b", "TYPE"), ("model", "missing.gguf", "IO"),
                ("hw", "nope", "NOT_FOUND"), ("hw", ["rtx-4090"], "TYPE"), ("hw", "", "INVALID_ARG"), ("quant", "Q9", "NOT_FOUND"), ("quant", 4, "TYPE"),
                ("n_ctx", True, "TYPE"), ("n_ctx", [1], "TYPE"), ("n_ctx", "many", "INVALID_ARG"), ("n_ctx", -1, "INVALID_ARG"), ("n_ctx", 0.5, "INVALID_ARG"),
                ("n_seq", 0, "INVALID_ARG"), ("n_batch", 1e99, "INVALID_ARG"), ("type_k", "q4_k", "INVALID_ARG"), ("flash_attn", "maybe", "INVALID_ARG"),
                ("kv_unified", 2, "INVALID_ARG"), ("kv_unified", {}, "TYPE"), ("ngl", -2, "INVALID_ARG"), ("split_mode", "x", "INVALID_ARG"),
                ("tensor_split", [], "TYPE"), ("tensor_split", ["a"], "TYPE"), ("tensor_split", [-1], "INVALID_ARG"), ("overrides", "x", "INVALID_ARG"),
                ("solve", "some", "INVALID_ARG"), ("prefill_rate", "fast", "INVALID_ARG"), ("deadline_s", 9, "INVALID_ARG"), ("n_cxt", 1, "NOT_FOUND"),
                ("id", [], "TYPE"), ("id", True, "TYPE")]:
            code, answer = self.one(**{key: value})
            self.assertEqual(code, BAD_INPUT, key)
            self.assertEqual((answer["error"]["key"], answer["error"]["status"]), (key, f"CTXFIT_E_{status}"), answer)
            self.assertEqual(answer["id"], None if key == "id" else "good")

    def test_what_the_engine_refuses(self):
        code, answer = self.one(model="deepseek-v3", hw="host:512GiB", type_k="q8_0")
        self.assertEqual((code, answer["error"]["status"]), (BAD_INPUT, "CTXFIT_E_REFUSED"))

    def test_does_not_fit_is_an_answer(self):
        code, answer = self.one(hw="host:4GiB")
        self.assertEqual((code, answer["fit"]), (FITS, "none"))

    def test_a_key_twice_is_an_error(self):
        self.assertEqual(batch(b'{"model":"qwen3-8b","hw":"host:8GiB","hw":"host:64GiB"}')[1][0]["error"]["key"], "hw")

    def test_line_ends(self):
        good = json.dumps(self.GOOD).encode()
        for text, count in ((good, 1), (good + b"\n", 1), (good + b"\r\n" + good + b"\r\n", 2), (b"\xef\xbb\xbf" + good, 1), (b"", 0), (b"\n", 1)):
            done = run("batch", stdin=text)
            self.assertEqual(len(done.stdout.splitlines()), count)
            self.assertEqual(done.returncode, BAD_INPUT if text == b"\n" else FITS)

    def test_a_line_too_long_is_passed_over(self):
        good = json.dumps(self.GOOD).encode()
        code, answers = batch(good, b"x" * (17 << 20), good)
        self.assertEqual((code, len(answers)), (BAD_INPUT, 3))
        self.assertEqual(answers[1]["error"]["status"], "CTXFIT_E_LIMIT")
        self.assertEqual(answers[0], answers[2])

    def test_noise_is_answered_line_by_line(self):
        noise = random.Random(1).randbytes(100000)
        done = run("batch", stdin=noise)
        self.assertEqual(len(done.stdout.splitlines()), noise.count(b"\n") + (not noise.endswith(b"\n")))
        for line in done.stdout.splitlines():
            self.assertEqual(json.loads(line)["schema"], "ctxfit.error/1")

    def test_broken_requests_never_stop_it(self):
        good, rng = json.dumps(self.GOOD).encode(), random.Random(2)
        lines = []
        for _ in range(2000):
            line = bytearray(good)
            for _ in range(rng.randint(1, 4)):
                line[rng.randrange(len(line))] = rng.choice(b'{}[]",:0123456789eE+-.\\u \x00\x7f\xff')
            lines.append(bytes(line))
        done = run("batch", stdin=b"\n".join(lines))
        self.assertIn(done.returncode, (FITS, BAD_INPUT))
        self.assertEqual(len(done.stdout.splitlines()), len(lines))
        for line in done.stdout.splitlines():
            json.loads(line)

    def test_an_answer_comes_before_the_next_request(self):
        with subprocess.Popen([CTXFIT, "batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as talk:
            for i in range(3):
                talk.stdin.write(json.dumps({**self.GOOD, "id": i}).encode() + b"\n")
                talk.stdin.flush()
                self.assertEqual(json.loads(talk.stdout.readline())["id"], i)
            talk.stdin.close()
            self.assertEqual(talk.wait(), FITS)

    def test_more_models_than_are_kept(self):
        names = ["qwen3-8b", "qwen3-4b", "qwen3-14b", "qwen3-32b", "qwen3-1.7b", "qwen3-0.6b", "gemma-3-27b", "gemma-3-12b", "gemma-3-4b", "gemma-3-1b",
                 "llama-3.1-8b", "llama-3.2-1b"]
        lines = [{**self.GOOD, "model": n, "hw": f"gpu(backend=cuda,mem={24 + i}GiB) host:64GiB"} for i, n in enumerate(names)]
        code, answers = batch(*lines, *lines)
        self.assertEqual(code, FITS)
        self.assertEqual(answers[:len(names)], answers[len(names):])


class Measured(unittest.TestCase):
    """What llama.cpp allocates for small models of every architecture, asked for as its rows are written."""

    ASKED = ("n_ctx n_seq n_batch n_ubatch type_k type_v flash_attn kv_unified swa_full ngl split_mode tensor_split overrides offload_kqv "
             "op_offload n_outputs_max repack").split()
    BYTES = {"weights": "weights_bytes", "kv": "kv_bytes", "kv_swa": "kv_swa_bytes", "recurrent": "recurrent_bytes",
             "kv_other": "kv_other_bytes", "output_buffer": "output_bytes"}
    RESOLVED = {"r_n_ctx": "n_ctx", "r_n_ctx_seq": "n_ctx_seq", "r_n_batch": "n_batch", "r_n_ubatch": "n_ubatch", "r_flash_attn": "flash_attn",
                "kv_cells": "kv_cells", "swa_cells": "swa_cells"}

    @staticmethod
    def hardware(row):
        kind, _, count = row["dev"].partition(":")
        sizes = row["dev_mem_gib"].split(",")[:int(count or 0)]
        return " ".join(f"gpu(backend={kind},mem={size}GiB)" for size in sizes) + " host:1TiB"

    def test_every_row_is_answered_to_the_byte(self):
        if ROWS is None or not has_batch():
            self.skipTest("no rows, or built without yyjson")
        runs = collections.defaultdict(list)
        with open(ROWS / "archs.csv", newline="") as f:
            for row in csv.DictReader(f):
                request = {"model": str(ROWS / "archs" / row["file"]), "header_only": True, "hw": self.hardware(row), "engine": "llama.cpp@b10472",
                           "mmap": False, "solve": "none", **{k: row[k] for k in self.ASKED}}
                runs[json.dumps(request)].append(row)
        code, answers = batch(*runs)
        self.assertEqual((code, len(answers)), (FITS, len(runs)))
        for (request, rows), answer in zip(runs.items(), answers):
            devices = {d["name"]: d for d in answer["devices"]}
            for name in {row["device"] for row in rows}:
                # a device may have several buffers, with a row each
                measured = {k: sum(int(row[k]) for row in rows if row["device"] == name) for k in self.BYTES}
                self.assertEqual({k: devices[name][v] for k, v in self.BYTES.items()}, measured, (name, request))
            wanted = {k: int(rows[0][k]) for k in self.RESOLVED}
            if wanted["kv_cells"] == 0 and any(row["kv"] != "0" for row in rows):
                del wanted["kv_cells"]  # one kind of cache did not tell its cells
            self.assertEqual({k: int(answer["resolved"][self.RESOLVED[k]]) for k in wanted}, wanted, request)


def main():
    global CTXFIT, ROWS
    CTXFIT = str(pathlib.Path(sys.argv.pop(1)).resolve())
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        ROWS = pathlib.Path(sys.argv.pop(1)).resolve()
    if "--update" in sys.argv:
        GOLDEN.mkdir(exist_ok=True)
        for name, words in GOLDEN_CASES.items():
            (GOLDEN / f"{name}.txt").write_text(golden_text(words))
        return
    unittest.main(verbosity=1)


if __name__ == "__main__":
    main()
