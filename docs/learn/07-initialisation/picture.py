# SPDX-License-Identifier: Apache-2.0
"""The size of activations in twenty random layers of ReLUs; see docs/learn/pictures.py."""
import math
import random

WIDTH, LAYERS = 96, 20


def sizes(factor):
    """Returns log10 of the root mean square after each layer, for one sample and random weights."""
    draw_from, deviation = random.Random(3), factor / math.sqrt(WIDTH / 2)
    h = [draw_from.gauss(0, 1) for _ in range(WIDTH)]
    logs = []
    for _ in range(LAYERS):
        h = [max(0.0, sum(draw_from.gauss(0, deviation) * x for x in h)) for _ in range(WIDTH)]
        logs.append(math.log10(math.sqrt(sum(x * x for x in h) / WIDTH)))
    return logs


def draw(p):
    p.height = 420
    p.title = "The root mean square of the activations explodes, stays or vanishes with the size of the weights"
    at = p.axes(110, 60, 500, 330, {0: "0", 5: "5", 10: "10", 15: "15", 20: "20"},
                {-6: "10⁻⁶", -3: "10⁻³", 0: "1", 3: "10³", 6: "10⁶"}, "layer")
    p.text(110, 28, "root mean square of the activations", bold=True, anchor="start")
    for factor, colour, name in ((2, "red", "twice the size"), (1, "green", "just right"), (0.5, "blue", "half the size")):
        expected = [at(layer, layer * math.log10(factor)) for layer in range(LAYERS + 1)]
        p.curve(expected, "soft", 1.5, dash=True)
        points = [at(layer + 1, size) for layer, size in enumerate(sizes(factor))]
        p.curve([expected[0], *points], colour, 2)
        for x, y in points:
            p.circle(x, y, 4, colour, colour)
        p.text(515, expected[-1][1], name, colour, anchor="start", size=20)
    p.text(350, 402, "dashed: the formula; dots: random weights", "soft")
