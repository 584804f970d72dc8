# SPDX-License-Identifier: Apache-2.0
"""Grid, blocks, warps and shared memory; see docs/learn/pictures.py."""


def draw(p):
    p.height = 430
    p.title = "A grid has blocks; a block has warps of 32 threads and shared memory; all blocks share the GPU's memory"
    p.text(20, 28, "grid: blocks in any order", bold=True, size=20, anchor="start")
    for i in range(3):
        p.box(20, 50 + 62 * i, 130, 50, "red" if i == 1 else "ink")
        p.text(85, 75 + 62 * i, f"block {i}", "red" if i == 1 else "ink", size=20)
    p.text(85, 250, "…", size=24)
    p.line(150, 112, 200, 60, "red", dash=True)
    p.line(150, 162, 200, 290, "red", dash=True)
    p.box(200, 60, 480, 230, "red", "paper")
    for i, name in enumerate(("warp 0", "warp 1")):
        top = 78 + 62 * i
        p.text(214, top + 22, name, "blue", anchor="start")
        for k in range(16):
            p.box(290 + 22 * k, top + 4, 17, 36, "blue", radius=3)
        p.text(655, top + 22, "…", "blue")
    p.line(214, 200, 666, 200, "amber", 4, dash=True)
    p.text(440, 218, "barrier: __syncthreads()", "amber")
    p.box(214, 236, 452, 42, "green")
    p.text(440, 257, "shared memory of this block", "green")
    p.arrow(85, 276, 85, 340)
    p.arrow(440, 290, 440, 340)
    p.box(20, 342, 660, 50)
    p.text(350, 367, "memory of the GPU, for all blocks", size=20)
    p.text(500, 28, "block 1: warps of 32 threads", "red", size=20)
