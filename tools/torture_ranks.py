#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills, stops and signals ranks of jobs, refuses their connections, and resumes the runs.

    tools/torture_ranks.py WEFT FAULTS [--short] [--events N] [--only KIND,…] [--seed N] [--event I]

After each event all ranks must be gone in time, with the exit codes of docs/distributed.md and a
sentence that names the lost rank. Every visible checkpoint must verify (here, in Python, by the
manifest). A random number of ranks resumes the run, which must come to the result of an undisturbed
job: to the bit with as many ranks as before, to rounding with others. An event is made of its seed
and its number alone; --event repeats one. FAULTS is a library built from tests/torture/faults.cpp.
Each kind of event is a function in tools/torture/rank_events.py.
"""
import concurrent.futures
import pathlib
import random
import shutil
import sys
import tempfile
import time

from torture import command
from torture.rank_events import KINDS, Event
from torture.ranks import Job, Jobs
from torture.runs import Broken, Counts

WAITING = 8  # jobs that wait for a stopped rank beside those that compute
ATTEMPTS = 5  # of an event, which comes too late for jobs that end before


def kinds_of(options):
    """The kind of each event. Those that mostly wait come first, beside others that compute."""
    shares = {kind: KINDS[kind][1 if options.short else 2] for kind in options.only or KINDS}
    number = options.events or (20 if options.short else 100)
    kinds = [kind for kind, share in shares.items() for _ in range(-(-share * number // sum(shares.values())))]
    random.Random(f"{options.seed} kinds").shuffle(kinds)
    return sorted(kinds[:number], key=lambda kind: kind not in ("stop", "full-socket", "refused"))


def repetition(options):
    """The arguments that make the same events."""
    words = ["./run torture-dist", "--short" if options.short else "",
             f"--events {options.events}" if options.events else "",
             f"--only {','.join(options.only)}" if options.only else "", f"--seed {options.seed}"]
    return " ".join(filter(None, words))


def happen(jobs, options, number, kind):
    """Lets an event happen, and resumes its run. Returns how long the others took to end."""
    for attempt in range(ATTEMPTS):
        numbers = random.Random(f"{options.seed} {number} {attempt}")
        configs = ["sharded", "cnn"] if options.short else ["mlp", "sharded", "cnn", "cnn"]
        config = "wide" if kind == "full-socket" else numbers.choice(configs)
        size, run = numbers.randint(2, 4), f"{kind}-{number}-{attempt}"
        with Job(jobs, config, size, run) as job:
            event = Event(jobs, job, numbers, f"event {number}: {kind} ({config})")
            happened = KINDS[kind][0](event)
            if happened is None:
                job.expect_done(f"{event.what}, before it")
            job.expect_nothing_left()
            now = size if numbers.random() < 0.5 else numbers.randint(1, 4)
            if all(job.code(rank) == 0 for rank in job.processes):
                jobs.expect_the_same(run, config, size, True, event.what)
            else:
                jobs.resume(run, config, size, now, event.what)
        jobs.remove(run)
        if happened:
            jobs.counts.add(happened)
            return event.times
    jobs.counts.add(f"{kind}: came too late {ATTEMPTS} times")
    return {}


def torture(options, folder, counts):
    """Returns the sentences of what is broken, and the longest times."""
    jobs = Jobs(options, folder, counts)
    broken, longest = [], {}

    def do(number, kind):
        with jobs.computing:
            return happen(jobs, options, number, kind)

    with concurrent.futures.ThreadPoolExecutor(options.jobs + WAITING) as pool:
        futures = {pool.submit(do, number, kind): number for number, kind in enumerate(kinds_of(options))
                   if options.event in (None, number)}
        for future in concurrent.futures.as_completed(futures):
            try:
                for kind, seconds in future.result().items():
                    longest[kind] = max(longest.get(kind, 0), seconds)
            except (Broken, OSError) as sentence:
                print(f"torture-dist: {sentence}\ntorture-dist: to repeat it: {repetition(options)} "
                      f"--event {futures[future]}", file=sys.stderr, flush=True)
                broken.append(sentence)
    return broken, longest


def main():
    parser = command.parser_of(__doc__, KINDS, "20 events, for the test suite")
    parser.add_argument("--events", type=int, default=None, help="100 unless --short is given")
    parser.add_argument("--event", type=int, default=None, help="the number of the only event, counted from 0")
    parser.add_argument("--jobs", type=int, default=2, help="jobs that compute at a time")
    options = command.options_of(parser, KINDS)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weft-torture-dist-"))
    begin, counts = time.monotonic(), Counts()
    try:
        broken, longest = torture(options, folder, counts)
    finally:
        for what, number in sorted(counts.numbers.items()):
            print(f"{number:5d} {what}")
        if options.keep:
            print(f"torture-dist: the files are in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print("seconds until the others were gone, at most: "
          + ", ".join(f"{seconds:.1f} after a {kind}" for kind, seconds in sorted(longest.items())))
    print(f"{f'{len(broken)} events broke something' if broken else 'nothing was lost, and nobody waited for ever'} "
          f"(seed {options.seed}, {time.monotonic() - begin:.0f} s)")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
