# SPDX-License-Identifier: Apache-2.0
"""A layer as a matrix product, with the numbers of the program; see docs/learn/pictures.py."""


def minus(x):
    return f"{x:g}".replace("-", "−")


def matrix(p, x, y, name, rows, marked=(), colour="blue"):
    """Draws a matrix with its corner at (x, y). Marked elements have a coloured frame."""
    size = 62
    p.text(x + size * len(rows[0]) / 2, y - 24, name, bold=True, size=20)
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            p.box(x + c * size, y + r * size, size - 4, size - 4, colour if (r, c) in marked else "grid")
            p.text(x + c * size + size / 2 - 2, y + r * size + size / 2 - 2, minus(value),
                   colour if (r, c) in marked else "ink", size=20)


def draw(p):
    p.height = 330
    p.title = "An output of a layer is the dot product of a row of inputs and a row of weights, plus a bias"
    x, w, b = [[1, 2], [3, -1]], [[2, 1], [-1, 3]], [0.5, -1]
    y = [[sum(a * c for a, c in zip(sample, neuron)) + bias for neuron, bias in zip(w, b)] for sample in x]
    matrix(p, 40, 80, "inputs x", x, {(1, 0), (1, 1)}, "blue")
    matrix(p, 210, 80, "weights w", w, {(0, 0), (0, 1)}, "amber")
    matrix(p, 380, 80, "bias b", [b], {(0, 0)}, "green")
    matrix(p, 550, 80, "outputs y", y, {(1, 0)}, "red")
    p.text(100, 226, "a row for", "soft")
    p.text(100, 248, "each sample", "soft")
    p.text(270, 226, "a row for", "soft")
    p.text(270, 248, "each neuron", "soft")
    p.text(440, 168, "one for", "soft")
    p.text(440, 190, "each neuron", "soft")
    p.text(610, 226, "a row for", "soft")
    p.text(610, 248, "each sample", "soft")
    p.text(356, 112, "+", size=24)
    p.text(524, 112, "=", size=24)
    words = " + ".join(f"{minus(a)}·{minus(c)}" if a >= 0 else f"({minus(a)})·{minus(c)}" for a, c in zip(x[1], w[0]))
    p.text(350, 298, f"row · row + bias: {words} + {minus(b[0])} = {minus(y[1][0])}", "red", size=22)
