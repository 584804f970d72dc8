# SPDX-License-Identifier: Apache-2.0
"""The neuron of the program, with its numbers; see docs/learn/pictures.py."""
import math


def draw(p):
    p.height = 360
    p.title = "One neuron: three inputs, three weights, a sum, the sigmoid, and the error"
    x, w, b, target = [1, 2, 3], [0.5, -0.25, 0.1], 0.2, 1
    z = sum(a * c for a, c in zip(w, x)) + b
    y = 1 / (1 + math.exp(-z))
    p.text(60, 28, "inputs", "soft")
    p.text(190, 28, "weights", "blue")
    for i, height in enumerate((80, 180, 280)):
        p.arrow(90, height, 300, 180 + 22 * (i - 1), "blue")
        p.circle(60, height, 28)
        p.text(60, height, f"{x[i]}", size=22)
        p.text(160, height - (2, 18, 44)[i], f"{w[i]}".replace("-", "−"), "blue", size=20)
    p.arrow(340, 300, 340, 224, "green")
    p.text(340, 322, f"bias {b}", "green", size=20)
    p.arrow(382, 180, 456, 180)
    p.circle(340, 180, 42)
    p.text(340, 180, "sum", size=20)
    p.text(418, 158, f"z {z:.1f}", size=20)
    p.box(456, 145, 90, 70)
    curve = [(501 + 36 * t / 6, 180 - 50 * (1 / (1 + math.exp(-t)) - 0.5)) for t in [k / 4 for k in range(-24, 25)]]
    p.curve(curve, "ink")
    p.text(501, 240, "sigmoid", "soft")
    p.arrow(546, 180, 660, 180)
    p.text(612, 158, f"y {y:.4f}", size=20)
    p.text(590, 290, f"loss (y − {target})²", "red", size=20)
    p.text(590, 322, f"= {(y - target) ** 2:.4f}", "red", size=20)
    p.line(625, 190, 600, 270, "red", dash=True)
