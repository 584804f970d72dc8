# SPDX-License-Identifier: Apache-2.0
"""The step of two ranks, with the numbers of the program; see docs/learn/pictures.py."""


def minus(x):
    return f"{x:g}".replace("-", "−")


def draw(p):
    p.height = 440
    p.title = "Two ranks have shares of a batch; their gradients are summed, and both make the same step"
    shares, w, lr = [[5, 7], [1, -1, 3]], 0.0, 0.5
    total = sum(w - t for share in shares for t in share)
    for rank, share in enumerate(shares):
        x = 30 + 360 * rank
        colour = ("blue", "amber")[rank]
        p.text(x + 140, 26, f"rank {rank}", colour, size=22, bold=True)
        p.box(x, 50, 280, 56, colour)
        p.text(x + 140, 78, "targets " + ", ".join(minus(t) for t in share), colour, size=20)
        p.arrow(x + 140, 108, x + 140, 140, colour)
        p.box(x, 142, 280, 56, colour)
        gradients = [w - t for t in share]
        p.text(x + 140, 170, f"gradients: sum {minus(sum(gradients))}", colour, size=20)
        p.arrow(x + 140, 200, x + 140, 238, colour)
        p.arrow(x + 140, 298, x + 140, 336)
        p.box(x, 338, 280, 56)
        p.text(x + 140, 366, f"w = 0 − {lr:g} · ({minus(total / 5)}) = {minus(w - lr * total / 5)}", size=20)
    p.box(30, 240, 640, 56, "red")
    sums = [sum(w - t for t in share) for share in shares]
    p.text(350, 268, f"all-reduce: ({minus(sums[0])}) + ({minus(sums[1])}) = {minus(total)}, over 5: {minus(total / 5)}",
           "red", size=20)
    p.text(350, 418, "The same weight on each rank, as in one process.", "soft")
