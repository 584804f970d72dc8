# SPDX-License-Identifier: Apache-2.0
"""Writes optimizers.json: PyTorch's optimizers over 1,000 steps on a small problem, in f64 and f32.

    python3 make_optimizers.py     # needs torch >= 1.13, writes beside itself

18 weights w[i] start at sin(0.7 (i + 1)). The first 13 are the group `weight`. The last 5 are the
group `bias`, which has half the learning rate and no weight decay. The gradient of step k (from 0)
is, in double and then rounded to the dtype,

    g[i] = (0.5 + 0.1 i) (w[i] - cos(i)) + 0.2 sin(2 w[i] + 0.1 k)

The pull to cos(i) is stronger than the slope of the sine, and learning rates are low, so that
rounding does not grow from step to step. (Adam with a short memory, beta2 = 0.95, is chaotic here:
two builds of PyTorch differ by 4e-3.) `decreasing`: step k uses lr (1 - 0.9 k / 1000). `sparse`:
bias has no gradient in every third step (k % 3 == 0).
"""
import json
import math
import pathlib

import torch

STEPS, SNAPSHOTS = 1000, [1, 2, 3, 10, 100, 1000]
WEIGHTS, BIASES = 13, 5

CASES = {
    "sgd": ("sgd", dict(lr=0.05)),
    "sgd_momentum": ("sgd", dict(lr=0.02, momentum=0.9)),
    "sgd_nesterov": ("sgd", dict(lr=0.02, momentum=0.9, nesterov=True)),
    "sgd_weight_decay": ("sgd", dict(lr=0.02, momentum=0.9, weight_decay=0.05)),
    "sgd_nesterov_decay_decreasing": ("sgd", dict(lr=0.03, momentum=0.8, nesterov=True, weight_decay=0.01)),
    "sgd_momentum_sparse": ("sgd", dict(lr=0.02, momentum=0.9)),
    "adam": ("adam", dict(lr=0.01)),
    "adam_l2": ("adam", dict(lr=0.01, weight_decay=0.05)),
    "adam_betas_eps": ("adam", dict(lr=0.02, betas=[0.8, 0.99], eps=1e-3)),
    "adam_sparse": ("adam", dict(lr=0.01, weight_decay=0.01)),
    "adamw": ("adamw", dict(lr=0.01, weight_decay=0.05)),
    "adamw_decreasing": ("adamw", dict(lr=0.02, weight_decay=0.1)),
    "adamw_sparse": ("adamw", dict(lr=0.01, weight_decay=0.05)),
}
CLASSES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def gradient(w, first, k):
    values = [(0.5 + 0.1 * i) * (x - math.cos(i)) + 0.2 * math.sin(2 * x + 0.1 * k)
              for i, x in enumerate(w.detach().double().tolist(), start=first)]
    return torch.tensor(values, dtype=torch.float64).to(w.dtype)


def run(name, dtype):
    kind, options = CASES[name]
    start = torch.tensor([math.sin(0.7 * (i + 1)) for i in range(WEIGHTS + BIASES)], dtype=torch.float64).to(dtype)
    weight, bias = (torch.nn.Parameter(part.clone()) for part in start.split([WEIGHTS, BIASES]))
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    opt = CLASSES[kind]([{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}], **options)
    snapshots = []
    for k in range(STEPS):
        lr = options["lr"] * (1 - 0.9 * k / STEPS if "decreasing" in name else 1)
        opt.param_groups[0]["lr"], opt.param_groups[1]["lr"] = lr, 0.5 * lr
        weight.grad = gradient(weight, 0, k)
        bias.grad = None if "sparse" in name and k % 3 == 0 else gradient(bias, WEIGHTS, k)
        opt.step()
        if k + 1 in SNAPSHOTS:
            snapshots.append(weight.tolist() + bias.tolist())
    digits = 17 if dtype == torch.float64 else 9
    return [[float(f"{x:.{digits}g}") for x in row] for row in snapshots]


def main():
    rows = []
    for name, (kind, options) in CASES.items():
        case = {"type": kind, "options": options, "f64": run(name, torch.float64), "f32": run(name, torch.float32)}
        rows.append(f" {json.dumps(name)}: {json.dumps(case)}")
    head = {"torch": torch.__version__, "steps": STEPS, "snapshots": SNAPSHOTS}
    path = pathlib.Path(__file__).with_name("optimizers.json")
    path.write_text(f'{json.dumps(head)[:-1]},\n"cases": {{\n' + ",\n".join(rows) + "\n}}\n")


if __name__ == "__main__":
    main()
