# SPDX-License-Identifier: Apache-2.0
"""Logits, probabilities and gradient of the first step; see docs/learn/pictures.py."""
import math


def bars(p, x, name, values, label, colour, digits):
    """Draws three bars from a common zero line; the label's bar is coloured."""
    p.text(x + 90, 26, name, bold=True, size=20)
    scale, zero = 150 / (max(values) - min(0, min(values))), 0
    zero = 70 + 150 if min(values) >= 0 else 70 + max(values) * scale
    for k, value in enumerate(values):
        top = min(zero, zero - value * scale)
        left = x + 10 + 60 * k
        p.polygon([(left, top), (left + 40, top), (left + 40, top + abs(value) * scale),
                   (left, top + abs(value) * scale)], colour if k == label else "soft")
        below = value < 0
        p.text(left + 20, top + abs(value) * scale + 14 if below else top - 14,
               f"{value:.{digits}f}".replace("-", "−"), colour if k == label else "ink")
        if min(values) >= 0:
            p.text(left + 20, zero + 16, f"{k}", "soft")
    p.line(x, zero, x + 180, zero)


def draw(p):
    p.height = 330
    p.title = "Softmax turns three logits into probabilities; the gradient is the probability minus the target"
    logits, label = [2, 1, 0], 1
    total = sum(math.exp(z) for z in logits)
    probabilities = [math.exp(z) / total for z in logits]
    gradient = [q - (k == label) for k, q in enumerate(probabilities)]
    bars(p, 20, "logits", logits, label, "blue", 0)
    bars(p, 260, "probabilities", probabilities, label, "green", 2)
    bars(p, 500, "gradient", gradient, label, "red", 2)
    p.text(20, 262, "class", "soft", anchor="start")
    p.arrow(206, 150, 250, 150, "soft")
    p.arrow(446, 150, 490, 150, "soft")
    p.text(350, 290, f"class {label} is right:", "soft", size=20, anchor="end")
    p.text(360, 290, f"loss −ln {probabilities[label]:.4f} = {-math.log(probabilities[label]):.4f}", "red", size=20,
           anchor="start")
