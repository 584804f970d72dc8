# SPDX-License-Identifier: Apache-2.0
"""The ranges of three floating-point types on a scale of powers of ten; see docs/learn/pictures.py."""
import math


def draw(p):
    p.height = 380
    p.title = "What f32, bf16 and f16 can hold: smallest and largest numbers, and a gradient before and after scaling"

    def at(value):
        return 110 + (math.log10(value) + 45) / 84 * 560

    for power, text in ((-45, "10⁻⁴⁵"), (-30, "10⁻³⁰"), (-15, "10⁻¹⁵"), (0, "1"), (15, "10¹⁵"), (38, "10³⁸")):
        p.line(at(10.0 ** power), 60, at(10.0 ** power), 262, "grid", 1)
        p.text(at(10.0 ** power), 280, text, "soft")
    kinds = [("f32", 2.0 ** -149, 3.4e38, 24, "ink"), ("bf16", 2.0 ** -133, 3.4e38, 8, "green"),
             ("f16", 2.0 ** -24, 65504, 11, "blue")]
    for i, (name, low, high, bits, colour) in enumerate(kinds):
        y = 70 + 66 * i
        p.text(20, y + 22, name, colour, size=22, anchor="start", bold=True)
        p.box(at(low), y, at(high) - at(low), 44, colour)
        p.text((at(low) + at(high)) / 2, y + 22, f"{bits} bits", colour)
    gradient, scale = 1e-8, 65536
    p.circle(at(gradient), 322, 8, "red", "red")
    p.circle(at(gradient * scale), 322, 8, "red", "paper")
    p.curve([(at(gradient), 322), (at(gradient * scale), 322)], "red", 2, dash=True)
    p.line(at(gradient), 202, at(gradient), 312, "red", dash=True)
    p.text(at(gradient) - 20, 322, "gradient 10⁻⁸: 0 in f16", "red", anchor="end")
    p.text(at(gradient * scale) + 20, 322, "times the scale 65536", "red", anchor="start")
    p.text(110, 28, "what a number can be", "soft", anchor="start")
    p.text(350, 358, "A larger step between neighbours is the price of fewer bits.", "soft")
