# SPDX-License-Identifier: Apache-2.0
"""Which layers are trained in three stages, and where the optimizer's state is; see docs/learn/pictures.py."""


def draw(p):
    p.height = 400
    p.title = "Frozen layers have no gradient, and their optimizer state is stashed until they are trained again"
    names = ("layer 1", "layer 2", "head")
    stages = [("old task", (1, 1, 1)), ("head only", (0, 0, 1)), ("all", (1, 1, 1))]
    for column, (title, trained) in enumerate(stages):
        x = 150 + 190 * column
        p.text(x + 65, 28, title, bold=True, size=20)
        for row, (name, on) in enumerate(zip(names, trained)):
            colour, y = ("blue" if on else "soft"), 236 - 90 * row
            p.box(x, y, 130, 56, colour, "fill" if on else "paper")
            p.text(x + 65, y + 28, name if on else "frozen", colour, size=20)
            if on and row > 0 and trained[row - 1]:
                p.arrow(x + 65, y + 58, x + 65, y + 88, "red")
        if column < 2:
            p.arrow(x + 140, 174, x + 182, 174)
    p.text(20, 84, "top", "soft", anchor="start")
    p.text(20, 174, "gradients", "red", anchor="start")
    p.text(20, 196, "flow down", "red", anchor="start")
    p.text(20, 264, "image", "soft", anchor="start")
    p.text(20, 344, "state of", "green", anchor="start")
    p.text(20, 366, "layers 1, 2", "green", anchor="start")
    for column, text in enumerate(("in use", "stashed", "restored")):
        x = 150 + 190 * column
        p.box(x, 330, 130, 48, "green", "paper" if column == 1 else "fill")
        p.text(x + 65, 354, text, "green", size=20)
        if column < 2:
            p.arrow(x + 140, 354, x + 182, 354, "green")
