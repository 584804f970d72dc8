#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills, stops and resumes runs, makes disks fail, and copies, damages and forges run folders.

    tools/torture_checkpoints.py WEFT FAULTS [--short] [--kills N] [--only KIND,…] [--jobs N]

After each fault, every visible checkpoint must verify (here, in Python, by the manifest). No good
checkpoint may be missing without a newer one, and `last` must lead to one. When the run continues,
it must reach the same weights and the same lines of metrics as an undisturbed one. FAULTS is a
library built from tests/torture/faults.cpp. Each kind of fault is a function in tools/torture/.
"""
import concurrent.futures
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

from torture import command, disks, folders, kills, received, signals
from torture.runs import Broken, Counts, Runs

# How often each kind is done, in the test suite and as a whole. A share is one of --kills.
KINDS = {
    "kills-at-random": (kills.kills_at_random, 8, 0.6),
    "kills-in-saves": (kills.kills_in_saves, 8, 0.25),
    "stops-at-random": (kills.stops_at_random, 4, 0.15),
    "requested-saves": (kills.requested_saves, 1, 10),
    "failing-disks": (disks.failing_disks, 2, 17),
    "full-quotas": (disks.full_quotas, 1, 2),
    "damaged-files": (disks.damaged_files, 4, 60),
    "signals-in-saves": (signals.in_save, 3, 60),
    "closed-pipes": (signals.closed_pipes, 1, 20),
    "ignored-signals": (signals.ignored_signals, 2, 6),
    "closed-descriptors": (signals.closed_descriptors, 2, 7),
    "copied-links": (folders.copied_links, 5, 30),
    "no-links": (folders.no_links, 1, 12),
    "unreadable": (folders.unreadable, 3, 54),
    "received": (received.forged, 6, len(received.FORGERIES)),
    "signals-in-validations": (signals.in_validation, 1, 8),
    "signals-in-tests": (signals.in_test, 1, 6),
}
LONG = ("signals-in-validations", "signals-in-tests")
AT_MOST = 25  # of one kind in one job


def amount(kind, options):
    _, short, whole = KINDS[kind]
    if options.short:
        return short
    return whole if isinstance(whole, int) else max(1, round(whole * options.kills))


def jobs_of(options, runs, long):
    """The kinds as calls. Many kills become several calls, each with random numbers of its own."""
    for kind in options.only or KINDS:
        left, part = amount(kind, options), 0
        in_parts = not isinstance(KINDS[kind][2], int)
        while left > 0:
            number = min(left, AT_MOST) if in_parts else left
            yield kind, (long if kind in LONG else runs), random.Random(f"{options.seed} {kind} {part}"), number
            left, part = left - number, part + 1


def torture(options, folder, counts):
    # The undisturbed runs are timed, so nothing else is done meanwhile.
    runs = Runs(options, counts, folder / "short")
    long = Runs(options, counts, folder / "long", signals.LONG_VALIDATIONS) if set(LONG) & set(options.only or KINDS) else None
    seconds = dict.fromkeys(options.only or KINDS, 0.0)

    def do(kind, with_runs, numbers, number):
        begin = time.monotonic()
        KINDS[kind][0](with_runs, numbers, number)
        seconds[kind] += time.monotonic() - begin

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = {pool.submit(do, *job): job[0] for job in jobs_of(options, runs, long)}
        for future in concurrent.futures.as_completed(futures):
            try:
                future.result()
            except Broken as broken:
                pool.shutdown(wait=False, cancel_futures=True)
                raise Broken(f"{futures[future]}: {broken}") from None
    return seconds


def main():
    parser = command.parser_of(__doc__, KINDS, "make a few faults of each kind, for the test suite")
    parser.add_argument("--kills", type=int, default=1000, help="kills and stops at random moments and in saves")
    parser.add_argument("--jobs", type=int, default=None, help="runs at a time")
    options = command.options_of(parser, KINDS)
    options.jobs = options.jobs or (1 if options.short else os.cpu_count())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weft-torture-"))
    begin = time.monotonic()
    counts = Counts()
    try:
        seconds = torture(options, folder, counts)
    except Broken as broken:
        print(f"torture: seed {options.seed}: {broken}", file=sys.stderr)
        if options.keep:
            print(f"torture: the files are in {folder}", file=sys.stderr)
        return 1
    finally:
        for what, number in sorted(counts.numbers.items()):
            print(f"{number:5d} {what}")
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print("seconds: " + ", ".join(f"{kind} {taken:.0f}" for kind, taken in seconds.items()))
    print(f"nothing was lost (seed {options.seed}, {time.monotonic() - begin:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
