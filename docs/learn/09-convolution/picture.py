# SPDX-License-Identifier: Apache-2.0
"""A kernel at one place of the program's image; see docs/learn/pictures.py."""


def minus(x):
    return f"{x:g}".replace("-", "−")


def grid(p, x, y, rows, marked, colour):
    size = 62
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            inside = (r, c) in marked
            p.box(x + c * size, y + r * size, size - 5, size - 5, colour if inside else "grid")
            p.text(x + c * size + 28, y + r * size + 28, minus(value), colour if inside else "ink", size=22)


def draw(p):
    p.height = 370
    p.title = "A 2 by 2 kernel at the top right of a 3 by 3 image gives the top right output"
    image, kernel = [[1, 2, 0], [0, 1, 3], [2, 0, 1]], [[1, 0], [-1, 2]]
    output = [[sum(kernel[i][j] * image[r + i][c + j] for i in (0, 1) for j in (0, 1)) for c in (0, 1)]
              for r in (0, 1)]
    p.text(120, 28, "image 3 × 3", bold=True, size=20)
    grid(p, 30, 60, image, {(0, 1), (0, 2), (1, 1), (1, 2)}, "blue")
    p.text(345, 28, "kernel 2 × 2", bold=True, size=20)
    grid(p, 285, 90, kernel, {(r, c) for r in (0, 1) for c in (0, 1)}, "amber")
    p.text(590, 28, "output 2 × 2", bold=True, size=20)
    grid(p, 530, 90, output, {(0, 1)}, "red")
    p.text(248, 150, "·", size=40)
    p.arrow(425, 150, 510, 150)
    p.text(466, 126, "sum", "soft")
    terms = [(kernel[i][j], image[i][1 + j]) for i in (0, 1) for j in (0, 1)]
    words = " + ".join(f"{minus(a)}·{b}" if a >= 0 else f"({minus(a)})·{b}" for a, b in terms)
    p.text(350, 290, f"{words} = {output[0][1]}", "red", size=22)
    p.text(350, 335, "The kernel slides to every place where it fits.", "soft", size=20)
