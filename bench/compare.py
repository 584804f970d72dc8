#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the speed of two builds of weft_bench, which train in turns.

    bench/compare.py OLD NEW [--work NAME …] [--steps KIND …] [--rounds 60] [--seconds 0.2]
                     [--threads 1] [--device cpu] [--precision fp32] [--output FILE]

OLD and NEW are the programs built from bench/weft_bench.cpp in two trees. For each work and each
kind of steps, both processes stay alive and train in turns (A B, B A, …), so that a change in the
machine's speed affects both. A ratio is taken per round, OLD's time over NEW's: above 1, NEW
is faster. A row has the median times in milliseconds per step, the ratios' median, lowest and
highest, the same of the processor time of all threads, and the calls of operator new per step.

Nothing else should run. If something does, only the median of many short rounds is of use: for two
equal builds on a busy machine, medians of 60 rounds of 0.2 seconds were 0.98 to 1.03 of time and
1.00 to 1.01 of processor time, and medians of 15 rounds of 0.5 seconds were 0.89 to 1.25 of time.
Processor time is the steadier measure with one thread, which is the default. With several threads
it counts the time in which they wait for each other as well.
"""
import argparse
import contextlib
import json
import pathlib
import statistics
import sys
import time

from run import WORKS, Process, require_program

EPOCH = {"cpu": 16, "cuda": 64}  # steps, as in weft_bench.cpp


def round_of(sides, steps):
    """Returns the milliseconds and allocations per step of each side, in the given order."""
    measured = []
    for side in sides:
        measured.append(side.ask(f"run {steps}"))
        time.sleep(0.1)  # idle threads spin for a while before they sleep
    return measured


def compare(work, steps, options):
    command = [work, "--threads", options.threads, "--device", options.device,
               "--precision", options.precision, "--steps", steps]
    with contextlib.ExitStack() as stack:
        old, new = (stack.enter_context(Process([program, *command]))
                    for program in (options.old, options.new))
        for side in (old, new):
            side.calibrate(options.seconds)
        # A part of an epoch would pay for the whole epoch's begin and end.
        epoch = EPOCH[options.device]
        asked = -(-old.steps // epoch) * epoch
        rounds = []
        for number in range(options.rounds):
            if number % 2 == 0:
                rounds.append(round_of([old, new], asked))
            else:
                rounds.append(round_of([new, old], asked)[::-1])
    median = statistics.median

    def ratios(key):
        each = [a[key] / b[key] for a, b in rounds]
        summary = {"median": median(each), "low": min(each), "high": max(each)}
        return {key: round(value, 4) for key, value in summary.items()}
    return {
        "work": work,
        "steps": steps,
        "threads": options.threads,
        "old_ms": round(median(a["ms"] for a, _ in rounds), 4),
        "new_ms": round(median(b["ms"] for _, b in rounds), 4),
        "ratio": ratios("ms"),
        "cpu_ratio": ratios("cpu_ms"),
        "old_allocations": median(a["allocations"] for a, _ in rounds),
        "new_allocations": median(b["allocations"] for _, b in rounds),
        "rounds": options.rounds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=pathlib.Path, help="weft_bench of the tree to compare with")
    parser.add_argument("new", type=pathlib.Path, help="weft_bench of the tree that is compared")
    parser.add_argument("--work", nargs="+", choices=WORKS, default=WORKS)
    parser.add_argument("--steps", nargs="+", choices=["trainer", "captured"], default=["trainer"])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=0.2,
                        help="of each measurement, rounded up to whole epochs")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--output", type=pathlib.Path, help="a file for the rows, as JSON")
    options = parser.parse_args()
    if options.rounds < 5:
        parser.error(f"--rounds: {options.rounds} given; at least 5 are required")
    for program in (options.old, options.new):
        require_program(parser, program, "weft_bench")
    options.old, options.new = options.old.resolve(), options.new.resolve()
    rows = []
    print(f"{'work':<14}{'steps':<9}{'old ms':>9}{'new ms':>9}  {'ratio, its range':<23}"
          f"{'of processor time':<23}allocations")
    for work in options.work:
        for steps in options.steps:
            r = compare(work, steps, options)
            rows.append(r)
            ratios = [f"{ratio['median']:.3f}, {ratio['low']:.2f} to {ratio['high']:.2f}"
                      for ratio in (r["ratio"], r["cpu_ratio"])]
            print(f"{work:<14}{steps:<9}{r['old_ms']:>9.3f}{r['new_ms']:>9.3f}  "
                  f"{ratios[0]:<23}{ratios[1]:<23}"
                  f"{r['old_allocations']:.1f} and {r['new_allocations']:.1f}", flush=True)
            if options.output:
                options.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
