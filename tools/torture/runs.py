# SPDX-License-Identifier: Apache-2.0
"""A small run, undisturbed, and what every disturbed one must come to."""
import collections
import hashlib
import itertools
import json
import os
import re
import resource
import shutil
import subprocess
import threading
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
# What a save leaves behind for a moment.
LEFT_BY_A_SAVE = re.compile(r"\.(step-.*|last|best)\.(tmp|old|new)")


class Broken(Exception):
    """A requirement that does not hold."""


def check(holds, message):
    if not holds:
        raise Broken(message)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


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


def name_of(number):
    return f"step-{number[0]}" + (f"-{number[1]}" if number[1] > 1 else "")


def visible(run):
    """The numbers of the checkpoints that have their names, in order."""
    folder = run / "checkpoints"
    return sorted(filter(None, map(order, os.listdir(folder)))) if folder.is_dir() else []


def contents(folder):
    """Everything below a folder: names, links, bytes. Links are not followed."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(place, name)
            key = os.path.relpath(path, folder)
            if os.path.islink(path):
                found[key] = "link to " + os.readlink(path)
            elif os.path.isdir(path):
                found[key] = "folder"
            else:
                with open(path, "rb") as file:
                    found[key] = hashlib.sha256(file.read()).hexdigest()
    return found


def events_of(run):
    """The lines of metrics without the times in them."""
    events = []
    for line in (run / "metrics.jsonl").read_text().splitlines():
        event = json.loads(line)
        events.append({key: value for key, value in event.items() if key not in ("seconds", "samples_per_second")})
    return events


def outcome(run):
    """Returns all that must be equal: weights, all other state, and metrics without times."""
    newest = run / "checkpoints" / name_of(visible(run)[-1])
    files = {name: sha256(newest / name)
             for name in ("model.safetensors", "optimizer.safetensors", "ema.safetensors")}
    table = [line.rsplit(",", 2)[0] for line in (run / "metrics.csv").read_text().splitlines()]
    return {"files": files, "events": events_of(run), "table": table}


def is_part(lines, whole):
    """Whether the lines are some of the whole, in its order."""
    rest = iter(whole)
    return all(line in rest for line in lines if line)


class Counts:
    def __init__(self):
        self.numbers, self.lock = collections.Counter(), threading.Lock()

    def add(self, what):
        with self.lock:
            self.numbers[what] += 1


class Runs:
    """Runs of one config in one folder. Several threads may use an object at a time."""

    def __init__(self, options, counts, folder, config=CONFIG):
        self.options, self.counts, self.folder = options, counts, folder
        self.numbers = itertools.count(1)
        folder.mkdir()
        (folder / "small.yaml").write_text(config)
        begin, computed = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        code, output = self.train("whole")
        self.seconds = time.monotonic() - begin
        self.cpu_seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - computed
        check(code == 0, f"the undisturbed run failed:\n{output}")
        self.expected = outcome(folder / "whole")
        self.evaluated = self.evaluate("whole")

    def new(self, kind):
        """A name that no other run has, and whose text is part of no other's."""
        return f"{kind}-{next(self.numbers)}-"

    def command(self, name, more=()):
        return [str(self.options.weft), "train", "small.yaml", f"run.dir={name}", "resume=auto", *more]

    def environment(self, faults=None):
        environment = dict(os.environ, OMP_NUM_THREADS="1", OMP_WAIT_POLICY="passive", LC_ALL="C")
        return environment | {"LD_PRELOAD": str(self.options.faults), **faults} if faults else environment

    def start(self, name, faults=None, more=()):
        return subprocess.Popen(self.command(name, more), cwd=self.folder, env=self.environment(faults),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True)

    def train(self, name, faults=None, more=()):
        process = self.start(name, faults, more)
        output = process.communicate(timeout=300)[0]
        return process.returncode, output

    def call(self, *arguments, faults=None):
        done = subprocess.run([str(self.options.weft), *arguments], cwd=self.folder, env=self.environment(faults),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=300)
        return done.returncode, done.stdout

    def evaluate(self, name):
        """What `weft evaluate` prints of the newest weights."""
        code, output = self.call("evaluate", name, "--json")
        check(code == 0, f"evaluate {name}: code {code}:\n{output}")
        return output

    def newest_good(self, name):
        """Checks the visible checkpoints, and returns the newest one."""
        seen = visible(self.folder / name)
        folder = self.folder / name / "checkpoints"
        for found in seen:
            problem = problem_of(folder / name_of(found))
            check(not problem, f"{name}: {name_of(found)} is visible and does not verify: {problem}")
        if (folder / "last").is_symlink():
            problem = problem_of(folder / "last")
            check(not problem, f"{name}: last leads to {os.readlink(folder / 'last')}, which does not verify: {problem}")
        return seen[-1] if seen else (-1, 0)

    def cut_off(self, kind, random):
        """Returns the name of a run that was killed in a save after some others."""
        name = self.new(kind)
        faults = {"WEFT_FAULT_UNDER": f"{name}/checkpoints", "WEFT_FAULT_CALLS": "rename",
                  "WEFT_FAULT_AT": str(random.randint(30, 120)), "WEFT_FAULT_KIND": "kill-after"}
        code, output = self.train(name, faults)
        check(code == -9 and len(visible(self.folder / name)) >= 2,
              f"{name}: {faults}: code {code}, not killed after several saves:\n{output}")
        self.counts.add("kills inside a save")
        return name

    def finish(self, name, newest=(-1, 0)):
        """Continues a run to its end, which must be the undisturbed one's. Removes the run."""
        code, output = self.train(name)
        check(code == 0, f"{name}: the last attempt failed with code {code}:\n{output}")
        check(newest[0] < 0 or "resume: going on from" in output, f"{name}: was not resumed:\n{output}")
        self.expect_the_same(name)
        return output

    def expect_the_same(self, name, lines_missing=False):
        got = outcome(self.folder / name)
        for key, value in self.expected.items():
            same = got[key] == value or (lines_missing and key != "files" and is_part(got[key], value))
            check(same, f"{name}: {key} differ from those of the undisturbed run:\n{got[key]}\n{value}")
        left = [entry for entry in os.listdir(self.folder / name / "checkpoints") if LEFT_BY_A_SAVE.fullmatch(entry)]
        check(not left, f"{name}: the end of the run left {left} behind")
        self.counts.add("runs with the result of the undisturbed run")
        shutil.rmtree(self.folder / name)

    def blow_by_blow(self, kind, blows, blow):
        """Disturbs a run until it ends, then begins the next. blow(name) returns whether it hit."""
        hit = 0
        while hit < blows:
            name, newest = self.new(kind), (-1, 0)
            while True:
                disturbed = blow(name)
                now = self.newest_good(name)
                check(now >= newest, f"{name}: {newest} was good and is gone; the newest is {now}")
                newest = now
                hit += disturbed
                if not disturbed:
                    self.expect_the_same(name)
                    break
                if hit >= blows:
                    self.finish(name)
                    break
