#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks weft's ops against PyTorch's, on its own sample inputs: parity_ops_test.py PARITY_TOOL

The samples are those of op_db (op_cases.py), in f32, f64 and, for ops that move or compare
elements, int64. Results have PyTorch's shapes and dtypes, and values and gradients are PyTorch's to
a few units of rounding of the largest. Samples that weft does not take are counted by their
reasons. If torch, safetensors or expecttest, which op_db imports, cannot be imported (by this
Python or $WEFT_PYTHON), the exit code is 77, which skips the test.
"""
import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import live_torch

live_torch.require("torch", "safetensors.torch", "expecttest")
warnings.filterwarnings("ignore")
import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

import op_cases  # noqa: E402

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-13}


def flat(results):
    """All tensors of a result, with the type of weft's conditions for bool."""
    tensors = [results] if isinstance(results, torch.Tensor) else list(results)
    return [t.detach().to(torch.uint8) if t.dtype == torch.bool else t.detach() for t in tensors]


def expect(case):
    """PyTorch's results, the seeds of their gradients, and the gradients by input."""
    results = case.theirs()
    results = [results] if isinstance(results, torch.Tensor) else list(results)
    wanted = [i for i, x in enumerate(case.inputs) if x.requires_grad]
    differentiable = [r for r in results if r.requires_grad]
    seeds = [torch.randn_like(r) for r in differentiable]
    gradients = []
    if differentiable:
        gradients = torch.autograd.grad(differentiable, [case.inputs[i] for i in wanted], seeds)
    return flat(results), seeds, dict(zip(wanted, gradients)) if differentiable else {}


def difference(ours, theirs):
    """What differs beyond rounding, or ''."""
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return f"{ours.dtype} {tuple(ours.shape)} and PyTorch's {theirs.dtype} {tuple(theirs.shape)}"
    if not theirs.is_floating_point():
        return "" if torch.equal(ours, theirs) else f"{ours.tolist()} and PyTorch's {theirs.tolist()}"
    exact = ours.isfinite() & theirs.isfinite()
    if not torch.equal(ours[~exact].nan_to_num(7), theirs[~exact].nan_to_num(7)):
        return "NaN or infinity at different places"
    if not exact.any():
        return ""
    error = ((ours - theirs)[exact].abs().max() / theirs[exact].abs().max().clamp(min=1e-30)).item()
    return "" if error <= TOLERANCE[theirs.dtype] else f"by {error:.1e} of the largest"


def main():
    tool = pathlib.Path(sys.argv[1]).resolve()
    cases, tensors, expected, refused = [], {}, [], collections.defaultdict(collections.Counter)
    for name, dtype, case in op_cases.samples():
        if isinstance(case, str):
            refused[name][case] += 1
            continue
        number = len(cases)
        results, seeds, gradients = expect(case)
        cases.append({"op": case.op, "inputs": len(case.inputs), "seeds": len(seeds),
                      "leaves": sorted(gradients), **case.arguments})
        tensors |= {f"{number}.input.{i}": x.detach().clone().contiguous() for i, x in enumerate(case.inputs)}
        tensors |= {f"{number}.seed.{i}": x.contiguous() for i, x in enumerate(seeds)}
        wanted = {f"{number}.result.{i}": x for i, x in enumerate(results)}
        wanted |= {f"{number}.gradient.{i}": x for i, x in gradients.items()}
        expected.append((name, dtype, wanted))

    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = pathlib.Path(name_of_folder)
        (folder / "cases").write_text(json.dumps(cases), encoding="utf-8")
        save_file(tensors, folder / "tensors")
        subprocess.run([tool, "ops", folder / "cases", folder / "tensors", folder / "results"], check=True)
        ours = load_file(folder / "results")

    failures, checked = 0, collections.Counter()
    wanted_names = {key for _, _, wanted in expected for key in wanted}
    for key in sorted(set(ours) - wanted_names):
        failures += 1
        print(f"FAILED {key}: {expected[int(key.split('.')[0])][0]} gives it and PyTorch does not")
    for number, (name, dtype, wanted) in enumerate(expected):
        checked[name] += 1
        for key, theirs in wanted.items():
            found = difference(ours[key], theirs) if key in ours else "weft does not give it"
            if found:
                failures += 1
                print(f"FAILED {name} {dtype} {key} {cases[number]}: {found}")
    for name in op_cases.CASES:
        print(f"{name}: {checked[name]} samples")
        for reason, count in refused[name].items():
            print(f"    {count} more left out: {reason}")
    print(f"{sum(checked.values())} samples of {len(op_cases.CASES)} ops, {failures} differences")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
