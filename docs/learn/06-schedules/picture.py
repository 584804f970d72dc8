# SPDX-License-Identifier: Apache-2.0
"""Three schedules, and what they do to noisy gradients; see docs/learn/pictures.py."""
import math

STEPS = 200


def constant(step):
    return 0.5


def drop(step):
    return 0.5 if step < 100 else 0.05


def cosine(step):
    if step < 10:
        return 0.5 * (0.01 + 0.99 * step / 10)
    return 0.5 * (1 + math.cos(math.pi * (step - 10) / (STEPS - 10))) / 2


def squares(schedule):
    """Returns the expected w² before each step and after the last, as the program computes it."""
    values = [100.0]
    for step in range(STEPS):
        rate = schedule(step)
        values.append((1 - rate) ** 2 * values[-1] + rate**2)
    return values


def draw(p):
    p.height = 400
    p.title = "A constant learning rate, one drop, and a cosine with warm-up; and the expected w² on a log scale"
    ticks = {0: "0", 100: "100", 200: "200"}
    left = p.axes(60, 60, 320, 290, ticks, {0: "0", 0.25: "0.25", 0.5: "0.5"}, "step", "")
    right = p.axes(430, 60, 680, 290, ticks, {-2: "0.01", -1: "0.1", 0: "1", 1: "10", 2: "100"}, "step", "")
    p.text(190, 26, "learning rate", bold=True)
    p.text(555, 26, "expected w²", bold=True)
    for schedule, colour in ((constant, "red"), (drop, "amber"), (cosine, "blue")):
        p.curve([left(step, schedule(step)) for step in range(STEPS)], colour)
        p.curve([right(step, math.log10(value)) for step, value in enumerate(squares(schedule))], colour)
    for x, (colour, name) in zip((60, 260, 450), (("red", "constant"), ("amber", "one drop"), ("blue", "cosine"))):
        p.line(x, 372, x + 30, 372, colour, 4)
        p.text(x + 40, 372, name, colour, anchor="start")
