#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how the time of a step and the memory grow with batch, width, depth and threads, in weft
and in PyTorch.

    bench/growth.py WEFT_BENCH [--short] [--axis batch width depth threads] [--work mlp cnn]
                    [--rounds 5] [--seconds 0.4] [--output bench-growth.json]
                    [--plot docs/growth.svg]
    bench/growth.py --draw bench-growth.json [--plot docs/growth.svg]

On an axis one size grows and the others stay. At each point both programs train alternately, weft's
Trainer and PyTorch in eager mode with its fused optimizer, on the same number of threads. The time
is the median of the rounds, and the memory is the highest resident memory of a process that did
nothing else. PyTorch's has the libraries that it brings.

A line a + b·work is fitted to all points of an axis, by least squares of the relative errors. The
work is what the size should cost: samples on the axis of batches, layers on that of depth, the
multiplications (of the memory: the parameters) on that of width, and the inverse of the number of
threads. Where a point is off the line by more than a quarter, the line is said to bend there; the
table and the file name these points. The memory of threads has no line.

--short takes two minutes, with fewer points and rounds. The Python with PyTorch is $WEFT_PYTHON, or
the one that runs this file, and --plot takes matplotlib there. Nothing else should run.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import sized_works
from run import PEER, Process, require_place, require_program, torch_process, torch_python

CORES = len(os.sched_getaffinity(0))
BEND = 0.25
# The sizes of an axis, for each work, and what stays. --short takes the sizes of SHORT.
AXES = {
    "batch": {"mlp": (dict(width=512, depth=3), [2**i for i in range(13)]),
              "cnn": (dict(width=32), [2**i for i in range(11)])},
    "width": {"mlp": (dict(batch=64, depth=3), [2**i for i in range(4, 13)]),
              "cnn": (dict(batch=16), [2**i for i in range(2, 8)])},
    "depth": {"mlp": (dict(batch=64, width=128), [2**i for i in range(1, 9)])},
    "threads": {"mlp": (dict(batch=1024, width=512, depth=3), None), "cnn": (dict(batch=64, width=32), None)},
}
SHORT = {"batch": {"mlp": [1, 16, 256, 4096], "cnn": [1, 16, 64]}, "width": {"mlp": [16, 128, 1024], "cnn": [4, 16, 64]},
         "depth": {"mlp": [2, 16, 64]}}
PLOT = pathlib.Path(__file__).with_name("growth_plot.py")


def thread_counts(cores):
    return sorted({2**i for i in range(cores.bit_length())} | {cores})


def points(axis, kind, short):
    """[(size, work, threads)]"""
    fixed, sizes = AXES[axis][kind]
    if axis == "threads":
        return [(n, sized_works.name(kind, **fixed), n) for n in thread_counts(CORES)]
    if short:
        sizes = SHORT[axis][kind]
    return [(size, sized_works.name(kind, **fixed, **{axis: size}), CORES) for size in sizes]


def work_of(axis, what, size, work):
    """What this size should cost; None where no line is expected."""
    if axis == "threads":
        return 1 / size if what == "ms" else None
    if axis == "width":
        return sized_works.products(work) if what == "ms" else sized_works.parameters(work)
    return size


def fit(xs, ys):
    """(a, b) of a + b x, with the least squares of the relative errors; neither is below 0."""
    weights = [1 / (y * y) for y in ys]
    w, wx, wxx = sum(weights), sum(v * x for v, x in zip(weights, xs)), sum(v * x * x for v, x in zip(weights, xs))
    wy, wxy = sum(v * y for v, y in zip(weights, ys)), sum(v * x * y for v, x, y in zip(weights, xs, ys))
    determinant = w * wxx - wx * wx
    if determinant > 1e-12 * w * wxx:
        a, b = (wxx * wy - wx * wxy) / determinant, (w * wxy - wx * wy) / determinant
        if a >= 0 and b >= 0:
            return a, b
        return (0.0, wxy / wxx) if a < 0 else (wy / w, 0.0)
    return wy / w, 0.0


def lines(rows):
    """A line of each axis, work, side and quantity, with the points that are off it."""
    found = []
    for axis, kind in sorted({(row["axis"], row["kind"]) for row in rows}, key=str):
        here = [row for row in rows if (row["axis"], row["kind"]) == (axis, kind)]
        for side in ("weft", "torch"):
            for what in ("ms", "mb"):
                xs = [work_of(axis, what, row["size"], row["work"]) for row in here]
                ys = [row[side][what] for row in here]
                if None in xs or len(xs) < 2:
                    continue
                a, b = fit(xs, ys)
                off = {row["size"]: round(y / (a + b * x) - 1, 4) for row, x, y in zip(here, xs, ys)}
                found.append({"axis": axis, "kind": kind, "side": side, "what": what, "a": a, "b": b,
                              "fitted": [a + b * x for x in xs],
                              "bends": {size: by for size, by in off.items() if abs(by) > BEND}})
    return found


