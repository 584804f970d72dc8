# SPDX-License-Identifier: Apache-2.0
"""The stage figures: kernels beside a copy and the best plans of the libraries, then training steps
beside PyTorch. A benchmark cannot fail; what was not measured is said."""
import json
import sys
import time

LAYOUT = ["eager+channels_last+fused", "eager+channels_last+fused+graph"]
# work, precision, modes of PyTorch, most seconds. The modes that a goal names come first, and
# max_autotune, which compiles for minutes, takes what time there is. A call that is cut off has
# measured nothing, so `compile` has one of its own.
TRAINING = [
    ("mlp_b128", "fp32", ["eager", "eager+fused", "eager+fused+graph"], 60),
    ("resnet18_b512", "bf16", ["compile+channels_last+max_autotune"], 600),
    ("resnet18_b512", "bf16", LAYOUT, 60),
    ("mlp_b128", "fp32", ["compile"], 60),
    ("cnn_b64", "fp32", ["eager+fused", "eager+fused+graph", *LAYOUT, "compile+channels_last"], 75),
]
KERNELS = 75  # seconds


def kernels(check, found, deadline):
    code, text = check.run("kernel_bench", [check.binaries / "kernel_bench", "--device", "cuda", "--rounds", "5"],
                           min(deadline, time.monotonic() + KERNELS))
    found["kernels"] = []
    for line in text.splitlines():
        try:
            found["kernels"].append(json.loads(line))
        except ValueError:  # cut off, or a ratio that is not finite
            found.setdefault("not measured", []).append(f"kernel_bench printed: {line[:200]}")
    if code != 0:
        found.setdefault("not measured", []).append(f"the rest of kernel_bench: exit code {code}")


def python_with_torch(check, deadline):
    code = "import torch; raise SystemExit(not torch.cuda.is_available())"
    for python in (sys.executable, "python3"):
        if check.run("PyTorch is looked for", [python, "-c", code], deadline, python=True)[0] == 0:
            return python
    return None


def training(check, found, deadline):
    if not (python := python_with_torch(check, deadline)):
        found["training"] = []
        why = "out of time" if time.monotonic() >= deadline else "python3 has no PyTorch that sees a GPU"
        found.setdefault("not measured", []).append(f"training beside PyTorch: {why}")
        return
    found["training"] = []
    for work, precision, modes, seconds in TRAINING:
        file = check.work / f"training-{work}.json"
        file.unlink(missing_ok=True)
        code, _ = check.run(f"training {work}", [
            python, check.root / "bench/run.py", check.binaries / "weft_bench", "--device", "cuda", "--steps", "captured",
            "--precision", precision, "--work", work, "--rounds", "5", "--seconds", "0.4", "--output", file,
            "--modes", *modes], min(deadline, time.monotonic() + seconds), python=True)
        if code == 0:
            found["training"] += json.loads(file.read_text(encoding="utf-8"))
        else:
            why = "out of time" if code == 124 else f"exit code {code}"
            found.setdefault("not measured", []).append(f"{work} beside {', '.join(modes)}: {why}")
        check.report.write()


def figures(check, found, deadline):
    kernels(check, found, deadline)
    check.report.write()
    training(check, found, deadline)
    return "passed" if found["kernels"] else "failed"
