# SPDX-License-Identifier: Apache-2.0
"""Writes schedules.json: 1,000-step learning rates of PyTorch's schedulers.

    python3 make_schedules.py      # needs torch >= 1.13, writes beside itself

Every case has base_lr 0.1, 1,000 steps, 20 steps per epoch. `lr[k]` is the learning rate of step k,
from 0. `[value, count]` stands for `count` steps with equal values. Values have 15 digits.
"""
import json
import math
import pathlib
import warnings

import torch
from torch.optim import lr_scheduler as sched

STEPS, PER_EPOCH, BASE = 1000, 20, 0.1
# PyTorch warns if scheduler.step() comes before optimizer.step(). No gradients are needed here.
warnings.filterwarnings("ignore")


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=BASE, momentum=0.9)


def shorten(values):
    out = []
    for value in values:
        value = float(f"{value:.15g}")
        if out and (out[-1][0] if isinstance(out[-1], list) else out[-1]) == value:
            out[-1] = [value, out[-1][1] + 1] if isinstance(out[-1], list) else [value, 2]
        else:
            out.append(value)
    return out


def trace(make, every=1, metrics=None):
    """The lr of every step. The scheduler steps once per `every` steps, with a metric if given."""
    opt = optimizer()
    scheduler = make(opt)
    lr, momentum = [], []
    for step in range(STEPS):
        lr.append(opt.param_groups[0]["lr"])
        momentum.append(opt.param_groups[0]["momentum"])
        if (step + 1) % every == 0:
            if metrics:
                scheduler.step(metrics[(step + 1) // every - 1])
            else:
                scheduler.step()
    return lr, momentum


def warm(opt, steps, start):
    return sched.LinearLR(opt, start_factor=start, total_iters=steps)


def then(opt, steps, start, rest):
    return sched.SequentialLR(opt, [warm(opt, steps, start), rest(opt)], milestones=[steps])


def chained(opt, steps, start, rest):
    # ChainedScheduler applies each scheduler's ratio in turn: the product of both curves.
    return sched.ChainedScheduler([rest(opt), warm(opt, steps, start)])


# A loss that falls in stairs with a little noise, and an accuracy that rises in the same way.
losses = [round(2.0 * 0.7 ** (e // 9) + 0.01 * math.sin(1.7 * e), 4) for e in range(STEPS // PER_EPOCH)]
accuracies = [round(1.0 - 0.3 * loss, 4) for loss in losses]

CASES = {
    "step_300": lambda: trace(lambda o: sched.StepLR(o, 300, 0.1)),
    "step_7ep_half": lambda: trace(lambda o: sched.StepLR(o, 7, 0.5), every=PER_EPOCH),
    "step_warmup_100": lambda: trace(lambda o: chained(o, 100, 0.01, lambda p: sched.StepLR(p, 300, 0.1))),
    "multi_step_300_700": lambda: trace(lambda o: sched.MultiStepLR(o, [300, 700], 0.1)),
    "multi_step_epochs": lambda: trace(lambda o: sched.MultiStepLR(o, [10, 25, 40], 0.3), every=PER_EPOCH),
    "multi_step_warmup_2ep": lambda: trace(
        lambda o: chained(o, 40, 0.1, lambda p: sched.MultiStepLR(p, [300, 700], 0.2))),
    "cosine": lambda: trace(lambda o: sched.CosineAnnealingLR(o, STEPS)),
    "cosine_final": lambda: trace(lambda o: sched.CosineAnnealingLR(o, STEPS, eta_min=0.05 * BASE)),
    "cosine_per_epoch": lambda: trace(lambda o: sched.CosineAnnealingLR(o, STEPS // PER_EPOCH), every=PER_EPOCH),
    "cosine_warmup_100": lambda: trace(
        lambda o: then(o, 100, 0.01, lambda p: sched.CosineAnnealingLR(p, STEPS - 100))),
    "cosine_warmup_1ep_final": lambda: trace(
        lambda o: then(o, 20, 0.1, lambda p: sched.CosineAnnealingLR(p, STEPS - 20, eta_min=0.01 * BASE))),
    "cosine_restarts_100_doubling": lambda: trace(lambda o: sched.CosineAnnealingWarmRestarts(o, 100, 2)),
    "cosine_restarts_200_final": lambda: trace(
        lambda o: sched.CosineAnnealingWarmRestarts(o, 200, 1, eta_min=0.1 * BASE)),
    "cosine_restarts_warmup_50": lambda: trace(
        lambda o: then(o, 50, 0.01, lambda p: sched.CosineAnnealingWarmRestarts(p, 120, 3))),
    "linear": lambda: trace(lambda o: sched.LinearLR(o, 1.0, 0.0, STEPS)),
    "linear_over_500": lambda: trace(lambda o: sched.LinearLR(o, 1.0, 0.1, 500)),
    "linear_warmup_100": lambda: trace(lambda o: then(o, 100, 0.01, lambda p: sched.LinearLR(p, 1.0, 0.0, 900))),
    "exponential_per_epoch": lambda: trace(lambda o: sched.ExponentialLR(o, 0.9), every=PER_EPOCH),
    "exponential_per_step": lambda: trace(lambda o: sched.ExponentialLR(o, 0.995)),
    "exponential_warmup_50": lambda: trace(lambda o: chained(o, 50, 0.2, lambda p: sched.ExponentialLR(p, 0.998))),
    "polynomial": lambda: trace(lambda o: sched.PolynomialLR(o, STEPS, 1.0)),
    "polynomial_square": lambda: trace(lambda o: sched.PolynomialLR(o, STEPS, 2.0)),
    "polynomial_over_800": lambda: trace(lambda o: sched.PolynomialLR(o, 800, 0.9)),
    "polynomial_warmup_100": lambda: trace(
        lambda o: then(o, 100, 0.01, lambda p: sched.PolynomialLR(p, STEPS - 100, 0.9))),
    "one_cycle": lambda: trace(lambda o: sched.OneCycleLR(o, BASE, STEPS)),
    "one_cycle_linear": lambda: trace(lambda o: sched.OneCycleLR(
        o, BASE, STEPS, pct_start=0.2, anneal_strategy="linear", div_factor=10, final_div_factor=100,
        base_momentum=0.8, max_momentum=0.9)),
    "one_cycle_three_phase": lambda: trace(lambda o: sched.OneCycleLR(
        o, BASE, STEPS, pct_start=0.4, three_phase=True)),
    "plateau": lambda: trace(
        lambda o: sched.ReduceLROnPlateau(o, patience=2, factor=0.5), PER_EPOCH, losses),
    "plateau_cooldown": lambda: trace(
        lambda o: sched.ReduceLROnPlateau(o, patience=1, factor=0.3, cooldown=3, threshold=0.05,
                                          threshold_mode="abs"), PER_EPOCH, losses),
    "plateau_max_floor": lambda: trace(
        lambda o: sched.ReduceLROnPlateau(o, mode="max", patience=1, factor=0.2, threshold=1e-3,
                                          min_lr=1e-3 * BASE), PER_EPOCH, accuracies),
}


def main():
    cases = {}
    for name, make in CASES.items():
        lr, momentum = make()
        cases[name] = {"lr": shorten(lr)}
        if name.startswith("one_cycle"):
            cases[name]["momentum"] = shorten(momentum)
    rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items())
    head = {"torch": torch.__version__, "base_lr": BASE, "steps": STEPS, "steps_per_epoch": PER_EPOCH,
            "losses": losses, "accuracies": accuracies}
    path = pathlib.Path(__file__).with_name("schedules.json")
    path.write_text(f'{json.dumps(head)[:-1]},\n"cases": {{\n{rows}\n}}}}\n')


if __name__ == "__main__":
    main()
