# SPDX-License-Identifier: Apache-2.0
"""The layers of the program's network as blocks: height by pixels, width by channels; see
docs/learn/pictures.py."""


def draw(p):
    p.height = 400
    p.title = "The image becomes smaller and its channels more: 28, 14 and 7 pixels, 1, 8 and 16 channels"
    stages = [(28, 1, 40, "image", "ink"), (28, 8, 140, "conv 1", "blue"), (14, 8, 270, "pool", "green"),
              (14, 16, 390, "conv 2", "blue"), (7, 16, 520, "pool", "green")]
    for i, (side, channels, x, name, colour) in enumerate(stages):
        height, width = 7 * side, 12 + 3 * channels
        p.box(x, 180 - height / 2, width, height, colour, radius=3)
        p.text(x + width / 2, 56, name, colour, size=20)
        p.text(x + width / 2, 308, f"{side} × {side}", "soft")
        p.text(x + width / 2, 332, f"× {channels}", "soft")
        end = stages[i + 1][2] if i + 1 < len(stages) else 618
        p.arrow(x + width + 6, 180, end - 6, 180)
    for k in range(10):
        p.circle(632, 75 + 23 * k, 8, "red", "red" if k == 3 else "fill")
        p.text(660, 75 + 23 * k, k, "red" if k == 3 else "soft")
    p.text(632, 40, "linear", "red", size=20)
    p.text(642, 308, "10 logits", "soft")
    p.text(350, 374, "after each convolution: batch norm and ReLU", "soft")
