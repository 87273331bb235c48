#!/usr/bin/env python3
"""Every example program runs, ends with the right status, and says what is known from elsewhere.   check_examples.py FOLDER"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = str(ROOT / "tests/data/gguf/qwen-dense.gguf")
STORY = "146760 0 300\nnonsense\n1000 100 0\n"

# program, arguments, input, exit status, what the output matches: facts of the models and machines, not of this library
CASES = [
    ("fit_in_ten_lines", [], "", 0, [r"^fits: \d+ bytes for 262144 tokens", r"largest context: 262144 tokens"]),  # its trained length
    ("fit_in_ten_lines", ["qwen3-coder-30b-a3b", "rtx-3060-12gb host:64GiB"], "", 1, [r"^does not fit: .* margin -\d"]),  # 12 GiB < weights
    ("fit_in_ten_lines", ["qwen3-codre-30b-a3b"], "", 3, [r"did you mean .*qwen3-coder-30b-a3b"]),
    ("fit_in_ten_lines", ["qwen3-8b", "rtx-4909"], "", 3, [r"did you mean .*rtx-4090"]),
    ("largest_context", [], "", 0, [r"^Q4_K_M +cache F16 +1 x +40960 tokens  limited by trained", r"^Q8_0 .* 0 tokens"]),  # 32.8 GB > 32 GiB - 1
    ("largest_context", ["no such model"], "", 3, [r"no such model"]),
    # 146,760 - 131,072 = 15,688; 146,760 / 400 = 367 s, 67 s after the deadline
    ("server_loop", [], STORY, 0, [r"^15688 tokens too long for the configured limit of 131072; 367 s, which is 67 s too slow", r"^expected PROMPT",
                                   r"^ok, about \d+ s$"]),
    ("own_allocator", [], "", 0, [r"^fits|^does not fit", r"^peak \d+ of \d+ bytes, 0 left behind"]),
    ("own_allocator", ["no such model"], "", 3, [r"no such model", r", 0 left behind"]),
    # Command-R has no grouped heads: 40 layers x 2 x 64 heads x 128 x 2 bytes x 8,192 = 10 GiB of cache beside 20 GiB of weights
    ("newsletter", [], "", 0, [r"^command-r-v01 +35\.0 B .* no +yes", r"^qwen3-coder-30b-a3b +30\.5 B .* yes.* yes", r"^of \d+ models \d+ fit 24 GB"]),
    ("read_header", [HEADER], "", 0, [r"^GGUF version 3, 1 file", r'^general.architecture = "qwen"$', r"^token_embd.weight +F32"]),
    ("read_header", [HEADER + ".missing"], "", 3, [r"cannot open"]),
    ("describe_machine", ["rtx 4090 rtx 4090 host:65536MiB"], "", 0, [r"^2\*rtx-4090 host:64GiB$", r"1008 GB/s"]),  # NVIDIA's data sheet
    ("describe_machine", ["rtx-4090 host:64XB"], "", 3, [r"byte 14: expected a size"]),
]


def fault(folder, case):
    program, arguments, text, status, patterns = case
    ran = subprocess.run([str(folder / program), *arguments], input=text, capture_output=True, text=True, timeout=120)
    output = ran.stdout + ran.stderr
    missing = [p for p in patterns if not re.search(p, output, re.M)]
    if ran.returncode == status and not missing:
        return None
    return f"{program} {' '.join(arguments)}: exit status {ran.returncode}, expected {status}; not found: {missing}\n{output}"


def main():
    folder = pathlib.Path(sys.argv[1])
    bad = [f for f in (fault(folder, case) for case in CASES) if f]
    bad += [f"{e.name}: no case runs it" for e in sorted((ROOT / "examples").glob("*.c")) if e.stem not in {case[0] for case in CASES}]
    print("\n".join(bad) or f"{len(CASES)} runs of examples agree")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
