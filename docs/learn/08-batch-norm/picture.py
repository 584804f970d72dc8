# SPDX-License-Identifier: Apache-2.0
"""The four values of the program on a number line, before and after; see docs/learn/pictures.py."""


def minus(x):
    return f"{x:g}".replace("-", "−")


def line(p, y, low, high, ticks, values, colour, name):
    """Draws a number line at height y with the values as dots; equal ones stand on each other."""
    def at(x):
        return 60 + (x - low) / (high - low) * 580

    p.line(60, y, 640, y, "soft")
    for tick in ticks:
        p.line(at(tick), y, at(tick), y + 8, "soft")
        p.text(at(tick), y + 24, minus(tick), "soft")
    p.text(60, y - 66, name, colour, size=20, anchor="start", bold=True)
    for i, x in enumerate(values):
        p.circle(at(x), y - 14 - 26 * values[:i].count(x), 11, colour)
    return at


def draw(p):
    p.height = 400
    p.title = "Four values of a batch, and the same after normalisation, with mean 0 and standard deviation 1"
    x = [2, 4, 4, 10]
    mean = sum(x) / len(x)
    sigma = (sum((v - mean) ** 2 for v in x) / len(x)) ** 0.5
    at = line(p, 130, 0, 12, range(0, 13, 2), x, "blue", "x")
    p.line(at(mean), 60, at(mean), 130, "red", dash=True)
    p.text(at(mean) + 8, 50, f"mean {minus(mean)}", "red", anchor="start")
    p.line(at(mean), 104, at(mean + sigma), 104, "amber", 4)
    p.text(at(mean + sigma / 2), 84, f"std {minus(sigma)}", "amber")
    p.arrow(350, 178, 350, 226)
    p.text(370, 204, f"(x − {minus(mean)}) / {minus(sigma)}", size=20, anchor="start")
    at = line(p, 340, -2, 2, range(-2, 3), [(v - mean) / sigma for v in x], "green", "normalised")
    p.line(at(0), 270, at(0), 340, "red", dash=True)
    p.text(at(0) + 8, 260, "mean 0", "red", anchor="start")
    p.line(at(0), 314, at(1), 314, "amber", 4)
    p.text(at(0.5), 294, "std 1", "amber")
