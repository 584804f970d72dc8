# SPDX-License-Identifier: Apache-2.0
"""Disks that fail, and checkpoints that a disk has damaged."""
import os
import shutil
import subprocess

from .runs import check

FAILURES = [(calls, kind) for calls, kinds in
            [("write", ["ENOSPC", "EIO", "short"]), ("fsync", ["EIO"]), ("rename", ["ENOSPC", "EIO"])]
            for kind in kinds]
EVERY = [2, 13, 1, 3, 4, 5, 7, 9, 11, 17, 19, 23, 29, 37, 53, 71, 97]


def failing_disks(runs, random, number):
    """Lets every k-th write, fsync or rename fail, for `number` values of k."""
    for every in EVERY[:number]:
        for calls, kind in FAILURES:
            fail(runs, calls, kind, every)


def fail(runs, calls, kind, every):
    name = runs.new(f"fails-{calls}-{kind}-{every}")
    faults = {"WEFT_FAULT_UNDER": name, "WEFT_FAULT_CALLS": calls, "WEFT_FAULT_KIND": kind,
              "WEFT_FAULT_EVERY": str(every)}
    code, output = runs.train(name, faults)
    runs.counts.add("runs with a failing disk")
    check(code in ((0,) if kind == "short" else (0, 1, 2)), f"{name}: ended with code {code}:\n{output}")
    check(code == 0 or "weft: " in output, f"{name}: no message:\n{output}")
    newest = runs.newest_good(name)
    code, again = runs.train(name)
    check(code == 0, f"{name}: on a good disk again: code {code}:\n{again}")
    check(newest[0] < 0 or "resume: going on from" in again, f"{name}: was not resumed:\n{again}")
    # A run whose metrics cannot be written goes on without these lines, and says so.
    runs.expect_the_same(name, lines_missing="the run goes on without these lines" in output)


def full_quotas(runs, random, number):
    """A limit to the size of files lets saves fail like a full disk, and no signal ends the run."""
    for _ in range(number):
        name = runs.new("limited")
        smallest = 60_000  # larger than the logs, smaller than the weights
        process = subprocess.run(
            ["sh", "-c", f"ulimit -f {smallest // 512}; exec \"$@\"", "sh", *runs.command(name)], cwd=runs.folder,
            env=runs.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        check(process.returncode == 1 and "File too large" in process.stdout,
              f"{name}: a file that may not grow: code {process.returncode}; 1 and the reason are required:\n"
              f"{process.stdout}")
        runs.counts.add("runs with a limit to the size of files")
        check(runs.newest_good(name) == (-1, 0), f"{name}: a checkpoint larger than allowed")
        runs.finish(name)


def damaged_files(runs, random, number):
    """Damages one file of a finished run, which must continue from the checkpoint before."""
    for _ in range(number):
        name = runs.new("damaged")
        shutil.copytree(runs.folder / "whole", runs.folder / name, symlinks=True)
        last = runs.folder / name / "checkpoints/last"
        target = os.readlink(last)
        file = random.choice([path for path in sorted(last.iterdir())])
        data = bytearray(file.read_bytes())
        at = random.randrange(len(data))
        how = random.choice(["flip", "cut", "gone"])
        if how == "flip":
            data[at] ^= 1 << random.randrange(8)
            file.write_bytes(data)
        elif how == "cut":
            file.write_bytes(data[:at])
        else:
            file.unlink()
        code, output = runs.train(name)
        check(code == 0 and f"{target} is refused" in output,
              f"{name}: {target}/{file.name}, {how} at {at}, was not refused:\n{output}")
        runs.counts.add("damaged checkpoints refused")
        runs.expect_the_same(name)
