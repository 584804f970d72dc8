#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes loss_scaler.json beside itself: the scales of PyTorch's GradScaler on the CPU, for
tests/optim/loss_scaler_test.cpp. It needs PyTorch 2.3 or later.

A case is [growth factor, backoff factor, interval, first scale, a digit per step]. A digit is 1 if
a gradient of the step is infinite. Its result is the scale after each step.
"""
import json
import pathlib
import random

import torch


def scales(growth, backoff, interval, first, steps):
    scaler = torch.amp.GradScaler("cpu", init_scale=first, growth_factor=growth, backoff_factor=backoff,
                                  growth_interval=interval)
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    seen = []
    for step in steps:
        optimizer.zero_grad()
        scaler.scale(weight.sum()).backward()
        if step == "1":
            weight.grad.fill_(float("inf"))
        scaler.step(optimizer)
        scaler.update()
        seen.append(scaler.get_scale())
    return seen


def main():
    draw = random.Random(5)
    cases = []
    for growth, backoff, interval, first in [(2, 0.5, 2000, 2.0**16), (2, 0.5, 3, 2.0**10), (4, 0.25, 5, 2.0**12),
                                             (2, 0.5, 1, 256.0), (1.5, 0.75, 4, 1024.0)]:
        steps = "".join("1" if draw.random() < 0.2 else "0" for _ in range(200))
        cases.append({"growth": growth, "backoff": backoff, "interval": interval, "first": first, "steps": steps,
                      "scales": scales(growth, backoff, interval, first, steps)})
    text = json.dumps({"torch": torch.__version__, "cases": cases}, separators=(",", ":"))
    pathlib.Path(__file__).with_name("loss_scaler.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
