# SPDX-License-Identifier: Apache-2.0
"""Small runs of the command `weft` for tests that read their folders."""
import json
import os
import pathlib
import subprocess

# Two epochs of 16 steps, with an event of some kind at most steps.
CONFIG = """
data: {type: digits, train_size: 160, test_size: 20, validation_split: 0.2}
model: {type: mlp, hidden: [8]}
train: {epochs: 2, batch_size: 8}
validation: {every: 3ba}
callbacks: [{type: gradient_monitor, every: 2ba}]
"""


class SmallRun:
    def __init__(self, command, folder):
        self.command, self.folder = command, pathlib.Path(folder)
        (self.folder / "small.yaml").write_text(CONFIG)

    def path(self, name):
        return self.folder / name

    def arguments(self, name, *overrides):
        return [self.command, "train", str(self.path("small.yaml")), f"run.dir={self.path(name)}", *overrides]

    def train(self, name, *overrides, environment=None, code=0, timeout=120):
        """Standard error of a run that ends with this exit code."""
        done = subprocess.run(self.arguments(name, *overrides), capture_output=True, text=True,
                              env={**os.environ, **(environment or {})}, timeout=timeout)
        if done.returncode != code:
            raise AssertionError(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def events(self, name, kind=None):
        lines = self.path(name).joinpath("metrics.jsonl").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        return [event for event in events if kind in (None, event["event"])]

    def steps(self, name):
        """The steps of each number in metrics.jsonl, by the name that loggers show."""
        steps = {}
        for event in self.events(name):
            for key, value in event.items():
                if key in ("schema", "event", "step", "epoch") or not isinstance(value, (int, float)):
                    continue
                metric = key.startswith(("train/", "validation/", "test/"))
                tag = key if metric else f"{event['event']}/{key}"
                steps.setdefault(tag, set()).add(event["step"])
        return {tag: sorted(at) for tag, at in steps.items()}