def measure(python, mode, work, threads, options):
    with Process([options.weft_bench.resolve(), work, "--threads", threads]) as weft, \
         torch_process(python, work, mode, threads, options) as peer:
        sides, times = [("weft", weft), ("torch", peer)], {"weft": [], "torch": []}
        for _, side in sides:
            side.calibrate(options.seconds)
        for number in range(options.rounds):
            for name, side in sides if number % 2 == 0 else sides[::-1]:
                times[name].append(side.measure())
                time.sleep(0.05)  # the threads of the other program spin before they sleep
        return {name: {"ms": round(statistics.median(times[name]), 5), "low": round(min(times[name]), 5),
                       "high": round(max(times[name]), 5), "mb": round(side.peak_mb(), 1)}
                for name, side in sides} | {"peer": peer.about["peer"]}


def print_lines(found):
    print("\n| axis | work | side | line of the time, ms | line of the memory, MB | bends |\n|---|---|---|---|---|---|")
    for time_line in (line for line in found if line["what"] == "ms"):
        memory = next((line for line in found if line["what"] == "mb" and
                       all(line[key] == time_line[key] for key in ("axis", "kind", "side"))), None)
        bends = [f"{what} at {size} by {by:+.0%}" for what, line in (("time", time_line), ("memory", memory)) if line
                 for size, by in line["bends"].items()]
        texts = [f"{line['a']:.3g} + {line['b']:.3g} x" if line else "" for line in (time_line, memory)]
        print(f"| {time_line['axis']} | {time_line['kind']} | {time_line['side']} | {texts[0]} | {texts[1]} "
              f"| {', '.join(bends)} |")


def options_of(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weft_bench", nargs="?", type=pathlib.Path, help="the program built from bench/weft_bench.cpp")
    parser.add_argument("--axis", nargs="+", choices=AXES, default=list(AXES))
    parser.add_argument("--work", nargs="+", choices=sized_works.SIZES, default=list(sized_works.SIZES))
    parser.add_argument("--short", action="store_true", help="fewer points and rounds, in two minutes")
    parser.add_argument("--rounds", type=int, help="of each point; 5, or 3 with --short")
    parser.add_argument("--seconds", type=float, help="of each measurement; 0.4, or 0.1 with --short")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("bench-growth.json"))
    parser.add_argument("--draw", type=pathlib.Path, help="draw this earlier --output, and measure nothing")
    parser.add_argument("--plot", type=pathlib.Path, help="an SVG to write")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds if options.rounds is not None else 3 if options.short else 5
    options.seconds = options.seconds if options.seconds is not None else 0.1 if options.short else 0.4
    if options.rounds < 1:
        parser.error(f"--rounds: {options.rounds} given; at least 1 is required")
    if options.seconds <= 0:
        parser.error(f"--seconds: {options.seconds} given; more than 0 is required")
    if options.draw and not options.draw.is_file():
        parser.error(f"--draw: {options.draw} is no file; an earlier --output is required")
    if options.draw and not options.plot:
        parser.error("--draw: given without --plot; the SVG to write is required")
    if not options.draw and not options.weft_bench:
        parser.error("weft_bench: missing; the program built from bench/weft_bench.cpp is required")
    if not any(kind in AXES[axis] for axis in options.axis for kind in options.work):
        parser.error(f"--axis: {options.axis[0]} given with --work {' '.join(options.work)}; a work that has this "
                     f"axis, {' or '.join(AXES[options.axis[0]])}, is required")
    if options.draw:
        try:
            json.loads(options.draw.read_text(encoding="utf-8"))["rows"]
        except (ValueError, LookupError, TypeError):
            parser.error(f"--draw: {options.draw} is no earlier --output; one is required")
    else:
        require_program(parser, options.weft_bench, "weft_bench")
        require_place(parser, options.output)
    options.device, options.precision = "cpu", "fp32"
    return options


def main():
    options = options_of()
    python = torch_python()
    if not options.draw:
        listed = subprocess.run([python, PEER, "mlp_b128", "--list"], check=True, text=True, capture_output=True)
        mode = "eager+fused" if "eager+fused" in json.loads(listed.stdout) else "eager"
        rows, peer = [], None
        print(f"{'axis':<9}{'work':<34}{'threads':>7}{'weft ms':>11}{'peer ms':>11}{'ratio':>7}{'MB':>8}{'peer MB':>9}")
        for axis in options.axis:
            for kind in (kind for kind in options.work if kind in AXES[axis]):
                for size, work, threads in points(axis, kind, options.short):
                    measured = measure(python, mode, work, threads, options)
                    peer = f"{measured.pop('peer')} ({mode})"
                    weft, torch = measured["weft"], measured["torch"]
                    rows.append({"axis": axis, "kind": kind, "size": size, "work": work, "threads": threads, **measured})
                    print(f"{axis:<9}{work:<34}{threads:>7}{weft['ms']:>11.3f}{torch['ms']:>11.3f}"
                          f"{torch['ms'] / weft['ms']:>7.2f}{weft['mb']:>8.0f}{torch['mb']:>9.0f}", flush=True)
                    options.output.write_text(json.dumps({"peer": peer, "rounds": options.rounds, "rows": rows,
                                                          "lines": lines(rows)}, indent=1) + "\n", encoding="utf-8")
        print_lines(lines(rows))
    if options.plot:
        subprocess.run([python, PLOT, options.draw or options.output, options.plot], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
