#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the runs of tests/train/old_runs, which an older weft began and today's must continue.

    tools/make_old_runs.py WEFT [NAME …]   makes these runs again, or all of them

WEFT is the command of the older commit; that of the runs in the tree is 6e903a6. It trains
NAME/run.yaml to the end. NAME/run gets one checkpoint of that run and its metrics up to there, as a
killed run leaves them. Then WEFT continues a copy of NAME/run to the end. The hash of each tensor
of the last checkpoint, each line of metrics and the environment are written to NAME/expected.json,
and the weights to NAME/expected.safetensors. If the continued run does not give the same bits as
the whole one, nothing is written.

tests/train/old_runs_test.cpp compares within rounding, because bits depend on the machine and on
the version of weft.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from compare_builds import metrics_of, read_safetensors, run_difference

RUNS = pathlib.Path(__file__).resolve().parent.parent / "tests/train/old_runs"
# The epochs after which each run stops, and the batches of the next one.
STOPS = {
    "mid_epoch": (1, 7),
    "accumulating": (1, 6),
    "chain": (1, 4),
    "fp16": (1, 5),
    "ema": (1, 3),
    "plateau": (1, 7),
    "adversarial": (1, 5),
}


def train(command, config, folder, *keys):
    """Trains in folder/run. All paths are relative, so the config names none of this machine."""
    done = subprocess.run([command, "train", config, "run.dir=run", *keys], cwd=folder, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{config}: weft train ended with code {done.returncode}:\n{done.stdout}")
    return folder / "run"


def about(checkpoint):
    return json.loads((checkpoint / "trainer_state.json").read_text())


def stopped(whole, place, stopped_run):
    """Copies the files of a run that was killed after the checkpoint at `place`."""
    found = [checkpoint for checkpoint in sorted(whole.glob("checkpoints/step-*"))
             if (about(checkpoint)["epoch"], about(checkpoint)["batch"]) == place]
    if len(found) != 1:
        sys.exit(f"{whole}: {len(found)} checkpoints at {place}; 1 is required")
    shutil.copytree(found[0], stopped_run / "checkpoints" / found[0].name)
    for name in ("config.yaml", "metrics.jsonl", "metrics.csv"):
        text = (whole / name).read_bytes()
        kept = text[:about(found[0])["logs"].get(name, len(text))]
        if kept:
            (stopped_run / name).write_bytes(kept)


def result_of(run):
    """Returns the result of a run and its environment."""
    last = run / "checkpoints/last"
    state = about(last)
    tensors = {path.name: {name: hashlib.sha256(data).hexdigest()
                           for name, (_, _, data) in sorted(read_safetensors(path).items())}
               for path in sorted(last.glob("*.safetensors"))}
    return {"environment": state["environment"], "epochs": state["epoch"], "steps": state["step"],
            "ended": state["ended"], "tensors": tensors, "metrics": metrics_of(run)}


def continued(command, name, folder):
    """Continues a copy of NAME/run to its end."""
    shutil.copytree(RUNS / name / "run", folder / "run")
    return train(command, "run/config.yaml", folder, "resume=auto")


def make(command, name, folder):
    shutil.rmtree(RUNS / name / "run", ignore_errors=True)
    (folder / "whole").mkdir()
    whole = train(command, RUNS / name / "run.yaml", folder / "whole")
    stopped(whole, STOPS[name], RUNS / name / "run")
    run = continued(command, name, folder)
    difference = run_difference(whole, run)
    if difference:
        sys.exit(f"{name}: the continued run differs from the whole one: {difference}")
    shutil.copy(run / "checkpoints/last/model.safetensors", RUNS / name / "expected.safetensors")
    return [result_of(run)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weft", type=pathlib.Path, help="the command of the older commit")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of " + ", ".join(STOPS))
    options = parser.parse_intermixed_args()
    unknown = set(options.names) - set(STOPS)
    if unknown:
        parser.error(f"NAME: {', '.join(sorted(unknown))} given; {', '.join(STOPS)} are known")
    if not os.access(options.weft, os.X_OK):
        parser.error(f"{options.weft} is not a program; a build of the weft command is required")
    command = options.weft.resolve()
    for name in options.names or STOPS:
        with tempfile.TemporaryDirectory(prefix="weft-old-runs-") as folder:
            results = make(command, name, pathlib.Path(folder))
        (RUNS / name / "expected.json").write_text(json.dumps(results, indent=1) + "\n")
        size = sum(path.stat().st_size for path in (RUNS / name).rglob("*") if path.is_file())
        print(f"{name}: {size / 1e3:.0f} kB; {results[-1]['steps']} steps, ended: "
              f"{results[-1]['ended'] or 'after the last epoch'}")


if __name__ == "__main__":
    main()
