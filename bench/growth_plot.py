# SPDX-License-Identifier: Apache-2.0
"""Draws what bench/growth.py measured:

    bench/growth_plot.py GROWTH.json FILE.svg

Time is above, memory below. Points are measured, and a line is the whole-line fit of its points.
"""
import json
import sys

import matplotlib
matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "weft"
matplotlib.rcParams["font.size"] = 8
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import ticker  # noqa: E402

LABELS = {"batch": "samples of a batch", "width": "width", "depth": "layers", "threads": "threads"}
COLORS = {("weft", "mlp"): "tab:blue", ("torch", "mlp"): "tab:orange", ("weft", "cnn"): "tab:green", ("torch", "cnn"): "tab:red"}

growth = json.load(open(sys.argv[1], encoding="utf-8"))
axes_there = [axis for axis in LABELS if any(row["axis"] == axis for row in growth["rows"])]
figure, panels = plt.subplots(2, len(axes_there), figsize=(2.75 * len(axes_there) + 0.5, 5.6), squeeze=False)
for column, axis in enumerate(axes_there):
    for line, (what, label) in enumerate([("ms", "ms a step"), ("mb", "MB, highest resident")]):
        panel = panels[line][column]
        for (side, kind), color in COLORS.items():
            rows = [row for row in growth["rows"] if (row["axis"], row["kind"]) == (axis, kind)]
            if not rows:
                continue
            sizes = [row["size"] for row in rows]
            name = f"{'weft' if side == 'weft' else 'PyTorch'}, {kind.upper()}"
            panel.plot(sizes, [row[side][what] for row in rows], "o" if side == "weft" else "s", markersize=3.5,
                       color=color, label=name)
            fitted = [each["fitted"] for each in growth["lines"] if
                      (each["axis"], each["kind"], each["side"], each["what"]) == (axis, kind, side, what)]
            if fitted:
                panel.plot(sizes, fitted[0], color=color, linewidth=1)
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5), numticks=20))
        panel.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_formatter(ticker.NullFormatter())
        sizes = sorted({row["size"] for row in growth["rows"] if row["axis"] == axis})
        some = sizes[::(len(sizes) + 4) // 5]
        panel.set_xticks(some, [str(size) for size in some])
        panel.grid(alpha=0.3)
        if line:
            panel.set_xlabel(LABELS[axis])
        if not column:
            panel.set_ylabel(label)
handles = {}
for panel in panels.flat:
    handles |= dict(zip(*reversed(panel.get_legend_handles_labels())))
figure.legend(handles.values(), handles.keys(), loc="upper center", ncol=4, frameon=False)
figure.tight_layout(rect=(0, 0, 1, 0.95))
figure.savefig(sys.argv[2], metadata={"Date": None})
