# SPDX-License-Identifier: Apache-2.0
"""A run that is killed and resumed, and how a checkpoint becomes good; see docs/learn/pictures.py."""


def draw(p):
    p.height = 400
    p.title = "A killed run continues from its newest checkpoint and reaches the same end"
    p.text(20, 28, "a run", bold=True, size=20, anchor="start")
    p.line(60, 90, 400, 90, "blue", 4)
    p.line(388, 78, 412, 102, "red", 4)
    p.line(388, 102, 412, 78, "red", 4)
    p.text(400, 54, "killed", "red", size=20)
    p.text(60, 122, "step 0", "soft")
    for step in (1, 2):
        x = 60 + 130 * step
        p.circle(x, 90, 12, "green", "green")
        p.text(x, 122, f"step {step}00", "green")
    p.line(320, 136, 320, 180, "green", dash=True)
    p.arrow(320, 180, 660, 180, "blue", 4)
    p.text(310, 180, "resumed from step 200", "blue", anchor="end")
    p.text(640, 210, "same end", "blue")
    p.text(20, 254, "how a checkpoint is written", bold=True, size=20, anchor="start")
    words = (("temporary", "name"), ("on the", "disk"), ("read", "back"), ("rename", "step-200"), ("delete", "older"))
    for i, (first, second) in enumerate(words):
        x = 20 + 136 * i
        colour = "green" if i >= 3 else "ink"
        p.box(x, 284, 112, 70, colour)
        p.text(x + 56, 307, first, colour)
        p.text(x + 56, 331, second, colour)
        if i < 4:
            p.arrow(x + 114, 319, x + 134, 319)
    p.text(346, 380, "a kill at any moment loses nothing", "soft")
