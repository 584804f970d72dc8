#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills runs at random moments and during saves, makes disks fail, and damages checkpoints.

    tools/torture_checkpoints.py WEFT FAULTS_LIBRARY [--short] [--seed N] [--keep]

After each fault, every visible checkpoint must verify (here, in Python, by the manifest). No good
checkpoint may be missing without a newer one, and `last` must lead to one. When the run continues,
it must reach the same weights and the same lines of metrics as an undisturbed one. FAULTS_LIBRARY
is built from tests/torture/faults.cpp.
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

CONFIG = """
run: {seed: 5}
data: {type: digits, train_size: 240, test_size: 20, validation_split: 0.2}
model: {type: mlp, hidden: [24]}
optimizer: {type: adamw, lr: 3e-3}
scheduler: {type: cosine, warmup: 1ep}
strategy: {type: staged_unfreeze, stages: [{at: 0ep, train: ["*.weight"]}, {at: 17ba, train: ["*"], lr_factor: 0.5}]}
train: {epochs: 6, batch_size: 8, accumulate: 2, clip_norm: 1}
validation: {every: 5ba}
checkpoint: {every: 3ba, keep_last: 2}
callbacks: [{type: ema, decay: 0.95}, {type: early_stopping, patience: 1000}]
"""


class Broken(Exception):
    """A requirement that does not hold."""


def check(holds, message):
    if not holds:
        raise Broken(message)


def problem_of(checkpoint):
    """Returns why the checkpoint does not verify, or "" if it does."""
    try:
        manifest = json.loads((checkpoint / "manifest.json").read_text())
        for name, record in manifest["files"].items():
            data = (checkpoint / name).read_bytes()
            if len(data) != record["bytes"] or hashlib.sha256(data).hexdigest() != record["sha256"]:
                return f"{name} is not what the manifest says"
    except (OSError, ValueError, KeyError) as error:
        return str(error)
    return ""


def order(name):
    match = re.fullmatch(r"step-(\d+)(?:-(\d+))?", name)
    return (int(match[1]), int(match[2] or 1)) if match else None


def outcome(run):
    """Returns all that must be equal: weights, all other state, and metrics without times."""
    last = run / "checkpoints/last"
    files = {name: hashlib.sha256((last / name).read_bytes()).hexdigest()
             for name in ("model.safetensors", "optimizer.safetensors", "ema.safetensors")}
    events = []
    for line in (run / "metrics.jsonl").read_text().splitlines():
        event = json.loads(line)
        events.append({key: value for key, value in event.items() if key not in ("seconds", "samples_per_second")})
    table = [line.rsplit(",", 2)[0] for line in (run / "metrics.csv").read_text().splitlines()]
    return {"files": files, "events": events, "table": table}


