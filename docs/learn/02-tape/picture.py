# SPDX-License-Identifier: Apache-2.0
"""The graph of the program, with values and gradients; see docs/learn/pictures.py."""


def tape():
    """Returns {name: (value, gradient)} of (a·b + a)², computed as the program does."""
    value = {"a": 2, "b": 3}
    value["u"] = value["a"] * value["b"]
    value["v"] = value["u"] + value["a"]
    value["loss"] = value["v"] * value["v"]
    gradient = dict.fromkeys(value, 0)
    gradient["loss"] = 1
    gradient["v"] += 2 * value["v"] * gradient["loss"]
    gradient["u"] += gradient["v"]
    gradient["a"] += gradient["v"]
    gradient["a"] += value["b"] * gradient["u"]
    gradient["b"] += value["a"] * gradient["u"]
    return {name: (value[name], gradient[name]) for name in value}


def node(p, x, y, name, rule, numbers):
    value, gradient = numbers
    p.box(x - 56, y - 42, 112, 84)
    p.text(x, y - 26, name, size=18, bold=True)
    p.text(x, y, f"{value}", size=20)
    p.text(x, y + 27, f"{gradient}", "red", size=20)
    if rule:
        p.text(x, y - 58, rule, "soft")


def draw(p):
    p.height = 370
    p.title = "The graph of (a·b + a)², each box with its value and below it its gradient"
    numbers = tape()
    at = {"b": (70, 90), "a": (70, 270), "u": (240, 90), "v": (420, 180), "loss": (610, 180)}
    rules = {"u": "u = a·b", "v": "v = u + a", "loss": "loss = v·v"}
    for name, (x, y) in at.items():
        node(p, x, y, name, rules.get(name), numbers[name])
    p.arrow(126, 90, 182, 90)
    p.arrow(126, 256, 190, 134)
    p.arrow(296, 100, 362, 160)
    p.arrow(126, 270, 362, 200)
    p.arrow(476, 170, 552, 170)
    p.arrow(476, 192, 552, 192)
    p.text(410, 275, "two arrows leave v, and two leave a:", "soft")
    p.text(410, 301, "their contributions are added", "soft")
    p.text(160, 345, "value", anchor="start", size=20)
    p.text(230, 345, "gradient of the loss", "red", anchor="start", size=20)
