#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for data races in the loader, the checkpoints and the trainer with ThreadSanitizer.

    tools/torture_threads.py BUILD [--keep]

BUILD has test_data, test_train and weft, built by the preset cpu-tsan. The tests of the parts with
threads are run, then whole runs with loader threads, which are stopped, continued and asked for
checkpoints. Any report of ThreadSanitizer is an error.
"""
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import types

from torture import kills
from torture.runs import CONFIG, Broken, Counts, Runs

TESTS = {
    "test_data": "Loader*:ResidentDataset*:StreamedData*",
    "test_train": "CheckpointFiles.*:Runs.*:Trainer.*:TrainStep.*:Callbacks*:Resuming.WithAnyNumberOfLoaderWorkers:StreamedRuns.*:-*Slow*",
}
REPORT = "WARNING: ThreadSanitizer"


def run_tests(build):
    """Returns how many reports and failures the tests have."""
    found = 0
    for binary, tests in TESTS.items():
        begin = time.monotonic()
        done = subprocess.run([build / binary, "--gtest_brief=1", f"--gtest_filter={tests}"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        reports = done.stdout.count(REPORT)
        found += reports or done.returncode != 0
        if reports or done.returncode:
            print(done.stdout)
        lines = [line for line in done.stdout.splitlines() if "tests ran" in line]
        print(f"{binary} {tests}: {''.join(lines) or f'code {done.returncode}'}, {reports} reports, "
              f"{time.monotonic() - begin:.0f} s", flush=True)
    return found


def run_command(build, folder):
    """Returns 1 if a run has a report or does not come to its end."""
    begin = time.monotonic()
    config = CONFIG.replace("data: {type: digits,", "data: {type: digits, workers: 3,").replace("every: 3ba", "every: 1ba")
    try:
        runs = Runs(types.SimpleNamespace(weft=build / "weft", faults=None), Counts(), folder / "runs", config)
        kills.requested_saves(runs, random.Random(1), 2)
        kills.stops_at_random(runs, random.Random(2), 8)
    except Broken as broken:  # ThreadSanitizer changes the exit code
        print(broken)
        return 1
    print(f"weft train: {dict(runs.counts.numbers)}, 0 reports, {time.monotonic() - begin:.0f} s")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--keep", action="store_true", help="keep the folder of the runs")
    options = parser.parse_args()
    # second_deadlock_stack: a report of locks taken in two orders names both.
    os.environ["TSAN_OPTIONS"] = "exitcode=66:second_deadlock_stack=1:" + os.environ.get("TSAN_OPTIONS", "")
    kills.listen_to_all()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weft-threads-"))
    build = options.build.resolve()
    try:
        found = run_tests(build) + run_command(build, folder)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print("torture-threads: " + (f"{found} findings" if found else "0 reports"))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