class Torture:
    def __init__(self, options, folder):
        self.options, self.folder, self.random = options, folder, random.Random(options.seed)
        (folder / "small.yaml").write_text(CONFIG)
        self.counts = {}
        begin = time.monotonic()
        code, output = self.train("whole")
        self.seconds = time.monotonic() - begin
        check(code == 0, f"the undisturbed run failed:\n{output}")
        self.expected = outcome(folder / "whole")

    def start(self, name, faults=None, more=()):
        environment = dict(os.environ, OMP_NUM_THREADS="1", OMP_WAIT_POLICY="passive")
        if faults:
            environment |= {"LD_PRELOAD": str(self.options.faults), **faults}
        command = [self.options.weft, "train", "small.yaml", f"run.dir={name}", "resume=auto", *more]
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def train(self, name, faults=None, more=()):
        process = self.start(name, faults, more)
        output = process.communicate(timeout=300)[0]
        return process.returncode, output

    def newest_good(self, name):
        """Checks the visible checkpoints, and returns the newest one."""
        folder = self.folder / name / "checkpoints"
        seen = sorted(filter(None, map(order, os.listdir(folder)))) if folder.is_dir() else []
        for found in seen:
            text = f"step-{found[0]}" + (f"-{found[1]}" if found[1] > 1 else "")
            problem = problem_of(folder / text)
            check(not problem, f"{name}: {text} is visible and does not verify: {problem}")
        if (folder / "last").is_symlink():
            check(not problem_of(folder / "last"), f"{name}: last leads to {os.readlink(folder / 'last')}, which does not verify")
        return seen[-1] if seen else (-1, 0)

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def expect_the_same(self, name, lines_lost=False):
        """With lines_lost, lines of metrics may be missing, because the disk did not take them."""
        got = outcome(self.folder / name)
        for key, value in self.expected.items():
            if lines_lost and key != "files":
                check(all(line in value for line in got[key] if line),
                      f"{name}: {key} has lines that the undisturbed run does not have:\n{got[key]}\n{value}")
                continue
            check(got[key] == value, f"{name}: {key} differ from those of the undisturbed run:\n"
                                     f"{got[key]}\n{value}")
        self.count("runs with the result of the undisturbed run")
        shutil.rmtree(self.folder / name)

    def blow_by_blow(self, prefix, blows, blow):
        """Disturbs a run until it ends, then begins the next one."""
        hit = number = 0
        while hit < blows:
            name, newest, number = f"{prefix}-{number}", (-1, 0), number + 1
            while True:
                killed = blow(name)
                now = self.newest_good(name)
                check(now >= newest, f"{name}: {newest} was good and is gone; the newest is {now}")
                newest = now
                hit += killed
                if not killed:
                    break
                if hit >= blows:
                    code, output = self.train(name)
                    check(code == 0, f"{name}: the last attempt failed:\n{output}")
                    break
            self.expect_the_same(name)

    def kill_at_random(self, name):
        process = self.start(name)
        try:
            process.communicate(timeout=self.random.uniform(0.2, 1.0) * self.seconds)
            check(process.returncode == 0, f"{name}: ended with code {process.returncode}")
            return False
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.count("kills at random moments")
            return True

    def kill_in_a_save(self, name):
        faults = {"WEFT_FAULT_UNDER": f"{name}/checkpoints", "WEFT_FAULT_CALLS": "write,fsync,rename",
                  "WEFT_FAULT_AT": str(self.random.randint(1, 90)),
                  "WEFT_FAULT_KIND": self.random.choice(["kill-before", "kill-after"])}
        code, output = self.train(name, faults)
        check(code in (0, -9), f"{name}: {faults}: ended with code {code}:\n{output}")
        if code == -9:
            self.count("kills inside a save")
        return code == -9

    def fail(self, calls, kind, every):
        name = f"fails-{calls}-{kind}-{every}"
        faults = {"WEFT_FAULT_UNDER": name, "WEFT_FAULT_CALLS": calls, "WEFT_FAULT_KIND": kind,
                  "WEFT_FAULT_EVERY": str(every)}
        code, output = self.train(name, faults)
        self.count("runs with a failing disk")
        lines_lost = "the run goes on without these lines" in output
        check(code in ((0,) if kind == "short" else (0, 1, 2)), f"{name}: ended with code {code}:\n{output}")
        check(code == 0 or "weft: " in output, f"{name}: no message:\n{output}")
        newest = self.newest_good(name)
        code, output = self.train(name)
        check(code == 0, f"{name}: on a good disk again: code {code}:\n{output}")
        check(newest[0] < 0 or "resume: going on from" in output, f"{name}: was not resumed:\n{output}")
        self.expect_the_same(name, lines_lost)

    def damage(self):
        """Damages one file of a finished run, which must continue from the checkpoint before."""
        name = "damaged"
        shutil.copytree(self.folder / "whole", self.folder / name, symlinks=True)
        last = self.folder / name / "checkpoints/last"
        target = os.readlink(last)
        file = self.random.choice([path for path in sorted(last.iterdir())])
        data = bytearray(file.read_bytes())
        at = self.random.randrange(len(data))
        how = self.random.choice(["flip", "cut", "gone"])
        if how == "flip":
            data[at] ^= 1 << self.random.randrange(8)
            file.write_bytes(data)
        elif how == "cut":
            file.write_bytes(data[:at])
        else:
            file.unlink()
        code, output = self.train(name)
        check(code == 0 and f"{target} is refused" in output,
              f"{target}/{file.name}, {how} at {at}, was not refused:\n{output}")
        self.count("damaged checkpoints refused")
        self.expect_the_same(name)

    def run(self):
        short = self.options.short
        self.blow_by_blow("killed", 8 if short else 220, self.kill_at_random)
        self.blow_by_blow("cut-off", 8 if short else 80, self.kill_in_a_save)
        everies = [2, 13] if short else [1, 2, 3, 4, 5, 7, 9, 11, 13, 17, 19, 23, 29, 37, 53, 71, 97]
        for calls, kinds in [("write", ["ENOSPC", "EIO", "short"]), ("fsync", ["EIO"]), ("rename", ["ENOSPC", "EIO"])]:
            for kind in kinds:
                for every in everies:
                    self.fail(calls, kind, every)
        for _ in range(4 if short else 60):
            self.damage()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weft", type=pathlib.Path)
    parser.add_argument("faults", type=pathlib.Path)
    parser.add_argument("--short", action="store_true", help="make a few faults of each kind, for the test suite")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    options = parser.parse_args()
    options.weft, options.faults = options.weft.resolve(), options.faults.resolve()
    options.seed = options.seed if options.seed is not None else random.randrange(10**6)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weft-torture-"))
    begin = time.monotonic()
    torture = None
    try:
        torture = Torture(options, folder)
        torture.run()
    except Broken as broken:
        print(f"torture: seed {options.seed}: {broken}", file=sys.stderr)
        if options.keep:
            print(f"torture: the files are in {folder}", file=sys.stderr)
        return 1
    finally:
        if torture:
            for what, number in torture.counts.items():
                print(f"{number:5d} {what}")
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"no good checkpoint was lost (seed {options.seed}, {time.monotonic() - begin:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
