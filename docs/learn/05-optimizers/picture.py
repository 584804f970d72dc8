# SPDX-License-Identifier: Apache-2.0
"""The paths of three optimizers over the loss 5·w₀² + w₁²/2; see docs/learn/pictures.py."""
import math

STEPS = 10


def path(update):
    """Returns the points of STEPS steps from (1, 4). update(gradient, memory, step) is the change of one weight."""
    w, memory, points = [1.0, 4.0], [{}, {}], [(1.0, 4.0)]
    for step in range(1, STEPS + 1):
        gradient = (10 * w[0], w[1])
        w = [w[i] - update(gradient[i], memory[i], step) for i in range(2)]
        points.append(tuple(w))
    return points


def sgd(g, memory, step):
    return 0.15 * g


def momentum(g, memory, step):
    memory["mean"] = 0.5 * memory.get("mean", 0) + g
    return 0.08 * memory["mean"]


def adam(g, memory, step):
    memory["mean"] = 0.9 * memory.get("mean", 0) + 0.1 * g
    memory["square"] = 0.999 * memory.get("square", 0) + 0.001 * g * g
    return 0.5 * memory["mean"] / (1 - 0.9**step) / (math.sqrt(memory["square"] / (1 - 0.999**step)) + 1e-8)


def draw(p):
    p.height = 430
    p.title = f"{STEPS} steps of SGD, momentum and Adam from (1, 4) towards the minimum at (0, 0)"
    at = p.axes(70, 60, 670, 310, {k: f"{k}".replace("-", "−") for k in range(-1, 6)},
                {-1: "−1", 0: "0", 1: "1"}, "w₁", "")
    p.text(40, 35, "w₀", "soft")
    for loss in (0.25, 1, 2.5, 4.9):
        points = [(math.sqrt(2 * loss) * math.cos(t), math.sqrt(loss / 5) * math.sin(t))
                  for t in (2 * math.pi * k / 120 for k in range(121))]
        inside = [at(x, y) for x, y in points if x >= -1]
        if len(inside) < len(points):  # the ellipse is cut at the left: begin behind the gap
            first = next(k for k, (x, _) in enumerate(points) if x < -1)
            last = max(k for k, (x, _) in enumerate(points) if x < -1)
            inside = [at(x, y) for x, y in points[last + 1:] + points[:first]]
        p.curve(inside, "grid", 1.5)
    for update, colour in ((sgd, "red"), (momentum, "blue"), (adam, "green")):
        points = [at(w1, w0) for w0, w1 in path(update)]
        p.curve(points, colour, 2)
        for x, y in points:
            p.circle(x, y, 3, colour, colour)
    p.circle(*at(0, 0), 6, "ink", "paper")
    for x, (colour, name) in zip((150, 350, 560), (("red", "SGD"), ("blue", "momentum"), ("green", "Adam"))):
        p.line(x - 70, 400, x - 40, 400, colour, 4)
        p.text(x - 30, 400, name, colour, anchor="start")
